"""From a row to an event."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ..domain.event_rules import MAX_ATTRIBUTES, attribute_fits, event_violations
from ..domain.events import Event
from .field_names import EVENT_NAMES
from .loose import as_list, as_mapping
from .rows import BadRow, Reader, Row, RowOptions

_SEPARATORS = re.compile(r"[;,|]")


class EventReader(Reader):
    """Makes events of rows."""

    def __init__(self, options: RowOptions) -> None:
        super().__init__(options, EVENT_NAMES)

    def __call__(self, row: Row) -> Event:
        """The event of a row. Raises BadRow with the field and what is wrong with it."""
        plan = self.plan(row)
        site = self.text(row, plan, "site")
        start = self.moment(row, plan, "start_time", site)
        if start is None:
            raise BadRow("start_time", "is required")
        event = Event(
            event_id=self.text(row, plan, "event_id"),
            start_time=start,
            end_time=self._end(row, plan, site, start),
            site=site,
            camera_id=self.text(row, plan, "camera_id"),
            event_type=self.text(row, plan, "event_type"),
            zones=self._zone_ids(row, plan),
            label=self.text(row, plan, "label"),
            sub_label=self.text(row, plan, "sub_label"),
            confidence=self._number(row, plan, "confidence"),
            participants=self._participants(row, plan),
            description=self.text(row, plan, "description"),
            clip_url=self.text(row, plan, "clip_url"),
            snapshot_url=self.text(row, plan, "snapshot_url"),
            attributes=self._attributes(row, plan),
            source=self.text(row, plan, "source") or self._options.source,
        )
        if not event.event_id and self._options.derive_ids:
            event = _with_derived_id(event)
        if violations := event_violations(event):
            raise BadRow.of(violations)
        return event

    def _end(
        self, row: Row, plan: Mapping[str, str], site: str, start: datetime
    ) -> datetime | None:
        end = self.moment(row, plan, "end_time", site)
        if end is not None:
            return end
        seconds = self._number(row, plan, "duration")
        if seconds is None:
            return None
        try:
            return start + timedelta(seconds=seconds)
        except (OverflowError, ValueError) as error:
            raise BadRow("duration", "is no length of time in seconds") from error

    def _number(self, row: Row, plan: Mapping[str, str], name: str) -> float | None:
        found = self.value(row, plan, name)
        if found is None:
            return None
        try:
            if isinstance(found, bool) or not isinstance(found, int | float | str):
                raise TypeError
            return float(found)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadRow(name, "must be a number") from error

    def _participants(self, row: Row, plan: Mapping[str, str]) -> int:
        people = as_list(self.value(row, plan, "participants"))
        if people is not None:
            return max(len(people), 1)
        number = self._number(row, plan, "participants")
        if number is None:
            return 1
        if not number.is_integer():
            raise BadRow("participants", "must be a whole number")
        return int(number) or 1

    def _zone_ids(self, row: Row, plan: Mapping[str, str]) -> tuple[str, ...]:
        found = self.value(row, plan, "zones")
        if isinstance(found, str) and found.startswith("["):
            found = _json_or(found, found)
        if isinstance(found, str):
            found = list(_SEPARATORS.split(found))
        names = [] if found is None else as_list(found)
        if names is None:
            raise BadRow("zones", "must be a list of texts")
        zones: dict[str, None] = {}
        for name in names:
            if not isinstance(name, str):
                raise BadRow("zones", "must be a list of texts")
            if name.strip():
                zones[name.strip()] = None
        return tuple(zones)

    def _attributes(self, row: Row, plan: Mapping[str, str]) -> dict[str, str]:
        given = self.value(row, plan, "attributes")
        if isinstance(given, str):
            given = _json_or(given, given)
        inner: Mapping[str, object] | None = {} if given is None else as_mapping(given)
        if inner is None:
            inner = {"attributes": given}
        found = {key: text for key, value in inner.items() if (text := _as_text(value))}
        if not self._options.keep_others:
            return found
        used = {key.split(".")[0] for key in plan.values()}
        for key, value in row.items():
            # What nobody asked for must not make a good event bad: it is kept if it fits.
            if key in used or key in found or isinstance(value, list | dict):
                continue
            text = _as_text(value)
            if len(found) < MAX_ATTRIBUTES and text and attribute_fits(key, text):
                found[key] = text
        return found


def _json_or(text: str, otherwise: object) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False, default=str)


def _with_derived_id(event: Event) -> Event:
    parts = (
        event.site,
        event.camera_id,
        event.start_time.isoformat(),
        event.event_type,
        event.label,
        event.description,
        json.dumps(dict(event.attributes), sort_keys=True),
    )
    digest = hashlib.blake2b("\x1f".join(parts).encode(errors="replace"), digest_size=16)
    return replace(event, event_id=f"derived-{digest.hexdigest()}")
