"""EPS_HOME: the folder that one installation of the service keeps its things in."""

from __future__ import annotations

import fcntl
import json
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_RECORD = "server.json"


@dataclass(frozen=True, slots=True)
class Home:
    """An open home.

    Attributes:
        path: The folder.
        instance: A name that this folder got once and keeps; turns are run under it.
        alone: Whether no other process had it open: what a former one left may be cleared up.
    """

    path: Path
    instance: str
    alone: bool

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Generator[Home]:
        """Make the folder where it is missing, and hold it until the block is left."""
        path.mkdir(parents=True, exist_ok=True)
        with (path / "lock").open("ab") as lock:
            alone = _try_lock(lock.fileno(), fcntl.LOCK_EX)
            if not alone:
                fcntl.flock(lock, fcntl.LOCK_SH)
            name = path / "instance"
            if not name.exists():
                name.write_text(uuid.uuid4().hex)
            if alone:
                fcntl.flock(lock, fcntl.LOCK_SH)  # others may come, and see that we are here
            yield cls(path, name.read_text().strip(), alone)


def write_record(folder: Path, record: Mapping[str, object]) -> None:
    """Say where the server of this home is; whoever reads it sees all of it or nothing."""
    draft = folder / f"{_RECORD}.tmp"
    draft.write_text(json.dumps(record))
    draft.replace(folder / _RECORD)


def clear_record(folder: Path) -> None:
    """Nobody serves here any more."""
    (folder / _RECORD).unlink(missing_ok=True)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
