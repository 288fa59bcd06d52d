"""A whole site: many cameras at once, clocks that jump, days without anything, and restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.insights.camera import Camera
from enhanced_prompt_service.insights.detectors import DETECTORS, CameraSlot, SiteWatch, Word

from .feeding import DAY, WEEK, Feed, Slots, drafts, passed, seen

HOUR = timedelta(hours=1)
CAMERAS = 5


def fed(length: timedelta, *, zone: str = "UTC", start: datetime | None = None) -> Feed:
    feed = Feed(zone, 30) if start is None else Feed(zone, 30, start)
    feed.run(length, feed.usual(CAMERAS, mean=16))
    feed.words.clear()
    return feed


def all_silent(at: datetime) -> dict[str, CameraSlot]:
    return {f"cam-{number}": CameraSlot(1.0) for number in range(CAMERAS)}


def test_a_day_without_any_event_is_three_insights_and_no_storm() -> None:
    feed = fed(4 * WEEK)
    said = feed.run(DAY, all_silent)
    keys = {one.dedupe_key for one in drafts(said, "silence")}
    assert len(keys) == 3
    assert "silence:site" in keys
    together = [one for one in drafts(said) if one.dedupe_key == "silence:site"]
    named = {camera for one in drafts(said, "silence") for camera in one.cameras}
    assert named == {f"cam-{number}" for number in range(CAMERAS)}
    assert "at once" in together[-1].title
    over = feed.run(DAY, feed.usual(CAMERAS, mean=16))
    assert sorted(set(passed(over)) & keys) == sorted(keys)


def test_an_outage_of_everything_is_three_insights() -> None:
    feed = fed(2 * WEEK)
    said = feed.run(6 * HOUR, lambda at: {})
    assert len({one.dedupe_key for one in drafts(said)}) == 3


def test_a_slot_that_was_closed_is_ignored() -> None:
    feed = fed(2 * WEEK)
    before = feed.watch.cameras["cam-0"].dump()
    slot = feed.grid.number(feed.at) - 1
    assert feed.watch.close(slot, {"cam-0": seen(900)}) == []
    assert feed.watch.cameras["cam-0"].dump() == before


@pytest.mark.parametrize("jump", [3 * HOUR, 2 * DAY, 5 * WEEK, 3_000 * DAY])
def test_a_jump_of_the_clock_is_missing_and_no_storm(jump: timedelta) -> None:
    feed = fed(4 * WEEK + 10 * HOUR)
    feed.at += jump
    said = feed.run(DAY, feed.usual(CAMERAS, mean=16))
    assert len({one.dedupe_key for one in drafts(said)}) <= 2


def test_a_camera_that_never_reports_coverage_is_counted_and_never_called_silent() -> None:
    feed = Feed(minutes=30)

    def unreported(at: datetime) -> dict[str, CameraSlot]:
        return {"cam-0": seen(feed.count(16), covered=None)}

    feed.run(4 * WEEK, unreported)
    feed.words.clear()
    feed.run(12 * HOUR, lambda at: {"cam-0": CameraSlot(None)})
    said = feed.run(2 * HOUR, lambda at: {"cam-0": seen(90, covered=None)})
    assert {one.dedupe_key.split(":")[0] for one in drafts(feed.words)} <= {"activity_spike"}
    assert drafts(said, "activity_spike")
    reasons = feed.watch.why_silent()["cam-0"]
    assert reasons["silence"] == reasons["offline"] == "the camera never reported coverage"
    assert reasons["activity_spike"] == ""


def test_nights_of_changed_clocks_are_like_others() -> None:
    feed = fed(4 * WEEK, zone="Europe/London", start=datetime(2026, 3, 1, tzinfo=UTC))
    said = feed.run(2 * WEEK, feed.usual(CAMERAS, mean=16))  # clocks went forward on March 29
    assert len({(one.dedupe_key, one.window.start) for one in drafts(said)}) <= 6


def test_every_detector_says_why_it_is_silent() -> None:
    feed = fed(2 * DAY)
    reasons = feed.watch.why_silent()
    assert set(reasons) == {f"cam-{number}" for number in range(CAMERAS)}
    for by_detector in reasons.values():
        assert set(by_detector) == set(DETECTORS)
        assert all(by_detector[one] for one in ("activity_spike", "rarity", "forecast"))


def eventful(feed: Feed) -> Slots:
    """Days with a bit of everything."""
    usual = feed.usual(3, mean=16)

    def make(at: datetime) -> dict[str, CameraSlot]:
        slots = dict(usual(at))
        if at.weekday() == 2 and 9 <= at.hour < 12:
            slots["cam-0"] = seen(feed.count(90))
        if at.weekday() == 3 and 9 <= at.hour < 15:
            slots["cam-1"] = CameraSlot(1.0)
        if at.weekday() == 4 and 9 <= at.hour < 12:
            slots["cam-2"] = CameraSlot(0.0)
        return slots

    return make


@pytest.mark.parametrize("pause", [timedelta(minutes=30), 5 * HOUR, DAY])
def test_a_restart_at_any_slot_changes_no_insight(pause: timedelta) -> None:
    straight, broken = Feed(minutes=30, seed=4), Feed(minutes=30, seed=4)
    for feed in (straight, broken):
        feed.run(3 * WEEK + DAY, eventful(feed))
        feed.words.clear()
    straight.run(4 * DAY, eventful(straight))
    slots, end = eventful(broken), broken.at + 4 * DAY
    while broken.at < end:
        broken.run(min(pause, end - broken.at), slots)
        broken.watch = restarted(broken.watch)
    assert len(straight.words) > 10
    assert broken.words == straight.words


def restarted(watch: SiteWatch) -> SiteWatch:
    again = SiteWatch(watch.site_id, watch.grid)
    assert again.restore(watch.dump())
    for camera_id, camera in watch.cameras.items():
        loaded = Camera.load(camera.dump(), watch.grid.per_day)
        assert loaded is not None
        again.cameras[camera_id] = loaded
    return again


def test_the_state_of_a_series_is_a_few_kb() -> None:
    feed = fed(8 * WEEK)
    camera = feed.watch.cameras["cam-0"]
    assert len(camera.dump()) < 8_000 * (1 + len(camera.labels))


def test_a_state_of_another_slot_length_starts_anew() -> None:
    feed = fed(DAY)
    assert Camera.load(feed.watch.cameras["cam-0"].dump(), 96) is None
    other: list[Word] = []
    again = SiteWatch("site", Feed(minutes=60).grid)
    assert not again.restore(feed.watch.dump())
    assert other == []
