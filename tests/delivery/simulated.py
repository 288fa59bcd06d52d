"""Dispatchers in simulated time, with receivers that are functions."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from enhanced_prompt_service.bus.memory import MemoryBus
from enhanced_prompt_service.delivery import Destination, Options
from enhanced_prompt_service.delivery.dispatcher import Dispatcher
from enhanced_prompt_service.delivery.parts import Parts
from enhanced_prompt_service.delivery.sending import Outcome, Verdict
from enhanced_prompt_service.domain.outbox import Entry
from enhanced_prompt_service.storage import Stores

from .kit import EPOCH

Answer = Callable[[Entry], Outcome]
OPTIONS = Options(lease_s=600, poll_s=5.0, window=64, gather_s=0)


def deliver(_: Entry) -> Outcome:
    return Outcome(Verdict.DELIVERED)


class SimulatedTime:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._waiting: list[tuple[float, asyncio.Event]] = []
        self._changed = asyncio.Event()
        self.quiet: Callable[[], bool] = lambda: True  # nothing is under way or being written

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        due = asyncio.Event()
        one = (self.seconds + max(seconds, 0.001), due)
        self._waiting.append(one)
        self._changed.set()
        tasks = [asyncio.create_task(event.wait()), asyncio.create_task(due.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._waiting.remove(one)

    async def pass_by(self, seconds: float, waiters: int) -> None:
        """Let so much time pass, while so many wait for it whenever nothing else is to be done."""
        until = self.seconds + seconds
        while True:
            await self._idle(waiters)
            at, due = min(self._waiting, key=lambda one: one[0])
            if at > until:
                self.seconds = until
                return
            self.seconds = at
            due.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _idle(self, waiters: int) -> None:
        while True:
            while len(self._waiting) < waiters:
                self._changed.clear()
                await self._changed.wait()
            if self.quiet():
                return
            await asyncio.sleep(0.001)


class FakeReceiver:
    """`Sender` of a function; `arrived` is what reached it."""

    def __init__(self, clock: SimulatedTime, answer: Answer = deliver) -> None:
        self.answer = answer
        self.arrived: list[tuple[float, Entry]] = []
        self._clock = clock

    async def keep(self) -> None:
        return

    async def check(self) -> None:
        return

    async def send(self, entries: Sequence[Entry]) -> list[Outcome]:
        self.arrived += [(self._clock.seconds, one) for one in entries]
        return [self.answer(one) for one in entries]

    async def close(self) -> None:
        return

    @property
    def numbers(self) -> list[int]:
        return [int(one.message.key.split("_")[-1].split(":")[0]) for _, one in self.arrived]


class Simulation:
    """Dispatchers over one store, in one time."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.clock = SimulatedTime()
        self.reports: list[tuple[str, str]] = []
        self._bus = MemoryBus(time.monotonic, 60)
        self._running = 0
        self._dispatchers: set[Dispatcher] = set()
        self.clock.quiet = self._quiet

    def _quiet(self) -> bool:
        terms = [one._term for one in self._dispatchers]
        return all(
            one is None or (not one._under_way and one._ledger._nothing.is_set()) for one in terms
        )

    def dispatcher(
        self, to: Destination, receiver: object, holder: str = "me", options: Options = OPTIONS
    ) -> Dispatcher:
        def report(name: str, what: str, error: Exception | None) -> None:
            self.reports.append((name, what if error is None else f"{what}: {error!r}"))

        parts = Parts(
            self.stores.outbox,
            self.stores.fences,
            self._bus,
            self.clock.now,
            self.clock.monotonic,
            self.clock.wait,
            random.Random(1),
            report,
        )
        return Dispatcher(to, lambda _: receiver, parts, holder, options)  # type: ignore[arg-type, return-value]

    @asynccontextmanager
    async def running(self, *dispatchers: Dispatcher) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in dispatchers]
        self._running += 2 * len(dispatchers)  # a pump and a lease each
        self._dispatchers.update(dispatchers)
        try:
            yield
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.wait(tasks)
            self._running -= 2 * len(dispatchers)
            self._dispatchers.difference_update(dispatchers)

    async def pass_by(self, seconds: float) -> None:
        await self.clock.pass_by(seconds, self._running)
