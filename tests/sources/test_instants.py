"""Moments that others wrote down."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.sources.instants import NotAMoment, read_instant

INDIANA = ZoneInfo("America/Indiana/Indianapolis")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2018-03-05T13:10:00.366", "2018-03-05T18:10:00.366000+00:00"),
        ("2018-03-05 13:10", "2018-03-05T18:10:00+00:00"),
        ("20180305T131000", "2018-03-05T18:10:00+00:00"),
        ("2018-03-05T13:10:00Z", "2018-03-05T13:10:00+00:00"),
        ("2018-03-05T13:10:00+01:00", "2018-03-05T12:10:00+00:00"),
        (1520273400, "2018-03-05T18:10:00+00:00"),
        (1520273400.25, "2018-03-05T18:10:00.250000+00:00"),
        ("1520273400.25", "2018-03-05T18:10:00.250000+00:00"),
        (1520273400250, "2018-03-05T18:10:00.250000+00:00"),
        (1520273400250001, "2018-03-05T18:10:00.250001+00:00"),
        (1520273400250001999, "2018-03-05T18:10:00.250001+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_text_and_numbers_name_the_same_moments(value: object, expected: str) -> None:
    assert read_instant(value, INDIANA).isoformat() == expected


def test_the_first_of_two_passes_is_meant_when_clocks_go_back() -> None:
    assert read_instant("2026-11-01T01:30", NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_a_skipped_hour_is_the_moment_of_the_change() -> None:
    assert read_instant("2026-03-08T02:30", NEW_YORK) == datetime(2026, 3, 8, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2018-03-05", "date without"),
        ("yesterday", "not ISO 8601"),
        ("03/05/2018 13:10", "not ISO 8601"),
        ("", "empty"),
        (None, "neither"),
        (True, "neither"),
        ([], "neither"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (-1e300, "years 1 to 9999"),
        ("0001-01-01T00:00:00+14:00", "years 1 to 9999"),
        ("9999-12-31T23:00:00", "years 1 to 9999"),
    ],
)
def test_what_is_no_moment_says_why(value: object, reason: str) -> None:
    with pytest.raises(NotAMoment, match=reason):
        read_instant(value, INDIANA)


def test_local_time_without_a_zone_is_refused() -> None:
    with pytest.raises(NotAMoment, match="no time zone is known"):
        read_instant("2018-03-05T13:10:00", None)


@given(
    st.one_of(
        st.text(), st.integers(), st.floats(), st.datetimes().map(str), st.from_regex(r"-?\d{1,25}")
    )
)
def test_any_value_is_a_moment_or_says_why_not(value: object) -> None:
    try:
        found = read_instant(value, NEW_YORK)
    except NotAMoment:
        return
    assert found.tzinfo is UTC
