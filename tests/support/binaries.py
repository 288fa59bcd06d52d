"""Where the programs and the data are that tests use. Stdlib only: setting up uses it too."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LITELLM = ROOT / ".tools" / "litellm" / "bin" / "litellm"
"""LiteLLM's proxy, which lives in an environment of its own (scripts/soak_services.py)."""
# Debian keeps the server's programs of each PostgreSQL version out of the PATH; newest first.
EXTRA = (ROOT / ".tools" / "bin", Path("/usr/local/go/bin"), Path("/usr/sbin"))


def find(program: str) -> Path | None:
    """The path of a program: on the PATH, of .tools, or of the newest PostgreSQL; else None."""
    for folder in EXTRA:
        if os.access(folder / program, os.X_OK):
            return folder / program
    found = shutil.which(program)
    if found:
        return Path(found)
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: float(one.parent.name)
    )
    for folder in reversed(versions):
        if os.access(folder / program, os.X_OK):
            return folder / program
    return None


def recorded_data() -> Path | None:
    """The folder of the recorded site (EPS_DATA, default ../shared/data) if it is here."""
    folder = Path(os.environ.get("EPS_DATA", ROOT.parent / "shared" / "data"))
    return folder if (folder / "meva" / "events.jsonl.gz").exists() else None
