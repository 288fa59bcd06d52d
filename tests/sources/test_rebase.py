"""Whole days of local wall time, over changes of clocks too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event
from enhanced_prompt_service.domain.times import instant
from enhanced_prompt_service.sources.rebase import (
    Shift,
    Zones,
    latest_by_zone,
    shift_to_present,
)

NEW_YORK = ZoneInfo("America/New_York")
ZONES = Zones({"home": NEW_YORK}, ZoneInfo("UTC"))


def event(start: datetime, length: timedelta | None = None, site: str = "home") -> Event:
    return Event("e", start, site, "c", "t", None if length is None else start + length)


def wall(at: datetime) -> str:
    return at.astimezone(NEW_YORK).isoformat()


def test_nine_in_the_morning_stays_nine_in_the_morning() -> None:
    winter = event(instant(datetime(2026, 3, 1, 9), NEW_YORK), timedelta(hours=1))
    moved = Shift(14, ZONES).event(winter)  # clocks go forward on March 8
    assert wall(moved.start_time) == "2026-03-15T09:00:00-04:00"
    assert moved.end_time == moved.start_time + timedelta(hours=1)


def test_an_event_keeps_its_length_over_the_change() -> None:
    before = event(instant(datetime(2026, 3, 1, 1, 30), NEW_YORK), timedelta(hours=2))
    moved = Shift(7, ZONES).event(before)
    assert moved.end_time is not None
    assert moved.end_time - moved.start_time == timedelta(hours=2)


def test_what_falls_into_a_skipped_hour_is_at_the_change() -> None:
    moved = Shift(7, ZONES).event(event(instant(datetime(2026, 3, 1, 2, 30), NEW_YORK)))
    assert wall(moved.start_time) == "2026-03-08T03:00:00-04:00"


def test_the_second_pass_of_a_repeated_hour_stays_the_second() -> None:
    second = instant(datetime(2025, 11, 2, 1, 30), NEW_YORK, latest=True)
    moved = Shift(364, ZONES).event(event(second))  # to the next year's night
    assert wall(moved.start_time) == "2026-11-01T01:30:00-05:00"


def test_coverage_keeps_its_wall_times_and_vanishes_in_a_skipped_hour() -> None:
    def span(begin: datetime, end: datetime) -> Coverage:
        return Coverage(
            "home", "c", CoverageState.RECORDING, instant(begin, NEW_YORK), instant(end, NEW_YORK)
        )

    shift = Shift(7, ZONES)
    night = shift.coverage(span(datetime(2026, 3, 1, 1), datetime(2026, 3, 1, 5)))
    assert night is not None
    assert (wall(night.start_time)[11:16], wall(night.end_time)[11:16]) == ("01:00", "05:00")
    assert night.end_time - night.start_time == timedelta(hours=3)
    assert shift.coverage(span(datetime(2026, 3, 1, 2, 10), datetime(2026, 3, 1, 2, 50))) is None


def test_each_site_moves_in_its_own_zone_by_the_same_days() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    shift = Shift(14, ZONES)
    assert shift.event(event(at)).start_time == datetime(2026, 3, 15, 11, tzinfo=UTC)
    assert shift.event(event(at, site="x")).start_time == datetime(2026, 3, 15, 12, tzinfo=UTC)


@given(
    last=st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)),
    now=st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)),
)
def test_the_last_moment_lies_within_a_day_before_now(last: datetime, now: datetime) -> None:
    at = instant(last.replace(microsecond=0), NEW_YORK)
    present = now.replace(tzinfo=UTC)
    shift = shift_to_present(latest_by_zone([event(at)], ZONES), ZONES, present)
    moved = shift.event(event(at)).start_time
    assert moved < present
    # Up to a day and the hour by which days differ, since only whole days are moved.
    assert present - moved <= timedelta(days=1, hours=1)


def test_ends_count_and_no_zone_is_left_in_the_future() -> None:
    now = datetime(2026, 6, 10, 12, tzinfo=UTC)
    start = datetime(2026, 3, 1, 11, tzinfo=UTC)
    long = event(start, timedelta(hours=3), "x")
    shift = shift_to_present(latest_by_zone([event(start), long], ZONES), ZONES, now)
    moved = shift.event(long)
    assert moved.end_time == datetime(2026, 6, 9, 14, tzinfo=UTC)
    assert shift.days == 100


def test_recordings_of_the_future_move_back() -> None:
    future = event(datetime(2030, 1, 1, tzinfo=UTC))
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert shift_to_present(latest_by_zone([future], ZONES), ZONES, now).days < -1_400


def test_without_anything_recorded_nothing_moves() -> None:
    assert shift_to_present({}, ZONES, datetime(2026, 1, 1, tzinfo=UTC)).days == 0


def test_what_would_leave_the_calendar_overflows() -> None:
    with pytest.raises(OverflowError):
        Shift(4_000_000, ZONES).event(event(datetime(2026, 1, 1, tzinfo=UTC)))
