"""Which server a command means: the one named, else the one that runs here, else the default.

A running server records itself in `server.json` in EPS_HOME; a record whose process is gone is
not believed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from enhanced_prompt import DEFAULT_TARGET

RECORD = "server.json"


def home() -> Path:
    """The folder of database, logs and pids."""
    return Path(os.environ.get("EPS_HOME") or ".eps")


def find_target(named: str | None, folder: Path) -> str:
    """The address to call. `named` is what --server or EPS_SERVER says; a bare port is local."""
    if named:
        return f"127.0.0.1:{named}" if named.isdecimal() else named
    return _recorded(folder) or DEFAULT_TARGET


def _recorded(folder: Path) -> str | None:
    try:
        found = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    record = cast("dict[str, Any]", found)
    address, pid = record.get("address"), record.get("pid")
    if not isinstance(address, str) or not isinstance(pid, int) or not _alive(pid):
        return None
    host, _, port = address.rpartition(":")
    if host in ("", "0.0.0.0", "[::]"):  # noqa: S104 - it listens everywhere, so also here
        host = "127.0.0.1"
    return f"{host}:{port}"


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and somebody else's
        return True
    return True
