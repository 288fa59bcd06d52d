"""All destinations of a process: who sends, who wakes them, and what is said of them."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import httpx

from ..domain.bus import Bus
from ..domain.errors import Unavailable
from ..domain.fences import FenceStore
from ..domain.outbox import Backlog, DestinationState, OutboxStore, channel
from .destinations import Destination, DestinationKind
from .dispatcher import Dispatcher
from .ingest import IngestSender
from .notifier import NotifierSender
from .parts import Options, Parts, Report, Wait, wait
from .sending import Sender
from .tally import Tally
from .transport import JudgedNetwork, JudgedTransport


class Alarm(Exception):
    """A destination has not been reached for long, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How all of it was when somebody last looked."""

    states: tuple[DestinationState, ...] = ()
    backlog: Mapping[str, Backlog] = field(default_factory=dict[str, Backlog])


class Nudger:
    """Tells whoever sends that something was written; whoever writes does not wait for it."""

    def __init__(self, names: Sequence[str], bus: Bus) -> None:
        self._channels = tuple(channel(one) for one in names)
        self._bus = bus
        self._something = asyncio.Event()

    def __call__(self) -> None:
        """Something was written, or may have been."""
        self._something.set()

    async def run(self) -> None:
        """Never returns. Where the bus is away dispatchers look by themselves."""
        while True:
            await self._something.wait()
            self._something.clear()
            with suppress(Unavailable):
                for one in self._channels:
                    await self._bus.signal(one)


class Delivery:
    """Sends what is owed to these destinations, as far as this process has the leases.

    `tally` has what was counted, by name; `seen` how all of it was at the last `look`.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        parts: Parts,
        nudger: Nudger,
        holder: str,
        *,
        user_agent: str,
        options: Options | None = None,
    ) -> None:
        self._parts = parts
        self._nudger = nudger
        self._user_agent = user_agent
        self._options = options or Options()
        self.dispatchers = tuple(
            Dispatcher(one, self._sender_of(one), parts, holder, self._options)
            for one in destinations
        )
        self.seen = Seen()

    @property
    def tallies(self) -> dict[str, Tally]:
        """What was counted in this process, by destination."""
        return {one.destination.name: one.tally for one in self.dispatchers}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Sends, as long as the block lasts; then what is under way may end."""
        nudging = asyncio.create_task(self._nudger.run(), name="nudges of deliveries")
        tasks = [
            asyncio.create_task(one.run(), name=f"dispatcher of {one.destination.name}")
            for one in self.dispatchers
        ]
        try:
            yield
        finally:
            for one in self.dispatchers:
                one.stop()
            if tasks:
                await asyncio.wait(tasks, timeout=2 * self._options.drain_s)
            pending = {*tasks, nudging}
            while pending:  # a driver may take a cancellation for a failure of its own
                for task in pending:
                    task.cancel()
                _, pending = await asyncio.wait(pending, timeout=0.2)

    async def look(self) -> None:
        """See how all destinations are, on whatever replica. Raises Alarm where one is not well."""
        states = await self._parts.store.noted()
        names = {one.destination.name for one in self.dispatchers}
        backlog = {one.destination: one for one in await self._parts.store.backlog()}
        mine = tuple(one for one in states if one.name in names)
        self.seen = Seen(mine, {name: one for name, one in backlog.items() if name in names})
        if any(one.alarm_at is not None for one in mine):
            raise Alarm

    def said(self) -> str:
        """How destinations are, for people."""
        return "; ".join(self._said(one.destination.name) for one in self.dispatchers)

    def _said(self, name: str) -> str:
        state = next((one for one in self.seen.states if one.name == name), DestinationState(name))
        backlog = self.seen.backlog.get(name, Backlog(name))
        counts = f"{backlog.pending} owed, {backlog.parked} parked"
        if state.alarm_at is not None:
            since = state.alarm_at.isoformat(timespec="seconds")
            return f"{name}: ALARM since {since} ({state.reason}); {counts}, trying on"
        if state.failures:
            return f"{name}: not reached ({state.reason}); {counts}, trying on"
        return f"{name}: {counts}"

    def _sender_of(self, to: Destination) -> Callable[[Dispatcher], Sender]:
        parts = self._parts

        def warn(what: str) -> None:
            parts.report(to.name, what, None)

        def notifier(dispatcher: Dispatcher) -> Sender:
            return NotifierSender(
                to,
                now=parts.now,
                tally=dispatcher.tally,
                heard=dispatcher.heard,
                disturbed=dispatcher.disturbed,
                warn=warn,
                user_agent=self._user_agent,
            )

        @cache
        def authorities() -> ssl.SSLContext:
            return ssl.create_default_context()

        def transport() -> httpx.AsyncBaseTransport:
            network = JudgedNetwork(allow_private=to.allow_private)
            return JudgedTransport(network, connections=to.concurrency, ssl_context=authorities())

        def ingest(dispatcher: Dispatcher) -> Sender:
            return IngestSender(
                to,
                transport,
                now=parts.now,
                tally=dispatcher.tally,
                warn=warn,
                user_agent=self._user_agent,
            )

        return notifier if to.kind is DestinationKind.NOTIFIER else ingest


def delivery_of(
    destinations: Sequence[Destination],
    store: OutboxStore,
    fences: FenceStore,
    bus: Bus,
    nudger: Nudger,
    holder: str,
    *,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    report: Report,
    user_agent: str,
    waiting: Wait = wait,
    options: Options | None = None,
) -> Delivery:
    """A delivery from what it works with."""
    parts = Parts(
        store,
        fences,
        bus,
        now,
        monotonic,
        waiting,
        random.Random(),
        report,
    )
    return Delivery(destinations, parts, nudger, holder, user_agent=user_agent, options=options)
