"""Events and coverage as numbered batches, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .v1.event_service_pb2 import (
    BatchIngestEventsRequest,
    BatchIngestEventsResponse,
    CoverageBatch,
    EventBatch,
    IngestEventsRequest,
    IngestEventsResponse,
)
from .v1.events_pb2 import Coverage, Event

OnSent: TypeAlias = Callable[[int], object]
"""Called after each batch that was handed to the network, with the number of items sent so far."""

# Far below the service's 4 MiB, however long descriptions are.
_BATCH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that was not stored: its place among those sent, from 0, and why."""

    position: int
    event_id: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What became of everything sent. `rejected` holds at most 1,000, `rejected_count` counts all.

    A duplicate was stored before with the same content.
    """

    created: int = 0
    updated: int = 0
    duplicates: int = 0
    rejected_count: int = 0
    rejected: tuple[Rejected, ...] = ()

    @property
    def stored(self) -> int:
        """How many of the items sent the service has now."""
        return self.created + self.updated + self.duplicates


class Batches:
    """Collects items into numbered messages, each of events or of coverage, in their order."""

    def __init__(self, size: int) -> None:
        self._size = min(size, 1000)
        self._events: list[Event] = []
        self._coverage: list[Coverage] = []
        self._bytes = 0
        self._starts: list[int] = []  # position of the first item of batch i + 1
        self.sent = 0

    def add(self, item: Event | Coverage) -> Iterator[IngestEventsRequest]:
        """The messages that are full now, at most two."""
        size = item.ByteSize()
        other = self._coverage if isinstance(item, Event) else self._events
        if other or self._bytes + size > _BATCH_BYTES:
            yield from self.flush()
        if isinstance(item, Event):
            self._events.append(item)
        else:
            self._coverage.append(item)
        self._bytes += size
        if len(self._events) + len(self._coverage) >= self._size:
            yield from self.flush()

    def flush(self) -> Iterator[IngestEventsRequest]:
        """What is left, as the last message."""
        count = len(self._events) + len(self._coverage)
        if not count:
            return
        self._starts.append(self.sent)
        self.sent += count
        sequence = len(self._starts)
        if self._events:
            message = IngestEventsRequest(sequence=sequence, events=EventBatch(events=self._events))
        else:
            message = IngestEventsRequest(
                sequence=sequence, coverage=CoverageBatch(coverage=self._coverage)
            )
        self._events, self._coverage, self._bytes = [], [], 0
        yield message

    def outcome(self, response: IngestEventsResponse) -> IngestOutcome:
        """The service's answer, with places in what was sent instead of places in batches."""
        return IngestOutcome(
            created=response.created,
            updated=response.updated,
            duplicates=response.duplicates,
            rejected_count=response.rejected_count,
            rejected=tuple(
                Rejected(
                    position=self._starts[one.sequence - 1] + one.index
                    if 1 <= one.sequence <= len(self._starts)
                    else one.index,
                    event_id=one.event_id,
                    field=one.field,
                    reason=one.reason,
                )
                for one in response.rejected
            ),
        )


def batch_request(items: Sequence[Event] | Sequence[Coverage]) -> BatchIngestEventsRequest:
    """One batch as a call of its own."""
    events = [one for one in items if isinstance(one, Event)]
    coverage = [one for one in items if isinstance(one, Coverage)]
    if events and coverage:
        raise ValueError("a batch holds events or coverage, not both")
    if coverage:
        return BatchIngestEventsRequest(coverage=CoverageBatch(coverage=coverage))
    return BatchIngestEventsRequest(events=EventBatch(events=events))


def batch_outcome(response: BatchIngestEventsResponse) -> IngestOutcome:
    """What became of one batch; places are those in it."""
    return IngestOutcome(
        created=response.created,
        updated=response.updated,
        duplicates=response.duplicates,
        rejected_count=len(response.rejected),
        rejected=tuple(
            Rejected(one.index, one.event_id, one.field, one.reason) for one in response.rejected
        ),
    )
