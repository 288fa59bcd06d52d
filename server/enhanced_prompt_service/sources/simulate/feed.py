"""Sending the simulated site: its past first, then what happens as the clock passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import NoReturn, TypeVar

from ...domain.clock import Clock
from ...domain.errors import Unavailable
from ...domain.times import Interval
from ..backoff import Backoff
from ..checkpoints import Checkpoint
from ..files import Run
from ..progress import Progress
from ..sink import Sink
from .generator import LONGEST_EVENT, SimulatedSite
from .live import LiveBatch, current_coverage, live

WEEKS = 8

Item = TypeVar("Item")


async def fill(
    site: SimulatedSite,
    sink: Sink,
    now: datetime,
    run: Run | None = None,
    *,
    weeks: int = WEEKS,
) -> Progress:
    """Send the catalogue entry, and coverage and events of the weeks before `now`.

    After a run that sent them to the same target before, only what is missing is sent, and again
    what was still going on then. Rows are events. Raises what the sink raises.
    """
    run = run or Run()
    progress = Progress(site.site().name)
    window = Interval(now - timedelta(weeks=weeks), now)
    await sink.put_site(site.site())
    sent = await asyncio.to_thread(_sent, site, run)
    if sent is not None and sent.start <= window.start <= sent.end <= now:
        window = Interval(max(sent.end - LONGEST_EVENT, window.start), now)
    else:
        sent = None
    spans = await asyncio.to_thread(current_coverage, site, window)
    for part in _batches(spans, run.batch_size):
        await sink.ingest_coverage(part)
    batches = _batches(site.events(window, as_of=now), run.batch_size)
    while part := await asyncio.to_thread(next, batches, None):
        progress.rows += len(part)
        progress.count([0] * len(part), await sink.ingest_events(part))
        run.on_progress(progress)
    start = window.start if sent is None else sent.start
    await asyncio.to_thread(_note, site, run, Interval(start, now))
    return progress


async def go_on(
    site: SimulatedSite,
    sink: Sink,
    clock: Clock,
    since: datetime,
    run: Run | None = None,
    *,
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    backoff: Backoff | None = None,
) -> NoReturn:
    """Send what happens from `since` on (the `now` that `fill` was given), until cancelled.

    While the sink is away a batch is tried again after a growing wait; any other error ends it.
    """
    run = run or Run()
    backoff = backoff or Backoff()
    progress = Progress(site.site().name)
    sent = await asyncio.to_thread(_sent, site, run)
    start = since if sent is None or sent.end < since else min(sent.start, since)
    async for batch in live(site, clock, since, wait=wait):
        while not await _taken(sink, batch, progress):
            await wait(backoff.next())
        backoff.reset()
        if batch.coverage:
            await asyncio.to_thread(_note, site, run, Interval(start, batch.until))
        run.on_progress(progress)
    raise AssertionError("time ended")


async def _taken(sink: Sink, batch: LiveBatch, progress: Progress) -> bool:
    try:
        if batch.coverage:
            await sink.ingest_coverage(batch.coverage)
        if batch.events:
            receipt = await sink.ingest_events(batch.events)
            progress.rows += len(batch.events)
            progress.count([0] * len(batch.events), receipt)
    except Unavailable:
        return False
    return True


def _sent(site: SimulatedSite, run: Run) -> Interval | None:
    found = None if run.checkpoints is None or run.restart else run.checkpoints.get(_key(site, run))
    try:
        start, _, end = found.moment.partition("/") if found is not None else ("", "", "")
        return Interval(datetime.fromisoformat(start), datetime.fromisoformat(end))
    except ValueError:
        return None


def _note(site: SimulatedSite, run: Run, sent: Interval) -> None:
    if run.checkpoints is not None:
        moment = f"{sent.start.isoformat()}/{sent.end.isoformat()}"
        run.checkpoints.put(_key(site, run), Checkpoint(moment=moment))


def _key(site: SimulatedSite, run: Run) -> str:
    return f"{site.fingerprint}\n{run.target}"


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    left = iter(items)
    while part := list(islice(left, size)):
        yield part
