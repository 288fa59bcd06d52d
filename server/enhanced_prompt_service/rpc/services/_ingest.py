"""Taking in batches: bad items are rejected one by one, the good ones of a batch are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from enhanced_prompt.v1 import event_service_pb2 as pb
from enhanced_prompt.v1 import events_pb2

from ...domain.errors import FieldViolation, InvalidArgument, Reason
from ...domain.event_rules import coverage_violations, event_violations
from ...domain.events import Coverage, Event, Ingested
from ...domain.identity import Caller
from ...domain.stores import EventStore
from ..convert.events import coverage, event

MOST_REJECTED = 1000


@dataclass(slots=True)
class Tally:
    """What became of everything sent so far."""

    created: int = 0
    updated: int = 0
    duplicates: int = 0
    rejected_count: int = 0
    rejected: list[pb.RejectedItem] = field(default_factory=list[pb.RejectedItem])

    def stored(self, outcomes: Sequence[Ingested]) -> None:
        """Count what the store said."""
        self.created += outcomes.count(Ingested.CREATED)
        self.updated += outcomes.count(Ingested.UPDATED)
        self.duplicates += outcomes.count(Ingested.DUPLICATE)

    def reject(
        self, sequence: int, index: int, event_id: str, violations: Sequence[FieldViolation]
    ) -> None:
        """Keep why one item was not stored: its first fault, and how many more there are."""
        self.rejected_count += 1
        if len(self.rejected) >= MOST_REJECTED:
            return
        first, more = violations[0], len(violations) - 1
        self.rejected.append(
            pb.RejectedItem(
                sequence=sequence,
                index=index,
                event_id=event_id[:256],
                field=first.field,
                reason=f"{first.description} (and {more} more)" if more else first.description,
            )
        )


async def take_in(
    store: EventStore,
    caller: Caller,
    request: pb.IngestEventsRequest | pb.BatchIngestEventsRequest,
    tally: Tally,
    *,
    sequence: int = 0,
) -> None:
    """Store one batch in one transaction and count it.

    Raises InvalidArgument where the message holds no batch, and whatever the store raises.
    """
    match request.WhichOneof("batch"):
        case "events":
            events = _events(request.events.events, tally, sequence)
            if events:
                tally.stored(await store.ingest(caller, events))
        case "coverage":
            spans = _spans(request.coverage.coverage, tally, sequence)
            if spans:
                tally.stored(await store.ingest_coverage(caller, spans))
        case _:
            raise InvalidArgument.of(
                "batch",
                "one of events and coverage must be set",
                reason=Reason.REQUIRED_FIELD_MISSING,
            )


def _events(messages: Sequence[events_pb2.Event], tally: Tally, sequence: int) -> list[Event]:
    good: list[Event] = []
    for index, message in enumerate(messages):
        try:
            found = event(message)
        except InvalidArgument as error:
            tally.reject(sequence, index, message.event_id, error.violations)
            continue
        violations = event_violations(found)
        if violations:
            tally.reject(sequence, index, message.event_id, violations)
        else:
            good.append(found)
    return good


def _spans(messages: Sequence[events_pb2.Coverage], tally: Tally, sequence: int) -> list[Coverage]:
    good: list[Coverage] = []
    for index, message in enumerate(messages):
        try:
            found = coverage(message)
        except InvalidArgument as error:
            tally.reject(sequence, index, "", error.violations)
            continue
        violations = coverage_violations(found)
        if violations:
            tally.reject(sequence, index, "", violations)
        else:
            good.append(found)
    return good
