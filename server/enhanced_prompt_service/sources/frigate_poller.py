"""Polling Frigate's HTTP API: new events as they appear, open ones until they end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar
from urllib.parse import quote

import httpx

from ..domain.clock import Clock
from ..domain.errors import Unavailable
from ..domain.events import Event
from .backoff import Backoff
from .checkpoints import Checkpoint
from .files import Run
from .frigate import FrigateOptions, frigate_event
from .jsonl import decode, decode_array
from .loose import as_mapping, as_number
from .progress import OnProgress, Progress, silent
from .rows import BadRow, Row
from .sink import Sink

_REMEMBERED = 20_000
_STEP_S = 1e-6

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class PollOptions:
    """`page` is how many events are asked for at once (Frigate's default is 100).

    Frigate stores an event some time after it began, and changes it after it ended (sub-labels,
    descriptions): each poll looks back `overlap_s` behind the newest start that it saw. The first
    one begins `history_s` before now. `open_most_s` is how long an event that never ends is asked
    for again.
    """

    page: int = 100
    poll_s: float = 5.0
    overlap_s: float = 600.0
    history_s: float = 3600.0
    open_most_s: float = 86_400.0
    batch_size: int = 500


class FrigatePoller:
    """Sends a Frigate's events to a sink, for as long as `run` is not cancelled.

    `http` has the server's address as its base_url, and belongs to the caller. What was sent is
    remembered, so that only what changed is sent again.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        sink: Sink,
        options: FrigateOptions,
        clock: Clock,
        polling: PollOptions | None = None,
        *,
        since: float | None = None,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        backoff: Backoff | None = None,
        on_progress: OnProgress = silent,
    ) -> None:
        self._http = http
        self._sink = sink
        self._options = options
        self._clock = clock
        self._polling = polling or PollOptions()
        self._wait = wait
        self._backoff = backoff or Backoff()
        self._on_progress = on_progress
        self._newest = since
        self._sent: OrderedDict[str, Event] = OrderedDict()
        self._open: dict[str, float] = {}
        self._bad: OrderedDict[str, None] = OrderedDict()
        self.progress = Progress(str(http.base_url))

    @property
    def newest(self) -> float | None:
        """Unix seconds of the newest start seen: give it as `since` to go on there later."""
        return self._newest

    async def run(self) -> NoReturn:
        """Poll for ever; while Frigate or the sink is away, try again after a growing wait.

        Raises httpx.HTTPStatusError when Frigate answers that the request itself is wrong
        (4xx but 408 and 429: an address or a right that is missing), or BadRow when what answers
        is no Frigate.
        """
        while True:
            try:
                await self.poll()
            except (httpx.TransportError, Unavailable):
                await self._wait(self._backoff.next())
            except httpx.HTTPStatusError as error:
                code = error.response.status_code
                if code < 500 and code not in (408, 429):
                    raise
                await self._wait(self._backoff.next())
            else:
                self._backoff.reset()
                await self._wait(self._polling.poll_s)

    async def poll(self) -> int:
        """One look at what is new and at what was open; returns how many events were sent."""
        now = self._clock.now().timestamp()
        if self._newest is None:
            after = self._newest = now - self._polling.history_s
        else:
            after = self._newest - self._polling.overlap_s
        rows = await self._since(after)
        listed = {str(row.get("id")) for row in rows}
        for event_id in [one for one in self._open if one not in listed]:
            row = await self._one(event_id)
            if row is None:
                del self._open[event_id]  # Frigate took it back or deleted it
            else:
                rows.append(row)
        rows.sort(key=_start)
        changed = self._changed(rows, now)
        for first in range(0, len(changed), self._polling.batch_size):
            part = changed[first : first + self._polling.batch_size]
            receipt = await self._sink.ingest_events(part)
            self.progress.count([0] * len(part), receipt)
            for event in part:
                _bounded(self._sent, event.event_id, event)
                self._watch(event, now)
        self._newest = max(self._newest, *map(_start, rows)) if rows else self._newest
        self._on_progress(self.progress)
        return len(changed)

    async def _since(self, after: float) -> list[Row]:
        """All events that start after a moment: pages of the API go from the newest back."""
        found: dict[str, Row] = {}
        before: float | None = None
        while True:
            query = {"after": repr(after), "limit": str(self._polling.page),
                     "include_thumbnails": "0"}  # fmt: skip
            if before is not None:
                query["before"] = repr(before)
            response = await self._http.get("/api/events", params=query)
            response.raise_for_status()
            page = [row for item in decode_array(response.text) if (row := as_mapping(item))]
            fresh = [row for row in page if str(row.get("id")) not in found]
            found.update((str(row.get("id")), row) for row in fresh)
            if len(page) < self._polling.page or not fresh:
                return list(found.values())
            # Events that began in the same instant as the last one may stand on the next page.
            before = min(_start(row) for row in page) + _STEP_S

    async def _one(self, event_id: str) -> Row | None:
        response = await self._http.get(f"/api/events/{quote(event_id, safe='')}")
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return decode(response.text)

    def _changed(self, rows: list[Row], now: float) -> list[Event]:
        """Events that are new or other than what was sent; broken rows are counted once."""
        changed: list[Event] = []
        for row in rows:
            event_id = str(row.get("id"))
            try:
                event = frigate_event(row, self._options)
            except BadRow as error:
                if event_id not in self._bad:
                    _bounded(self._bad, event_id, None)
                    self.progress.rows += 1
                    self.progress.reject(0, error.field, f"{error.reason} (event {event_id})")
                continue
            if event is None:
                self._open.pop(event_id, None)
            elif self._sent.get(event_id) != event:
                self.progress.rows += 1
                changed.append(event)
            else:
                self._watch(event, now)
        return changed

    def _watch(self, event: Event, now: float) -> None:
        age = now - event.start_time.timestamp()
        if event.end_time is None and age < self._polling.open_most_s:
            self._open[event.event_id] = event.start_time.timestamp()
        else:
            self._open.pop(event.event_id, None)


async def follow_frigate(
    url: str,
    sink: Sink,
    options: FrigateOptions,
    clock: Clock,
    run: Run | None = None,
    polling: PollOptions | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> NoReturn:
    """Poll the Frigate at an address until cancelled, going on where an earlier run stopped.

    `headers` may carry what a protected Frigate asks for. Raises as `FrigatePoller.run`.
    """
    run = run or Run()
    key = "\n".join(("frigate", url, options.site, run.target))
    known = None if run.checkpoints is None or run.restart else run.checkpoints.get(key)
    since = float(known.moment) if known is not None and known.moment else None
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:

        def noted(progress: Progress) -> None:
            if run.checkpoints is not None and poller.newest is not None:
                run.checkpoints.put(key, Checkpoint(moment=repr(poller.newest)))
            run.on_progress(progress)

        poller = FrigatePoller(
            http, sink, options, clock, polling, since=since, wait=wait, on_progress=noted
        )
        await poller.run()


def _start(row: Row) -> float:
    return as_number(row.get("start_time")) or 0.0


def _bounded(memory: OrderedDict[str, Kept], key: str, value: Kept) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)
