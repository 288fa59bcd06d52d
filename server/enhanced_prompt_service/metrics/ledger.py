"""What this process has counted, brought into the ledger of all: each amount once.

An addition of which nobody knows whether it was made (the bus went away meanwhile) is made again
under the same number. Where the ledger itself was lost, all that this process counted is added
again, by each process.
"""

from __future__ import annotations

import asyncio

from ..domain.bus import SINCE, Bus
from .counts import Counts
from .notes import totals

_LEDGER = "metrics"
KEEP_S = 3600.0
"""A service of which no replica ran for so long counts anew."""


class Ledger:
    """The share of one process. `writer` is its name, unique among replicas and restarts."""

    def __init__(self, counts: Counts, bus: Bus, writer: str) -> None:
        self._counts = counts
        self._bus = bus
        self._writer = writer
        self._number = 0
        self._added: dict[str, float] = {}
        self._sent: dict[str, float] | None = None
        self._id = ""
        # What is being added must not be taken for what is still to be added.
        self._one_at_a_time = asyncio.Lock()

    async def add(self) -> None:
        """Add what was counted since the last time. Raises Unavailable; call it again then."""
        async with self._one_at_a_time:
            if self._sent is None:
                self._number += 1
                self._sent = self._left()
            found = await self._bus.add(
                _LEDGER,
                self._writer,
                self._number,
                self._sent,
                since=self._counts.began.timestamp(),
                ttl_s=KEEP_S,
            )
            if found != self._id:
                self._id, self._added = found, {}  # nothing is in it but what was sent just now
            for name, amount in self._sent.items():
                self._added[name] = self._added.get(name, 0.0) + amount
            self._sent = None

    async def sums(self) -> dict[str, float]:
        """The sums of all, with what this process has still to add. Raises Unavailable."""
        async with self._one_at_a_time:
            found = await self._bus.sums(_LEDGER)
            if not found:
                return {**totals(self._counts), SINCE: self._counts.began.timestamp()}
            for name, amount in self._left().items():
                found[name] = found.get(name, 0.0) + amount
            return found

    def _left(self) -> dict[str, float]:
        return {
            name: amount - added
            for name, amount in totals(self._counts).items()
            if amount != (added := self._added.get(name, 0.0))
        }
