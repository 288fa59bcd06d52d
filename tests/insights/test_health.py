"""Cameras that are silent, offline, flapping, or see worse: told once, growing, and over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from enhanced_prompt_service.domain.insights import InsightType, Severity
from enhanced_prompt_service.insights.detectors import CameraSlot, Seen

from .feeding import DAY, WEEK, Feed, drafts, passed, seen

HOUR = timedelta(hours=1)
MORNING = 4 * WEEK + 10 * HOUR


def nothing(at: datetime) -> dict[str, CameraSlot]:
    return {"cam-0": CameraSlot(1.0)}


def test_a_camera_that_records_and_sees_nothing_is_silent() -> None:
    feed = Feed()
    feed.run(MORNING, feed.usual())
    start = feed.at
    said = drafts(feed.run(3 * HOUR, nothing), "silence")
    over = feed.run(HOUR, feed.usual())

    assert said[0].type is InsightType.CAMERA_PERFORMANCE
    assert said[0].severity is Severity.MEDIUM
    assert said[-1].severity is Severity.HIGH
    assert said[0].window.start == start
    assert said[0].window.end - start <= 2 * HOUR
    assert said[-1].observed == 0
    assert said[-1].expected is not None
    assert said[-1].expected > 60
    assert passed(over) == ["silence:site:cam-0"]
    assert drafts(feed.words, "activity_drop") == []


def test_a_quiet_night_is_no_silence() -> None:
    feed = Feed()
    feed.run(4 * WEEK + 22 * HOUR, feed.usual(mean=2))
    assert drafts(feed.run(6 * HOUR, nothing), "silence") == []


def test_a_silence_teaches_nothing_of_what_is_usual() -> None:
    feed = Feed()
    feed.run(MORNING, feed.usual())
    feed.run(8 * HOUR, nothing)
    feed.run(WEEK - 8 * HOUR, feed.usual())
    assert drafts(feed.run(3 * HOUR, feed.usual()), "activity_spike") == []


def test_without_coverage_there_is_no_silence_but_an_outage() -> None:
    feed = Feed()
    feed.run(MORNING, feed.usual())
    said = feed.run(5 * HOUR, lambda at: {"cam-0": CameraSlot(0.0)})
    over = feed.run(HOUR, feed.usual())

    assert drafts(said, "silence") == []
    offline = drafts(said, "offline")
    assert offline[0].severity is Severity.MEDIUM
    assert offline[0].observed == 30.0
    assert offline[-1].severity is Severity.HIGH
    assert offline[-1].title == "cam-0: offline for 5 hours"
    assert passed(over) == ["offline:site:cam-0"]


def test_a_short_gap_is_not_told() -> None:
    feed = Feed()
    feed.run(MORNING, feed.usual())
    said = feed.run(timedelta(minutes=15), lambda at: {"cam-0": CameraSlot(0.0)})
    assert said == []


def test_a_camera_that_is_switched_off_on_purpose_is_not_offline() -> None:
    feed = Feed()
    feed.run(MORNING, feed.usual())
    said = feed.run(8 * HOUR, lambda at: {"cam-0": CameraSlot(0.0, disabled=1.0)})
    assert said == []


def test_a_camera_that_is_off_every_night_is_told_of_only_at_first() -> None:
    feed = Feed()
    usual = feed.usual()

    def nightly(at: datetime) -> dict[str, CameraSlot]:
        return {"cam-0": CameraSlot(0.0)} if at.hour < 6 else dict(usual(at))

    feed.run(2 * WEEK, nightly)
    assert drafts(feed.words, "offline")
    assert drafts(feed.run(2 * WEEK, nightly), "offline") == []


def test_no_report_any_more_counts_as_offline() -> None:
    feed = Feed()
    feed.run(MORNING, feed.usual())
    said = feed.run(HOUR, lambda at: {})
    assert [one.cameras for one in drafts(said, "offline")] == [("cam-0",)] * 3


def test_recording_that_comes_and_goes_is_flapping() -> None:
    feed = Feed()
    feed.run(MORNING, feed.usual())
    said = feed.run(2 * HOUR, lambda at: {"cam-0": replace(seen(7), covered=0.9, breaks=1)})
    flapping = drafts(said, "flapping")
    assert flapping[0].observed == 4
    assert flapping[0].title == "cam-0: recording was interrupted 4 times"
    assert passed(feed.run(7 * HOUR, feed.usual())) == ["flapping:site:cam-0"]


def sure(confidence: float) -> CameraSlot:
    return CameraSlot(1.0, by_label={"person": Seen(8, 8, 8 * confidence)})


def test_falling_confidence_is_told_by_the_day() -> None:
    feed = Feed()
    feed.run(3 * WEEK, lambda at: {"cam-0": sure(0.8 + 0.01 * (at.day % 3))})
    during = feed.run(3 * DAY, lambda at: {"cam-0": sure(0.7)})
    after = feed.run(2 * DAY, lambda at: {"cam-0": sure(0.81)})
    told = drafts(during, "confidence")
    assert len(told) == 2  # a day is judged when it is over
    assert told[-1].observed == 0.7
    assert told[-1].window.end - told[-1].window.start == 2 * DAY
    assert "0.81 is usual" in told[-1].message
    assert passed(after) == ["confidence:site:cam-0"]


def test_another_mix_of_labels_is_no_fall_of_confidence() -> None:
    def mix(cars: int) -> CameraSlot:
        people = Seen(8, 8, 8 * 0.9)
        return CameraSlot(1.0, by_label={"person": people, "car": Seen(cars, cars, cars * 0.5)})

    feed = Feed()
    feed.run(3 * WEEK, lambda at: {"cam-0": mix(2)})
    feed.run(2 * DAY, lambda at: {"cam-0": mix(20)})
    assert drafts(feed.words, "confidence") == []
