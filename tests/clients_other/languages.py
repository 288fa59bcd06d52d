"""How the client of each language is built, and how its programs are started.

`make services` fetches what building needs (scripts/clients_setup.py); here nothing is downloaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.binaries import ROOT
from tests.support.require import program

CLIENTS = ROOT / "clients"
BUILT = ROOT / ".tools" / "clients"
BIN = ROOT / ".venv" / "bin"
_MADE = {"node_modules", "dist", "gen", "target"}  # what building makes
_BUILD_S = 600.0  # an upper bound that a working machine never comes near


class BuildFailed(Exception):
    """A build did not end well; says what it printed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Commands: `drive` is the client as tests want it, `example` what its users run."""

    drive: tuple[str, ...]
    example: tuple[str, ...]


def _run(*command: str | Path, folder: Path) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "GOFLAGS": "-mod=mod"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_BUILD_S,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"{' '.join(map(str, command))}\n{done.stdout}")


def _build(folder: Path, stamp: Path, *commands: tuple[str | Path, ...]) -> None:
    """Run commands, unless they were run for the same sources; one build of a stamp at a time."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with stamp.with_name(f"{stamp.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        _build_alone(folder, stamp, commands)


def _build_alone(folder: Path, stamp: Path, commands: Iterable[tuple[str | Path, ...]]) -> None:
    sources = [ROOT / "protos", folder]
    names = sorted(
        path
        for source in sources
        for path in source.rglob("*")
        if path.is_file() and not _MADE & set(path.relative_to(source).parts)
    )
    digest = hashlib.sha256()
    for path in names:
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    for command in commands:
        _run(*command, folder=folder)
    stamp.write_text(digest.hexdigest())


def go() -> Programs:
    """`go vet` and `go build` of the module."""
    tool, folder = program("go"), CLIENTS / "go"
    BUILT.mkdir(parents=True, exist_ok=True)
    programs = (tool, "build", "-o", f"{BUILT}/", "./cmd/example", "./internal/drive")
    _build(folder, BUILT / ".go", (tool, "vet", "./..."), programs)
    return Programs((str(BUILT / "drive"),), (str(BUILT / "example"),))


def node() -> Programs:
    """`npm run build`: the messages are generated, and all of it is compiled."""
    tool, folder = program("node"), CLIENTS / "node"
    if not (folder / "node_modules" / ".bin" / "tsc").exists():
        pytest.skip("clients/node has no node_modules: `make services` installs them")
    _build(folder, folder / "dist" / ".built", (program("npm"), "run", "build"))
    dist = folder / "dist"
    return Programs((str(tool), str(dist / "drive.js")), (str(tool), str(dist / "example.js")))


def java() -> Programs:
    """`mvn package` without a network."""
    tool, folder = program("java"), CLIENTS / "java"
    target = folder / "target"
    if not (target / ".fetched").exists():
        pytest.skip("clients/java was never built: `make services` fetches what that needs")
    _build(folder, target / ".built", (program("mvn"), "-B", "-q", "-o", "package"))
    jars = f"{target}/enhanced-prompt-client-0.1.0.jar:{target}/lib/*"
    small = (str(tool), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp")
    return Programs(
        (*small, f"{target / 'test-classes'}:{jars}", "enhanced_prompt.client.Drive"),
        (*small, jars, "enhanced_prompt.example.Example"),
    )


LANGUAGES: dict[str, Callable[[], Programs]] = {"Go": go, "Java": java, "Node": node}
