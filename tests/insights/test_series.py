"""What is usual: by weekday and slot, with zeros as zeros and missing as missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from enhanced_prompt_service.insights.series import WEEKS, Series
from enhanced_prompt_service.insights.slots import Grid

from .feeding import DAY, MONDAY, WEEK

UTC_GRID = Grid(ZoneInfo("UTC"), 60)


def fill(series: Series, grid: Grid, start: datetime, length: timedelta, mean: object) -> None:
    """Counts around `mean(at)`; None is a slot without coverage."""
    assert callable(mean)
    dice = np.random.default_rng(1)
    for slot in range(grid.number(start), grid.number(start + length)):
        expected = mean(grid.start(slot).astimezone(grid.zone))
        if expected is None:
            series.note(grid.place(slot), None)
        else:
            gamma = dice.gamma(1 / 0.3, 0.3)
            series.learn(grid.place(slot), int(dice.poisson(expected * gamma)), 1.0)


def usual_at(series: Series, grid: Grid, at: datetime) -> float:
    usual = series.usual(grid.place(grid.number(at)))
    assert usual is not None
    return usual.mean


def test_weekdays_and_hours_have_a_usual_of_their_own() -> None:
    def mean(local: datetime) -> float:
        return (2.0 if local.weekday() >= 5 else 20.0) * (1 if 8 <= local.hour < 18 else 0.05)

    series = Series(24)
    fill(series, UTC_GRID, MONDAY, 8 * WEEK, mean)
    at = MONDAY + 8 * WEEK
    assert 16 < usual_at(series, UTC_GRID, at + timedelta(hours=12)) < 25
    assert usual_at(series, UTC_GRID, at + timedelta(hours=2)) < 2
    assert 1.2 < usual_at(series, UTC_GRID, at + 5 * DAY + timedelta(hours=12)) < 4
    assert 0.2 < series.phi < 0.45


def test_hours_without_events_are_zeros_and_hours_without_coverage_are_not() -> None:
    zeros, missing = Series(24), Series(24)
    fill(zeros, UTC_GRID, MONDAY, 4 * WEEK, lambda at: 0.0 if at.day % 2 else 10.0)
    fill(missing, UTC_GRID, MONDAY, 4 * WEEK, lambda at: None if at.day % 2 else 10.0)
    noon = MONDAY + 4 * WEEK + timedelta(hours=12)
    assert usual_at(missing, UTC_GRID, noon) > 8
    assert usual_at(zeros, UTC_GRID, noon) < 7
    assert missing.covered < zeros.covered


def test_what_was_never_covered_has_no_usual() -> None:
    series = Series(24)
    fill(series, UTC_GRID, MONDAY, 2 * WEEK, lambda at: 5.0 if 8 <= at.hour < 12 else None)
    place = UTC_GRID.place(UTC_GRID.number(MONDAY + 2 * WEEK + timedelta(hours=20)))
    assert series.usual(place) is None


def test_one_wild_day_moves_little_and_one_incident_less() -> None:
    series = Series(24)
    fill(series, UTC_GRID, MONDAY, 6 * WEEK, lambda at: 10.0)
    noon = MONDAY + 6 * WEEK + timedelta(hours=12)
    before = usual_at(series, UTC_GRID, noon)
    place = UTC_GRID.place(UTC_GRID.number(noon))
    series.learn(place, 900, 1.0, unusual=True)
    assert usual_at(series, UTC_GRID, noon + WEEK) < 1.4 * before
    assert series.phi < 0.6


def test_history_of_more_than_12_weeks_is_forgotten_also_when_weeks_were_skipped() -> None:
    series = Series(24)
    fill(series, UTC_GRID, MONDAY, 2 * WEEK, lambda at: 50.0)
    fill(series, UTC_GRID, MONDAY + (WEEKS - 1) * WEEK, WEEK, lambda at: 5.0)
    now = MONDAY + WEEKS * WEEK + timedelta(hours=12)
    assert usual_at(series, UTC_GRID, now + WEEK) < 8
    assert series.usual(UTC_GRID.place(UTC_GRID.number(now + 40 * WEEK))) is None


def test_the_repeated_hour_shares_its_usual_and_the_skipped_one_has_no_slot() -> None:
    grid = Grid(ZoneInfo("Europe/London"), 15)
    autumn = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 1:30, and an hour later 1:30 again
    first = grid.place(grid.number(autumn))
    second = grid.place(grid.number(autumn + timedelta(hours=1)))
    assert first == second
    assert grid.number(autumn) != grid.number(autumn + timedelta(hours=1))
    night = [
        grid.place(grid.number(datetime(2026, 3, 29, tzinfo=UTC)) + number).index
        for number in range(8)
    ]
    assert night == [0, 1, 2, 3, 8, 9, 10, 11]  # 0:45 is followed by 2:00

    series = Series(96)
    series.learn(first, 4, 1.0)
    series.learn(second, 8, 1.0)
    assert usual_at(series, grid, autumn + WEEK + timedelta(hours=1)) == pytest.approx(6, abs=1.5)


def test_a_stored_series_goes_on_as_if_it_had_not_been_stored() -> None:
    series = Series(24)
    fill(series, UTC_GRID, MONDAY, 5 * WEEK, lambda at: 10.0 + at.hour)
    state = json.dumps(series.dump())
    again = Series.load(json.loads(state))
    at = MONDAY + 5 * WEEK
    for one in (series, again):
        fill(one, UTC_GRID, at, 3 * DAY, lambda at: 10.0 + at.hour)
    noon = at + 3 * DAY + timedelta(hours=12)
    place = UTC_GRID.place(UTC_GRID.number(noon))
    assert series.usual(place) == again.usual(place)
    assert series.dump() == again.dump()
    assert len(state) < 8_000
