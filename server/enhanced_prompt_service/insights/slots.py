"""Slots of time, and what was seen in one.

A slot is named by its number, the whole slots since 1970-01-01 UTC: unique, also in the night when
an hour is repeated. What is usual goes by its place in the local week: both passes of the repeated
hour share one, and the hour that is skipped has no slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ..domain.times import Interval

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THURSDAY = 3  # 1970-01-01, counted from Monday as 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slot lies in local time: days since 1970-01-01, weekday (0 Monday), slot of day."""

    day: int
    weekday: int
    index: int

    @property
    def week(self) -> int:
        """Weeks that began on a Monday, counted from the one of 1970-01-01."""
        return (self.day + _THURSDAY) // 7


@dataclass(frozen=True, slots=True)
class Grid:
    """Slots of one length (a divisor of a day; 15 to 60 minutes for cameras) in one time zone."""

    zone: ZoneInfo
    minutes: int = 15

    def __post_init__(self) -> None:
        if self.minutes < 1 or 24 * 60 % self.minutes:
            raise ValueError("slots share out a day: their minutes divide 1440")

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def per_day(self) -> int:
        """Slots of a usual local day."""
        return 24 * 60 // self.minutes

    def number(self, moment: datetime) -> int:
        """The slot that holds an instant."""
        return (moment - _EPOCH) // self.length

    def start(self, slot: int) -> datetime:
        """A slot's first instant, UTC."""
        return _EPOCH + slot * self.length

    def span(self, first: int, last: int) -> Interval:
        """From the start of one slot to the end of another."""
        return Interval(self.start(first), self.start(last + 1))

    def place(self, slot: int) -> Place:
        """Where a slot lies in local time."""
        return _place(self.zone, self.minutes, slot)


@lru_cache(maxsize=4096)
def _place(zone: ZoneInfo, minutes: int, slot: int) -> Place:
    local = (_EPOCH + slot * timedelta(minutes=minutes)).astimezone(zone)
    day = local.toordinal() - _EPOCH.toordinal()
    return Place(day, local.weekday(), (local.hour * 60 + local.minute) // minutes)


@dataclass(frozen=True, slots=True)
class Seen:
    """Events of one label at a camera that began in a slot.

    `confidences` counts those with a confidence, `confidence_sum` adds them up. `durations` are
    the seconds of those that ended. `zones` counts by zone (one event may be in several).
    """

    count: int
    confidences: int = 0
    confidence_sum: float = 0.0
    durations: tuple[float, ...] = ()
    zones: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Trespass:
    """Events of one (label, sub_label) in a zone while nobody should be in it."""

    zone: str
    label: str
    sub_label: str
    count: int


@dataclass(frozen=True, slots=True)
class Graded:
    """Events of one type that their source calls serious ("low" to "critical")."""

    event_type: str
    severity: str
    count: int


@dataclass(frozen=True, slots=True)
class CameraSlot:
    """What is known of one camera in one slot.

    `covered` is the share of the slot that was recorded, 0 to 1; None where the camera has never
    reported coverage up to then. `disabled` is the share that it was switched off on purpose.
    `breaks` counts how often recording stopped. `by_label` has no entry for what was not seen.
    """

    covered: float | None
    disabled: float = 0.0
    breaks: int = 0
    by_label: Mapping[str, Seen] = field(default_factory=dict[str, Seen])
    restricted: tuple[str, ...] = ()  # zones of this camera in which nobody should be now
    trespasses: tuple[Trespass, ...] = ()
    graded: tuple[Graded, ...] = ()

    @property
    def count(self) -> int:
        """All events."""
        return sum(one.count for one in self.by_label.values())
