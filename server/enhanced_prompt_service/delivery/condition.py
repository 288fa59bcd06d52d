"""How one receiver is: whether it may be tried, and whether its failing has become an alarm."""

from __future__ import annotations

from datetime import datetime

from ..domain.errors import Unavailable
from ..domain.fences import Fence
from ..domain.outbox import AuditNote, DestinationState
from .destinations import Destination, DestinationKind
from .ledger import Ledger
from .pacing import Gate
from .parts import Parts
from .tally import Tally


class Condition:
    """Of one destination, under one fence. `gate` says when something may be sent."""

    def __init__(
        self, destination: Destination, parts: Parts, tally: Tally, fence: Fence, ledger: Ledger
    ) -> None:
        self._to = destination
        self._parts = parts
        self._tally = tally
        self._fence = fence
        self._ledger = ledger
        # A notifier has one connection: losing that is a failure of all.
        one = destination.kind is DestinationKind.NOTIFIER
        self.gate = Gate(
            1 if one else destination.breaker_failures,
            destination.reconnect_s,
            destination.reconnect_most_s,
        )
        self._alarm_at: datetime | None = None
        self._reason = ""

    async def recall(self) -> None:
        """An alarm of an earlier term goes on, and is over when the receiver is back."""
        for one in await self._parts.store.noted():
            if one.name == self._to.name:
                self._alarm_at = one.alarm_at
                self._tally.alarm = one.alarm_at is not None

    async def failed(self, reason: str) -> None:
        """It did not work; after the setting's number of trials that is an alarm."""
        self._tally.failures += 1
        self._reason = reason
        trials = self.gate.trials
        self.gate.failed(self._parts.monotonic())
        if self.gate.trials == trials:
            return
        if self.gate.trials >= self._to.reconnect_attempts and self._alarm_at is None:
            now = self._parts.now()
            self._alarm_at = now
            self._tally.alarm = True
            self._parts.report(
                self._to.name, f"ALARM: {self.gate.trials} trials have failed: {reason}", None
            )
            self._audit(now, "UNAVAILABLE", reason)
        await self._write()

    async def succeeded(self) -> None:
        """It worked: whatever was wrong is over."""
        was_open = not self.gate.closed or self._alarm_at is not None
        self.gate.succeeded()
        if was_open:
            if self._alarm_at is not None:
                self._parts.report(self._to.name, "is back: the alarm is over", None)
                self._audit(self._parts.now(), "OK", "it is back")
            self._alarm_at, self._reason, self._tally.alarm = None, "", False
            await self._write()

    def _audit(self, now: datetime, outcome: str, reason: str) -> None:
        self._ledger.audit(AuditNote(now, "", "delivery.alarm", outcome, reason, "", self._to.name))

    async def _write(self) -> None:
        state = DestinationState(self._to.name, self.gate.trials, self._reason, self._alarm_at)
        try:
            await self._parts.store.note(self._fence, state)
        except Unavailable as error:
            self._parts.report(self._to.name, "the database does not answer", error)
