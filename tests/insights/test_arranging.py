"""Stored events and coverage, slot by slot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.catalogue import Camera, Site, Zone
from enhanced_prompt_service.domain.detection import Observed, Sighting
from enhanced_prompt_service.domain.events import Coverage, CoverageState
from enhanced_prompt_service.domain.times import DailyRange, RecurringMask
from enhanced_prompt_service.insights.arranging import Slots, arrange
from enhanced_prompt_service.insights.slots import Grid

GRID = Grid(ZoneInfo("Europe/London"))
NIGHT = RecurringMask((DailyRange(22 * 60, 6 * 60),))
SITE = Site(
    "s",
    "Europe/London",
    cameras=(Camera("c1", zones=("yard", "hall")),),
    zones=(Zone("yard", restricted=(NIGHT,)), Zone("hall")),
)
TEN = datetime(2026, 7, 1, 21, 0, tzinfo=UTC)  # 22:00 in London
FIRST = GRID.number(TEN)


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


def sighting(minutes: float, label: str = "person", **more: object) -> Sighting:
    fields = {"site": "s", "camera_id": "c1", "event_type": "seen", "sub_label": "", "zones": ()}
    return Sighting(**{**fields, "label": label, "start": at(minutes), **more})  # type: ignore[arg-type]


def span(start: float, end: float, state: str = "recording", camera: str = "c1") -> Coverage:
    return Coverage("s", camera, CoverageState(state), at(start), at(end))


def arranged(
    *seen: Sighting, coverage: tuple[Coverage, ...] = (), slots: int = 4, reporting: str = ""
) -> Slots:
    observed = Observed(seen, coverage)
    return arrange(SITE, GRID, FIRST, FIRST + slots - 1, observed, reporting.split())


def test_events_are_counted_by_label_in_the_slot_of_their_start() -> None:
    slots = arranged(
        sighting(14, confidence=0.5, duration_s=3.0),
        sighting(14.9, "", confidence=0.7),
        sighting(15),
        sighting(-1),
    )
    first, second = slots[FIRST]["c1"], slots[FIRST + 1]["c1"]
    assert {label: one.count for label, one in first.by_label.items()} == {"person": 1, "seen": 1}
    assert first.by_label["person"].confidence_sum == 0.5
    assert first.by_label["person"].durations == (3.0,)
    assert second.count == 1
    assert slots[FIRST + 2]["c1"].count == 0


def test_a_restricted_zone_is_known_by_the_local_hour_and_trespasses_are_counted() -> None:
    slots = arranged(sighting(1, zones=("yard", "hall")), sighting(2, zones=("yard",)))
    (only,) = slots[FIRST]["c1"].trespasses
    assert (only.zone, only.label, only.count) == ("yard", "person", 2)
    assert slots[FIRST]["c1"].restricted == ("yard",)
    before = arrange(SITE, GRID, FIRST - 4, FIRST, Observed((), ()), ())
    assert before[FIRST - 4]["c1"].restricted == ()


def test_coverage_is_shared_out_and_interruptions_are_counted_where_they_begin() -> None:
    slots = arranged(
        coverage=(span(0, 5), span(10, 20), span(20, 24, "offline"), span(24, 50), span(50, 60))
    )
    found = [slots[FIRST + number]["c1"] for number in range(4)]
    assert [round(one.covered or 0, 3) for one in found] == [0.667, 0.733, 1.0, 1.0]
    assert [one.breaks for one in found] == [1, 1, 0, 0]


def test_switched_off_on_purpose_is_not_missing() -> None:
    slots = arranged(coverage=(span(0, 15, "disabled"), span(15, 60)))
    assert (slots[FIRST]["c1"].covered, slots[FIRST]["c1"].disabled) == (0.0, 1.0)


def test_without_any_report_coverage_is_unknown_and_after_one_it_is_missing() -> None:
    assert arranged(sighting(1))[FIRST]["c1"].covered is None
    assert arranged(sighting(1), reporting="c1")[FIRST]["c1"].covered == 0.0
    assert arranged(coverage=(span(0, 15, camera="c2"),))[FIRST + 1]["c2"].covered == 0.0


def test_severities_of_the_source_are_counted_by_type() -> None:
    slots = arranged(sighting(1, severity="high"), sighting(2, severity="high"), sighting(3))
    (only,) = slots[FIRST]["c1"].graded
    assert (only.event_type, only.severity, only.count) == ("seen", "high", 2)
