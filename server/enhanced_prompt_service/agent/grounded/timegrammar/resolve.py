"""From symbolic phrases to instants: half-open intervals and a recurring mask.

Phrases of one question complete each other ("Between 2 and 3 pm, how many came yesterday?"):
those that lack a day take it from one that has it. What "and" joins is a union.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enhanced_prompt_service.domain.times import (
    MINUTES_A_DAY,
    DailyRange,
    Interval,
    RecurringMask,
    instant,
    union,
)

from .calendar import DAY_UNITS, calendar_span, is_calendar
from .context import (
    DAY,
    OFFICE,
    OPEN_START,
    CannotBe,
    Context,
    Span,
    midnight,
    shift,
    unit_days,
    wall,
    whole_days,
)
from .daytimes import DayTime, day_times
from .elements import (
    DAY_SECONDS,
    Ago,
    AllTime,
    Bound,
    Business,
    ClockPoint,
    ClockRange,
    ClockTime,
    Date,
    Edge,
    Element,
    Every,
    Fraction,
    Instant,
    Now,
    Part,
    Period,
    Phrase,
    Range,
    Recent,
    Rolling,
    SameClock,
    Shift,
    Sure,
    Weekday,
    Wrong,
)
from .scanner import MOMENT_SLACK

LONG_UNITS = ("day", "week", "month", "quarter", "year")
DEFAULT_REPEAT_DAYS = 7


@dataclass(slots=True)
class Reading:
    """What a group of elements means, uncut. `spans` empty: nothing said which days."""

    spans: list[Span]
    mask: RecurringMask | None = None
    moment: datetime | None = None
    grain: str = "day"
    all_time: bool = False
    vague: bool = False
    assumptions: tuple[str, ...] = ()


def read(phrases: Sequence[Phrase], ctx: Context) -> Reading | None:
    """What all phrases of a question mean together; None when they name no time.

    Raises CannotBe.
    """
    groups = _completed(phrases)
    readings = [one for one in (_group(group, ctx) for group in groups) if one is not None]
    if len(readings) <= 1:
        return readings[0] if readings else None
    return _united(readings, ctx)


# ---- how phrases complete each other ------------------------------------------------------------


def _names_days(elements: Sequence[Element]) -> bool:
    return any(
        is_calendar(one)
        or isinstance(
            one,
            Rolling
            | Instant
            | Now
            | Recent
            | Range
            | Fraction
            | Edge
            | Shift
            | Ago
            | AllTime
            | Bound,
        )
        for one in elements
    )


def _names_clock(elements: Sequence[Element]) -> bool:
    return any(isinstance(one, ClockPoint | ClockRange | Part | Business) for one in elements)


def _completed(phrases: Sequence[Phrase]) -> list[list[Element]]:
    """Phrases as groups that stand for themselves."""
    dated = [one for one in phrases if _names_days(one.elements)]
    if len(dated) < 2 or not any(one.joined for one in phrases):
        return [[element for one in phrases for element in one.elements]]
    loose = [e for one in phrases if not _names_days(one.elements) for e in one.elements]
    clocked = [one for one in dated if _names_clock(one.elements)]
    if not clocked and not _mergeable(dated):
        return [[*one.elements, *loose] for one in dated]
    if not clocked:
        return [[element for one in phrases for element in one.elements]]
    shared = [e for e in clocked[-1].elements if isinstance(e, ClockPoint | ClockRange | Part)]
    groups: list[list[Element]] = []
    for number, one in enumerate(dated):
        own = list(one.elements)
        following = dated[number + 1 :]
        if not _names_clock(own) and following and following[0].joined:
            own += shared
        groups.append([*own, *loose] if not _names_clock(own) else own)
    return groups


def _mergeable(dated: Sequence[Phrase]) -> bool:
    """Whether days joined by "and" share what is around them ("Monday and Tuesday last week")."""
    return any(not one.joined for one in dated[1:])


def _united(readings: list[Reading], ctx: Context) -> Reading:
    """A union. Masks that differ become explicit spans."""
    masks = {one.mask for one in readings}
    spans: list[Span] = []
    for one in readings:
        if len(masks) == 1 or one.mask is None:
            spans += one.spans
            continue
        for span in one.spans:
            whole = span.interval(ctx.zone)
            pieces = one.mask.intervals(whole, ctx.zone) if whole else []
            spans += [Span(piece.start, piece.end) for piece in pieces]
    return replace(
        readings[0],
        spans=spans,
        mask=readings[0].mask if len(masks) == 1 else None,
        moment=None,
        grain="union",
        assumptions=tuple(note for one in readings for note in one.assumptions),
    )


# ---- one group ----------------------------------------------------------------------------------


def _group(elements: Sequence[Element], ctx: Context) -> Reading | None:
    for one in elements:
        if isinstance(one, Wrong):
            raise CannotBe("impossible", one.why)
    if any(isinstance(one, SameClock) for one in elements):
        elements = [e for e in elements if not isinstance(e, SameClock)] + _anchor_clock(ctx)
    clocks = [one for one in elements if isinstance(one, ClockPoint | ClockRange)]
    parts = [one for one in elements if isinstance(one, Part)]
    every = [one for one in elements if isinstance(one, Every)]
    business = [one for one in elements if isinstance(one, Business)]
    bases = [
        one
        for one in elements
        if not isinstance(one, ClockPoint | ClockRange | Part | Every | Business | Recent | AllTime)
    ]
    repeated = [one.part for one in every if one.part is not None]
    weekdays = frozenset(day for one in every for day in one.weekdays)
    times = day_times(clocks, [*parts, *repeated], ctx)
    notes = tuple(one.assumption for one in times if one.assumption)
    spans, moment, grain = _bases(bases, ctx)
    if business:
        spans = spans or [_default_window(ctx)]
        return Reading(spans, _business(business[0], ctx), grain="mask")
    if every and (weekdays or repeated or (times and not spans)):
        spans = spans or [_default_window(ctx)]
        return Reading(spans, _mask(times, weekdays), grain="mask", assumptions=notes)
    if not spans:
        if times:
            found = _most_recent(times, parts, ctx)
            return replace(found, assumptions=notes)
        return _vague(elements, ctx)
    if not times:
        return Reading(spans, moment=moment, grain=grain)
    if all(one.one_day for one in spans):
        return replace(_placed(spans, times, bases, ctx), assumptions=notes)
    return Reading(spans, _mask(times, weekdays), grain="mask", assumptions=notes)


def _vague(elements: Sequence[Element], ctx: Context) -> Reading | None:
    if any(isinstance(one, Recent) for one in elements):
        start = wall(ctx.now, ctx.zone) - DAY
        note = "read “recent” as the last 24 hours"
        return Reading([Span(start, ctx.local)], grain="rolling", vague=True, assumptions=(note,))
    if any(isinstance(one, AllTime) for one in elements):
        return Reading([], grain="all", all_time=True)
    return None


def _default_window(ctx: Context) -> Span:
    return Span(ctx.local - timedelta(days=DEFAULT_REPEAT_DAYS), ctx.local)


def _mask(times: Sequence[DayTime], weekdays: frozenset[int]) -> RecurringMask | None:
    ranges = tuple(daily for one in times if (daily := one.daily()) is not None)
    if not ranges and not weekdays:
        return None
    return RecurringMask(ranges, weekdays)


def _business(element: Business, ctx: Context) -> RecurringMask:
    hours = ctx.business or OFFICE
    if element.inside:
        return hours
    ranges: list[DailyRange] = []
    taken = sorted(hours.ranges, key=lambda one: one.start_minute)
    for one, following in zip(taken, [*taken[1:], *taken[:1]], strict=True):
        start, end = one.end_minute % MINUTES_A_DAY, following.start_minute
        if start != end:
            ranges.append(DailyRange(start, end or MINUTES_A_DAY))
    return RecurringMask(tuple(ranges)) if ranges else hours


def _anchor_clock(ctx: Context) -> list[Element]:
    """The time of day of the window that was spoken of before."""
    if ctx.anchor is None or ctx.anchor.seconds > 86400:
        return []
    start, end = wall(ctx.anchor.start, ctx.zone), wall(ctx.anchor.end, ctx.zone)
    if start.time() == end.time():
        return []
    first, last = (
        ClockTime(at.hour * 3600 + at.minute * 60 + at.second, Sure.EXACT) for at in (start, end)
    )
    return [ClockRange(first, last)]


# ---- the days -----------------------------------------------------------------------------------


def _bases(elements: Sequence[Element], ctx: Context) -> tuple[list[Span], datetime | None, str]:
    """The spans that days, weeks, rolling windows and the like mean together."""
    if not elements:
        return [], None, ""
    spans: list[Span] = []
    moment: datetime | None = None
    grain = "day"
    wide: list[Span] = []
    narrow: list[Element] = []
    for one in elements:
        if isinstance(one, Weekday) or (isinstance(one, Date) and one.day is not None):
            narrow.append(one)
            continue
        span, at, own = _base(one, ctx)
        moment, grain = at or moment, own
        wide.append(span)
    if not narrow:
        spans = _together(wide, elements, ctx)
        return spans, moment, grain
    if not wide:
        return _named_days(narrow, ctx), moment, "day"
    for one in narrow:
        spans += _inside(one, wide, ctx)
    return spans, moment, "day"


def _base(element: Element, ctx: Context) -> tuple[Span, datetime | None, str]:
    """One element that names a stretch of time."""
    if is_calendar(element):
        grain = element.unit if isinstance(element, Period) else "day"
        return calendar_span(element, ctx), None, grain
    match element:
        case Ago(count=count, unit=unit):
            at = ctx.now - timedelta(**{unit + "s": count})
            return _around(at, MOMENT_SLACK), at, "moment"
        case Rolling():
            return _rolling(element, ctx), None, "rolling"
        case Instant(at=at):
            first = at if at.tzinfo else instant(at, ctx.zone)
            last = at if at.tzinfo else instant(at, ctx.zone, latest=True)
            slack = timedelta(minutes=MOMENT_SLACK)
            return Span(first - slack, last + slack), first, "moment"
        case Now():
            return _around(ctx.now, MOMENT_SLACK), ctx.now, "moment"
        case Shift():
            return _shifted(element, ctx)
        case Bound():
            return _bound(element, ctx), None, "bound"
        case Range():
            return _range(element, ctx), None, "range"
        case Fraction(index=index, parts=parts, inner=inner):
            whole = _inner(inner, ctx)
            size = (whole.end - whole.start) / parts
            start = whole.start + size * index
            return Span(start, start + size, clocked=True), None, "part"
        case Edge():
            return _edge(element, ctx), None, "part"
        case _:
            raise TypeError(f"{element} names no days")


def _around(at: datetime, minutes: int) -> Span:
    slack = timedelta(minutes=minutes)
    return Span(at - slack, at + slack)


def _rolling(element: Rolling, ctx: Context) -> Span:
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


def _together(spans: list[Span], elements: Sequence[Element], ctx: Context) -> list[Span]:
    """Spans that were named side by side: what they have in common."""
    found = spans[0]
    for one in spans[1:]:
        start = max(found.start, one.start, key=lambda at: _instant(at, ctx))
        end = min(found.end, one.end, key=lambda at: _instant(at, ctx))
        if _instant(start, ctx) >= _instant(end, ctx):
            if len(elements) == len(spans) and all(span.days for span in spans):
                return sorted(spans, key=lambda span: span.start)
            raise CannotBe("contradiction", "Those times have nothing in common.")
        days = found.days and one.days
        found = Span(
            start,
            end,
            days=days,
            clocked=found.clocked or one.clocked,
            open_start=found.open_start and one.open_start,
        )
    return [found]


def _instant(at: datetime, ctx: Context) -> datetime:
    return at if at.tzinfo else instant(at, ctx.zone)


def _named_days(elements: Sequence[Element], ctx: Context) -> list[Span]:
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


def _inside(element: Element, wide: Sequence[Span], ctx: Context) -> list[Span]:
    """A weekday or a date of a longer stretch: "Monday last week", "the 14th of last month"."""
    span = _together(list(wide), (), ctx)[0]
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


def _inner(elements: Sequence[Element], ctx: Context) -> Span:
    """What is inside of a fraction, an edge or a bound, as one span."""
    reading = _group(elements, ctx)
    if reading is None or not reading.spans:
        raise CannotBe("impossible", "It is not clear which time that is a part of.")
    spans = reading.spans
    if len(spans) == 1:
        return spans[0]
    return Span(spans[0].start, spans[-1].end, days=all(one.days for one in spans))


def _point_of(elements: Sequence[Element], ctx: Context) -> tuple[Span, datetime | None]:
    """The span of one end of a range, and the moment in it where a clock time names one."""
    reading = _group(elements, ctx)
    if reading is None or not reading.spans:
        raise CannotBe("impossible", "It is not clear when that is.")
    spans = reading.spans
    return Span(
        spans[0].start, spans[-1].end, days=spans[0].days, clocked=spans[-1].clocked
    ), reading.moment


def _bound(element: Bound, ctx: Context) -> Span:
    span, moment = _point_of(element.inner, ctx)
    match element.kind:
        case "since":
            return Span(moment or span.start, ctx.now)
        case "after":
            return Span(moment or span.end, ctx.now)
        case "until":
            end = moment or span.end
        case _:
            end = moment or span.start
    return Span(OPEN_START, end, open_start=True, clocked=moment is not None)


def _range(element: Range, ctx: Context) -> Span:
    """From a point to a point; whole days count to their end."""
    start, end = element.start, element.end
    if not _names_days(end) and _names_days(start):
        end = (*(e for e in start if is_calendar(e)), *end)
    elif not _names_days(start) and _names_days(end):
        start = (*(e for e in end if is_calendar(e)), *start)
    start, end = _share_dates(start, end)
    last, last_moment = _point_of(end, ctx)
    until = last_moment or last.end
    before = ctx.looking_back_from(last.first_day(ctx.zone))
    first, first_moment = _point_of(start, before)
    since = first_moment or first.start
    if _instant(since, ctx) >= _instant(until, ctx):
        raise CannotBe("contradiction", "That range ends before it begins.")
    clocked = last_moment is not None or last.clocked
    return Span(since, until, days=first.days and last.days, clocked=clocked)


def _share_dates(
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


def _edge(element: Edge, ctx: Context) -> Span:
    """ "the first two hours of yesterday", "the hour before noon", "first Monday of March"."""
    span, moment = _point_of(element.inner, ctx)
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


def _shifted(element: Shift, ctx: Context) -> tuple[Span, datetime | None, str]:
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
        return _rolling(Rolling(1, unit), ctx), None, "rolling"
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


# ---- clock times on days ------------------------------------------------------------------------


def _place(day: datetime, time: DayTime, ctx: Context) -> tuple[Span, datetime | None]:
    """A time of day on the day that begins at `day` (naive)."""
    if time.slack_minutes and time.point is not None:
        at = day + timedelta(seconds=time.point)
        slack = timedelta(minutes=time.slack_minutes)
        first, last = instant(at, ctx.zone), instant(at, ctx.zone, latest=True)
        return Span(first - slack, last + slack), first
    start, end = day + timedelta(seconds=time.start), day + timedelta(seconds=time.end)
    on_the_hour = time.clocked and time.end % DAY_SECONDS != 0
    return Span(start, end, clocked=on_the_hour or not time.clocked), None


def _placed(
    days: Sequence[Span], times: Sequence[DayTime], bases: Sequence[Element], ctx: Context
) -> Reading:
    """Times of day on named days. A weekday whose time is yet to come is that of last week."""
    spans: list[Span] = []
    moment: datetime | None = None
    back = not ctx.future and any(isinstance(e, Weekday) and e.mode == "recent" for e in bases)
    for day in days:
        for time in times:
            start = day.start
            span, at = _place(start, time, ctx)
            if back and _instant(span.start, ctx) >= ctx.now and start.date() == ctx.today:
                span, at = _place(start - timedelta(weeks=1), time, ctx)
            spans.append(span)
            moment = at or moment
    grain = "moment" if moment else "clock" if times[0].clocked else "part"
    return Reading(spans, moment=moment if len(spans) == 1 else None, grain=grain)


def _most_recent(times: Sequence[DayTime], parts: Sequence[Part], ctx: Context) -> Reading:
    """Times of day that no day was named for: their most recent occurrence that has begun."""
    default = next((part.day for part in parts if part.day is not None), None)
    spans: list[Span] = []
    moment: datetime | None = None
    for time in times:
        if default is not None:
            span, at = _place(midnight(ctx.today) + default * DAY, time, ctx)
        elif time.open_start:
            span, at = _place(midnight(ctx.today), time, ctx)
        else:
            span, at = _latest(time, ctx)
            if time.open_end:
                span = replace(span, end=ctx.local)
        spans.append(span)
        moment = at or moment
    grain = "moment" if moment else "clock" if times[0].clocked else "part"
    return Reading(spans, moment=moment if len(spans) == 1 else None, grain=grain)


def _latest(time: DayTime, ctx: Context) -> tuple[Span, datetime | None]:
    offsets = (0, 1, 2) if ctx.future else (1, 0, -1, -2)
    for offset in offsets:
        span, at = _place(midnight(ctx.recent) + offset * DAY, time, ctx)
        begins = at or _instant(span.start, ctx)
        if (begins >= ctx.now) if ctx.future else (begins < ctx.now or (at and at <= ctx.now)):
            return span, at
    return _place(midnight(ctx.today), time, ctx)


def intervals(reading: Reading, ctx: Context) -> list[Interval]:
    """The reading's spans as disjoint, sorted intervals; empty where clocks skipped all of it."""
    found = [one for span in reading.spans if (one := span.interval(ctx.zone)) is not None]
    return union(found)
