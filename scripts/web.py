"""The web app where Node is: its packages, its build, its checks. Does nothing twice.

    python scripts/web.py           packages and clients/web/dist, where sources changed
    python scripts/web.py packages  packages alone
    python scripts/web.py check     format, lint, types, and whether generated messages are fresh
    python scripts/web.py test      its own tests (vitest)

Without Node (20.19 or newer) all but the tests say so and end well: the service needs no web app,
and tests that do are skipped with that reason. `npm ci` takes exactly what package-lock.json names.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "clients" / "web"
DIST = WEB / "dist"
MODULES = WEB / "node_modules"
OLDEST = (20, 19)
_PACKAGES = ("package.json", "package-lock.json", ".npmrc")
_SOURCES = ("index.html", "vite.config.ts", "tsconfig.json")
_FOLDERS = ("src", "public")


def main(arguments: list[str]) -> int:
    """Run; the exit status."""
    wanted: dict[str, Callable[[], int]] = {
        "build": build,
        "packages": packages,
        "check": check,
        "test": test,
    }
    name = arguments[0] if arguments else "build"
    if name not in wanted:
        print(__doc__, file=sys.stderr)
        return 2
    if lack := missing():
        say(f"No web app: {lack}")
        return int(name == "test")
    return wanted[name]()


def missing() -> str | None:
    """What building needs and this machine has not; None where nothing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "there is no Node.js with npm here"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = said.stdout.strip().removeprefix("v").split(".")
    if not version[0].isdigit() or tuple(int(part) for part in version[:2]) < OLDEST:
        return f"Node.js {said.stdout.strip()} is older than {'.'.join(map(str, OLDEST))}"
    return None


def build() -> int:
    """Packages, then the app, each where it changed. The exit status."""
    if status := packages():
        return status
    digest = _digest([WEB / name for name in (*_PACKAGES, *_SOURCES)], _FOLDERS)
    stamp = MODULES / ".eps-built"
    if (DIST / "index.html").exists() and _stamped(stamp, digest):
        return 0
    say("Building the web app")
    status = _npm("run", "--silent", "build")
    if not status:
        stamp.write_text(digest)
    return status


def packages() -> int:
    """`npm ci` where the lock changed. The exit status."""
    digest = _digest([WEB / name for name in _PACKAGES], ())
    stamp = MODULES / ".eps-packages"
    if _stamped(stamp, digest):
        return 0
    say("Installing the web app's packages")
    status = _npm("ci", "--no-audit", "--no-fund", "--loglevel", "error")
    if not status:
        stamp.write_text(digest)
    return status


def check() -> int:
    """Format, lint and types. The exit status."""
    if status := packages():
        return status
    if status := _npm("run", "--silent", "check"):
        return status
    generated = [sys.executable, str(ROOT / "scripts" / "gen_web.py"), "--check"]
    return subprocess.run(generated, check=False).returncode


def test() -> int:
    """Its own tests. The exit status."""
    return packages() or _npm("run", "--silent", "test")


def _npm(*arguments: str) -> int:
    """npm in the app's folder; it shows what it did only where that failed."""
    done = subprocess.run(
        ["npm", *arguments],
        cwd=WEB,
        env=os.environ | {"CI": "1", "NO_COLOR": "1", "FORCE_COLOR": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        say(f"npm {' '.join(arguments)} failed:\n{done.stdout}")
    return done.returncode


def _digest(files: Iterable[Path], folders: Iterable[str]) -> str:
    found = [one for one in files if one.exists()]
    for folder in folders:
        found += sorted(one for one in (WEB / folder).rglob("*") if one.is_file())
    digest = hashlib.sha256()
    for one in found:
        digest.update(one.relative_to(WEB).as_posix().encode() + b"\0" + one.read_bytes() + b"\0")
    return digest.hexdigest()


def _stamped(stamp: Path, digest: str) -> bool:
    return stamp.exists() and stamp.read_text() == digest


def say(line: str) -> None:
    """One line of progress, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
