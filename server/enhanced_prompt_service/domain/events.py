"""What cameras saw, and when they looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .times import Interval, RecurringMask


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a camera saw.

    `event_id` comes from the sender and is unique in a tenant. `end_time` is None while the event
    goes on, or where the source does not say. `confidence` lies in 0..1, None where unknown.
    `participants` is how many people or vehicles took part (at least 1).
    """

    event_id: str
    start_time: datetime
    site: str
    camera_id: str
    event_type: str
    end_time: datetime | None = None
    zones: tuple[str, ...] = ()
    label: str = ""
    sub_label: str = ""
    confidence: float | None = None
    participants: int = 1
    description: str = ""
    clip_url: str = ""
    snapshot_url: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    source: str = ""


class CoverageState(StrEnum):
    """What a camera did during a span: only RECORDING means that silence is quiet."""

    RECORDING = "recording"
    OFFLINE = "offline"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Coverage:
    """A span during which a camera was in one state. Later reports replace earlier ones."""

    site: str
    camera_id: str
    state: CoverageState
    start_time: datetime
    end_time: datetime


class Ingested(StrEnum):
    """What became of one sent event."""

    CREATED = "created"
    UPDATED = "updated"
    DUPLICATE = "duplicate"


class GroupBy(StrEnum):
    """Keys that events are counted by. Local ones use the time zone of the event's site."""

    CAMERA = "camera_id"
    SITE = "site"
    ZONE = "zone"
    EVENT_TYPE = "event_type"
    LABEL = "label"
    SUB_LABEL = "sub_label"
    LOCAL_HOUR = "local_hour"  # one row an hour of each day: "2018-03-15T14"
    LOCAL_DATE = "local_date"  # "2018-03-15"
    HOUR_OF_DAY = "hour_of_day"  # "14", over all days
    WEEKDAY = "weekday"  # ISO, "1" to "7"


class Order(StrEnum):
    """Order of events; ties by camera_id, then event_id."""

    OLDEST = "oldest"
    NEWEST = "newest"
    LONGEST = "longest"
    BEST_MATCH = "best_match"  # text rank; newest first without a text


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are meant. None, or empty, narrows nothing.

    An event belongs to a window by its start. `windows` are alternatives (disjoint, sorted); the
    mask narrows them further by the local time of the event's site. `event_types` and `labels`
    are exact names, alternatives among themselves. Where a noun covers both types and labels,
    `type_or_label` makes one of the two enough; otherwise both must hold.
    """

    windows: tuple[Interval, ...] = ()
    mask: RecurringMask | None = None
    cameras: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    zones: frozenset[str] | None = None
    event_types: frozenset[str] | None = None
    labels: frozenset[str] | None = None
    type_or_label: bool = False
    text: str = ""
    min_confidence: float | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    ongoing_at: datetime | None = None  # began before this instant, and had not ended by it
    as_of: datetime | None = None  # nothing that began at or after this instant is seen


@dataclass(frozen=True, slots=True)
class Totals:
    """Aggregates over all that matches, never over a page."""

    matches: int
    participants: int
    mean_confidence: float | None
    first_start: datetime | None
    last_start: datetime | None
    mean_duration_s: float | None = None
    max_duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of a grouped count: keys in the order asked for."""

    keys: tuple[str, ...]
    matches: int
    participants: int


@dataclass(frozen=True, slots=True)
class SeenKind:
    """A type and label that really occur, and how often, for one camera."""

    site: str
    camera_id: str
    event_type: str
    label: str
    sub_label: str
    zones: tuple[str, ...]
    matches: int
    first_start: datetime
    last_start: datetime
