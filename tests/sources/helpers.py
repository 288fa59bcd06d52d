"""What the tests of sources share: a sink that remembers, and waits that a script stands behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enhanced_prompt_service.domain.catalogue import Site
from enhanced_prompt_service.domain.events import Coverage, Event, Ingested
from enhanced_prompt_service.domain.insights import InsightDraft
from enhanced_prompt_service.sources.sink import Receipt


class Stop(Exception):
    """Ends what otherwise goes on for ever."""


class MemorySink:
    """Keeps what it is given, by id, as a store does; fails on demand."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.coverage: list[Coverage] = []
        self.sites: list[Site] = []
        self.insights: list[tuple[InsightDraft, tuple[str, ...]]] = []
        self.batches: list[int] = []
        self.fail: Callable[[int], Exception | None] = lambda batch: None

    async def ingest_events(self, batch: Sequence[Event], /) -> Receipt:
        self._maybe_fail()
        self.batches.append(len(batch))
        outcomes: list[Ingested] = []
        for event in batch:
            known = self.events.get(event.event_id)
            outcomes.append(
                Ingested.CREATED
                if known is None
                else Ingested.DUPLICATE
                if known == event
                else Ingested.UPDATED
            )
            self.events[event.event_id] = event
        return Receipt.of(outcomes)

    async def ingest_coverage(self, batch: Sequence[Coverage], /) -> Receipt:
        self._maybe_fail()
        self.coverage.extend(batch)
        return Receipt(created=len(batch))

    async def put_site(self, site: Site, /) -> None:
        self.sites.append(site)

    async def publish_insight(self, draft: InsightDraft, event_ids: Sequence[str], /) -> None:
        self._maybe_fail()
        self.insights.append((draft, tuple(event_ids)))

    async def stored_event(self, event_id: str, /) -> Event | None:
        self._maybe_fail()
        return self.events.get(event_id)

    def _maybe_fail(self) -> None:
        if (error := self.fail(len(self.batches))) is not None:
            raise error


class Script:
    """A wait that runs the next step of a script instead, and stops after the last one."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        if not self.steps:
            raise Stop
        self.steps.pop(0)()
