"""A sink that waits for its receiver: for sources that can neither drop nor go back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..domain.catalogue import Site
from ..domain.errors import Unavailable
from ..domain.events import Coverage, Event
from ..domain.insights import InsightDraft
from .backoff import Backoff
from .sink import LiveSink, Receipt

T = TypeVar("T")


class PatientSink:
    """Each call is made again, after a growing wait, until the receiver is there; other errors
    pass. `on_wait` is told why, and how long the next wait is, in seconds."""

    def __init__(
        self,
        sink: LiveSink,
        *,
        backoff: Backoff | None = None,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        on_wait: Callable[[Unavailable, float], object] | None = None,
    ) -> None:
        self._sink = sink
        self._backoff = backoff or Backoff()
        self._wait = wait
        self._on_wait = on_wait

    async def ingest_events(self, batch: Sequence[Event], /) -> Receipt:
        return await self._until_there(lambda: self._sink.ingest_events(batch))

    async def ingest_coverage(self, batch: Sequence[Coverage], /) -> Receipt:
        return await self._until_there(lambda: self._sink.ingest_coverage(batch))

    async def put_site(self, site: Site, /) -> None:
        await self._until_there(lambda: self._sink.put_site(site))

    async def publish_insight(self, draft: InsightDraft, event_ids: Sequence[str], /) -> None:
        await self._until_there(lambda: self._sink.publish_insight(draft, event_ids))

    async def stored_event(self, event_id: str, /) -> Event | None:
        return await self._until_there(lambda: self._sink.stored_event(event_id))

    async def _until_there(self, call: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                result = await call()
            except Unavailable as error:
                seconds = self._backoff.next()
                if self._on_wait is not None:
                    self._on_wait(error, seconds)
                await self._wait(seconds)
            else:
                self._backoff.reset()
                return result
