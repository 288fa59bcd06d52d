"""From symbolic phrases to instants: half-open intervals and a recurring mask.

Phrases of one question complete each other ("Between 2 and 3 pm, how many came yesterday?"):
those that lack a day take it from one that has it. What "and" joins is a union.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from enhanced_prompt_service.domain.times import (
    MINUTES_A_DAY,
    DailyRange,
    Interval,
    RecurringMask,
    instant,
    union,
)

from .calendar import calendar_span, is_calendar
from .context import DAY, OFFICE, CannotBe, Context, Reading, Span, as_instant, wall
from .daytimes import DayTime, day_times
from .elements import (
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
from .placing import most_recent, placed
from .scanner import MOMENT_SLACK
from .spans import (
    around,
    bound,
    edge_of,
    inside,
    named_days,
    rolling,
    share_dates,
    shifted,
    together,
)

DEFAULT_REPEAT_DAYS = 7


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


def _group(said: Sequence[Element], ctx: Context) -> Reading | None:
    elements = list(dict.fromkeys(said))
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
            found = most_recent(times, parts, ctx)
            return replace(found, assumptions=notes)
        return _vague(elements, ctx)
    if not times:
        return Reading(spans, moment=moment, grain=grain)
    if all(one.one_day for one in spans):
        return replace(placed(spans, times, bases, ctx), assumptions=notes)
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
        return [together(wide, ctx)], moment, grain
    if not wide:
        return named_days(narrow, ctx), moment, "day"
    for one in narrow:
        spans += inside(one, wide, ctx)
    return spans, moment, "day"


def _base(element: Element, ctx: Context) -> tuple[Span, datetime | None, str]:
    """One element that names a stretch of time."""
    if is_calendar(element):
        grain = element.unit if isinstance(element, Period) else "day"
        return calendar_span(element, ctx), None, grain
    match element:
        case Ago(count=count, unit=unit):
            at = ctx.now - timedelta(**{unit + "s": count})
            return around(at, MOMENT_SLACK), at, "moment"
        case Rolling():
            return rolling(element, ctx), None, "rolling"
        case Instant(at=at):
            first = at if at.tzinfo else instant(at, ctx.zone)
            last = at if at.tzinfo else instant(at, ctx.zone, latest=True)
            slack = timedelta(minutes=MOMENT_SLACK)
            return Span(first - slack, last + slack), first, "moment"
        case Now():
            return around(ctx.now, MOMENT_SLACK), ctx.now, "moment"
        case Shift():
            return shifted(element, ctx)
        case Bound():
            return bound(element.kind, *_point_of(element.inner, ctx), ctx), None, "bound"
        case Range():
            return _range(element, ctx), None, "range"
        case Fraction(index=index, parts=parts, inner=inner):
            whole = _inner(inner, ctx)
            size = (whole.end - whole.start) / parts
            start = whole.start + size * index
            return Span(start, start + size, clocked=True), None, "part"
        case Edge():
            return edge_of(element, *_point_of(element.inner, ctx), ctx), None, "part"
        case _:
            raise TypeError(f"{element} names no days")


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


def _range(element: Range, ctx: Context) -> Span:
    """From a point to a point; whole days count to their end."""
    start, end = element.start, element.end
    if not _names_days(end) and _names_days(start):
        end = (*(e for e in start if is_calendar(e)), *end)
    elif not _names_days(start) and _names_days(end):
        start = (*(e for e in end if is_calendar(e)), *start)
    start, end = share_dates(start, end)
    last, last_moment = _point_of(end, ctx)
    until = last_moment or last.end
    before = ctx.looking_back_from(last.first_day(ctx.zone))
    first, first_moment = _point_of(start, before)
    since = first_moment or first.start
    if as_instant(since, ctx) >= as_instant(until, ctx):
        raise CannotBe("contradiction", "That range ends before it begins.")
    clocked = last_moment is not None or last.clocked
    return Span(since, until, days=first.days and last.days, clocked=clocked)


def intervals(reading: Reading, ctx: Context) -> list[Interval]:
    """The reading's spans as disjoint, sorted intervals; empty where clocks skipped all of it."""
    found = [one for span in reading.spans if (one := span.interval(ctx.zone)) is not None]
    return union(found)
