"""Frigate's events: as its HTTP API lists them, as its MQTT messages carry them, over its versions.

What differs (seen in Frigate's own models and answers, 0.11 to 0.16):

* score, top_score and box stand at the top level up to 0.12, later inside `data` while the
  top-level ones are null;
* `sub_label` is null, a text, or (in messages) `[name, score]`; 0.14 and later put the score into
  `data.sub_label_score`;
* zones are `zones` in the API; messages have `entered_zones` and `current_zones`;
* `end_time` is null while the event goes on; the same id comes again with it, and later with a
  sub-label or a description;
* `false_positive` is true for what Frigate itself took back: such rows are dropped;
* `data.type` tells objects from sounds (`audio`) and from events made through the API (`api`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from ..domain.event_rules import event_violations
from ..domain.events import Event
from .instants import NotAMoment, read_instant
from .loose import as_list, as_mapping, as_number
from .rows import BadRow, Row

SOURCE = "frigate"
_KEPT = ("recognized_license_plate", "average_estimated_speed", "velocity_angle", "type")


@dataclass(frozen=True, slots=True)
class FrigateOptions:
    """`site` is the id that its cameras belong to. `url` is where Frigate can be reached by those
    who look at clips (`http://nvr:5000`); without it events get no addresses."""

    site: str
    url: str = ""


def frigate_event(row: Row, options: FrigateOptions) -> Event | None:
    """The event of an API object or of a message (its state `after`); None for false positives.

    The type is made of the label by rule: `person_detected`; of a sound `bark_heard`. Raises
    BadRow with the field at fault.
    """
    found = as_mapping(row.get("after")) if "after" in row and "id" not in row else row
    if found is None:
        raise BadRow("after", "must be an object")
    if found.get("false_positive") is True:
        return None
    data = as_mapping(found.get("data")) or {}
    event_id, label = _text(found, "id"), _text(found, "label")
    kind = data.get("type")
    sub_label, sub_score = _sub_label(found, data)
    start = frigate_moment(found, "start_time")
    if start is None:
        raise BadRow("start_time", "is required")
    if not label:
        raise BadRow("label", "is required")
    happened = "heard" if kind == "audio" else "detected"
    event = Event(
        event_id=event_id,
        start_time=start,
        end_time=frigate_moment(found, "end_time"),
        site=options.site,
        camera_id=_text(found, "camera"),
        event_type=f"{label.lower().replace(' ', '_')}_{happened}",
        zones=_zones(found),
        label=label,
        sub_label=sub_label,
        confidence=_confidence(found, data, made_by_hand=kind == "api"),
        description=_text(data, "description"),
        clip_url=_address(options, event_id, "clip.mp4") if found.get("has_clip") is True else "",
        snapshot_url=(
            _address(options, event_id, "snapshot.jpg") if found.get("has_snapshot") is True else ""
        ),
        attributes=_attributes(data, sub_score),
        source=SOURCE,
    )
    if violations := event_violations(event):
        raise BadRow.of(violations)
    return event


def _text(row: Mapping[str, object], key: str) -> str:
    found = row.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise BadRow(key, "must be text")
    return found


def frigate_moment(row: Row, key: str) -> datetime | None:
    """A moment of one of Frigate's objects, UTC; None where it has none. Raises BadRow."""
    found = row.get(key)
    if found is None:
        return None
    try:
        # Frigate writes seconds; read_instant also takes text, which has an offset or is refused.
        return read_instant(found, None)
    except NotAMoment as error:
        raise BadRow(key, str(error)) from error


def _sub_label(row: Mapping[str, object], data: Mapping[str, object]) -> tuple[str, float | None]:
    found = row.get("sub_label")
    score = as_number(data.get("sub_label_score"))
    pair = as_list(found)
    if pair is not None:
        name = pair[0] if pair else None
        score = as_number(pair[1]) if len(pair) > 1 else score
        found = name
    if found is None:
        return "", None
    if not isinstance(found, str):
        raise BadRow("sub_label", "must be null, text or [name, score]")
    return found, score


def _zones(row: Mapping[str, object]) -> tuple[str, ...]:
    zones: dict[str, None] = {}
    for key in ("zones", "entered_zones", "current_zones"):
        names = as_list(row.get(key) or [])
        if names is None:
            raise BadRow(key, "must be a list of texts")
        for name in names:
            if not isinstance(name, str):
                raise BadRow(key, "must be a list of texts")
            zones[name] = None
    return tuple(zones)


def _confidence(
    row: Mapping[str, object], data: Mapping[str, object], *, made_by_hand: bool
) -> float | None:
    for place, key in ((data, "top_score"), (row, "top_score"), (data, "score"), (row, "score")):
        score = as_number(place.get(key))
        if score is not None:
            # What was made through the API has a score of 0 when nobody gave one.
            return None if made_by_hand and score == 0 else score
    return None


def _address(options: FrigateOptions, event_id: str, name: str) -> str:
    if not options.url:
        return ""
    return f"{options.url.rstrip('/')}/api/events/{quote(event_id, safe='')}/{name}"


def _attributes(data: Mapping[str, object], sub_score: float | None) -> dict[str, str]:
    found = {
        key: str(value)
        for key in _KEPT
        if isinstance(value := data.get(key), str | int | float) and value not in ("", "object")
    }
    if sub_score is not None:
        found["sub_label_score"] = str(sub_score)
    return found
