"""Resolve requirements/*.txt from pyproject.toml, or check that they still belong together.

Programs that tests start, and that live in environments of their own, are asked for in
requirements/*.in beside their lock.

The locks are universal (every platform and Python that the project supports), hold a hash for every
file, and carry no index address. run.txt and server.txt (the container's) take their versions from
dev.txt, so that what is tested is what runs. Pinned versions stay unless `--upgrade` is given.

`--check` works without a network: what pyproject.toml asks for is exactly what the locks say that
it asked for, in versions that it allows.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements/dev.txt": ("server", "postgres", "llm", "otel", "gateway", "dev"),
    "requirements/run.txt": ("server", "postgres", "gateway"),
    "requirements/server.txt": ("server", "postgres", "llm"),
}
PROGRAMS = {"requirements/litellm.txt": "requirements/litellm.in"}
DIRECT = "enhanced-prompt-service (pyproject.toml)"


def main(arguments: list[str]) -> int:
    """Resolve, or check with `--check`. Returns the exit status."""
    if arguments == ["--check"]:
        wrong = [line for lock, extras in LOCKS.items() for line in differences(lock, extras)]
        wrong += [line for lock, asked in PROGRAMS.items() for line in unmet(lock, asked)]
        for line in wrong:
            print(line)
        if wrong:
            print("`make lock` resolves them again.")
        return bool(wrong)
    for lock, extras in LOCKS.items():
        resolve(lock, extras, arguments)
    for lock, asked in PROGRAMS.items():
        _compile(asked, lock, arguments)
    return 0


def resolve(lock: str, extras: tuple[str, ...], options: list[str]) -> None:
    """Write one lock. Raises CalledProcessError where nothing fits."""
    chosen = [part for extra in extras for part in ("--extra", extra)]
    if lock != "requirements/dev.txt":
        chosen += ["-c", "requirements/dev.txt"]
        options = []
    _compile("pyproject.toml", lock, [*chosen, *options])


def _compile(asked: str, lock: str, options: list[str]) -> None:
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"]
    command += ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header"]
    command += ["--no-emit-find-links", "--python-version", "3.11"]
    command += [asked, "-o", lock, *options]
    environment = os.environ | {"UV_CUSTOM_COMPILE_COMMAND": "make lock"}
    subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True)


def differences(lock: str, extras: tuple[str, ...]) -> list[str]:
    """Where pyproject.toml and one lock disagree, a line each."""
    return _differences(lock, _wanted(extras), DIRECT)


def unmet(lock: str, asked: str) -> list[str]:
    """Where a program's requirements and its lock disagree, a line each."""
    lines = [one.partition("#")[0].strip() for one in (ROOT / asked).read_text().splitlines()]
    return _differences(lock, _by_name(filter(None, lines)), f"-r {asked}")


def _differences(lock: str, wanted: dict[str, list[Requirement]], by: str) -> list[str]:
    pinned, direct = _pinned((ROOT / lock).read_text(), by)
    found = [f"{lock}: {name} is not in it" for name in sorted(wanted.keys() - pinned.keys())]
    found += [
        f"{lock}: nothing asks for {name} any more" for name in sorted(direct - wanted.keys())
    ]
    found += [
        f"{lock}: {name} {version} is not {requirement.specifier}"
        for name, requirements in sorted(wanted.items())
        for requirement in requirements
        for version in pinned.get(name, ())
        if not requirement.specifier.contains(version, prereleases=True)
    ]
    return found


def _wanted(extras: tuple[str, ...]) -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return _by_name(lines)


def _by_name(lines: Iterable[str]) -> dict[str, list[Requirement]]:
    wanted: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, lines):
        wanted.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return wanted


def _pinned(text: str, by: str) -> tuple[dict[str, list[Version]], set[str]]:
    """Versions by name (several where markers differ), and the names that we ask for ourselves."""
    pinned: dict[str, list[Version]] = {}
    direct: set[str] = set()
    name = ""
    for line in text.splitlines():
        if pin := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line):
            name = canonicalize_name(pin[1])
            pinned.setdefault(name, []).append(Version(pin[2]))
        elif by in line:
            direct.add(name)
    return pinned, direct


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
