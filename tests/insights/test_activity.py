"""Spikes and drops: one growing insight each, with what was seen and what is usual."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from enhanced_prompt_service.domain.insights import InsightType, Severity
from enhanced_prompt_service.insights.detectors import CameraSlot

from .feeding import DAY, MONDAY, WEEK, Feed, drafts, passed, seen

HOUR = timedelta(hours=1)


def fed(weeks: int = 4, **more: float) -> Feed:
    """A camera with weeks of usual days, standing at 10:00."""
    feed = Feed()
    feed.run(weeks * WEEK + 10 * HOUR, feed.usual(**more))  # type: ignore[arg-type]
    return feed


def test_a_burst_is_one_insight_that_grows_and_passes() -> None:
    feed = fed()
    start = feed.at
    during = feed.run(HOUR, lambda at: {"cam-0": seen(feed.count(60))})
    after = feed.run(2 * HOUR, feed.usual())

    said = drafts(during, "activity_spike")
    assert 3 <= len(said) <= 4
    assert {one.dedupe_key for one in said} == {"activity_spike:site:cam-0"}
    last = said[-1]
    assert last.type is InsightType.ACTIVITY_SPIKE
    assert last.window.start >= start - timedelta(minutes=30)
    assert last.window.end == start + HOUR
    assert [one.window.end for one in said] == sorted(one.window.end for one in said)
    assert last.observed is not None
    assert last.expected is not None
    assert last.interval is not None
    assert last.observed > 5 * last.expected
    assert last.interval.high < last.observed
    assert last.severity >= Severity.MEDIUM
    assert "usual" in last.message
    assert last.suggested_actions
    assert last.cameras == ("cam-0",)
    assert last.sites == ("site",)
    assert any(point.observed is not None and point.expected for point in last.baseline)
    assert passed(after) == ["activity_spike:site:cam-0"]
    assert drafts(after) == []


def test_severity_rises_with_the_evidence_and_never_falls() -> None:
    feed = fed()
    said = drafts(feed.run(3 * HOUR, lambda at: {"cam-0": seen(feed.count(80))}))
    severities = [one.severity for one in said]
    assert severities == sorted(severities)
    assert severities[-1] is Severity.CRITICAL


def test_usual_weeks_say_next_to_nothing() -> None:
    feed = Feed(seed=5)
    feed.run(4 * WEEK, feed.usual(cameras=4))
    said = feed.run(4 * WEEK, feed.usual(cameras=4))
    # 3.7 camera-months: the target is one a camera-month, and chance is allowed its share.
    assert len({one.window.start for one in drafts(said)}) <= 8


def test_in_the_first_week_nothing_is_told_and_it_says_why() -> None:
    feed = Feed()
    feed.run(4 * DAY, feed.usual())
    feed.run(HOUR, lambda at: {"cam-0": seen(200)})
    assert drafts(feed.words) == []
    reason = feed.watch.why_silent()["cam-0"]["activity_spike"]
    assert "5 days of covered history" in reason
    feed.run(WEEK, feed.usual())
    assert feed.watch.why_silent()["cam-0"]["activity_spike"] == ""


def test_one_label_can_rise_alone() -> None:
    def both(at: datetime) -> dict[str, CameraSlot]:
        person, car = seen(feed.count(100, 0.02)), seen(feed.count(4, 0.02), "car")
        return {"cam-0": CameraSlot(1.0, by_label={**person.by_label, **car.by_label})}

    feed = Feed()
    feed.run(4 * WEEK, both)
    quiet = CameraSlot(1.0, by_label={**seen(100).by_label, **seen(18, "car").by_label})
    said = drafts(feed.run(timedelta(minutes=30), lambda at: {"cam-0": quiet}), "activity_spike")
    assert {one.dedupe_key for one in said} == {"activity_spike:site:cam-0:car"}
    assert said[-1].metadata["label"] == "car"


def test_a_drop_is_told_while_something_is_still_seen() -> None:
    feed = fed(mean=20)
    said = feed.run(2 * HOUR, lambda at: {"cam-0": seen(1)})
    (first, *_) = drafts(said)
    assert first.dedupe_key == "activity_drop:site:cam-0"
    assert first.observed is not None
    assert first.expected is not None
    assert first.observed < first.expected


def test_a_slot_without_coverage_ends_a_run_and_says_nothing() -> None:
    feed = fed()
    feed.run(HOUR, lambda at: {"cam-0": seen(60)})
    said = feed.run(timedelta(minutes=15), lambda at: {"cam-0": CameraSlot(0.0)})
    assert passed(said) == ["activity_spike:site:cam-0"]
    assert drafts(said) == []


def test_a_partly_recorded_slot_is_held_against_its_part() -> None:
    feed = fed(mean=20)
    said = feed.run(2 * HOUR, lambda at: {"cam-0": seen(feed.count(12), covered=0.6)})
    assert drafts(said, "activity_drop") == []


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_any_slot_length_finds_it(minutes: int) -> None:
    feed = Feed(minutes=minutes)
    per_slot = 8 * minutes / 15
    feed.run(4 * WEEK + 10 * HOUR, feed.usual(mean=per_slot))
    said = feed.run(2 * HOUR, lambda at: {"cam-0": seen(feed.count(5 * per_slot))})
    assert drafts(said, "activity_spike")


def test_a_level_that_stays_becomes_usual() -> None:
    feed = fed()
    feed.run(3 * WEEK, feed.usual(mean=16))
    feed.at = feed.at.replace(hour=0) + DAY
    said = feed.run(2 * WEEK, feed.usual(mean=16))
    assert len({one.window.start for one in drafts(said, "activity_spike")}) <= 2
    assert feed.at > MONDAY
