"""Forecasts: with their interval, and told where an hour stands out."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.insights import InsightType
from enhanced_prompt_service.insights.detectors import CameraSlot
from enhanced_prompt_service.insights.forecast import next_hours

from .feeding import DAY, WEEK, Feed, Slots, drafts, seen


def market(feed: Feed) -> Slots:
    """Every Thursday at noon four times as many."""

    def make(at: datetime) -> dict[str, CameraSlot]:
        busy = at.weekday() == 3 and 11 <= at.hour < 14
        return {"cam-0": seen(feed.count(40 if busy else 8, 0.05))}

    return make


def test_the_busy_hour_of_the_next_day_is_told_with_its_interval() -> None:
    feed = Feed()
    feed.run(4 * WEEK, market(feed))
    told = drafts(feed.run(WEEK, market(feed)), "forecast")
    assert len(told) == 1
    (one,) = told
    assert one.type is InsightType.PREDICTION
    assert one.window.start.weekday() == 3
    assert 11 <= one.window.start.hour < 14
    assert one.interval is not None
    assert one.expected is not None
    assert one.interval.low < one.expected < one.interval.high
    assert one.interval.level == 0.9
    assert one.expires_at == one.window.end
    assert len(one.baseline) == 24


def test_days_like_the_others_are_not_told() -> None:
    feed = Feed()
    feed.run(6 * WEEK, feed.usual())
    assert drafts(feed.words, "forecast") == []


def test_nine_of_ten_hours_lie_in_their_interval() -> None:
    feed = Feed(seed=2)
    feed.run(6 * WEEK, feed.usual())
    inside = hours = 0
    for _ in range(14):
        forecast = next_hours(feed.watch.cameras["cam-0"].total, feed.grid, feed.watch.slot + 1)  # type: ignore[operator]
        counted: dict[int, int] = {}
        usual = feed.usual()

        def count(at: datetime, counted: dict[int, int] = counted, usual: Slots = usual):  # type: ignore[no-untyped-def]
            made = usual(at)
            slot = feed.grid.number(at) // 4 * 4
            counted[slot] = counted.get(slot, 0) + made["cam-0"].count
            return made

        feed.run(DAY, count)
        for hour in forecast:
            hours += 1
            inside += hour.interval.low <= counted[hour.slot] <= hour.interval.high
    assert hours == 14 * 24
    assert 0.82 < inside / hours <= 1.0


def test_it_needs_two_weeks_and_says_so() -> None:
    feed = Feed()
    feed.run(WEEK, market(feed))
    assert "needs 14 covered days" in feed.watch.why_silent()["cam-0"]["forecast"]


def test_hours_of_a_day_with_25_of_them_follow_each_other() -> None:
    feed = Feed("Europe/London", start=datetime.fromisoformat("2026-09-28T00:00:00+01:00"))
    feed.run(27 * DAY, feed.usual())
    found = next_hours(feed.watch.cameras["cam-0"].total, feed.grid, feed.grid.number(feed.at), 26)
    starts = [feed.grid.start(one.slot) for one in found]
    assert all(b - a == timedelta(hours=1) for a, b in itertools.pairwise(starts))
    local = [one.astimezone(ZoneInfo("Europe/London")).hour for one in starts]
    assert local.count(1) == 2
