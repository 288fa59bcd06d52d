"""Fetch the wheels of a plain install into .tools/wheels, in the versions that .venv has.

With them tests install the package into an empty environment without a network.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / ".tools" / "wheels"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def main() -> None:
    """Fetch what is not there in its version."""
    wanted = sorted(closure())
    stamp = WHEELS / ".fetched"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return
    print("Fetching the wheels of a plain install", flush=True)
    WHEELS.mkdir(parents=True, exist_ok=True)
    for old in WHEELS.glob("*.whl"):
        old.unlink()
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *quiet, "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "--dest", str(WHEELS), *wanted], check=False)
    if done.returncode == 0:
        stamp.write_text("\n".join(wanted))


def closure() -> set[str]:
    """What the package depends on without extras, all the way down, as `name==version`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting, found = list(project["dependencies"]), dict[str, str]()
    while waiting:
        requirement = waiting.pop()
        matched = _NAME.match(requirement)
        if matched is None or "extra ==" in requirement or matched.group().lower() in found:
            continue
        try:
            known = distribution(matched.group())
        except PackageNotFoundError:  # not for this system
            continue
        found[matched.group().lower()] = f"{known.name}=={known.version}"
        waiting += known.requires or []
    return set(found.values())


if __name__ == "__main__":
    main()
