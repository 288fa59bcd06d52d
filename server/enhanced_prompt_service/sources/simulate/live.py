"""The simulated site as the clock passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ...domain.clock import Clock
from ...domain.events import Coverage, Event
from ...domain.times import Interval
from .generator import LONGEST_EVENT, SimulatedSite

COVERAGE_EVERY = timedelta(seconds=30)
MAX_BATCH = 500
_LONGEST_STEP = timedelta(hours=6)
_SHORTEST_WAIT = timedelta(milliseconds=10)


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """What became known since the batch before: events that began (without an end yet) or ended,
    in the order in which that happened, at most MAX_BATCH of them; what is known of coverage, from
    the last local midnight or the last report; and up to when all of this is complete."""

    events: tuple[Event, ...]
    coverage: tuple[Coverage, ...]
    until: datetime


async def live(
    site: SimulatedSite,
    clock: Clock,
    since: datetime,
    *,
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[LiveBatch]:
    """Yield what happens from `since` on, for ever; goes on after a pause with what it missed.

    `wait` is given the seconds until something is due, never more than COVERAGE_EVERY. A clock
    that was set back yields nothing until it is past where it was.
    """
    done = reported = since
    while True:
        now = clock.now()
        while done < now:
            until = min(now, done + _LONGEST_STEP)
            events = changes(site, Interval(done, until))
            coverage: tuple[Coverage, ...] = ()
            if until - reported >= COVERAGE_EVERY or until < now:
                coverage = current_coverage(site, Interval(reported, until))
                reported = until
            for first in range(0, max(len(events), 1), MAX_BATCH):
                part = tuple(events[first : first + MAX_BATCH])
                if part or coverage:
                    yield LiveBatch(part, coverage, until)
                coverage = ()
            done = until
        due = _next_change(site, done, done + COVERAGE_EVERY)
        await wait(min(max(due - clock.now(), _SHORTEST_WAIT), COVERAGE_EVERY).total_seconds())


def changes(site: SimulatedSite, window: Interval) -> list[Event]:
    """Events as they stand after each change in the window, in the order of the changes.

    One that began in the window and still went on at its end has no end; one that ended in it is
    whole.
    """
    found: list[tuple[datetime, str, Event]] = []
    reach = Interval(window.start - LONGEST_EVENT, window.end)
    for event in site.events(reach):
        assert event.end_time is not None
        if window.contains(event.end_time):
            found.append((event.end_time, event.event_id, event))
        elif window.contains(event.start_time):
            found.append((event.start_time, event.event_id, replace(event, end_time=None)))
    found.sort(key=lambda one: one[:2])
    return [event for _, _, event in found]


def current_coverage(site: SimulatedSite, window: Interval) -> tuple[Coverage, ...]:
    """Coverage of the window, each span from where its day's part began: a report that grows
    replaces the one before, and rows stay few."""
    midnight = window.start.astimezone(site.zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    whole = Interval(min(midnight, window.start), window.end)
    return tuple(span for span in site.coverage(whole) if span.end_time > window.start)


def _next_change(site: SimulatedSite, done: datetime, latest: datetime) -> datetime:
    """The instant just after the next start or end, or `latest`."""
    moments = (
        moment
        for event in site.events(Interval(done - LONGEST_EVENT, latest))
        for moment in (event.start_time, event.end_time)
        if moment is not None and moment >= done
    )
    return min(min(moments, default=latest) + timedelta(milliseconds=1), latest)
