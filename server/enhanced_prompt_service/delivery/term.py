"""One term of a dispatcher: from getting the lease to losing it, or to the end of the process.

A pump reads what is owed into the window, claims what may go, and hands it to workers, which send
it. A ledger writes what became of it. Each of them ends the term when the fence is lost: then
another replica sends, and what this one would still write is refused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..domain.errors import Unavailable
from ..domain.fences import Fence, FenceLost
from ..domain.outbox import (
    Acknowledged,
    AuditNote,
    DestinationState,
    Entry,
    MessageKind,
    OutboxState,
    Settled,
    fence_name,
)
from .destinations import Destination, DestinationKind
from .ledger import Ledger
from .pacing import Gate, Rate, Waits
from .parts import Options, Parts
from .sending import Down, Outcome, Sender, Verdict
from .tally import Tally
from .window import Batch, Packing, Window

_SMALL = 64  # batches that may be claimed ahead of the workers
_SOON_S = 0.5
_FEWEST = 8  # notifications that may be lost together
_ACK_DOUBLINGS = 6
_MOST_ACKS = 10_000
_UNAVAILABLE_S = 1.0
_HOUSEKEEPING = 200


@dataclass(frozen=True, slots=True)
class _Unsure:
    entry: Entry
    outcome: Outcome
    at: float


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
        # Went out, and may be lost while their connection is: in the order in which they went.
        self._unsure: deque[_Unsure] = deque()
        self._refusals: dict[str, str] = {}  # since the last confirmation, by notification_id
        # How many of them there may be: halved when they are lost, doubled when they are not, so
        # that a receiver that goes away again and again still gets on.
        self._most_unsure = self._most
        self._ledger = Ledger(
            parts.store,
            fence,
            destination.name,
            wait=parts.wait,
            gather_s=options.gather_s,
            written=self._written,
            report=lambda error: self._report("the database does not answer", error),
        )
        self._gate = Gate(
            1 if notifier else destination.breaker_failures,
            destination.reconnect_s,
            destination.reconnect_most_s,
        )
        self._retries = Waits(destination.retry_first_s, destination.retry_most_s)
        self._rate = Rate(destination.rate, parts.monotonic())
        self._queue: asyncio.Queue[_Claimed] = asyncio.Queue()
        self._under_way = 0
        self._wake = asyncio.Event()
        self._look = True
        self._stopping = False
        self._lease_until = parts.monotonic() + options.lease_s
        self._tidied: float | None = None
        self._asked: float | None = None
        self._looked = parts.monotonic()
        self._alarm_at: datetime | None = None
        self._reason = ""

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
                self._refusals[one.notification_id] = one.refused

    def disturbed(self) -> None:
        """A connection is gone, or the receiver said something: see to it."""
        self._wake.set()

    async def run(self) -> None:
        """Until it is told to stop, or the fence is lost: then raises FenceLost in a group."""
        await self._recall()
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
        await self._tidy(now)
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
        room = self._most_unsure - len(self._unsure) if self._notifier else None
        if room is not None and room <= 0:
            return self._sure_in(now) or options.poll_s
        batches = self._window.take(slots, parts.now(), room)
        if not batches:
            if trial and not self._window.held:
                await self._succeeded()  # it is there, and nothing is owed
            due = self._window.due_s(parts.now())
            sure = self._sure_in(now)
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
                    self._park(one, "its deadline has passed", now)
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
        await self._judge(batch, outcomes)

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

    async def _judge(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        now = self._parts.now()
        for outcome in outcomes:
            self._tally.outcomes[outcome.verdict.value] += 1
        alone = len(batch) > 1 and not self._notifier
        if alone and any(one.verdict is Verdict.PARK for one in outcomes):
            self._window.back(batch, alone=True)  # one of them it was: each by itself tells which
            await self._succeeded()
            return
        waits: list[tuple[Entry, Outcome]] = []
        for entry, outcome in zip(batch, outcomes, strict=True):
            match outcome.verdict:
                case Verdict.DELIVERED | Verdict.SENT if self._notifier:
                    self._window.ended(entry)
                    self._unsure.append(_Unsure(entry, outcome, self._parts.monotonic()))
                case Verdict.DELIVERED | Verdict.SENT:
                    self._window.ended(entry)
                    self._went(entry, outcome, now)
                case Verdict.PARK:
                    self._park(entry, outcome.reason, now)
                case Verdict.RETRY | Verdict.DOWN:
                    waits.append((entry, outcome))
        for entry, outcome in reversed(waits):
            self._again(entry, outcome, now)
        failed = [one for _, one in waits if one.counts]
        for one in outcomes:
            if one.after_s is not None:
                most = self._to.retry_after_most_s
                self._gate.pause(self._parts.monotonic(), min(one.after_s, most))
        if failed:
            await self._failed(failed[0].reason)
        elif len(waits) < len(outcomes):
            await self._succeeded()

    def _went(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
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
            self._note(entry, "OK", "", now) if self._to.audit else None,
        )

    def _park(self, entry: Entry, reason: str, now: datetime) -> None:
        self._window.ended(entry)
        self._ledger.settle(
            Settled(entry.id, OutboxState.PARKED, now, reason=reason, finished_at=now),
            self._note(entry, "FAILED_PRECONDITION", reason, now),
        )
        self._report(f"parked {entry.message.key}: {reason}", None)

    def _again(self, entry: Entry, outcome: Outcome, now: datetime) -> None:
        pause = self._retries.jittered(entry.attempts, self._parts.dice)
        if outcome.after_s is not None:
            pause = max(pause, min(outcome.after_s, self._to.retry_after_most_s))
        until = now + timedelta(seconds=pause)
        self._window.wait(replace(entry, next_at=until, reason=outcome.reason), until)
        self._ledger.settle(Settled(entry.id, entry.state, until, reason=outcome.reason))

    def _written(self, result: Settled) -> None:
        if result.state is not OutboxState.PENDING:
            self._window.release(result.id)
            if self._window.room >= self._most // 4:
                self._wake.set()

    def _note(self, entry: Entry, outcome: str, reason: str, now: datetime) -> AuditNote:
        message = entry.message
        action = f"delivery.{message.kind.value}"
        return AuditNote(now, message.tenant, action, outcome, reason, message.key, self._to.name)

    # ---- what went out and may be lost ----

    def _sure_in(self, now: float) -> float | None:
        """Seconds until the first of it can be confirmed."""
        return max(0.0, self._unsure[0].at + self._to.confirm_s - now) if self._unsure else None

    async def _confirm(self, now: float) -> None:
        """What went out so long ago on a connection that still answers has arrived. Raises Down."""
        if self._sure_in(now) != 0.0:
            return
        await self._sender.check()
        at = self._parts.now()
        while self._sure_in(now) == 0.0:
            one = self._unsure.popleft()
            refused = self._refusals.pop(one.entry.message.notification_id, "")
            if refused:
                self._park(one.entry, refused, at)
            else:
                self._went(one.entry, one.outcome, at)
        if self._refusals:
            open_names = {one.entry.message.notification_id for one in self._unsure}
            for name in self._refusals.keys() - open_names:  # counted as delivered before
                self._report(f"parked {name}: {self._refusals.pop(name)}", None)
        self._most_unsure = min(self._most, 2 * self._most_unsure)

    async def _lost(self, reason: str, under_way: int = 0) -> None:
        """The connection is gone, and perhaps what went out on it: all of it goes again, before
        anything that came after it."""
        unsure = [one.entry for one in self._unsure]
        self._unsure.clear()
        self._window.back(unsure)
        if unsure or under_way:
            self._most_unsure = max(_FEWEST, min(self._most_unsure, len(unsure) + under_way) // 2)
        await self._failed(reason)

    # ---- how the receiver is ----

    async def _failed(self, reason: str) -> None:
        self._tally.failures += 1
        self._reason = reason
        trials = self._gate.trials
        self._gate.failed(self._parts.monotonic())
        if self._gate.trials == trials:
            return
        if self._gate.trials >= self._to.reconnect_attempts and self._alarm_at is None:
            now = self._parts.now()
            self._alarm_at = now
            self._tally.alarm = True
            self._report(f"ALARM: {self._gate.trials} trials have failed: {reason}", None)
            self._ledger.audit(
                AuditNote(now, "", "delivery.alarm", "UNAVAILABLE", reason, "", self._to.name)
            )
        await self._write_state()

    async def _succeeded(self) -> None:
        was_open = not self._gate.closed or self._alarm_at is not None
        self._gate.succeeded()
        if was_open:
            if self._alarm_at is not None:
                now = self._parts.now()
                self._report("is back: the alarm is over", None)
                self._ledger.audit(
                    AuditNote(now, "", "delivery.alarm", "OK", "it is back", "", self._to.name)
                )
            self._alarm_at, self._reason, self._tally.alarm = None, "", False
            await self._write_state()

    async def _write_state(self) -> None:
        state = DestinationState(self._to.name, self._gate.trials, self._reason, self._alarm_at)
        try:
            await self._parts.store.note(self._fence, state)
        except Unavailable as error:
            self._report("the database does not answer", error)

    async def _recall(self) -> None:
        """An alarm of an earlier term goes on, and is over when the receiver is back."""
        for one in await self._parts.store.noted():
            if one.name == self._to.name:
                self._alarm_at = one.alarm_at
                self._tally.alarm = one.alarm_at is not None

    # ---- now and then ----

    async def _tidy(self, now: float) -> None:
        await self._ask_again(now)
        if self._tidied is not None and now - self._tidied < self._options.tidy_s:
            return
        self._tidied = now
        store, name, at = self._parts.store, self._to.name, self._parts.now()
        # What is held is judged when it is claimed; while nothing may be sent, here.
        held = frozenset(self._window.held) if self._gate.closed else frozenset[int]()
        for entry in await store.expire(self._fence, name, at, held=held, most=_HOUSEKEEPING):
            self._report(f"parked {entry.message.key}: {entry.reason}", None)
            self._ledger.audit(self._note(entry, "DEADLINE_EXCEEDED", entry.reason, at))
        if MessageKind.CONVERSATION_HISTORY in self._to.kinds:
            before = at - timedelta(seconds=self._to.rest_s)
            count = await store.rested(self._fence, name, before, at, _HOUSEKEEPING)
            self._look = self._look or count > 0
            if count >= _HOUSEKEEPING:
                self._tidied = None  # there may be more
        await store.forget(
            self._fence, name, at - timedelta(seconds=self._to.keep_s), _HOUSEKEEPING
        )

    async def _ask_again(self, now: float) -> None:
        if not self._notifier or self._gate.wait_s(now) > 0:
            return
        if self._asked is not None and now - self._asked < min(self._to.ack_s, 5.0):
            return
        self._asked = now
        room = min(self._window.room, self._options.notices)
        if room > 0:
            self._window.add_again(
                await self._parts.store.unacknowledged(
                    self._to.name, self._parts.now(), held=frozenset(self._window.held), most=room
                )
            )

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
