"""The numbers of the whole service, once or as they change.

Once a second every replica pins a note about itself on a board of the bus and adds what it counted
to a ledger; nothing else happens while nobody looks. Whoever looks puts the notes together: those
of a replica that is gone drop out after `STALE_S`, what it had counted stays in the ledger. While
somebody watches a tenant's rows, the other replicas pin new ones at once, and signal.

While the bus is away the numbers are this replica's alone, and say that they are degraded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import structlog

from ..domain.bus import SINCE, Bus
from ..domain.errors import Unavailable
from ..domain.health import SystemHealth
from ..domain.metrics import (
    ErrorRow,
    Kind,
    Looker,
    Message,
    Metrics,
    ModelMetrics,
    RequestRow,
    Selection,
    Snapshot,
    Told,
)
from . import notes, row_notes
from .counts import Counts
from .ledger import Ledger
from .notes import Note
from .row_notes import RowNote, Seen

TICK_S = 1.0
STALE_S = 5.0
"""A replica that said nothing for so long is not counted any more."""
ROWS_S = 3600.0
"""How long rows are still shown elsewhere after their replica's last one."""
SOON_S = 0.05
"""Rows that somebody watches elsewhere are told together for so long."""
HEALTH_S = 10.0
"""How often health is told where it did not change."""
BACKLOG = 256
"""Messages that wait for a reader; of more, the oldest are left out."""
_TENANTS = 16
"""Tenants whose new rows are told in one second, where nobody watches them."""
_ASK_S = 1.0
_BOARD = "metrics"
_WATCHED = "metrics-watched"

_log = structlog.get_logger("eps.metrics")


class KnowsHealth(Protocol):
    """The health of this process."""

    async def system_health(self) -> SystemHealth:
        """Ask all parts."""
        ...

    def look(self) -> SystemHealth:
        """What is known; asks nobody."""
        ...

    @property
    def prewarm_s(self) -> float | None:
        """How long it took to be warm; None while it is not."""
        ...


@dataclass(frozen=True, slots=True)
class Readings:
    """What is read off other parts of this process: now, and how often hot memory had what was
    asked for, of how many reads, so far."""

    running_turns: Callable[[], int] = lambda: 0
    subscriptions: Callable[[], int] = lambda: 0
    memory: Callable[[], tuple[int, int]] = lambda: (0, 0)


@dataclass(frozen=True, slots=True)
class _Gathered:
    notes: list[Note]
    sums: dict[str, float]
    alone: bool

    def metrics(self) -> Metrics:
        return notes.metrics_of(self.notes, self.sums, degraded=self.alone)

    def models(self) -> tuple[ModelMetrics, ...]:
        return notes.models_of(self.notes, self.sums)


class Subscription:
    """One reader's place: a bounded backlog, out of which the oldest message goes first."""

    def __init__(self, looker: Looker, selection: Selection, now: Callable[[], datetime]) -> None:
        self.looker = looker
        self.selection = selection
        self.seen: dict[str, Seen] = {}
        self._now = now
        self._sequence = 0
        self._backlog: deque[Message] = deque(maxlen=BACKLOG)
        self._woken = asyncio.Event()

    def next_sequence(self) -> int:
        """Number a message that the reader makes itself."""
        self._sequence += 1
        return self._sequence

    def tell(self, told: Told) -> None:
        """Make a message. Nobody waits for its reader."""
        self._backlog.append(Message(self.next_sequence(), self._now(), told))
        self._woken.set()

    def miss(self, count: int) -> None:
        """So many messages were lost before they could be made."""
        self._sequence += count

    def tell_rows(self, request: RequestRow | None, error: ErrorRow | None) -> None:
        """Rows, as far as they are wanted and may be seen."""
        wanted, looker = self.selection, self.looker
        if request is not None and wanted.wants(Kind.REQUEST) and _shown(request, looker, wanted):
            self.tell(request)
        if error is not None and wanted.wants(Kind.ERROR) and _shown(error, looker, wanted):
            self.tell(error)

    def nudge(self) -> None:
        """Let a waiting `take` return."""
        self._woken.set()

    async def take(self, timeout_s: float) -> Message | None:
        """The next message; None when so many seconds passed without one, or after a nudge."""
        if not self._backlog:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._woken.wait()
        return self._backlog.popleft() if self._backlog else None


class LiveMetrics:
    """`LooksAtMetrics` of one process. `name` is its replica's; `now` is real time."""

    def __init__(
        self,
        counts: Counts,
        bus: Bus,
        health: KnowsHealth,
        readings: Readings,
        *,
        name: str,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._counts = counts
        self._bus = bus
        self._health = health
        self._readings = readings
        self._name = name
        self._now = now
        self._sleep = sleep
        self._ledger = Ledger(counts, bus, name)
        self._memory_before = readings.memory()
        self._watched_elsewhere: frozenset[str] = frozenset()
        self._new_rows = asyncio.Event()
        self._urgent: set[str] = set()
        self._was_away = False
        self._subscriptions: set[Subscription] = set()
        self._watching: asyncio.Task[None] | None = None
        self._following: dict[str, asyncio.Task[None]] = {}
        counts.on_row = self._row

    # ---- looking ----------------------------------------------------------------------------

    async def snapshot(self, looker: Looker, selection: Selection) -> Snapshot:
        """Everything now."""
        gathered, rows, health = await asyncio.gather(
            self._gather(), self._rows(looker.tenant), self._health.system_health()
        )
        return self._snapshot(looker, selection, gathered, rows, health)

    async def system_health(self) -> SystemHealth:
        """The state of all replicas."""
        gathered, own = await asyncio.gather(self._gather(), self._health.system_health())
        return notes.health_of(own, gathered.notes)

    @asynccontextmanager
    async def subscribe(self, looker: Looker, selection: Selection) -> AsyncGenerator[Subscription]:
        """A snapshot, then what changes, until the block is left."""
        gathered, rows, health = await asyncio.gather(
            self._gather(), self._rows(looker.tenant), self._health.system_health()
        )
        # No await from here on: a row is in the snapshot, or told after it.
        own = row_notes.note_of(self._counts.rows.of(looker.tenant))
        rows[self._name] = own
        subscription = Subscription(looker, selection, self._now)
        subscription.seen = {
            name: Seen(one.made_requests, one.made_errors) for name, one in rows.items()
        }
        snapshot = self._snapshot(looker, selection, gathered, rows, health)
        subscription.tell(snapshot)
        self._subscriptions.add(subscription)
        self._start(looker.tenant, _calls(gathered.models()), _key(snapshot.health))
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            await self._stop_unwanted()

    def _snapshot(
        self,
        looker: Looker,
        selection: Selection,
        gathered: _Gathered,
        rows: dict[str, RowNote],
        health: SystemHealth,
    ) -> Snapshot:
        requests = [
            one for note in rows.values() for one in note.requests if _shown(one, looker, selection)
        ]
        errors = [
            one for note in rows.values() for one in note.errors if _shown(one, looker, selection)
        ]
        requests.sort(key=lambda one: one.time, reverse=True)
        errors.sort(key=lambda one: one.time, reverse=True)
        return Snapshot(
            metrics=gathered.metrics(),
            models=_selected(gathered.models(), selection),
            requests=tuple(islice(requests, selection.requests)),
            errors=tuple(islice(errors, selection.errors)),
            health=notes.health_of(health, gathered.notes),
            time=self._now(),
        )

    # ---- this replica -----------------------------------------------------------------------

    @asynccontextmanager
    async def publishing(self) -> AsyncGenerator[None]:
        """Tell the others of this replica once a second, until the block is left: then it drops
        out at once, and what it counted stays."""
        tasks = {asyncio.create_task(self._publish_for_ever(), name="metrics publisher")}
        if self._bus.shared:
            tasks.add(asyncio.create_task(self._tell_rows_soon(), name="metrics rows"))
        try:
            yield
        finally:
            await _end(*tasks)
            if self._bus.shared and not self._away:
                with suppress(Unavailable, TimeoutError):
                    async with asyncio.timeout(_ASK_S):
                        await self._ledger.add()
                        await self._bus.unpin(_BOARD, self._name)

    async def publish(self) -> None:
        """Tell the others now. Raises Unavailable."""
        hits, reads = self._readings.memory()
        before_hits, before_reads = self._memory_before
        self._memory_before = hits, reads
        self._counts.tick(hits - before_hits, reads - before_reads)
        if not self._bus.shared:
            return
        if self._away:
            self._was_away = True
            return
        rows = self._counts.rows
        if self._was_away:  # what was pinned may be lost
            self._was_away = False
            rows.mark(rows)
        tenants = rows.changed(_TENANTS)
        try:
            await asyncio.gather(
                self._bus.pin(_BOARD, self._name, notes.dump(self._note()), STALE_S),
                self._ledger.add(),
                *(self._pin_rows(one) for one in tenants),
            )
            watched = await self._bus.notes(_WATCHED)
        except Unavailable:
            rows.mark(tenants)
            raise
        self._watched_elsewhere = frozenset(
            one.decode() for name, one in watched.items() if not name.startswith(f"{self._name} ")
        )

    @property
    def _away(self) -> bool:
        return self._bus.shared and not self._bus.up

    async def _publish_for_ever(self) -> None:
        while True:
            await _carefully(self.publish)
            await self._sleep(TICK_S)

    async def _tell_rows_soon(self) -> None:
        """New rows of tenants that somebody watches elsewhere, without waiting for the second."""
        while True:
            await self._new_rows.wait()
            await self._sleep(SOON_S)
            self._new_rows.clear()
            urgent, self._urgent = self._urgent, set()
            for tenant in urgent:
                if not self._away:
                    await _carefully(lambda tenant=tenant: self._pin_and_signal(tenant))

    async def _pin_and_signal(self, tenant: str) -> None:
        await self._pin_rows(tenant)
        await self._bus.signal(row_notes.board_of(tenant))

    async def _pin_rows(self, tenant: str) -> None:
        await self._bus.pin(
            row_notes.board_of(tenant),
            self._name,
            row_notes.dump(self._counts.rows.of(tenant)),
            ROWS_S,
        )

    def _row(self, request: RequestRow | None, error: ErrorRow | None) -> None:
        row = request or error
        if row is None:
            return
        if row.tenant in self._watched_elsewhere:
            self._urgent.add(row.tenant)
            self._new_rows.set()
        for one in self._subscriptions:
            if one.looker.tenant == row.tenant:
                one.tell_rows(request, error)

    def _note(self) -> Note:
        return notes.note_of(
            self._counts,
            self._health.look(),
            running_turns=self._readings.running_turns(),
            subscriptions=self._readings.subscriptions(),
            prewarm_s=self._health.prewarm_s,
            degraded=self._away,
        )

    # ---- all replicas -----------------------------------------------------------------------

    async def _gather(self) -> _Gathered:
        """The notes of all replicas, and the sums of all; of this one alone where nobody else can
        be heard."""
        own = self._note()
        if self._bus.shared and not self._away:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_ASK_S):
                    sums, found = await asyncio.gather(self._ledger.sums(), self._bus.notes(_BOARD))
                others = [
                    note
                    for name, one in found.items()
                    if name != self._name and (note := notes.load(one)) is not None
                ]
                return _Gathered([own, *others], sums, alone=False)
        sums = {**notes.totals(self._counts), SINCE: self._counts.began.timestamp()}
        return _Gathered([own], sums, alone=self._bus.shared)

    async def _rows(self, tenant: str) -> dict[str, RowNote]:
        """The rows of a tenant on all replicas, by name."""
        found: dict[str, RowNote] = {}
        if self._bus.shared and not self._away:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_ASK_S):
                    pinned = await self._bus.notes(row_notes.board_of(tenant))
                found = {name: row_notes.load(one) for name, one in pinned.items()}
        found[self._name] = row_notes.note_of(self._counts.rows.of(tenant))
        return found

    # ---- subscriptions ----------------------------------------------------------------------

    def _start(self, tenant: str, calls: dict[str, int], key: object) -> None:
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(calls, key), name="metrics watcher")
        if self._bus.shared and tenant not in self._following:
            self._following[tenant] = asyncio.create_task(
                self._follow(tenant), name="metrics follower"
            )

    async def _stop_unwanted(self) -> None:
        """End the tasks that nobody needs any more."""
        wanted = {one.looker.tenant for one in self._subscriptions}
        unwanted = [self._following.pop(one) for one in set(self._following) - wanted]
        if not wanted and self._watching is not None:
            unwanted.append(self._watching)
            self._watching = None
        await _end(*unwanted)

    async def _watch(self, calls: dict[str, int], key: object) -> None:
        """What changes by the second, for all subscribers: since these calls of models, and this
        state of health."""
        health_in_s = HEALTH_S
        while True:
            await self._sleep(TICK_S)
            try:
                gathered = await self._gather()
                models = gathered.models()
                health = notes.health_of(self._health.look(), gathered.notes)
            except Exception:
                _log.exception("metrics were not put together")
                continue
            called = tuple(one for one in models if calls.get(one.model) != one.request_count)
            calls = _calls(models)
            health_in_s -= TICK_S
            told = None
            if key != (key := _key(health)) or health_in_s <= 0:
                health_in_s, told = HEALTH_S, health
            metrics = gathered.metrics()
            for one in list(self._subscriptions):
                wanted = one.selection
                if wanted.wants(Kind.UPDATE):
                    one.tell(metrics)
                if wanted.wants(Kind.MODELS) and (mine := _selected(called, wanted)):
                    one.tell(mine)
                if told is not None and wanted.wants(Kind.HEALTH):
                    one.tell(told)

    async def _follow(self, tenant: str) -> None:
        """New rows of a tenant on other replicas, for its subscribers."""
        board = row_notes.board_of(tenant)
        async with self._bus.listen(board) as listener:
            while True:
                await _carefully(lambda: self._look_for_rows(tenant))
                await listener.wait(TICK_S)

    async def _look_for_rows(self, tenant: str) -> None:
        if self._away:
            return
        await self._bus.pin(_WATCHED, f"{self._name} {tenant}", tenant.encode(), STALE_S)
        for name, note in (await self._rows(tenant)).items():
            if name == self._name:
                continue  # told when it happened
            for one in list(self._subscriptions):
                if one.looker.tenant != tenant:
                    continue
                requests, errors, lost = one.seen.setdefault(name, Seen()).news(note)
                one.miss(lost)
                for request in requests:
                    one.tell_rows(request, None)
                for error in errors:
                    one.tell_rows(None, error)


def _shown(row: RequestRow | ErrorRow, looker: Looker, selection: Selection) -> bool:
    return looker.sees(row) and selection.names(row.model)


def _selected(models: tuple[ModelMetrics, ...], selection: Selection) -> tuple[ModelMetrics, ...]:
    return tuple(one for one in models if selection.names(one.model))


def _calls(models: tuple[ModelMetrics, ...]) -> dict[str, int]:
    return {one.model: one.request_count for one in models}


def _key(health: SystemHealth) -> object:
    """What has to differ for health to have changed: no numbers, which always do."""
    return (
        health.status,
        health.agent_initialized,
        tuple((one.name, one.status) for one in health.components),
        tuple((one.model, one.status, one.circuit) for one in health.providers),
        tuple((one.name, one.status, one.draining) for one in health.replicas),
    )


async def _carefully(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do something that is done again soon, and that must not end whoever does it."""
    try:
        await work()
    except Unavailable:
        return
    except Exception:
        _log.exception("metrics were not told")


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait. A driver may take a cancellation for a failure of its own: then it is
    said again."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.2)
