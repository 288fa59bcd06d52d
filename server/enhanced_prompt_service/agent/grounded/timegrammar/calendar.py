"""Days, weeks, months and years: which local days an element means."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from .context import (
    DAY,
    CannotBe,
    Context,
    Span,
    add_months,
    midnight,
    shift,
    unit_days,
    whole_days,
)
from .elements import Ago, Date, Day, Element, Period, Weekday, Weekend
from .lexicon import MONTH_NAMES

CalendarElement = Day | Weekday | Date | Period | Weekend | Ago
DAY_UNITS = ("day", "week", "month", "quarter", "year")


def is_calendar(element: Element) -> bool:
    """Whether an element names whole days."""
    if isinstance(element, Ago):
        return element.unit in DAY_UNITS
    return isinstance(element, Day | Weekday | Date | Period | Weekend)


def calendar_span(element: Element, ctx: Context) -> Span:
    """The whole days that an element means (hours and minutes for "this hour")."""
    match element:
        case Day(offset=offset):
            day = ctx.today + timedelta(days=offset)
            return whole_days(day, day + DAY)
        case Weekday():
            day = _weekday(element, ctx)
            return whole_days(day, day + DAY)
        case Weekend(mode=mode):
            first = _saturday(mode, ctx)
            return whole_days(first, first + 2 * DAY)
        case Period(unit="hour" | "minute" as unit, offset=offset):
            start = ctx.local.replace(second=0, microsecond=0)
            if unit == "hour":
                start = start.replace(minute=0)
            start = shift(start, offset, unit)
            return Span(start, shift(start, 1, unit), clocked=True)
        case Period(unit=unit, offset=offset):
            return whole_days(*unit_days(unit, ctx.today, offset))
        case Ago(count=count, unit=unit):
            day = shift(midnight(ctx.today), -count, unit).date()
            return whole_days(day, day + DAY)
        case Date():
            return whole_days(*_date(element, ctx))
        case _:
            raise TypeError(f"{element} names no days")


def _weekday(element: Weekday, ctx: Context) -> date:
    monday = ctx.today - timedelta(days=ctx.today.isoweekday() - 1)
    match element.mode:
        case "this":
            return monday + timedelta(days=element.day - 1)
        case "next":
            return ctx.today + timedelta(days=(element.day - ctx.today.isoweekday() - 1) % 7 + 1)
        case "last":
            return ctx.today - timedelta(days=(ctx.today.isoweekday() - element.day - 1) % 7 + 1)
        case _:
            if ctx.future:
                return ctx.today + timedelta(days=(element.day - ctx.today.isoweekday()) % 7)
            return ctx.recent - timedelta(days=(ctx.recent.isoweekday() - element.day) % 7)


def _saturday(mode: str, ctx: Context) -> date:
    """The Saturday of a weekend; on a weekend "over" is the running one, "last" the one before."""
    this = ctx.today + timedelta(days=6 - ctx.today.isoweekday())
    running = ctx.today.isoweekday() >= 6
    match mode:
        case "this":
            return this
        case "next":
            return this + timedelta(weeks=1)
        case "last":
            return this - timedelta(weeks=1)
        case _:
            return this if running or ctx.future else this - timedelta(weeks=1)


def _date(element: Date, ctx: Context) -> tuple[date, date]:
    year, month, day = element.year, element.month, element.day
    if year is not None and not 1900 <= year <= 2199:
        problem = "future" if year > ctx.today.year else "out_of_range"
        raise CannotBe(problem, f"The year {year} is outside of what can be asked about.")
    if month is None and day is None:
        assert year is not None
        return date(year, 1, 1), date(year + 1, 1, 1)
    if day is None:
        assert month is not None
        first = date(year, month, 1) if year is not None else _recent_month(element, month, ctx)
        return first, add_months(first, 1)
    if month is None:
        found = _recent_day(day, ctx)
    elif year is not None:
        found = date(year, month, day)
    else:
        found = _recent_date(month, day, element.mode, ctx)
    return found, found + DAY


def _recent_month(element: Date, month: int, ctx: Context) -> date:
    first = date(ctx.recent.year, month, 1)
    if element.mode == "this":
        return first.replace(year=ctx.today.year)
    if element.mode == "next" or (ctx.future and element.mode == "recent"):
        first = first.replace(year=ctx.today.year)
        return first if first > ctx.today else first.replace(year=first.year + 1)
    begun = ctx.recent if element.mode == "recent" else ctx.today.replace(day=1) - DAY
    return first if first <= begun else first.replace(year=first.year - 1)


def _recent_date(month: int, day: int, mode: str, ctx: Context) -> date:
    """The most recent such date that has begun (29 February: in a leap year)."""
    step = 1 if ctx.future and mode == "recent" else -1
    latest = ctx.today - DAY if mode == "last" else ctx.recent
    year = ctx.today.year if step > 0 else latest.year
    for _ in range(9):
        if day <= monthrange(year, month)[1]:
            found = date(year, month, day)
            if (step < 0 and found <= latest) or (step > 0 and found >= ctx.today):
                return found
        year += step
    name = MONTH_NAMES[month - 1]
    raise CannotBe("impossible", f"There is no {day} {name}.")


def _recent_day(day: int, ctx: Context) -> date:
    """The most recent day of that number that has begun, in a month long enough."""
    first = (ctx.today if ctx.future else ctx.recent).replace(day=1)
    for _ in range(13):
        if day <= monthrange(first.year, first.month)[1]:
            found = first.replace(day=day)
            if (found >= ctx.today) if ctx.future else (found <= ctx.recent):
                return found
        first = add_months(first, 1 if ctx.future else -1)
    raise CannotBe("impossible", f"No month has a day {day}.")
