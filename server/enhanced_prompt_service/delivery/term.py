"""One term of a dispatcher: from getting the lease to losing it, or to the end of the process.

A pump reads what is owed into the window, claims what may go, and hands it to workers, which send
it. A ledger writes what became of it. Each of them ends the term when the fence is lost: then
another replica sends, and what this one would still write is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from ..domain.errors import Unavailable
from ..domain.fences import Fence, FenceLost
from ..domain.outbox import Acknowledged, Entry, OutboxState, Settled, fence_name
from .chores import Chores
from .condition import Condition
from .destinations import Destination, DestinationKind
from .ledger import Ledger
from .pacing import Rate
from .parts import Options, Parts
from .sending import Down, Sender
from .tally import Tally
from .unsure import Unsure
from .verdicts import Verdicts
from .window import Batch, Packing, Window

_SMALL = 64  # batches that may be claimed ahead of the workers
_SOON_S = 0.5
_MOST_ACKS = 10_000
_UNAVAILABLE_S = 1.0


@dataclass(slots=True)
class _Claimed:
    batch: Batch
    at: float


class Term:
    """Sends what one destination is owed, as long as the fence holds."""

    def __init__(
        self,
        destination: Destination,
        sender: Sender,
        parts: Parts,
        options: Options,
        tally: Tally,
        fence: Fence,
        holder: str,
    ) -> None:
        self._to = destination
        self._sender = sender
        self._parts = parts
        self._options = options
        self._tally = tally
        self._fence = fence
        self._holder = holder
        notifier = destination.kind is DestinationKind.NOTIFIER
        self._notifier = notifier
        self._workers = 1 if notifier else destination.concurrency
        packing = Packing(
            insights=1 if notifier else destination.batch_size,
            wait=timedelta(seconds=destination.batch_wait_s),
            any=options.notices if notifier else 1,
            most_bytes=destination.max_bytes,
        )
        self._most = options.notices_window if notifier else options.window
        self._window = Window(packing, self._most)
        self._ledger = Ledger(
            parts.store,
            fence,
            destination.name,
            wait=parts.wait,
            gather_s=options.gather_s,
            written=self._written,
            report=lambda error: self._report("the database does not answer", error),
        )
        self._condition = Condition(destination, parts, tally, fence, self._ledger)
        self._gate = self._condition.gate
        self._unsure = Unsure(destination.confirm_s, self._most)
        self._verdicts = Verdicts(
            destination,
            parts,
            tally,
            self._window,
            self._ledger,
            self._condition,
            self._unsure,
        )
        self._chores = Chores(
            destination,
            parts,
            options,
            fence,
            self._window,
            self._ledger,
            self._condition,
            self._verdicts,
        )
        self._rate = Rate(destination.rate, parts.monotonic())
        self._queue: asyncio.Queue[_Claimed] = asyncio.Queue()
        self._under_way = 0
        self._wake = asyncio.Event()
        self._look = True
        self._stopping = False
        self._lease_until = parts.monotonic() + options.lease_s
        self._looked = parts.monotonic()

    # ---- from outside ----

    def look(self) -> None:
        """Something new may be owed."""
        self._look = True
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping = True
        self._wake.set()

    def heard(self, one: Acknowledged) -> None:
        """The receiver acknowledged, or refused, a notification."""
        if self._ledger.waiting < _MOST_ACKS:  # what is dropped is asked for again
            self._tally.acknowledged += not one.refused
            self._ledger.acknowledge(one)
            if one.refused:
                self._unsure.refuse(one.notification_id, one.refused)

    def disturbed(self) -> None:
        """A connection is gone, or the receiver said something: see to it."""
        self._wake.set()

    async def run(self) -> None:
        """Until it is told to stop, or the fence is lost: then raises FenceLost in a group."""
        await self._condition.recall()
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [
                    tasks.create_task(self._renew(), name=f"lease of {self._to.name}"),
                    tasks.create_task(self._ledger.run(), name=f"ledger of {self._to.name}"),
                    *(
                        tasks.create_task(self._work(), name=f"delivery to {self._to.name}")
                        for _ in range(self._workers)
                    ),
                ]
                await self._pump()
                await self._drain()
                for one in helpers:
                    one.cancel()
        finally:
            self._tally.held = 0
            await self._sender.close()

    # ---- the pump ----

    async def _pump(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                pause = await self._step()
            except Unavailable as error:
                self._report("the database does not answer", error)
                pause = _UNAVAILABLE_S
            self._tally.held = len(self._window.held)
            if pause > 0:
                await self._parts.wait(self._wake, pause)

    async def _step(self) -> float:
        """Do what can be done now; how long to wait where nothing wakes us, in seconds."""
        parts, options = self._parts, self._options
        now = parts.monotonic()
        await self._chores.ask_again(now)
        if await self._chores.tidy(now):
            self._look = True
        closed_for = self._gate.wait_s(now)
        if closed_for > 0:
            return min(closed_for, options.tidy_s)
        trial = not self._gate.closed
        if self._under_way and (trial or self._notifier):
            return options.poll_s
        try:
            await self._sender.keep()
            await self._confirm(now)
        except Down as down:
            await self._lost(str(down))
            return 0
        if wait := self._rate.wait_s(now):
            return wait
        slots = min(self._slots(), self._rate.room(now), 1 if trial else _SMALL)
        if slots <= 0:
            return options.poll_s
        await self._read(now)
        room = self._unsure.room if self._notifier else None
        if room is not None and room <= 0:
            return self._unsure.due_s(now) or options.poll_s
        batches = self._window.take(slots, parts.now(), room)
        if not batches:
            if trial and not self._window.held:
                await self._condition.succeeded()  # it is there, and nothing is owed
            due = self._window.due_s(parts.now())
            sure = self._unsure.due_s(now)
            return min(one for one in (due, sure, options.poll_s) if one is not None)
        sent = await self._claim(batches)
        self._rate.take(sent, parts.monotonic())
        return 0

    def _slots(self) -> int:
        """Batches that may be claimed: as many as will be sent soon.

        A claim is a transaction, so it is not made for each batch: when half of what was claimed
        ahead is gone, the rest is filled up.
        """
        tally = self._tally
        rounds = 1
        if tally.requests and not self._notifier:
            rounds += int(_SOON_S * tally.requests / max(tally.seconds, 1e-6))
        most = min(rounds * self._workers, max(_SMALL, self._workers))
        if rounds > 1 and self._under_way > most // 2:
            return 0
        return most - self._under_way

    async def _read(self, now: float) -> None:
        """Read on where there is room: after a signal, when more was there, or now and then."""
        window, options = self._window, self._options
        due = now - self._looked >= options.poll_s
        if window.room < self._most // 4 or not (self._look or due):
            return
        self._look, self._looked = False, now
        held, lanes = window.reading()
        room = window.room
        found = await self._parts.store.window(
            self._to.name, held=held, lanes=lanes, most=room, most_bytes=options.window_bytes
        )
        window.add(found, self._parts.now())
        self._look = self._look or len(found) == room or self._full(found)

    def _full(self, found: Sequence[Entry]) -> bool:
        largest = self._options.window_bytes - self._to.max_bytes
        return sum(one.size for one in found) >= largest

    async def _claim(self, batches: Sequence[Batch]) -> int:
        """Count the attempts, and hand what is still owed to the workers."""
        ids = [one.id for batch in batches for one in batch]
        try:
            owed = await self._parts.store.claim(self._fence, ids)
        except BaseException:
            for batch in batches:
                self._window.back(batch)
            raise
        at, now = self._parts.monotonic(), self._parts.now()
        count = 0
        for batch in batches:
            going: Batch = []
            for one in batch:
                if one.id not in owed:  # withdrawn, purged, or acknowledged meanwhile
                    self._window.ended(one)
                    self._window.release(one.id)
                elif one.message.deadline <= now:
                    self._verdicts.park(one, "its deadline has passed", now)
                else:
                    self._tally.asked_again += one.state is OutboxState.SENT
                    going.append(replace(one, attempts=one.attempts + 1))
            if going:
                count += len(going) if self._notifier else 1
                self._under_way += 1
                self._queue.put_nowait(_Claimed(going, at))
        return count

    # ---- the workers ----

    async def _work(self) -> None:
        while True:
            claimed = await self._queue.get()
            try:
                await self._deliver(claimed)
            finally:
                self._under_way -= 1
                self._wake.set()

    async def _deliver(self, claimed: _Claimed) -> None:
        parts = self._parts
        batch = claimed.batch
        if self._gate.wait_s(parts.monotonic()) > 0:  # it closed since
            self._window.back(batch)
            return
        if parts.monotonic() - claimed.at > self._options.stale_s or not self._gate.closed:
            batch = await self._still_owed(batch)
        if not batch:
            return
        began = parts.monotonic()
        if began >= self._lease_until:  # another replica may send already
            raise FenceLost(self._fence)
        try:
            outcomes = await self._sender.send(batch)
        except Down as down:
            self._window.back(batch)
            await self._lost(str(down), len(batch))
            return
        tally = self._tally
        tally.requests += 1
        tally.seconds += parts.monotonic() - began
        tally.bytes += sum(one.size for one in batch)
        await self._verdicts.judge(batch, outcomes)

    async def _still_owed(self, batch: Batch) -> Batch:
        try:
            owed = await self._parts.store.claim(self._fence, [one.id for one in batch], again=True)
        except Unavailable as error:
            self._report("the database does not answer", error)
            self._window.back(batch)
            return []
        for one in batch:
            if one.id not in owed:
                self._window.ended(one)
                self._window.release(one.id)
        return [one for one in batch if one.id in owed]

    def _written(self, result: Settled) -> None:
        if result.state is not OutboxState.PENDING:
            self._window.release(result.id)
            if self._window.room >= self._most // 4:
                self._wake.set()

    # ---- what went out and may be lost ----

    async def _confirm(self, now: float) -> None:
        """What went out so long ago on a connection that still answers has arrived. Raises Down."""
        if self._unsure.due_s(now) != 0.0:
            return
        await self._sender.check()
        at = self._parts.now()
        for one, refused in self._unsure.confirm(now):
            if refused:
                self._verdicts.park(one.entry, refused, at)
            else:
                self._verdicts.went(one.entry, one.outcome, at)
        for name, why in self._unsure.late().items():
            self._report(f"parked {name}: {why}", None)

    async def _lost(self, reason: str, under_way: int = 0) -> None:
        """The connection is gone, and perhaps what went out on it: all of it goes again, before
        anything that came after it."""
        self._window.back(self._unsure.lost(under_way))
        await self._condition.failed(reason)

    # ---- the lease, and the end ----

    async def _renew(self) -> None:
        options, parts = self._options, self._parts
        while True:
            await parts.wait(asyncio.Event(), options.lease_s / 3)
            asked = parts.monotonic()
            try:
                fence = await parts.fences.take(
                    fence_name(self._to.name), self._holder, options.lease_s
                )
            except Unavailable:
                continue  # workers stop when it has run out
            if fence != self._fence:
                raise FenceLost(self._fence)
            self._lease_until = asked + options.lease_s

    async def _drain(self) -> None:
        """What is under way may end, and what became of it is written."""
        until = self._parts.monotonic() + self._options.drain_s
        while self._under_way and self._parts.monotonic() < until:
            self._wake.clear()
            await self._parts.wait(self._wake, until - self._parts.monotonic())
        if self._unsure:
            await self._parts.wait(asyncio.Event(), self._to.confirm_s)
            with suppress(Down):  # then it goes again, from wherever
                await self._confirm(self._parts.monotonic())
        done = asyncio.ensure_future(self._ledger.empty())
        try:
            await asyncio.wait({done}, timeout=self._options.drain_s)
        finally:
            done.cancel()

    def _report(self, what: str, error: Exception | None) -> None:
        self._parts.report(self._to.name, what, error)
