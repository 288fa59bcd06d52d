"""Where an import stopped, so that the next run goes on there.

One small file an import, in a folder of EPS_HOME. A lost or stale one costs only time: what is
sent again is a duplicate.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .loose import as_mapping


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a source was taken. `position` is what the source counts in (bytes, items, files),
    `line` the number of the next line; `identity` says which content the position belongs to;
    `shift_days` is the rebase that rows so far were given; `moment` is a source's own watermark."""

    position: int = 0
    line: int = 1
    identity: str = ""
    shift_days: int | None = None
    moment: str = ""


class Checkpoints:
    """Checkpoints by key, kept in a folder that is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Checkpoint | None:
        """The checkpoint of a key; None where there is none or it cannot be read."""
        try:
            found = as_mapping(json.loads(self._path(key).read_text()))
        except (OSError, ValueError):
            return None
        return _checkpoint(found) if found and found.get("key") == key else None

    def put(self, key: str, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint of a key, whole or not at all. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(key)
        fresh = path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps({"key": key, **asdict(checkpoint)}))
        fresh.replace(path)

    def forget(self, key: str) -> None:
        """Begin again next time."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}.json"


def _checkpoint(found: Mapping[str, object]) -> Checkpoint | None:
    position, line, days = found.get("position"), found.get("line"), found.get("shift_days")
    identity, moment = found.get("identity"), found.get("moment")
    if not (isinstance(position, int) and isinstance(line, int) and position >= 0 and line >= 1):
        return None
    if not (isinstance(identity, str) and isinstance(moment, str)):
        return None
    if not (days is None or isinstance(days, int)):
        return None
    return Checkpoint(position, line, identity, days, moment)
