"""What `eps simulate` does: history by local day, oldest first, then live.

It notes up to when a server has everything. Before it goes on there it counts what that server
holds of the last day noted: another database under the same address gets the whole history.

A few incidents a week are played on purpose; `EPS_HOME/simulated-incidents.json` says which.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from enhanced_prompt import Client, EnhancedPromptError

from ..domain.clock import RealClock, SiteClock
from ..domain.errors import Unavailable
from ..domain.events import Coverage, Event
from ..domain.times import Interval
from ..sources.backoff import Backoff
from ..sources.checkpoints import Checkpoint, Checkpoints
from ..sources.progress import Progress
from ..sources.simulate import SHIPPED, LiveBatch, SimulatedSite, live
from ..sources.simulate.generator import DEFAULT_TIME_ZONE
from . import terminal
from .import_job import FOLDER
from .loops import run_until_stopped
from .progress_bar import Meter, meter, summary
from .sink import ClientSink
from .target import home

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
BATCH = 500
# An event has its end only once it is over: that much is sent again.
OVERLAP = timedelta(hours=1)
TRUTH = "simulated-incidents.json"
CLIPS = "/v1/events/{event_id}/clip"  # EventService.GetEventClip

ItemT = TypeVar("ItemT")


def run(
    client: Client,
    *,
    seed: int,
    weeks: int,
    time_zone: str,
    start: datetime | None,
    once: bool,
    restart: bool,
    public_url: str = "",
) -> None:
    """Send the history and, unless `once`, live events until stopped. `public_url` is where
    browsers find the gateway, "" for no clip links."""
    zone = time_zone or DEFAULT_TIME_ZONE
    site = SimulatedSite(seed, zone, plan=SHIPPED)
    feed = Feed(
        client, site, SiteClock(RealClock(), start), Checkpoints(home() / FOLDER), public_url
    )
    try:
        run_until_stopped(feed.run(weeks, once=once, restart=restart))
    except Unavailable as error:
        if isinstance(error.__cause__, EnhancedPromptError):
            raise error.__cause__ from None
        raise


class Feed:
    """Sends one simulated site to one server."""

    def __init__(
        self,
        client: Client,
        site: SimulatedSite,
        clock: SiteClock,
        notes: Checkpoints,
        public_url: str = "",
    ) -> None:
        self._client = client
        self._site = site
        self._clock = clock
        self._notes = notes
        self._clips = f"{public_url.rstrip('/')}{CLIPS}" if public_url else ""
        self._sink = ClientSink(client)
        self._told = datetime.min.replace(tzinfo=UTC)
        self._key = f"{site.fingerprint}\n{client.target}"

    async def run(self, weeks: int, *, once: bool, restart: bool) -> None:
        """History up to now, then live."""
        site = replace(self._site.site(), clip_url_template=self._clips)
        await self._sink.put_site(site)
        now = self._clock.now()
        begin = now - timedelta(weeks=weeks)
        await asyncio.to_thread(self._tell_truth, Interval(begin, now + WEEK))
        known = None if restart else await asyncio.to_thread(self._known, now)
        if known is not None and known >= begin:
            begin = known - OVERLAP
        with meter() as bar:
            progress = await self._history(Interval(begin, now), bar) if begin < now else None
        if progress is not None:
            summary(progress)
        if once:
            return
        terminal.line(f"{site.name} goes on live; Ctrl-C ends it")
        await self._live(now)

    async def _history(self, window: Interval, bar: Meter) -> Progress:
        name = "simulated history"
        progress = Progress(name, bytes_total=round(window.seconds))
        day = window.start
        while day < window.end:
            part = Interval(day, min(day + DAY, window.end))
            events, coverage = await asyncio.to_thread(self._made, part)
            ended = [one for one in events if one.end_time and one.end_time <= window.end]
            for spans in _parts(coverage):
                await self._sink.ingest_coverage(spans)
            for batch in _parts(ended):
                progress.rows += len(batch)
                progress.count([0] * len(batch), await self._sink.ingest_events(batch))
            day = part.end
            progress.bytes_read = round((day - window.start).total_seconds())
            bar(progress)
            await asyncio.to_thread(self._note, day)
        return progress

    def _made(self, part: Interval) -> tuple[list[Event], list[Coverage]]:
        return list(self._site.events(part)), list(self._site.coverage(part))

    async def _live(self, since: datetime) -> None:
        backoff = Backoff()
        # From before now, since what was going on then has not been sent yet.
        async for batch in live(self._site, self._clock, since - OVERLAP):
            if batch.until >= self._told:
                truth = Interval(since - WEEK, batch.until + WEEK)
                await asyncio.to_thread(self._tell_truth, truth)
            while True:
                try:
                    await self._send(batch)
                    break
                except Unavailable:
                    await asyncio.sleep(backoff.next())
            backoff.reset()

    async def _send(self, batch: LiveBatch) -> None:
        if batch.coverage:
            await self._sink.ingest_coverage(batch.coverage)
        if batch.events:
            await self._sink.ingest_events(batch.events)
        await asyncio.to_thread(self._note, batch.until)

    def _tell_truth(self, window: Interval) -> None:
        """Write what goes wrong on purpose in a window; what comes is in it a week ahead."""
        rows = [
            {
                "kind": one.kind.value,
                "camera_id": one.camera_id,
                "start_time": one.interval.start.isoformat(),
                "end_time": one.interval.end.isoformat(),
                "size": one.size,
            }
            for one in self._site.truth_of(window)
        ]
        folder = home()
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{TRUTH}.tmp"
        draft.write_text(json.dumps({"simulation": self._site.fingerprint, "incidents": rows}))
        draft.replace(folder / TRUTH)
        self._told = window.end - DAY

    def _note(self, until: datetime) -> None:
        self._notes.put(self._key, Checkpoint(moment=until.isoformat()))

    def _known(self, now: datetime) -> datetime | None:
        """Up to when the server has everything, None where it has nothing or something else."""
        noted = self._notes.get(self._key)
        if noted is None or not noted.moment:
            return None
        until = datetime.fromisoformat(noted.moment)
        if until > now:
            return None
        day = Interval(until - OVERLAP - DAY, until - OVERLAP)
        made = sum(1 for _ in self._site.events(day))
        counted = self._client.count_events(
            since=day.start, until=day.end, sites=[self._site.site().site_id]
        )
        return until if counted.total.matches == made else None


def _parts(items: Sequence[ItemT]) -> list[Sequence[ItemT]]:
    return [items[first : first + BATCH] for first in range(0, len(items), BATCH)]
