"""Frigate's reviews as insights: what it calls an alert, or a detection worth a look.

A review has an id of its own, grows while something goes on, and ends. Each message has all of it
(`after`), so the insight's text speaks of the whole window so far. While it goes on, the window
reaches to its newest detection (Frigate's event ids begin with the Unix time of their start), not
to the present: the same message twice is the same insight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.event_rules import MAX_EVENT_ID, MAX_ID, MAX_ZONES
from ..domain.insights import MAX_DEDUPE_KEY, InsightDraft, InsightType, Severity
from ..domain.times import Interval
from .frigate import frigate_moment
from .instants import read_instant
from .loose import as_list, as_mapping
from .rows import BadRow, Row

SEVERITIES = {"alert": Severity.HIGH, "detection": Severity.LOW}
DETECTOR = "frigate-review"
_SHORTEST = timedelta(seconds=1)
_MOST_EVENTS = 1_000
_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class Review:
    """One state of a review. `rank` rises as it goes on: a state of a lower one came late."""

    review_id: str
    draft: InsightDraft
    event_ids: tuple[str, ...]
    ended: bool
    rank: tuple[bool, int, int]


def frigate_review(row: Row, site: str) -> Review:
    """The review of a message of `frigate/reviews`. Raises BadRow with the field at fault."""
    found = as_mapping(row.get("after"))
    if found is None:
        raise BadRow("after", "must be an object")
    data = as_mapping(found.get("data")) or {}
    review_id, camera = _text(found, "id", MAX_EVENT_ID), _text(found, "camera", MAX_ID)
    severity = SEVERITIES.get(str(found.get("severity")))
    if severity is None:
        raise BadRow("severity", f"must be one of {', '.join(SEVERITIES)}")
    start = frigate_moment(found, "start_time")
    if start is None:
        raise BadRow("start_time", "is required")
    end = frigate_moment(found, "end_time")
    events = _names(data, "detections")[:_MOST_EVENTS]
    things = _things(data)
    zones = tuple(_names(data, "zones")[:MAX_ZONES])
    window = Interval(start, max(end or _newest(events, start), start + _SHORTEST))
    kind = "Alert" if severity is Severity.HIGH else "Detection"
    what = ", ".join(things) or "activity"
    draft = InsightDraft(
        type=InsightType.SECURITY_ANOMALY,
        severity=severity,
        title=f"{kind} at {camera}: {what}"[:200],
        message=_message(kind, what, camera, zones, ended=end is not None),
        window=window,
        dedupe_key=f"frigate/{site}/{review_id}"[:MAX_DEDUPE_KEY],
        cameras=(camera,),
        sites=(site,),
        zones=zones,
        event_count=len(events),
        suggested_actions=("Look at the review in Frigate.",),
        metadata={"detector": DETECTOR, "review_id": review_id},
    )
    return Review(
        review_id,
        draft,
        tuple(one for one in events if len(one) <= MAX_EVENT_ID),
        end is not None,
        (end is not None, int(severity), len(events)),
    )


def _message(kind: str, what: str, camera: str, zones: tuple[str, ...], *, ended: bool) -> str:
    where = f"{camera} ({', '.join(zones)})" if zones else camera
    state = "" if ended else " It still goes on."
    return f"{kind} reported by Frigate at {where}: {what}.{state}"


def _newest(event_ids: list[str], start: datetime) -> datetime:
    moments = [start]
    for one in event_ids:
        try:
            moments.append(read_instant(float(one.partition("-")[0]), None))
        except ValueError:  # NotAMoment is one: an id of another form tells no time
            continue
    return max(moments)


def _things(data: Row) -> list[str]:
    """Objects by their names, whoever they are known as, and sounds, without repetition."""
    found: dict[str, None] = {}
    for key in ("sub_labels", "objects", "audio"):
        for name in _names(data, key):
            # Frigate marks an object whose identity is sure: "person-verified".
            found[name.removesuffix("-verified")] = None
    return list(found)[:_MOST_NAMES]


def _names(data: Row, key: str) -> list[str]:
    names = as_list(data.get(key) or [])
    if names is None or not all(isinstance(one, str) for one in names):
        raise BadRow(f"data.{key}", "must be a list of texts")
    return [one for one in names if isinstance(one, str) and one]


def _text(row: Row, key: str, most: int) -> str:
    found = row.get(key)
    if not isinstance(found, str) or not 1 <= len(found) <= most:
        raise BadRow(key, f"must be text of 1 to {most} characters")
    return found
