"""What an event and a span of coverage must be like before they are stored.

The same limits as in the contract's `events.proto` (a test holds the two together), for whatever
does not come in over the contract: files, Frigate, the simulated site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from .errors import FieldViolation
from .events import Coverage, Event

MAX_ID = 128  # characters of site, camera_id, event_type, label, source and of each zone
MAX_EVENT_ID = 256
MAX_SUB_LABEL = 256
MAX_DESCRIPTION = 4_000
MAX_URL = 2_048
MAX_ZONES = 32
MAX_PARTICIPANTS = 100_000
MAX_ATTRIBUTES = 64
MAX_KEY = 128
MAX_VALUE = 1_024

_URL = re.compile(r"https?://[^\s]+")


def event_violations(event: Event) -> list[FieldViolation]:
    """Everything that is wrong with an event, in the order of the contract's fields."""
    return list(_event(event))


def coverage_violations(span: Coverage) -> list[FieldViolation]:
    """Everything that is wrong with a span of coverage."""
    return list(_coverage(span))


def attribute_fits(key: str, value: str) -> bool:
    """Whether one attribute keeps the limits."""
    return not list(_attributes({key: value}))


def _event(event: Event) -> Iterator[FieldViolation]:
    yield from _text("event_id", event.event_id, MAX_EVENT_ID, required=True)
    yield from _aware("start_time", event.start_time)
    if event.end_time is not None:
        yield from _aware("end_time", event.end_time)
        if _comparable(event.start_time, event.end_time) and event.end_time < event.start_time:
            yield FieldViolation("end_time", "must not be before start_time")
    yield from _text("site", event.site, MAX_ID, required=True)
    yield from _text("camera_id", event.camera_id, MAX_ID, required=True)
    if len(event.zones) > MAX_ZONES:
        yield FieldViolation("zones", f"must have at most {MAX_ZONES} items")
    for number, zone in enumerate(event.zones[:MAX_ZONES]):
        yield from _text(f"zones[{number}]", zone, MAX_ID, required=True)
    yield from _text("event_type", event.event_type, MAX_ID, required=True)
    yield from _text("label", event.label, MAX_ID)
    yield from _text("sub_label", event.sub_label, MAX_SUB_LABEL)
    if event.confidence is not None and not 0 <= event.confidence <= 1:
        yield FieldViolation("confidence", "must be between 0 and 1")
    if not 1 <= event.participants <= MAX_PARTICIPANTS:
        yield FieldViolation("participants", f"must be between 1 and {MAX_PARTICIPANTS:,}")
    yield from _text("description", event.description, MAX_DESCRIPTION)
    yield from _url("clip_url", event.clip_url)
    yield from _url("snapshot_url", event.snapshot_url)
    yield from _attributes(event.attributes)
    yield from _text("source", event.source, MAX_ID)


def _coverage(span: Coverage) -> Iterator[FieldViolation]:
    yield from _text("site", span.site, MAX_ID, required=True)
    yield from _text("camera_id", span.camera_id, MAX_ID, required=True)
    yield from _aware("start_time", span.start_time)
    yield from _aware("end_time", span.end_time)
    if _comparable(span.start_time, span.end_time) and span.end_time <= span.start_time:
        yield FieldViolation("end_time", "must be after start_time")


def _text(
    field: str, value: str, longest: int, *, required: bool = False
) -> Iterator[FieldViolation]:
    if required and not value:
        yield FieldViolation(field, "is required")
    if len(value) > longest:
        yield FieldViolation(field, f"must have at most {longest:,} characters")
    elif not value.isascii() and not _encodable(value):
        yield FieldViolation(field, "is not valid Unicode")
    if "\0" in value:
        yield FieldViolation(field, "must not hold the character NUL")


def _encodable(value: str) -> bool:
    # JSON can spell half of a surrogate pair ("\\ud800"), which no database and no wire takes.
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _aware(field: str, value: datetime) -> Iterator[FieldViolation]:
    if value.tzinfo is None:
        yield FieldViolation(field, "needs a time zone")


def _comparable(first: datetime, second: datetime) -> bool:
    return first.tzinfo is not None and second.tzinfo is not None


def _url(field: str, value: str) -> Iterator[FieldViolation]:
    yield from _text(field, value, MAX_URL)
    if value and not _URL.fullmatch(value):
        yield FieldViolation(field, "must be an http or https address")


def _attributes(attributes: Mapping[str, str]) -> Iterator[FieldViolation]:
    if len(attributes) > MAX_ATTRIBUTES:
        yield FieldViolation("attributes", f"must have at most {MAX_ATTRIBUTES} entries")
        return
    for key, value in attributes.items():
        yield from _text("attributes", key, MAX_KEY, required=True)
        yield from _text(f"attributes[{key[:MAX_KEY]!r}]", value, MAX_VALUE)
