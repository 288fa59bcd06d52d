"""Where imported and generated things go: the one thing that sources need of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..domain.catalogue import Site
from ..domain.events import Coverage, Event, Ingested
from ..domain.insights import InsightDraft


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that the receiver did not take: its place in the batch, from 0, and why."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch; all its items are counted once."""

    created: int = 0
    updated: int = 0
    duplicates: int = 0
    refused: tuple[Refused, ...] = ()

    @classmethod
    def of(cls, outcomes: Iterable[Ingested]) -> Receipt:
        """The receipt of a store, which refuses nothing."""
        counts = dict.fromkeys(Ingested, 0)
        for outcome in outcomes:
            counts[outcome] += 1
        return cls(counts[Ingested.CREATED], counts[Ingested.UPDATED], counts[Ingested.DUPLICATE])


class Sink(Protocol):
    """Takes batches of at most 1,000. Implemented over gRPC, and directly on the stores.

    Every method raises `domain.errors.Unavailable` when the receiver is away; nothing of that
    batch counts as sent then, and sending it again is harmless.
    """

    async def ingest_events(self, batch: Sequence[Event], /) -> Receipt:
        """Store events; those that the receiver refuses do not keep back the others."""
        ...

    async def ingest_coverage(self, batch: Sequence[Coverage], /) -> Receipt:
        """Store spans of coverage; a later one replaces what it overlaps."""
        ...

    async def put_site(self, site: Site, /) -> None:
        """Create or replace a site of the catalogue."""
        ...


class LiveSink(Sink, Protocol):
    """What sources that never end need beside that."""

    async def publish_insight(self, draft: InsightDraft, event_ids: Sequence[str], /) -> None:
        """Tell what the source itself found worth telling; the same dedupe_key is the same thing.
        `event_ids` are of stored events that it rests on. The same draft again changes nothing."""
        ...

    async def stored_event(self, event_id: str, /) -> Event | None:
        """What the receiver has under an id, None for nothing."""
        ...
