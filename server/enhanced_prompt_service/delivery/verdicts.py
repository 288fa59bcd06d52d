"""What follows from what became of an attempt: for the entry, its lane and its receiver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..domain.outbox import AuditNote, Entry, OutboxState, Settled
from .condition import Condition
from .destinations import Destination, DestinationKind
from .ledger import Ledger
from .pacing import Waits
from .parts import Parts
from .sending import Outcome, Verdict
from .tally import Tally
from .unsure import Unsure
from .window import Batch, Window

_ACK_DOUBLINGS = 6


class Verdicts:
    """Of one destination. Writes into the ledger, and moves entries on in the window."""

    def __init__(
        self,
        destination: Destination,
        parts: Parts,
        tally: Tally,
        window: Window,
        ledger: Ledger,
        condition: Condition,
        unsure: Unsure,
    ) -> None:
        self._to = destination
        self._parts = parts
        self._tally = tally
        self._window = window
        self._ledger = ledger
        self._condition = condition
        self._unsure = unsure
        self._notifier = destination.kind is DestinationKind.NOTIFIER
        self._retries = Waits(destination.retry_first_s, destination.retry_most_s)

    async def judge(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """One outcome for each entry that was sent together, in order."""
        now = self._parts.now()
        for outcome in outcomes:
            self._tally.outcomes[outcome.verdict.value] += 1
        together = len(batch) > 1 and not self._notifier
        if together and any(one.verdict is Verdict.PARK for one in outcomes):
            self._window.back(batch, alone=True)  # one of them it was: each by itself tells which
            await self._condition.succeeded()
            return
        waits: list[tuple[Entry, Outcome]] = []
        for entry, outcome in zip(batch, outcomes, strict=True):
            match outcome.verdict:
                case Verdict.DELIVERED | Verdict.SENT if self._notifier:
                    self._window.ended(entry)
                    self._unsure.add(entry, outcome, self._parts.monotonic())
                case Verdict.DELIVERED | Verdict.SENT:
                    self._window.ended(entry)
                    self.went(entry, outcome, now)
                case Verdict.PARK:
                    self.park(entry, outcome.reason, now)
                case Verdict.RETRY | Verdict.DOWN:
                    waits.append((entry, outcome))
        for entry, outcome in reversed(waits):
            self._again(entry, outcome, now)
        failed = [one for _, one in waits if one.counts]
        for one in outcomes:
            if one.after_s is not None:
                most = self._to.retry_after_most_s
                self._condition.gate.pause(self._parts.monotonic(), min(one.after_s, most))
        if failed:
            await self._condition.failed(failed[0].reason)
        elif len(waits) < len(outcomes):
            await self._condition.succeeded()

    def went(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
        """It arrived; where that has to be acknowledged, it is asked for in time."""
        delivered = outcome.verdict is Verdict.DELIVERED
        pause = self._to.ack_s * 2 ** min(entry.attempts - 1, _ACK_DOUBLINGS)
        self._ledger.settle(
            Settled(
                entry.id,
                OutboxState.DELIVERED if delivered else OutboxState.SENT,
                next_at=now if delivered else now + timedelta(seconds=pause),
                ingest_id=outcome.ingest_id,
                received=outcome.received,
                status=outcome.status,
                finished_at=now if delivered else None,
            ),
            self.note(entry, "OK", "", now) if self._to.audit else None,
        )

    def park(self, entry: Entry, reason: str, now: datetime) -> None:
        """It will never work: it is kept for people, and what comes after it goes on."""
        self._window.ended(entry)
        self._ledger.settle(
            Settled(entry.id, OutboxState.PARKED, now, reason=reason, finished_at=now),
            self.note(entry, "FAILED_PRECONDITION", reason, now),
        )
        self._parts.report(self._to.name, f"parked {entry.message.key}: {reason}", None)

    def note(self, entry: Entry, outcome: str, reason: str, now: datetime) -> AuditNote:
        """What the audit log says of it."""
        message = entry.message
        action = f"delivery.{message.kind.value}"
        return AuditNote(now, message.tenant, action, outcome, reason, message.key, self._to.name)

    def _again(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
        pause = self._retries.jittered(entry.attempts, self._parts.dice)
        if outcome.after_s is not None:
            pause = max(pause, min(outcome.after_s, self._to.retry_after_most_s))
        until = now + timedelta(seconds=pause)
        self._window.wait(replace(entry, next_at=until, reason=outcome.reason), until)
        self._ledger.settle(Settled(entry.id, entry.state, until, reason=outcome.reason))
