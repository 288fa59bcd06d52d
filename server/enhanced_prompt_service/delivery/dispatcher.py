"""Who sends to a destination: one replica at a time, by a lease; the others are ready to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from ..domain.bus import Listener
from ..domain.errors import Unavailable
from ..domain.fences import FenceLost
from ..domain.outbox import Acknowledged, channel, fence_name
from .destinations import Destination
from .parts import Options, Parts
from .sending import Sender
from .tally import Tally
from .term import Term

MakeSender = Callable[["Dispatcher"], Sender]


class Dispatcher:
    """Of one destination. `run` until `stop`; cancelling is rougher, and loses nothing either."""

    def __init__(
        self,
        destination: Destination,
        make_sender: MakeSender,
        parts: Parts,
        holder: str,
        options: Options | None = None,
    ) -> None:
        self.destination = destination
        self.tally = Tally()
        self._sender = make_sender(self)
        self._parts = parts
        self._holder = holder
        self._options = options or Options()
        self._term: Term | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    def look(self) -> None:
        """Something new may be owed."""
        if self._term is not None:
            self._term.look()

    def heard(self, one: Acknowledged) -> None:
        """The receiver acknowledged, or refused, a notification."""
        if self._term is not None:
            self._term.heard(one)

    def disturbed(self) -> None:
        """The connection is gone, or something was said on it."""
        if self._term is not None:
            self._term.disturbed()

    def stop(self) -> None:
        """Begin nothing more; `run` returns soon."""
        self._stopping = True
        self._wake.set()
        if self._term is not None:
            self._term.stop()

    async def run(self) -> None:
        """Send as long as the lease is ours, and try for it where it is not."""
        name = self.destination.name
        async with self._parts.bus.listen(channel(name)) as signals:
            hearing = asyncio.create_task(self._hear(signals), name=f"signals of {name}")
            try:
                while not self._stopping:
                    try:
                        if await self._lead():
                            continue
                    except Exception as error:  # whatever it was: the next term starts from SQL
                        if not _lost(error):
                            self._parts.report(name, "delivery failed", error)
                    self._wake.clear()
                    if not self._stopping:
                        await self._parts.wait(self._wake, self._options.lease_s / 3)
            finally:
                hearing.cancel()
                await asyncio.wait({hearing})

    async def _lead(self) -> bool:
        """One term, where the lease can be had; whether it ended in order."""
        name = fence_name(self.destination.name)
        fence = await self._parts.fences.take(name, self._holder, self._options.lease_s)
        if fence is None:
            return False
        self._term = Term(
            self.destination,
            self._sender,
            self._parts,
            self._options,
            self.tally,
            fence,
            self._holder,
        )
        self.tally.leads = True
        if self._stopping:
            self._term.stop()
        try:
            await self._term.run()
        finally:
            self._term, self.tally.leads = None, False
            try:
                await self._parts.fences.give_back(fence)
            except Unavailable as error:  # it runs out by itself
                self._parts.report(self.destination.name, "the lease was not given back", error)
        return True

    async def _hear(self, signals: Listener) -> None:
        while True:
            if await signals.wait(self._options.poll_s):
                self.look()


def _lost(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        group = cast(BaseExceptionGroup[BaseException], error)
        return all(_lost(one) for one in group.exceptions)
    return isinstance(error, FenceLost)
