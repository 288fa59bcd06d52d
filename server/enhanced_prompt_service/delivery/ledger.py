"""What became of attempts, written many in one transaction: whoever settles does not wait for it.

Bounded by the window: an entry is held until what became of it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..domain.errors import Unavailable
from ..domain.fences import Fence
from ..domain.outbox import Acknowledged, AuditNote, OutboxStore, Settled
from .parts import Wait

_MOST = 500
_MANY = 64
_AGAIN_S = 0.5


class Ledger:
    """Of one destination, under one fence. `written` hears of each entry that is."""

    def __init__(
        self,
        store: OutboxStore,
        fence: Fence,
        destination: str,
        *,
        wait: Wait,
        gather_s: float,
        written: Callable[[Settled], None],
        report: Callable[[Exception], None],
    ) -> None:
        self._store = store
        self._fence = fence
        self._destination = destination
        self._wait = wait
        self._gather_s = gather_s
        self._written = written
        self._report = report
        self._settled: list[Settled] = []
        self._acknowledged: list[Acknowledged] = []
        self._audit: list[AuditNote] = []
        self._something = asyncio.Event()
        self._nothing = asyncio.Event()
        self._nothing.set()

    def settle(self, result: Settled, note: AuditNote | None = None) -> None:
        """An attempt has ended so."""
        self._settled.append(result)
        if note is not None:
            self._audit.append(note)
        self._wake()

    def acknowledge(self, one: Acknowledged) -> None:
        """The receiver took note, or refused."""
        self._acknowledged.append(one)
        self._wake()

    def audit(self, note: AuditNote) -> None:
        """Something that is no attempt."""
        self._audit.append(note)
        self._wake()

    @property
    def waiting(self) -> int:
        """How many acknowledgements are not written yet; nothing else bounds them."""
        return len(self._acknowledged)

    async def empty(self) -> None:
        """Wait until all is written."""
        await self._nothing.wait()

    async def run(self) -> None:
        """Never returns. Raises FenceLost."""
        while True:
            await self._something.wait()
            if self._gather_s and len(self._settled) < _MANY:
                await asyncio.sleep(self._gather_s)  # others end soon: one transaction for all
            settled, self._settled = self._settled[:_MOST], self._settled[_MOST:]
            heard, self._acknowledged = self._acknowledged[:_MOST], self._acknowledged[_MOST:]
            audit, self._audit = self._audit[:_MOST], self._audit[_MOST:]
            while True:
                try:
                    await self._store.settle(self._fence, self._destination, settled, heard, audit)
                except Unavailable as error:
                    self._report(error)
                    await self._wait(asyncio.Event(), _AGAIN_S)
                else:
                    break
            for one in settled:
                self._written(one)
            if not (self._settled or self._acknowledged or self._audit):
                self._something.clear()
                self._nothing.set()

    def _wake(self) -> None:
        self._something.set()
        self._nothing.clear()
