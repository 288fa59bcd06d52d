"""Intervals of time and recurring parts of the day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Half-open interval of instants, `start <= t < end`, both aware and kept in UTC.

    Raises ValueError when a bound is naive, or the interval is empty or inverted.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an interval needs aware datetimes")
        if self.start.tzinfo is not UTC:
            object.__setattr__(self, "start", self.start.astimezone(UTC))
        if self.end.tzinfo is not UTC:
            object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError(f"empty or inverted interval: {self.start} to {self.end}")

    @property
    def seconds(self) -> float:
        """Real length in seconds (a day of DST change has 23 or 25 hours)."""
        return (self.end - self.start).total_seconds()

    def contains(self, instant: datetime) -> bool:
        """Whether the instant is inside."""
        return self.start <= instant < self.end

    def intersect(self, other: Interval) -> Interval | None:
        """The common part, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted, disjoint intervals that cover the same instants; touching ones are joined."""
    merged: list[Interval] = []
    for one in sorted(intervals):
        if merged and one.start <= merged[-1].end:
            if one.end > merged[-1].end:
                merged[-1] = Interval(merged[-1].start, one.end)
        else:
            merged.append(one)
    return merged


@dataclass(frozen=True, slots=True)
class DailyRange:
    """Local minutes of day, half-open. `start > end` runs over midnight (22:00 to 06:00)."""

    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        if not (0 <= self.start_minute < MINUTES_A_DAY and 0 < self.end_minute <= MINUTES_A_DAY):
            raise ValueError("minutes of day lie in 0..1439 (start) and 1..1440 (end)")
        if self.start_minute == self.end_minute:
            raise ValueError("an empty daily range")

    @property
    def over_midnight(self) -> bool:
        """Whether the range ends on the day after it begins."""
        return self.end_minute < self.start_minute

    def contains(self, minute: int) -> bool:
        """Whether a local minute of day is inside."""
        if self.over_midnight:
            return minute >= self.start_minute or minute < self.end_minute
        return self.start_minute <= minute < self.end_minute


@dataclass(frozen=True, slots=True)
class RecurringMask:
    """Parts of the local day that repeat.

    `weekdays` are ISO (1 Monday to 7 Sunday) of the day on which a range *begins*: "Friday night"
    holds Saturday's small hours. Empty means every day. Empty `ranges` means the whole day.
    """

    ranges: tuple[DailyRange, ...] = ()
    weekdays: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.ranges and not self.weekdays:
            raise ValueError("a mask that masks nothing")
        if any(day not in range(1, 8) for day in self.weekdays):
            raise ValueError("weekdays are 1 (Monday) to 7 (Sunday)")

    def contains(self, local: datetime) -> bool:
        """Whether a local wall-clock time is inside."""
        minute = local.hour * 60 + local.minute
        for part in self.ranges or (DailyRange(0, MINUTES_A_DAY),):
            if not part.contains(minute):
                continue
            began_yesterday = part.over_midnight and minute < part.end_minute
            day = local.date() - timedelta(days=1) if began_yesterday else local.date()
            if not self.weekdays or day.isoweekday() in self.weekdays:
                return True
        return False

    def intervals(self, within: Interval, zone: ZoneInfo) -> list[Interval]:
        """The instants inside `within` at which the mask holds, sorted and disjoint.

        An instant is inside exactly when its wall time is: on the night when clocks go back the
        repeated hour counts on both passes, and the hour that they skip counts never.
        """
        first = within.start.astimezone(zone).date() - timedelta(days=1)
        last = within.end.astimezone(zone).date()
        found: list[Interval] = []
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            if self.weekdays and day.isoweekday() not in self.weekdays:
                continue
            for part in self.ranges or (DailyRange(0, MINUTES_A_DAY),):
                end_day = day + timedelta(days=1) if part.over_midnight else day
                pieces = wall_intervals(
                    _wall(day, part.start_minute), _wall(end_day, part.end_minute), zone
                )
                found.extend(both for piece in pieces if (both := piece.intersect(within)))
        return union(found)


def instant(wall: datetime, zone: ZoneInfo, *, latest: bool = False) -> datetime:
    """The UTC instant of a naive wall time in a zone.

    Where clocks went back there are two: the first, or with `latest` the second. A wall time that
    the clocks skipped gives the instant of the change.
    """
    found = wall.replace(tzinfo=zone, fold=1 if latest else 0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    return _change(found - timedelta(hours=6), found + timedelta(hours=6), zone)


def wall_intervals(start: datetime, end: datetime, zone: ZoneInfo) -> list[Interval]:
    """All instants whose wall time lies in `start <= wall < end` (both naive, at most two days).

    One interval, or two where clocks went back in between and a part of the range was repeated;
    none where they skipped all of it.
    """
    before = _offset(start, zone, fold=0)
    after = _offset(end, zone, fold=1)
    if before == after:
        return [Interval((start - before).replace(tzinfo=UTC), (end - after).replace(tzinfo=UTC))]
    low, high = min(before, after), max(before, after)
    change = _change((start - high).replace(tzinfo=UTC), (end - low).replace(tzinfo=UTC), zone)
    pieces: list[Interval] = []
    first = (start - before).replace(tzinfo=UTC), min((end - before).replace(tzinfo=UTC), change)
    second = max((start - after).replace(tzinfo=UTC), change), (end - after).replace(tzinfo=UTC)
    for left, right in (first, second):
        if left < right:
            pieces.append(Interval(left, right))
    return union(pieces)


def _wall(day: date, minute: int) -> datetime:
    return datetime.combine(day, time()) + timedelta(minutes=minute)


def _offset(wall: datetime, zone: ZoneInfo, *, fold: int) -> timedelta:
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None
    return offset


def _change(left: datetime, right: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two UTC instants at which the zone's offset changes, whole seconds."""
    old = left.astimezone(zone).utcoffset()
    while right - left > timedelta(seconds=1):
        middle = left + (right - left) / 2
        if middle.astimezone(zone).utcoffset() == old:
            left = middle
        else:
            right = middle
    return right.replace(microsecond=0)
