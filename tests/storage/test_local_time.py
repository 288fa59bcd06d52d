"""Instants and their local times, against the standard library."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.storage.instants import HOUR, from_us, to_us
from enhanced_prompt_service.storage.local_time import LocalTimes

ZONES = (
    "UTC",
    "America/Indiana/Indianapolis",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # changes by half an hour
    "Africa/Monrovia",  # once changed by 44 minutes and 30 seconds
    "Pacific/Apia",  # once skipped a day
)
_instants = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))
_recent = st.datetimes(datetime(1900, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_are_exact_in_every_year(instant: datetime) -> None:
    assert from_us(to_us(instant)) == instant


@pytest.mark.parametrize("name", ZONES)
@given(instant=_instants | _recent)
def test_local_parts_are_those_of_the_standard_library(name: str, instant: datetime) -> None:
    zone = ZoneInfo(name)
    clock = LocalTimes(zone)
    for near in (instant, instant + timedelta(minutes=7), instant):  # from memory as well
        local = near.astimezone(zone)
        day = (local.date() - date(1970, 1, 1)).days
        expected = day, local.hour * 60 + local.minute, local.isoweekday()
        assert clock.parts(to_us(near)) == expected


@pytest.mark.parametrize("name", ZONES)
@given(hours=st.frozensets(st.integers(-600_000, 600_000), max_size=6), jump=st.integers(0, 23))
def test_spans_cover_the_hours_and_keep_one_offset(
    name: str, hours: frozenset[int], jump: int
) -> None:
    changes = {to_us(datetime(2018, 3, 11, 7, tzinfo=UTC)) // HOUR + jump - 12}
    wanted = sorted(hours | changes)
    clock = LocalTimes(ZoneInfo(name))
    spans = clock.spans(wanted)
    assert sum(span.end_us - span.start_us for span in spans) == len(wanted) * HOUR
    for hour in wanted:
        for part in range(4):
            us = hour * HOUR + part * (HOUR // 4) + 1
            (inside,) = [span for span in spans if span.start_us <= us < span.end_us]
            assert inside.offset_us == clock.offset(us)


def test_the_ends_of_the_calendar_have_a_local_time() -> None:
    clock = LocalTimes(ZoneInfo("Pacific/Kiritimati"))
    for instant in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        _, minute, weekday = clock.parts(to_us(instant))
        assert 0 <= minute < 1440
        assert 1 <= weekday <= 7
