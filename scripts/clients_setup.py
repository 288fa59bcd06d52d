"""Fetch what the clients in Go, TypeScript and Java need to be built, and the tools beside them.

Plugins of protoc and ghz (a load tool) through Go into .tools/bin, clients/node/node_modules with
npm, Maven's artifacts into Maven's own cache. What was fetched for the same versions is not fetched
again. Afterwards building needs no network. Nothing of it is fatal: tests skip with their reason.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"
CLIENTS = ROOT / "clients"
GO_PROGRAMS = {
    "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
    "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2",
    "ghz": "github.com/bojand/ghz/cmd/ghz@v0.93.0",
}
OLDEST = {"go": (1, 21), "node": (20, 0)}  # Go fetches a newer toolchain by itself

sys.path.insert(0, str(ROOT))
from tests.support.binaries import find  # noqa: E402 (the checkout is no package)


def main() -> None:
    """Fetch what is missing, say what stays missing."""
    if _new_enough("go", "version"):
        _go()
    if _new_enough("node", "--version"):
        _node()
    if find("mvn") is not None:
        _java()


def _go() -> None:
    TOOLS.mkdir(parents=True, exist_ok=True)
    go = str(find("go"))
    for name, package in GO_PROGRAMS.items():
        stamp = TOOLS / f".{name}"
        if (TOOLS / name).exists() and _same(stamp, package.encode()):
            continue
        say(f"Building {name}")
        if _quietly([go, "install", package], ROOT, GOBIN=str(TOOLS)):
            stamp.write_text(_digest(package.encode()))
    _quietly([go, "mod", "download"], CLIENTS / "go")


def _node() -> None:
    folder = CLIENTS / "node"
    lock, stamp = (folder / "package-lock.json").read_bytes(), TOOLS / ".clients-node"
    if (folder / "node_modules").exists() and _same(stamp, lock):
        return
    say("Installing the packages of clients/node")
    quiet = ["--no-audit", "--no-fund", "--loglevel", "error"]
    if _quietly([str(find("npm")), "ci", "--ignore-scripts", *quiet], folder):
        TOOLS.mkdir(parents=True, exist_ok=True)
        stamp.write_text(_digest(lock))


def _java() -> None:
    folder = CLIENTS / "java"
    pom, stamp = (folder / "pom.xml").read_bytes(), folder / "target" / ".fetched"
    if _same(stamp, pom):
        return
    say("Building clients/java, which fetches what it needs")
    if _quietly([str(find("mvn")), "-B", "-q", "package"], folder):
        stamp.write_text(_digest(pom))
        _compilers(pom.decode())


def _compilers(pom: str) -> None:
    """protoc and its plugin for Java, which the build has fetched, where buf finds them."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    for group, name, property_ in (
        ("com.google.protobuf", "protoc", "protobuf"),
        ("io.grpc", "protoc-gen-grpc-java", "grpc"),
    ):
        version = pom.split(f"<{property_}.version>")[1].split("<")[0]
        for made in (Path.home() / ".m2" / "repository").glob(
            f"{group.replace('.', '/')}/{name}/{version}/*.exe"
        ):
            shutil.copy(made, TOOLS / name)
            (TOOLS / name).chmod(0o755)


def _new_enough(name: str, asks: str) -> bool:
    tool = find(name)
    if tool is None:
        return False
    said = subprocess.run([tool, asks], capture_output=True, text=True, check=False).stdout
    number = said.replace("go version go", "").strip().lstrip("v").split()[0].split(".")
    found = tuple(int(part) for part in number[:2] if part.isdigit())
    if found < OLDEST[name]:
        wanted = ".".join(map(str, OLDEST[name]))
        say(f"{name} is {'.'.join(number)}, and its client needs {wanted} or newer")
    return found >= OLDEST[name]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _same(stamp: Path, content: bytes) -> bool:
    return stamp.exists() and stamp.read_text() == _digest(content)


def _quietly(command: list[str], folder: Path, **environment: str) -> bool:
    """Run a command; show its output only where it failed. Whether it ended well."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        say(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.returncode == 0


def say(line: str) -> None:
    """One line of progress, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
