"""Stretches of time: rolling ones, moved ones, edges, and what several have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from .calendar import DAY_UNITS, calendar_span
from .context import (
    DAY,
    OPEN_START,
    CannotBe,
    Context,
    Span,
    as_instant,
    midnight,
    shift,
    unit_days,
    wall,
    whole_days,
)
from .elements import Date, Edge, Element, Rolling, Shift, Weekday

LONG_UNITS = ("day", "week", "month", "quarter", "year")


def around(at: datetime, minutes: int) -> Span:
    """A moment, give or take."""
    slack = timedelta(minutes=minutes)
    return Span(at - slack, at + slack)


def rolling(element: Rolling, ctx: Context) -> Span:
    """Days and longer by the wall clock, hours and less by elapsed time."""
    count = element.count if element.forward else -element.count
    if element.unit in LONG_UNITS:
        if element.unit in ("day", "week") or count == int(count):
            other, now = shift(ctx.local, count, element.unit), ctx.local
        else:
            raise CannotBe("impossible", f"{element.count:g} {element.unit}s is no length.")
        bounds = (now, other) if element.forward else (other, now)
        return Span(*bounds)
    other = ctx.now + timedelta(**{element.unit + "s": count})
    bounds = (ctx.now, other) if element.forward else (other, ctx.now)
    return Span(*bounds)


def together(spans: Sequence[Span], ctx: Context) -> Span:
    """Spans that were named side by side: what they have in common."""
    found = spans[0]
    for one in spans[1:]:
        start = max(found.start, one.start, key=lambda at: as_instant(at, ctx))
        end = min(found.end, one.end, key=lambda at: as_instant(at, ctx))
        if as_instant(start, ctx) >= as_instant(end, ctx):
            raise CannotBe("contradiction", "Those times have nothing in common.")
        days = found.days and one.days
        found = Span(
            start,
            end,
            days=days,
            clocked=found.clocked or one.clocked,
            open_start=found.open_start and one.open_start,
        )
    return found


def named_days(elements: Sequence[Element], ctx: Context) -> list[Span]:
    """Weekdays and dates: "Thursday, March 8" is one day, "Monday and Wednesday" are two."""
    dates = [one for one in elements if isinstance(one, Date)]
    days = [one for one in elements if isinstance(one, Weekday)]
    if dates and days:
        found = [calendar_span(one, ctx) for one in dates]
        wanted = {one.day for one in days}
        for span in found:
            if span.start.isoweekday() not in wanted and len(days) == len(dates):
                raise CannotBe(
                    "contradiction",
                    f"{span.start:%Y-%m-%d} was not on that day of the week.",
                )
        return found
    found = {span.start: span for span in (calendar_span(one, ctx) for one in elements)}
    return [found[start] for start in sorted(found)]


def inside(element: Element, wide: Sequence[Span], ctx: Context) -> list[Span]:
    """A weekday or a date of a longer stretch: "Monday last week", "the 14th of last month"."""
    span = together(wide, ctx)
    first = wall(span.start, ctx.zone).date()
    last = (wall(span.end, ctx.zone) - timedelta(microseconds=1)).date()
    if isinstance(element, Date):
        looking = ctx.looking_back_from(min(last, ctx.today) if first <= ctx.today else last)
        found = calendar_span(element, looking)
        if first <= found.start.date() <= last:
            return [found]
        if len(wide) == 1 and span.days and span.end - span.start <= DAY:
            raise CannotBe("contradiction", "Those two days are not the same.")
        raise CannotBe("contradiction", "That date does not lie in the time that was named.")
    assert isinstance(element, Weekday)
    day = last - timedelta(days=(last.isoweekday() - element.day) % 7)
    if day > ctx.today and day - timedelta(days=7) >= first:
        day -= timedelta(days=7)
    if day < first:
        raise CannotBe("contradiction", "That day of the week is not in the time that was named.")
    return [whole_days(day, day + DAY)]


def share_dates(
    start: tuple[Element, ...], end: tuple[Element, ...]
) -> tuple[tuple[Element, ...], tuple[Element, ...]]:
    """ "the 5th to the 9th of March 2018": a date takes month and year from the other end."""
    match start, end:
        case (Date() as one,), (Date() as two,):
            pass
        case _:
            return start, end
    if one.day is not None and two.day is not None:
        if one.month is None and two.month is not None:
            one = Date(two.year, two.month, one.day)
        elif two.month is None and one.month is not None:
            two = Date(one.year, one.month, two.day)
    if one.year is None and two.year is not None and one.month and two.month:
        year = two.year if one.month <= two.month else two.year - 1
        one = Date(year, one.month, one.day)
    elif two.year is None and one.year is not None and one.month and two.month:
        year = one.year if one.month <= two.month else one.year + 1
        two = Date(year, two.month, two.day)
    if one.month == two.month and one.year == two.year and (one.day or 0) > (two.day or 99):
        raise CannotBe("contradiction", "That range ends before it begins.")
    return (one,), (two,)


def _nth_weekday(element: Edge, span: Span, ctx: Context) -> Span:
    wanted = int(element.unit.removeprefix("weekday"))
    first = span.first_day(ctx.zone)
    last = (wall(span.end, ctx.zone) - timedelta(microseconds=1)).date()
    number = int(element.count)
    if number > 0:
        day = first + timedelta(days=(wanted - first.isoweekday()) % 7 + 7 * (number - 1))
    else:
        day = last - timedelta(days=(last.isoweekday() - wanted) % 7)
    if not first <= day <= last:
        raise CannotBe("impossible", "There is no such day in that time.")
    return whole_days(day, day + DAY)


def shifted(element: Shift, ctx: Context) -> tuple[Span, datetime | None, str]:
    """What was spoken of before, moved; without it, meant from today where that makes sense."""
    anchor, unit, count = ctx.anchor, element.unit, element.count
    if anchor is None:
        if not element.alone:
            raise CannotBe("needs_anchor", "It is not clear which time that is counted from.")
        if unit in LONG_UNITS and not element.whole_day and count in (-1, 1) and unit != "day":
            return whole_days(*unit_days(unit, ctx.today, count)), None, unit
        if element.whole_day or unit == "day":
            day = shift(midnight(ctx.today), count, unit).date()
            return whole_days(day, day + DAY), None, "day"
        return rolling(Rolling(1, unit), ctx), None, "rolling"
    start, end = wall(anchor.start, ctx.zone), wall(anchor.end, ctx.zone)
    if element.whole_day:
        day = shift(midnight(start.date()), count, unit).date()
        return whole_days(day, day + DAY), None, "day"
    length, day_length = end - start, timedelta(days=1, hours=1)
    if unit in LONG_UNITS and unit != "day" and element.adjacent and length <= day_length:
        return whole_days(*unit_days(unit, start.date(), count)), None, unit
    if unit == "day" and length > day_length:
        edge = start.date() if count < 0 else end.date()
        day = edge + timedelta(days=count if count < 0 else count - 1)
        return whole_days(day, day + DAY), None, "day"
    days = start.time() == end.time() == midnight(start.date()).time()
    whole = days or (end == ctx.local and start == midnight(start.date()))
    if whole and unit == "day" and length <= DAY:  # "today" up to now: the whole day before
        day = start.date() + timedelta(days=count)
        return whole_days(day, day + DAY), None, "day"
    if unit in LONG_UNITS and unit != "day" and element.adjacent:
        first, _ = unit_days(unit, start.date())
        if midnight(first) == start:
            return whole_days(*unit_days(unit, start.date(), count)), None, unit
    return Span(shift(start, count, unit), shift(end, count, unit), clocked=True), None, "part"


def bound(kind: str, span: Span, moment: datetime | None, ctx: Context) -> Span:
    """An open range from or up to a span, or the moment that was named in it."""
    match kind:
        case "since":
            return Span(moment or span.start, ctx.now)
        case "after":
            return Span(moment or span.end, ctx.now)
        case "until":
            end = moment or span.end
        case _:
            end = moment or span.start
    return Span(OPEN_START, end, open_start=True, clocked=moment is not None)


def edge_of(element: Edge, span: Span, moment: datetime | None, ctx: Context) -> Span:
    """ "the first two hours of yesterday", "the hour before noon", "first Monday of March"."""
    if element.side == "nth":
        return _nth_weekday(element, span, ctx)
    start, end = wall(span.start, ctx.zone), wall(span.end, ctx.zone)
    if element.side in ("before", "after"):
        edge = wall(moment, ctx.zone) if moment else (start if element.side == "before" else end)
        count = -element.count if element.side == "before" else element.count
        other = shift(edge, count, element.unit)
        days = span.days and moment is None and element.unit in DAY_UNITS
        return Span(min(edge, other), max(edge, other), days=days, clocked=not days)
    days = span.days and element.unit in DAY_UNITS
    if element.side == "first":
        return Span(start, min(end, shift(start, element.count, element.unit)), days, not days)
    return Span(max(start, shift(end, -element.count, element.unit)), end, days, not days)
