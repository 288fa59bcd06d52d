"""The time phrases' gold: enough of them, in enough zones, over every kind of change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from enhanced_prompt_service.domain.times import DailyRange, RecurringMask
from tests.eval.gold import HERE, Mask, to_instant
from tests.eval.phrases import Phrase, compare, read_phrases

PHRASES = read_phrases(HERE / "time_phrases.toml")


def test_there_are_200_phrases_in_5_zones_and_none_stands_twice() -> None:
    assert len(PHRASES) >= 200
    assert len({one.zone.key for one in PHRASES}) >= 5
    assert len({(one.text, one.now, one.zone.key) for one in PHRASES}) == len(PHRASES)


def test_windows_are_never_empty_and_end_by_now() -> None:
    wrong = [one.text for one in PHRASES if not one.start < one.end <= one.now]
    assert wrong == []


def test_both_nights_of_dst_change_are_among_them_in_several_zones() -> None:
    shifts: dict[str, set[timedelta]] = {}
    for one in PHRASES:
        if one.end - one.start < timedelta(hours=26):
            ends = (at.astimezone(one.zone).utcoffset() for at in (one.start, one.end))
            before, after = (offset or timedelta() for offset in ends)
            shifts.setdefault(one.zone.key, set()).add(after - before)
    hour = timedelta(hours=1)
    both = [zone for zone, found in shifts.items() if {hour, -hour} <= found]
    assert len(both) >= 3


@pytest.mark.parametrize(
    ("wall", "end", "expected"),
    [
        ("2024-07-01T10:00", False, "2024-07-01T14:00"),
        ("2024-11-03T01:30", False, "2024-11-03T05:30"),  # repeated: the first pass
        ("2024-11-03T01:30", True, "2024-11-03T06:30"),  # repeated: the second, for an end
        ("2024-03-10T02:30", False, "2024-03-10T07:00"),  # skipped: the moment of the change
        ("2024-03-10T02:30-05:00", False, "2024-03-10T07:30"),
    ],
)
def test_a_wall_time_becomes_an_instant(wall: str, end: bool, expected: str) -> None:
    found = to_instant(wall, ZoneInfo("America/New_York"), end=end)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


NIGHTS = Phrase(
    "x",
    "every night this week",
    datetime(2024, 11, 3, 17, tzinfo=UTC),
    ZoneInfo("America/New_York"),
    datetime(2024, 10, 28, 4, tzinfo=UTC),
    datetime(2024, 11, 3, 17, tzinfo=UTC),
    Mask.of(["22:00-06:00"], []),
)


def test_a_mask_written_in_another_way_is_right() -> None:
    halves = RecurringMask((DailyRange(22 * 60, 1440), DailyRange(0, 6 * 60)))
    assert compare(NIGHTS, NIGHTS.start, NIGHTS.end, halves) == ""


@pytest.mark.parametrize(
    "mask",
    [
        None,
        RecurringMask((DailyRange(22 * 60, 7 * 60),)),
        RecurringMask((DailyRange(22 * 60, 6 * 60),), frozenset({1, 2, 3, 4, 5})),
    ],
)
def test_another_mask_is_wrong(mask: RecurringMask | None) -> None:
    assert "mask" in compare(NIGHTS, NIGHTS.start, NIGHTS.end, mask)


def test_another_window_is_wrong() -> None:
    later = NIGHTS.start + timedelta(hours=1)
    assert "window" not in compare(NIGHTS, later, NIGHTS.end, None)
    assert compare(NIGHTS, later, NIGHTS.end, None).startswith("expected 2024-10-28")
