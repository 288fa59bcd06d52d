"""Clock times and parts of the day: which seconds of the day they are.

Seconds count from the local midnight of the day that a time belongs to; what runs over midnight
ends beyond 86,400, and the small hours of a night lie there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enhanced_prompt_service.domain.times import MINUTES_A_DAY, DailyRange

from .context import CannotBe, Context
from .elements import DAY_SECONDS, ClockPoint, ClockRange, ClockTime, Part, Sure

HALF_DAY = DAY_SECONDS // 2
_DAYTIME_HOURS = range(7, 12)  # a bare hour of these is meant in the morning, others after noon


@dataclass(frozen=True, slots=True)
class DayTime:
    """A stretch of the day in seconds; `point` is the moment that it was made around.

    `from_start` and `to_end` say that an end was left open by the phrase.
    """

    start: int
    end: int
    point: int | None = None
    slack_minutes: int = 0
    open_start: bool = False
    open_end: bool = False
    clocked: bool = True
    assumption: str = ""

    def daily(self) -> DailyRange | None:
        """As a range of a mask, in whole minutes; None where it is the whole day."""
        if self.end - self.start >= DAY_SECONDS:
            return None
        start = self.start // 60 % MINUTES_A_DAY
        end = -(-self.end // 60) % MINUTES_A_DAY or MINUTES_A_DAY
        return None if start == end else DailyRange(start, end)


def part_seconds(part: Part, ctx: Context) -> tuple[int, int]:
    """Where a part of the day lies."""
    named = {
        "morning": ctx.parts.morning,
        "afternoon": ctx.parts.afternoon,
        "evening": ctx.parts.evening,
        "night": ctx.parts.night,
    }.get(part.name)
    if named is not None:
        start, end = named.start_minute * 60, named.end_minute * 60
    elif part.name == "tonight":
        start, end = ctx.parts.evening.start_minute * 60, ctx.parts.night.end_minute * 60
    elif part.name == "small hours":
        start, end = 0, ctx.parts.morning.start_minute * 60
    elif part.name == "lunchtime":
        start, end = 12 * 3600, 14 * 3600
    else:  # daytime
        start, end = ctx.parts.morning.start_minute * 60, ctx.parts.afternoon.end_minute * 60
    if end <= start:
        end += DAY_SECONDS
    if part.shape == "early":
        end = start + (end - start) // 2
    elif part.shape == "late":
        start += (end - start) // 2
    elif part.shape == "mid":
        third = (end - start) // 3
        start, end = start + third, end - third
    return start, end


def _reach(part: Part, ctx: Context) -> tuple[int, int]:
    """Where clock times said with a part of the day lie: "5 in the morning", "11 at night"."""
    start, end = part_seconds(Part(part.name), ctx)
    match part.name:
        case "morning":
            return 0, max(end, HALF_DAY)
        case "afternoon":
            return HALF_DAY, end + 2 * 3600
        case "evening":
            return start - 2 * 3600, DAY_SECONDS
        case "night" | "tonight":
            return 18 * 3600, end + 3600
        case _:
            return start, end


def day_times(
    clocks: Sequence[ClockPoint | ClockRange], parts: Sequence[Part], ctx: Context
) -> list[DayTime]:
    """The stretches of the day that clock times and parts of the day mean together.

    One part with clock times tells morning from evening ("between 4 and 5 in the afternoon") and
    bounds what is open ("this morning after 9"). Raises CannotBe when they contradict each other.
    """
    ranges = _closed(clocks)
    if not ranges:
        return [DayTime(*part_seconds(part, ctx), clocked=False) for part in parts]
    part = parts[0] if parts else None
    return [
        _point(one, part, ctx) if isinstance(one, ClockPoint) else _range(one, part, ctx)
        for one in ranges
    ]


def _closed(clocks: Sequence[ClockPoint | ClockRange]) -> list[ClockPoint | ClockRange]:
    """ "after 5 pm" and "before 8 pm" together are one range."""
    lower = [c for c in clocks if isinstance(c, ClockRange) and c.end is None]
    upper = [c for c in clocks if isinstance(c, ClockRange) and c.start is None]
    if len(lower) != 1 or len(upper) != 1:
        return list(clocks)
    start, end = lower[0].start, upper[0].end
    assert start is not None
    assert end is not None
    rest = [c for c in clocks if c is not lower[0] and c is not upper[0]]
    if start.sure is not Sure.BARE and end.sure is not Sure.BARE and start.second >= end.second:
        overnight = start.second >= 17 * 3600 and end.second <= HALF_DAY
        if not overnight and end.second != 0:
            raise CannotBe(
                "contradiction",
                f"No time is both after {say_clock(start)} and before {say_clock(end)}.",
            )
    return [*rest, ClockRange(start, end)]


def say_clock(time: ClockTime) -> str:
    """A clock time on the 24-hour clock."""
    hours, rest = divmod(time.second, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours:02d}:{minutes:02d}" + (f":{seconds:02d}" if seconds else "")


def _within(time: ClockTime, part: Part, ctx: Context) -> int:
    """The reading of a clock time that lies in a part of the day."""
    low, high = _reach(part, ctx)
    exact_low, exact_high = part_seconds(part, ctx)
    readings = [time.second]
    if time.sure in (Sure.SOFT, Sure.BARE):
        readings.append((time.second + HALF_DAY) % DAY_SECONDS)
    if part.name in ("night", "tonight"):
        readings += [one + DAY_SECONDS for one in readings]
    for lower, upper in ((exact_low, exact_high), (low, high)):
        for one in readings:
            if lower <= one < upper:
                return one
    if time.sure in (Sure.SOFT, Sure.BARE):
        return _alone(time)
    name = part.name if part.name != "tonight" else "night"
    raise CannotBe("contradiction", f"{say_clock(time)} is not in the {name}.")


def _alone(time: ClockTime) -> int:
    """A clock time that nothing else explains: the 24-hour clock, a bare hour by day."""
    if time.sure is not Sure.BARE or time.second // 3600 in _DAYTIME_HOURS:
        return time.second
    return time.second if time.second >= HALF_DAY else time.second + HALF_DAY


def _point(clock: ClockPoint, part: Part | None, ctx: Context) -> DayTime:
    at = _alone(clock.at) if part is None else _within(clock.at, part, ctx)
    slack = clock.slack_minutes * 60
    note = _note(clock.at, at) if part is None else ""
    return DayTime(at - slack, at + slack, at, slack_minutes=clock.slack_minutes, assumption=note)


def _note(said: ClockTime, read: int) -> str:
    if said.sure is not Sure.BARE:
        return ""
    hour = said.second // 3600
    return f"read {hour} as {say_clock(ClockTime(read % DAY_SECONDS))}"


def _range(clock: ClockRange, part: Part | None, ctx: Context) -> DayTime:
    one, two = clock.start, clock.end
    if one is None or two is None:
        return _half_open(one, two, part, ctx)
    if part is not None:
        start, end = _within(one, part, ctx), _within(two, part, ctx) if two.second else 0
    else:
        start, end = _paired(one, two)
    if end <= start:
        end += DAY_SECONDS
    if end <= start:
        end += DAY_SECONDS
    note = ""
    if part is None and one.sure is Sure.BARE and two.sure is Sure.BARE:
        first, last = ClockTime(start), ClockTime(end % DAY_SECONDS)
        note = f"read it as {say_clock(first)} to {say_clock(last)}"
    return DayTime(start, end, assumption=note)


def _paired(one: ClockTime, two: ClockTime) -> tuple[int, int]:
    """Each end of a range tells the half of the day that the other left open.

    "2 to 3 pm" is pm twice, "11 to 1 pm" begins before noon: of its readings a start takes the
    last one before the end, an end the first one after the start.
    """
    soft = (Sure.SOFT, Sure.BARE)
    open_one = one.sure is Sure.BARE or (one.sure is Sure.SOFT and two.sure is Sure.HALF)
    open_two = two.sure is Sure.BARE or (two.sure is Sure.SOFT and one.sure is Sure.HALF)
    if open_one and two.sure not in soft:
        readings = (one.second % HALF_DAY, one.second % HALF_DAY + HALF_DAY)
        end = two.second or DAY_SECONDS
        return min(readings, key=lambda at: (end - at - 1) % DAY_SECONDS), two.second
    start = _alone(one)
    if open_two or (one.sure is Sure.BARE and two.sure in soft):
        readings = (two.second % HALF_DAY, two.second % HALF_DAY + HALF_DAY)
        return start, min(readings, key=lambda at: (at - start - 1) % DAY_SECONDS)
    return start, two.second


def _half_open(
    one: ClockTime | None, two: ClockTime | None, part: Part | None, ctx: Context
) -> DayTime:
    low, high = (0, DAY_SECONDS) if part is None else part_seconds(part, ctx)
    if one is not None:
        start = _alone(one) if part is None else _within(one, part, ctx)
        if start >= high:
            high = start - start % DAY_SECONDS + DAY_SECONDS
        return DayTime(start, high, start, open_end=part is None, assumption=_note(one, start))
    assert two is not None
    end = _alone(two) if part is None else _within(two, part, ctx)
    end = end or DAY_SECONDS
    if end <= low:
        low = 0
    return DayTime(low, end, open_start=part is None, assumption=_note(two, end))
