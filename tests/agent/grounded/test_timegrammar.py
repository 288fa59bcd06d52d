"""What time phrases mean, read on Thursday 16 May 2024, 15:30, in Vienna."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.agent.grounded.timegrammar import TimeResult, parse
from enhanced_prompt_service.domain.catalogue import DayParts
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask, instant

VIENNA = ZoneInfo("Europe/Vienna")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
NOW = datetime(2024, 5, 16, 15, 30, tzinfo=VIENNA)


def read(text: str, now: datetime = NOW, zone: ZoneInfo = VIENNA) -> TimeResult:
    found = parse(text, now=now, zone=zone)
    assert found is not None, f"{text!r} names no time"
    return found


def window(text: str) -> tuple[str, str]:
    """Start and end on the wall, minutes."""
    found = read(text)
    assert found.interval is not None, found.why
    return tuple(
        f"{at.astimezone(VIENNA):%Y-%m-%d %H:%M}"
        for at in (found.interval.start, found.interval.end)
    )  # pyright: ignore[reportReturnType]


PHRASES = {
    "today": ("2024-05-16 00:00", "2024-05-16 15:30"),
    "so far today": ("2024-05-16 00:00", "2024-05-16 15:30"),
    "yesterday": ("2024-05-15 00:00", "2024-05-16 00:00"),
    "the day before yesterday": ("2024-05-14 00:00", "2024-05-15 00:00"),
    "last night": ("2024-05-15 22:00", "2024-05-16 06:00"),
    "overnight": ("2024-05-15 22:00", "2024-05-16 06:00"),
    "during the night": ("2024-05-15 22:00", "2024-05-16 06:00"),
    "Friday night": ("2024-05-10 22:00", "2024-05-11 06:00"),
    "this morning": ("2024-05-16 06:00", "2024-05-16 12:00"),
    "early this morning": ("2024-05-16 06:00", "2024-05-16 09:00"),
    "yesterday evening": ("2024-05-15 18:00", "2024-05-15 22:00"),
    "over the weekend": ("2024-05-11 00:00", "2024-05-13 00:00"),
    "this week": ("2024-05-13 00:00", "2024-05-16 15:30"),
    "last week": ("2024-05-06 00:00", "2024-05-13 00:00"),
    "the past week": ("2024-05-09 15:30", "2024-05-16 15:30"),
    "in the last week": ("2024-05-09 15:30", "2024-05-16 15:30"),
    "the week before last": ("2024-04-29 00:00", "2024-05-06 00:00"),
    "past 90 minutes": ("2024-05-16 14:00", "2024-05-16 15:30"),
    "the last hour and a half": ("2024-05-16 14:00", "2024-05-16 15:30"),
    "in the last 24h": ("2024-05-15 15:30", "2024-05-16 15:30"),
    "last month": ("2024-04-01 00:00", "2024-05-01 00:00"),
    "since Monday": ("2024-05-13 00:00", "2024-05-16 15:30"),
    "from Tuesday on": ("2024-05-14 00:00", "2024-05-16 15:30"),
    "since 9 am": ("2024-05-16 09:00", "2024-05-16 15:30"),
    "on Thursday": ("2024-05-16 00:00", "2024-05-16 15:30"),
    "last Thursday": ("2024-05-09 00:00", "2024-05-10 00:00"),
    "Wednesday last week": ("2024-05-08 00:00", "2024-05-09 00:00"),
    "on the 14th": ("2024-05-14 00:00", "2024-05-15 00:00"),
    "on the 20th": ("2024-04-20 00:00", "2024-04-21 00:00"),
    "May 3rd": ("2024-05-03 00:00", "2024-05-04 00:00"),
    "3 May 2024": ("2024-05-03 00:00", "2024-05-04 00:00"),
    "5/3": ("2024-05-03 00:00", "2024-05-04 00:00"),
    "13/5/2024": ("2024-05-13 00:00", "2024-05-14 00:00"),
    "3.5.2024": ("2024-05-03 00:00", "2024-05-04 00:00"),
    "2024-05-03": ("2024-05-03 00:00", "2024-05-04 00:00"),
    "20240503": ("2024-05-03 00:00", "2024-05-04 00:00"),
    "between Jan 3 and Jan 5": ("2024-01-03 00:00", "2024-01-06 00:00"),
    "May 3 through 9": ("2024-05-03 00:00", "2024-05-10 00:00"),
    "from the 3rd to the 9th of May": ("2024-05-03 00:00", "2024-05-10 00:00"),
    "3 to 9 May": ("2024-05-03 00:00", "2024-05-10 00:00"),
    "Dec 30 to Jan 2": ("2023-12-30 00:00", "2024-01-03 00:00"),
    "from Monday to Wednesday": ("2024-05-13 00:00", "2024-05-16 00:00"),
    "in March": ("2024-03-01 00:00", "2024-04-01 00:00"),
    "March 2023": ("2023-03-01 00:00", "2023-04-01 00:00"),
    "in 2023": ("2023-01-01 00:00", "2024-01-01 00:00"),
    "2 to 3 pm": ("2024-05-16 14:00", "2024-05-16 15:00"),
    "4 to 5 pm": ("2024-05-15 16:00", "2024-05-15 17:00"),
    "2 to 4 pm": ("2024-05-16 14:00", "2024-05-16 15:30"),
    "11 to 1 pm": ("2024-05-16 11:00", "2024-05-16 13:00"),
    "10 to 11 this morning": ("2024-05-16 10:00", "2024-05-16 11:00"),
    "between 4 and 5 yesterday afternoon": ("2024-05-15 16:00", "2024-05-15 17:00"),
    "between 22:00 and 06:00": ("2024-05-15 22:00", "2024-05-16 06:00"),
    "yesterday between 10 pm and 2 am": ("2024-05-15 22:00", "2024-05-16 02:00"),
    "last night between 1 and 3": ("2024-05-16 01:00", "2024-05-16 03:00"),
    "last night before midnight": ("2024-05-15 22:00", "2024-05-16 00:00"),
    "yesterday after 6pm": ("2024-05-15 18:00", "2024-05-16 00:00"),
    "before 10 am yesterday": ("2024-05-15 00:00", "2024-05-15 10:00"),
    "after 3 pm": ("2024-05-16 15:00", "2024-05-16 15:30"),
    "by 9 am": ("2024-05-16 00:00", "2024-05-16 09:00"),
    "around noon": ("2024-05-16 11:30", "2024-05-16 12:30"),
    "about 3 p.m. yesterday": ("2024-05-15 14:30", "2024-05-15 15:30"),
    "at 2:14 pm on May 8": ("2024-05-08 14:04", "2024-05-08 14:24"),
    "at 9:30": ("2024-05-16 09:20", "2024-05-16 09:40"),
    "half past nine in the evening on Monday": ("2024-05-13 21:20", "2024-05-13 21:40"),
    "a quarter to five yesterday afternoon": ("2024-05-15 16:35", "2024-05-15 16:55"),
    "two hours ago": ("2024-05-16 13:20", "2024-05-16 13:40"),
    "3 days ago": ("2024-05-13 00:00", "2024-05-14 00:00"),
    "a week ago": ("2024-05-09 00:00", "2024-05-10 00:00"),
    "first half of last week": ("2024-05-06 00:00", "2024-05-09 12:00"),
    "the second half of yesterday": ("2024-05-15 12:00", "2024-05-16 00:00"),
    "the last hour of Monday": ("2024-05-13 23:00", "2024-05-14 00:00"),
    "the first two hours of yesterday": ("2024-05-15 00:00", "2024-05-15 02:00"),
    "the hour before noon": ("2024-05-16 11:00", "2024-05-16 12:00"),
    "first Monday of May": ("2024-05-06 00:00", "2024-05-07 00:00"),
    "the same day last week": ("2024-05-09 00:00", "2024-05-10 00:00"),
    "2024-05-08T14:14:00+02:00": ("2024-05-08 14:04", "2024-05-08 14:24"),
    "2024-05-08T12:00Z to 2024-05-08T13:30Z": ("2024-05-08 14:00", "2024-05-08 15:30"),
    "from May 8 at 2 pm to May 9 at 3 pm": ("2024-05-08 14:00", "2024-05-09 15:00"),
    "from yesterday 6 pm to this morning": ("2024-05-15 18:00", "2024-05-16 12:00"),
    "right now": ("2024-05-16 15:20", "2024-05-16 15:30"),
    "Thursday, May 9": ("2024-05-09 00:00", "2024-05-10 00:00"),
    "yesteday mornign": ("2024-05-15 06:00", "2024-05-15 12:00"),
    "on Monday and Tuesday": ("2024-05-13 00:00", "2024-05-15 00:00"),
    "week to date": ("2024-05-13 00:00", "2024-05-16 15:30"),
    "new year's eve": ("2023-12-31 00:00", "2024-01-01 00:00"),
}


@pytest.mark.parametrize("text", PHRASES)
def test_a_phrase_means_its_window(text: str) -> None:
    assert window(text) == PHRASES[text]


NIGHT = DailyRange(22 * 60, 6 * 60)
MASKS = {
    "between 22:00 and 06:00 in the last 7 days": RecurringMask((NIGHT,)),
    "every morning this week": RecurringMask((DailyRange(360, 720),)),
    "nights last week": RecurringMask((NIGHT,)),
    "every Friday night in April": RecurringMask((NIGHT,), frozenset({5})),
    "weekday mornings in April": RecurringMask((DailyRange(360, 720),), frozenset({1, 2, 3, 4, 5})),
    "on weekends this month": RecurringMask((), frozenset({6, 7})),
    "Mondays and Fridays in April": RecurringMask((), frozenset({1, 5})),
    "each day from 8 to 9 in the last 5 days": RecurringMask((DailyRange(480, 540),)),
    "after 10 pm last week": RecurringMask((DailyRange(1320, 1440),)),
    "after hours last week": RecurringMask((DailyRange(17 * 60, 9 * 60),)),
    "outside of business hours last week": RecurringMask((DailyRange(17 * 60, 9 * 60),)),
    "during office hours last week": RecurringMask(
        (DailyRange(9 * 60, 17 * 60),), frozenset({1, 2, 3, 4, 5})
    ),
}


@pytest.mark.parametrize("text", MASKS)
def test_what_repeats_is_a_mask_over_the_whole_window(text: str) -> None:
    found = read(text)
    assert found.mask == MASKS[text]
    assert found.interval is not None
    assert found.interval.seconds > 3 * 86400


def test_what_repeats_without_a_window_is_of_the_last_seven_days() -> None:
    found = read("every night")
    assert found.interval == Interval(NOW - timedelta(days=7), NOW)


NO_TIME = (
    "how many people came through the loading dock",
    "between 2 and 3 people",
    "for more than 5 minutes",
    "when did a vehicle last reverse",
    "the first vehicle",
    "he sat down",
    "may I ask",
    "the last 5 events",
    "G330",
    "camera 3",
    "cam 12 and 13",
    "the second camera",
    "3 out of 5",
    "",
    "?!",
)


@pytest.mark.parametrize("text", NO_TIME)
def test_what_is_no_time_is_left_alone(text: str) -> None:
    assert parse(text, now=NOW, zone=VIENNA) is None


PROBLEMS = {
    "tomorrow": "future",
    "next week": "future",
    "tonight": "future",
    "at 6 pm today": "future",
    "in 2031": "future",
    "31 February": "impossible",
    "on February 30th": "impossible",
    "at 25:00": "impossible",
    "2024-13-45": "impossible",
    "in the year 1": "out_of_range",
    "in the year 9999": "future",
    "after 5 pm before 3 pm today": "contradiction",
    "last night at 3 pm": "contradiction",
    "Friday, May 9": "contradiction",
    "the day before": "needs_anchor",
    "yesterday tomorrow": "contradiction",
}


@pytest.mark.parametrize("text", PROBLEMS)
def test_what_cannot_be_is_said_and_not_guessed(text: str) -> None:
    found = read(text)
    assert found.problem == PROBLEMS[text]
    assert found.why.endswith(".")
    assert not found.windows


def test_a_weekday_of_the_future_tense_lies_ahead() -> None:
    assert read("who will come on Saturday").problem == "future"


def test_the_words_that_were_taken_are_told() -> None:
    found = read("How many people came between 2 and 3 pm yesterday?")
    assert found.spans == ((4, 10),)


def test_what_lies_ahead_is_cut_and_told() -> None:
    assert read("today").cut
    assert not read("yesterday").cut


def test_day_parts_are_those_of_the_site() -> None:
    parts = DayParts(morning=DailyRange(4 * 60, 11 * 60))
    found = parse("this morning", now=NOW, zone=VIENNA, day_parts=parts)
    assert found is not None
    assert found.interval == Interval(NOW.replace(hour=4, minute=0), NOW.replace(hour=11, minute=0))


def test_business_hours_are_those_of_the_site() -> None:
    hours = RecurringMask((DailyRange(480, 1080),), frozenset({1, 2, 3, 4, 5, 6}))
    inside = parse("business hours last week", now=NOW, zone=VIENNA, business_hours=hours)
    outside = parse("after hours last week", now=NOW, zone=VIENNA, business_hours=hours)
    assert inside is not None
    assert outside is not None
    assert inside.mask == hours
    assert outside.mask == RecurringMask((DailyRange(1080, 480),))


ANCHOR = Interval(datetime(2024, 5, 8, 14, tzinfo=VIENNA), datetime(2024, 5, 8, 15, tzinfo=VIENNA))
ANCHORED = {
    "the day before": ("2024-05-07 14:00", "2024-05-07 15:00"),
    "the same day last week": ("2024-05-01 00:00", "2024-05-02 00:00"),
    "same time the day before": ("2024-05-07 14:00", "2024-05-07 15:00"),
    "an hour earlier": ("2024-05-08 13:00", "2024-05-08 14:00"),
    "the week before": ("2024-04-29 00:00", "2024-05-06 00:00"),
    "the same hours on Monday": ("2024-05-13 14:00", "2024-05-13 15:00"),
}


@pytest.mark.parametrize("text", ANCHORED)
def test_a_phrase_can_be_counted_from_the_window_before(text: str) -> None:
    found = parse(text, now=NOW, zone=VIENNA, anchor=ANCHOR)
    assert found is not None
    assert found.interval is not None
    got = [f"{at.astimezone(VIENNA):%Y-%m-%d %H:%M}" for at in
           (found.interval.start, found.interval.end)]  # fmt: skip
    assert tuple(got) == ANCHORED[text]


# ---- the nights of the changes of clocks --------------------------------------------------------


def changes(zone: ZoneInfo, first: int = 2010, last: int = 2030) -> list[date]:
    """Local dates on which a zone's offset changes."""
    found: list[date] = []
    day = date(first, 1, 1)
    while day.year <= last:
        start = datetime(day.year, day.month, day.day, tzinfo=zone)
        following = day + timedelta(days=1)
        end = datetime(following.year, following.month, following.day, tzinfo=zone)
        if start.utcoffset() != end.utcoffset():
            found.append(day)
        day = following
    return found


DST_NIGHTS = [(zone, day) for zone in (NEW_YORK, VIENNA, LORD_HOWE) for day in changes(zone)]


@pytest.mark.parametrize(("zone", "day"), DST_NIGHTS, ids=lambda one: str(one))
def test_on_the_day_of_a_change_windows_have_their_real_length(zone: ZoneInfo, day: date) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    start = instant(datetime(day.year, day.month, day.day), zone)
    after = day + timedelta(days=1)
    end = instant(datetime(after.year, after.month, after.day), zone)
    next_noon = noon + timedelta(days=1)
    whole = parse("yesterday", now=next_noon, zone=zone)
    assert whole is not None
    assert whole.interval == Interval(start, end)
    rolling = parse("the last 24 hours", now=next_noon, zone=zone)
    assert rolling is not None
    assert rolling.interval is not None
    assert rolling.interval.seconds == 86400
    night = parse("last night", now=noon, zone=zone)
    assert night is not None
    assert night.interval is not None
    before = day - timedelta(days=1)
    assert night.interval.start == instant(
        datetime(before.year, before.month, before.day, 22), zone
    )
    assert night.interval.end == instant(datetime(day.year, day.month, day.day, 6), zone)


@pytest.mark.parametrize(("zone", "day"), DST_NIGHTS[::7], ids=lambda one: str(one))
def test_a_mask_over_a_change_counts_each_minute_once(zone: ZoneInfo, day: date) -> None:
    now = datetime(day.year, day.month, day.day, 12, tzinfo=zone) + timedelta(days=1)
    found = parse("between 00:30 and 03:15 in the last 3 days", now=now, zone=zone)
    assert found is not None
    assert found.mask is not None
    assert found.interval is not None
    pieces = found.mask.intervals(found.interval, zone)
    minutes = 0
    at = found.interval.start
    while at < found.interval.end:
        minutes += found.mask.contains(at.astimezone(zone).replace(tzinfo=None))
        at += timedelta(minutes=1)
    assert sum(one.seconds for one in pieces) == 60 * minutes


def test_a_range_in_the_repeated_hour_holds_both_passes() -> None:
    now = datetime(2024, 11, 3, 12, tzinfo=NEW_YORK)
    found = parse("between 1 and 2 am", now=now, zone=NEW_YORK)
    assert found is not None
    assert found.interval is not None
    assert found.interval.seconds == 7200


def test_a_range_that_the_clocks_skipped_did_not_happen() -> None:
    now = datetime(2024, 3, 10, 12, tzinfo=NEW_YORK)
    found = parse("between 2 and 3 am", now=now, zone=NEW_YORK)
    assert found is not None
    assert found.problem == "impossible"


# ---- properties ---------------------------------------------------------------------------------

DAYS = st.sampled_from(
    ["today", "yesterday", "on Monday", "last Friday", "on the 9th", "May 2", "last week",
     "this month", "over the weekend", "2024-04-28", "in the last 10 days"]
)  # fmt: skip
CLOCKS = st.sampled_from(
    ["between 2 and 3 pm", "from 9:15 to 11:45", "after 6pm", "before 10 am", "in the morning",
     "at 7:05", "around noon", "between 22:00 and 06:00", "at night", "from 9 to 5"]
)  # fmt: skip
NOWS = st.datetimes(min_value=datetime(2023, 6, 1), max_value=datetime(2026, 12, 31))
ZONES = st.sampled_from([VIENNA, NEW_YORK, LORD_HOWE, ZoneInfo("Asia/Kathmandu")])


@given(day=DAYS, clock=CLOCKS, now=NOWS, zone=ZONES)
def test_windows_are_never_empty_inverted_or_ahead(
    day: str, clock: str, now: datetime, zone: ZoneInfo
) -> None:
    present = now.replace(tzinfo=UTC)
    found = parse(f"{day} {clock}", now=present, zone=zone)
    assert found is not None
    assert bool(found.windows) != bool(found.problem)
    for one in found.windows:
        assert one.start < one.end <= present
    for left, right in zip(found.windows, found.windows[1:], strict=False):
        assert left.end < right.start


@given(day=DAYS, clock=CLOCKS, now=NOWS, zone=ZONES)
def test_word_order_does_not_matter(day: str, clock: str, now: datetime, zone: ZoneInfo) -> None:
    assume(not (clock.endswith("5") and day.startswith("May")))  # "5 May 2" can be read twice
    present = now.replace(tzinfo=UTC)
    orders = (
        f"{day} {clock}",
        f"{clock} {day}",
        f"{clock}, how many came {day}?",
        f"{day}: what happened {clock}?",
    )
    readings = {
        (one.windows, one.mask, one.problem)
        for text in orders
        if (one := parse(text, now=present, zone=zone)) is not None
    }
    assert len(readings) == 1


SOUP = """
today yesterday last next this every past first half of the 14th March 31 2 to 3 pm am : between
and from until since before after around at noon midnight morning night week month hour hours
minutes ago 2024 - / 05 08 T 14 00 Z + day days weekend weekdays Monday friday same time early late
mid end start now recently 9999 1 00 week's o'clock quarter past half a an second couple in on by
tomorrow year year's 12 30 99 tonight business hours outside ( ) 🎥
"""
WORDS = st.sampled_from(sorted(set(SOUP.split())))


@settings(max_examples=400)
@given(words=st.lists(WORDS, max_size=14), now=NOWS, zone=ZONES)
def test_no_row_of_time_words_raises(words: list[str], now: datetime, zone: ZoneInfo) -> None:
    found = parse(" ".join(words), now=now.replace(tzinfo=UTC), zone=zone)
    assert found is None or bool(found.windows) or found.problem or found.all_time


@given(text=st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    parse(text, now=NOW, zone=VIENNA)


@pytest.mark.parametrize("year", [1, 2, 1900, 9998, 9999])
@pytest.mark.parametrize("text", ["yesterday", "last year", "in the last 3 months", "next year",
                                  "since 1971", "every night", "Feb 29"])  # fmt: skip
def test_far_years_are_no_exception(text: str, year: int) -> None:
    for zone in (VIENNA, NEW_YORK):
        for now in (datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC)):
            parse(text, now=now, zone=zone)
