"""Forecasts for questions, over histories that are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from enhanced_prompt_service.domain.catalogue import Camera, Site
from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event, Selection
from enhanced_prompt_service.domain.forecasts import Forecast, ForecastAsk, TooLittleHistory
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.insights.foreseeing import foresee
from tests.agent.grounded.fakes import MemoryStore

ME = Caller()
HOUR = timedelta(hours=1)
START = datetime(2024, 9, 2, tzinfo=UTC)  # a Monday
NOW = datetime(2024, 11, 4, 17, tzinfo=UTC)  # nine weeks on, behind the end of summer time
VIENNA = ZoneInfo("Europe/Vienna")


def every_day(
    camera: str, hour: int, count: int, *, zone: ZoneInfo = VIENNA, label: str = "person"
) -> Iterator[Event]:
    """So many events in the same local hour of each day."""
    for day in range(70):
        date = START.date() + timedelta(days=day)
        first = datetime(date.year, date.month, date.day, hour, tzinfo=zone).astimezone(UTC)
        for number in range(count):
            at = first + number * timedelta(seconds=30)
            yield Event(
                f"{camera}{label}{hour}-{day}-{number}", at, "s", camera, "seen", label=label
            )


def recorded(camera: str, start: datetime = START, end: datetime = NOW) -> Coverage:
    return Coverage("s", camera, CoverageState.RECORDING, start, end)


def store(events: list[Event], *spans: Coverage, zone: str = "Europe/Vienna") -> MemoryStore:
    cameras = tuple(Camera(one, one) for one in ("a", "b"))
    return MemoryStore([Site("s", zone, "S", cameras=cameras)], events, list(spans))


async def expected(
    kept: MemoryStore,
    start: float,
    end: float,
    *cameras: str,
    now: datetime = NOW,
    zone: ZoneInfo = VIENNA,
    labels: frozenset[str] | None = None,
) -> Forecast | TooLittleHistory:
    """Of local hours of the day after `now`."""
    day = (now.astimezone(zone) + timedelta(days=1)).replace(hour=0, minute=0, tzinfo=None)
    midnight = day.replace(tzinfo=zone)
    window = Interval(midnight + start * HOUR, midnight + end * HOUR)
    ask = ForecastAsk(
        Selection(labels=labels, as_of=now),
        (window,),
        dict.fromkeys(cameras, "s"),
        {"s": zone},
        now,
    )
    return await foresee(kept, ME, ask)


async def test_what_comes_every_day_at_an_hour_is_expected_at_it() -> None:
    kept = store(list(every_day("a", 9, 12)), recorded("a"))
    found = await expected(kept, 8, 11, "a")
    assert isinstance(found, Forecast)
    assert found.expected == pytest.approx(12, abs=1.5)
    assert found.low < 12 < found.high
    assert found.days == pytest.approx((NOW - START) / timedelta(days=1), abs=0.2)
    quiet = await expected(kept, 2, 5, "a")
    assert isinstance(quiet, Forecast)
    assert quiet.expected == 0
    assert (quiet.low, quiet.high) == (0, 0)


async def test_a_part_of_an_hour_is_a_part_of_its_count() -> None:
    kept = store(list(every_day("a", 9, 12)), recorded("a"))
    whole, half = await expected(kept, 9, 10, "a"), await expected(kept, 9.25, 9.75, "a")
    assert isinstance(whole, Forecast)
    assert isinstance(half, Forecast)
    assert half.expected == pytest.approx(whole.expected / 2)


async def test_only_the_kinds_and_cameras_asked_for_count() -> None:
    events = [
        *every_day("a", 9, 12),
        *every_day("a", 9, 3, label="car"),
        *every_day("b", 9, 30),
    ]
    kept = store(events, recorded("a"), recorded("b"))
    cars = await expected(kept, 8, 11, "a", labels=frozenset({"car"}))
    both = await expected(kept, 8, 11, "a", "b")
    assert isinstance(cars, Forecast)
    assert isinstance(both, Forecast)
    assert cars.expected == pytest.approx(3, abs=0.5)
    assert both.expected == pytest.approx(45, abs=4)


async def test_hours_without_coverage_are_missing_and_not_quiet() -> None:
    dark = START + timedelta(days=21), START + timedelta(days=35)
    events = [one for one in every_day("a", 9, 12) if not dark[0] <= one.start_time < dark[1]]
    spans = recorded("a", START, dark[0]), recorded("a", dark[1], NOW)
    found = await expected(store(events, *spans), 8, 11, "a")
    assert isinstance(found, Forecast)
    assert found.expected == pytest.approx(12, abs=1.5)
    assert found.days == pytest.approx((NOW - START) / timedelta(days=1) - 14, abs=0.2)


async def test_a_fortnight_of_recorded_history_is_needed() -> None:
    kept = store(list(every_day("a", 9, 12)), recorded("a"))
    soon = await expected(kept, 8, 11, "a", now=START + timedelta(days=6, hours=12))
    assert isinstance(soon, TooLittleHistory)
    assert (soon.days, soon.needed) == (pytest.approx(6.5, abs=0.2), 14.0)
    later = await expected(kept, 8, 11, "a", now=START + timedelta(days=15))
    assert isinstance(later, Forecast)


async def test_a_time_of_day_that_was_never_recorded_is_not_forecast() -> None:
    days = [START + timedelta(days=one) for one in range(63)]
    spans = [recorded("a", day + 5 * HOUR, day + 19 * HOUR) for day in days]
    kept = store(list(every_day("a", 9, 12)), *spans)
    night = await expected(kept, 0, 3, "a")
    assert isinstance(night, TooLittleHistory)
    assert night.days > night.needed
    assert isinstance(await expected(kept, 8, 11, "a"), Forecast)


async def test_a_camera_that_never_reports_coverage_counts_from_its_first_event_on() -> None:
    kept = store(list(every_day("a", 9, 12)))
    found = await expected(kept, 8, 11, "a")
    assert isinstance(found, Forecast)
    assert found.expected == pytest.approx(12, abs=1.5)
    nothing = await expected(kept, 8, 11, "b")
    assert nothing == TooLittleHistory(0.0, 14.0)


async def test_a_camera_that_is_gone_makes_the_others_no_busier() -> None:
    end = START + timedelta(days=20)
    gone = [one for one in every_day("b", 9, 12) if one.start_time < end]
    kept = store([*every_day("a", 9, 12), *gone], recorded("a"), recorded("b", START, end))
    found = await expected(kept, 8, 11, "a", "b")
    assert isinstance(found, Forecast)
    assert found.expected == pytest.approx(12, abs=1.5)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Australia/Lord_Howe", "America/New_York"])
async def test_local_hours_of_any_zone_hold(zone: str) -> None:
    there = ZoneInfo(zone)
    events = list(every_day("a", 9, 12, zone=there))
    kept = store(events, recorded("a", START - timedelta(days=1)), zone=zone)
    found = await expected(kept, 9, 10, "a", zone=there)
    assert isinstance(found, Forecast)
    assert found.expected == pytest.approx(12, abs=2)


async def test_what_began_at_or_after_the_present_is_not_known() -> None:
    kept = store(list(every_day("a", 9, 12)), recorded("a"))
    now = NOW - timedelta(weeks=3)
    until_then = [one for one in kept.events if one.start_time < now]
    cut = store(until_then, recorded("a", START, now))
    assert await expected(kept, 8, 11, "a", now=now) == await expected(cut, 8, 11, "a", now=now)
