"""Clock times and parts of the day put on days: named ones, or the most recent that has begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from enhanced_prompt_service.domain.times import instant

from .context import DAY, Context, Reading, Span, as_instant, midnight
from .daytimes import DayTime
from .elements import DAY_SECONDS, Element, Part, Weekday


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


def placed(
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
            if back and as_instant(span.start, ctx) >= ctx.now and start.date() == ctx.today:
                span, at = _place(start - timedelta(weeks=1), time, ctx)
            spans.append(span)
            moment = at or moment
    grain = "moment" if moment else "clock" if times[0].clocked else "part"
    return Reading(spans, moment=moment if len(spans) == 1 else None, grain=grain)


def most_recent(times: Sequence[DayTime], parts: Sequence[Part], ctx: Context) -> Reading:
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
        begins = at or as_instant(span.start, ctx)
        if (begins >= ctx.now) if ctx.future else (begins < ctx.now or (at and at <= ctx.now)):
            return span, at
    return _place(midnight(ctx.today), time, ctx)
