"""When simulated cameras do not record.

Four reasons: a daily switch-off (some cameras), short gaps (a date and camera now and then), long
outages (a week and camera now and then), and the recorder's restart early on Sundays (all
cameras). Each is drawn from its own date, so that what window is asked for changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ...domain.events import CoverageState
from ...domain.times import Interval, RecurringMask, instant, union
from .building import Post
from .rhythm import derived

SHORT_GAP = 0.035  # of all camera-days; 5 to 180 minutes
LONG_OUTAGE = 0.05  # of all camera-weeks; 6 to 40 hours
LONGEST = timedelta(hours=40)
RESTART = time(4, 0), timedelta(minutes=12)


def segments(
    seed: int, post: Post, window: Interval, zone: ZoneInfo, missing: Iterable[Interval] = ()
) -> list[tuple[Interval, CoverageState]]:
    """The whole window in spans of one state each, sorted. `missing` are further spans offline."""
    offline = _within([*_offline(seed, post, window, zone), *missing], window)
    switched = RecurringMask((post.off,)).intervals(window, zone) if post.off else []
    disabled = subtract(switched, offline)
    recording = subtract([window], union([*offline, *disabled]))
    found = [
        *((span, CoverageState.OFFLINE) for span in offline),
        *((span, CoverageState.DISABLED) for span in disabled),
        *((span, CoverageState.RECORDING) for span in recording),
    ]
    return sorted(found, key=lambda one: one[0])


def subtract(spans: Sequence[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """What of `spans` lies in none of `holes`; both sorted and disjoint."""
    left: list[Interval] = []
    for span in spans:
        start = span.start
        for hole in holes:
            if hole.end <= start or hole.start >= span.end:
                continue
            if hole.start > start:
                left.append(Interval(start, hole.start))
            start = max(start, hole.end)
        if start < span.end:
            left.append(Interval(start, span.end))
    return left


def _within(spans: Iterable[Interval], window: Interval) -> list[Interval]:
    return union(both for span in spans if (both := span.intersect(window)))


def _offline(seed: int, post: Post, window: Interval, zone: ZoneInfo) -> Iterable[Interval]:
    day = (window.start - LONGEST).astimezone(zone).date() - timedelta(days=1)
    last = window.end.astimezone(zone).date()
    while day <= last:
        dice = derived(seed, "gap", post.camera_id, day)
        if dice.random() < SHORT_GAP:
            begin = int(dice.random() * 24 * 60)
            yield _span(day, begin, 5 * 36 ** dice.random(), zone)
        if day.isoweekday() == 7:
            yield _span(day, RESTART[0].hour * 60, RESTART[1].total_seconds() / 60, zone)
        if day.isoweekday() == 1:
            dice = derived(seed, "outage", post.camera_id, day)
            if dice.random() < LONG_OUTAGE:
                begin = int(dice.random() * 5 * 24 * 60)
                yield _span(day, begin, 6 * 60 + dice.random() * 34 * 60, zone)
        day += timedelta(days=1)


def _span(day: date, begin_minute: int, minutes: float, zone: ZoneInfo) -> Interval:
    wall = datetime.combine(day, time()) + timedelta(minutes=begin_minute)
    start = instant(wall, zone).astimezone(UTC)
    return Interval(start, start + timedelta(seconds=int(minutes * 60)))
