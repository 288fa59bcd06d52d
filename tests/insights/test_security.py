"""What is rare, restricted, too long, new, or graded by its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from enhanced_prompt_service.domain.insights import InsightType, Severity
from enhanced_prompt_service.insights.detectors import CameraSlot, Graded, Seen, Trespass

from .feeding import DAY, WEEK, Feed, Slots, drafts, passed, seen

HOUR = timedelta(hours=1)


def by_day(feed: Feed, mean: float = 8.0) -> Slots:
    """People from 6 to 22 and nobody at night."""

    def make(at: datetime) -> dict[str, CameraSlot]:
        return {"cam-0": seen(feed.count(mean) if 6 <= at.hour < 22 else 0)}

    return make


def test_a_group_at_an_hour_that_never_had_one_is_rare() -> None:
    feed = Feed()
    feed.run(3 * WEEK + 3 * HOUR, by_day(feed))
    said = drafts(feed.run(timedelta(minutes=15), lambda at: {"cam-0": seen(4)}), "rarity")
    assert said[0].type is InsightType.SECURITY_ANOMALY
    assert said[0].score >= 3
    assert said[0].observed == 4
    assert "between 3:00 and 4:00" in said[0].message


def test_a_single_rare_event_is_not() -> None:
    feed = Feed()
    feed.run(3 * WEEK + 3 * HOUR, by_day(feed))
    assert drafts(feed.run(15 * timedelta(minutes=1), lambda at: {"cam-0": seen(1)})) == []


def test_rarity_needs_two_weeks_and_says_so() -> None:
    feed = Feed()
    feed.run(WEEK + 3 * HOUR, by_day(feed))
    assert drafts(feed.run(HOUR, lambda at: {"cam-0": seen(3)}), "rarity") == []
    assert "needs 14 covered days" in feed.watch.why_silent()["cam-0"]["rarity"]


def intruder(at: datetime, sub_label: str = "", count: int = 1) -> CameraSlot:
    trespass = Trespass("vault", "person", sub_label, count)
    by_label = {"person": Seen(count, zones={"vault": count})}
    return CameraSlot(1.0, by_label=by_label, restricted=("vault",), trespasses=(trespass,))


def test_somebody_in_a_restricted_zone_is_told_at_once_and_without_history() -> None:
    feed = Feed()
    said = feed.run(timedelta(minutes=30), lambda at: {"cam-0": intruder(at)})
    first, second = drafts(said, "restricted")
    assert first.severity is Severity.MEDIUM
    assert first.restricted
    assert first.zones == ("vault",)
    assert (first.observed, second.observed) == (1, 2)
    assert passed(feed.run(2 * HOUR, by_day(feed))) == ["restricted:site:cam-0:vault"]


def test_a_guard_who_comes_every_night_is_told_of_only_in_the_first_week() -> None:
    feed = Feed()

    def rounds(at: datetime) -> dict[str, CameraSlot]:
        if at.hour == 2 and at.minute == 0:
            return {"cam-0": intruder(at, "guard")}
        return {"cam-0": CameraSlot(1.0, restricted=("vault",) if at.hour < 6 else ())}

    feed.run(2 * WEEK, rounds)
    nights = {one.window.start.date() for one in drafts(feed.words, "restricted")}
    assert len(nights) == 7
    said = feed.run(DAY, lambda at: {"cam-0": intruder(at)} if at.hour == 3 else rounds(at))
    assert [one.severity for one in drafts(said, "restricted")] == [Severity.HIGH] * 4


def lasting(*seconds: float) -> CameraSlot:
    return CameraSlot(1.0, by_label={"person": Seen(len(seconds), durations=seconds)})


def test_what_lasts_longer_than_anything_in_weeks_is_told() -> None:
    feed = Feed()
    feed.run(3 * WEEK, lambda at: {"cam-0": lasting(5.0, 10.0, 20.0 + at.hour)})
    assert drafts(feed.run(HOUR, lambda at: {"cam-0": lasting(60.0)})) == []
    (told,) = drafts(feed.run(15 * timedelta(minutes=1), lambda at: {"cam-0": lasting(600.0)}))
    assert told.dedupe_key == "duration:site:cam-0:person"
    assert told.observed == 600
    assert told.title == "cam-0: person stayed for 10 minutes"


def test_a_label_never_seen_here_is_told_once() -> None:
    feed = Feed()
    feed.run(3 * WEEK, feed.usual())
    said = feed.run(HOUR, lambda at: {"cam-0": seen(2, "fox")})
    (told,) = drafts(said, "new_label")
    assert told.title == "cam-0: first fox"
    assert told.severity is Severity.LOW


@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
def test_what_a_source_calls_serious_is_passed_on_from_the_first_day(severity: str) -> None:
    feed = Feed()
    one = replace(seen(2), graded=(Graded("intrusion", severity, 2),))
    (told,) = drafts(feed.run(timedelta(minutes=15), lambda at: {"cam-0": one}))
    assert told.severity is Severity[severity.upper()]
    assert told.dedupe_key == "source:site:cam-0:intrusion"
