"""What went on when a source stopped, in a file, so that the next run finds its end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ..domain.event_rules import event_violations
from ..domain.events import Event
from .event_reader import EventReader
from .loose import as_mapping
from .rows import BadRow, RowOptions


def load(path: Path) -> dict[str, Event]:
    """What was kept; nothing where there is no file, or none that can be read."""
    try:
        found = as_mapping(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
    read = EventReader(RowOptions(keep_others=False))
    kept: dict[str, Event] = {}
    for thing, row in (found or {}).items():
        try:
            event = read(as_mapping(row) or {})
        except BadRow:
            continue
        if not event_violations(event):
            kept[thing] = replace(event, end_time=None)
    return kept


def keep(path: Path, ongoing: Mapping[str, Event]) -> None:
    """Replace the file, whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(json.dumps({thing: _row(event) for thing, event in ongoing.items()}))
    fresh.replace(path)


def _row(event: Event) -> dict[str, object]:
    start: datetime = event.start_time
    return {
        "event_id": event.event_id,
        "start_time": start.isoformat(),
        "site": event.site,
        "camera_id": event.camera_id,
        "event_type": event.event_type,
        "zones": list(event.zones),
        "attributes": dict(event.attributes),
        "source": event.source,
    }
