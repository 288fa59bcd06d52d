"""What a process shares with other replicas: its turns' logs, its lease, and who asks it to stop.

Only there where the bus is shared. The lease lives in SQL (rule 10): a process renews it each
second while it lives; three seconds without, and its running turns may be taken over. Stopping a
turn of another replica goes by letter, and is noted in SQL as well, which the runner sees with its
next renewal: slower, but also when the bus is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import structlog

from enhanced_prompt_service.domain.bus import Bus, Listener
from enhanced_prompt_service.domain.errors import NotFound, ServiceError, Unavailable
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.stores import TurnStore
from enhanced_prompt_service.domain.turns import TurnRow

from .leftovers import Leftovers
from .log import Encode, TurnLog
from .mirror import Decode, Mirror, MirrorParts, watched_key
from .relay import relay

_log = structlog.get_logger("eps.turns")

LEASE_S = 3.0
RENEW_S = 1.0
LOST_S = 10.0
"""So long after its process lost its lease a turn is closed, for whoever does not ask it again."""
LETTER_S = 60.0
"""How long a letter to a runner waits for it."""
_DELETED = "deleted:"
"""Begins a letter about a turn that was deleted; one without it asks to cancel the turn."""
GIVE_UP_S = 5.0
"""How long an ended turn's last frames are still offered to a bus that is away."""


def process_of(runner: str) -> str:
    """The process part of a row's runner, `<process>/<turn_id>`."""
    return runner.rpartition("/")[0]


class Replicas:
    """The shared side of `Turns`. `process` is this process's name in turn rows.

    `lapsed` says that the lease had run out when it was renewed: this process was stopped, or the
    database was away, and others may have taken its turns over.
    """

    def __init__(
        self,
        bus: Bus,
        turns: TurnStore,
        *,
        process: str,
        encode: Encode,
        decode: Decode,
        keep_s: float,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._turns = turns
        self._process = process
        self._parts = MirrorParts(bus, turns, encode, decode)
        self._keep_s = keep_s
        self._now = now
        self._renewals = 0
        self._leftovers = Leftovers(bus, monotonic)
        self._mirrors: dict[tuple[str, int], Mirror] = {}
        self._renewed_at = 0.0
        self.lapsed = False

    # ---- this process's turns -------------------------------------------------------------------

    async def enter(self) -> None:
        """Take the lease: before the first turn, so that nobody thinks it lost."""
        asked_at = asyncio.get_running_loop().time()
        await self._turns.renew(self._process, LEASE_S)
        self._renewed_at = asked_at

    def _leased(self) -> bool:
        """Whether nobody can have taken our turns over: the lease runs, and never ran out since
        that was last looked at."""
        return not self.lapsed and asyncio.get_running_loop().time() - self._renewed_at <= LEASE_S

    async def leave(self) -> None:
        """Give the lease back, after the last turn."""
        try:
            await self._turns.release(self._process)
        except ServiceError:
            _log.warning("lease not released: it runs out by itself")

    async def relay(self, log: TurnLog, on_superseded: Callable[[], None]) -> None:
        """Copy a log to the bus until it ends, or another runner has begun the next attempt."""
        await relay(
            log,
            self._bus,
            keep_s=self._keep_s,
            give_up_s=GIVE_UP_S,
            leased=self._leased,
            on_superseded=on_superseded,
        )

    async def watched(self, turn_id: str) -> bool:
        """Whether a reader elsewhere watches a turn; not knowing counts as yes (rule 16)."""
        try:
            return await self._bus.get(watched_key(turn_id)) is not None
        except Unavailable:
            return True

    def letters(self) -> AbstractAsyncContextManager[Listener]:
        """Hear when somebody writes to this process."""
        return self._bus.listen(self._process)

    async def attend(self, letters: Listener, stop: Callable[[str, bool], None]) -> None:
        """Wait up to a second, renew the lease, and call `stop` for each of our turns that somebody
        wants stopped, saying whether because it was deleted.

        Raises nothing that passes by itself: a database that is away is tried again. A bus that
        does not answer must not keep the lease from being renewed, nor a slow renewal a letter
        from being read: whoever wrote it waits for the model to stop.
        """
        await letters.wait(RENEW_S)
        await asyncio.gather(self._collect(stop), self._renew(stop))
        await self._leftovers.sweep()

    async def _collect(self, stop: Callable[[str, bool], None]) -> None:
        try:
            written = await self._bus.collect(self._process)
        except Unavailable:
            return
        for one in written:
            stop(one.removeprefix(_DELETED), one.startswith(_DELETED))

    async def _renew(self, stop: Callable[[str, bool], None]) -> None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            wanted = await self._turns.renew(self._process, LEASE_S)
            if loop.time() - self._renewed_at > LEASE_S:
                self.lapsed = True
            self._renewed_at = asked_at  # it may have been renewed as early as that
            for turn_id in wanted:
                stop(turn_id, False)
            self._renewals += 1
            if self._renewals % round(LOST_S / RENEW_S) == 1:
                await self._close_lost()
        except ServiceError:
            _log.warning("lease not renewed: the database is away")

    async def taken_over(self, turns: Mapping[str, tuple[Caller, int]]) -> list[str]:
        """Those of our turns, by caller and attempt, that another runner took or somebody closed
        while the lease had lapsed; says `lapsed` no more. Raises ServiceError."""
        found: list[str] = []
        for turn_id, (caller, attempt) in turns.items():
            try:
                row = await self._turns.get_turn(caller, turn_id)
            except NotFound:
                continue  # deleted: its runner is told so
            if row.attempt != attempt or row.state.ended:
                found.append(turn_id)
        self.lapsed = False
        return found

    async def _close_lost(self) -> None:
        if lost := await self._turns.fail_lost(LOST_S, self._now()):
            _log.warning("closed turns of lost processes", turns=lost)

    # ---- other replicas' turns ------------------------------------------------------------------

    async def follow(
        self, caller: Caller, row: TurnRow, tasks: asyncio.TaskGroup, *, ending: bool
    ) -> Mirror:
        """The log of a turn that runs, or ran, elsewhere. Raises Unavailable.

        `ending` says that the turn has only just ended, and that its last frames may still be on
        their way: then they are waited for. Give it back with `release`.
        """
        key = (row.turn_id, row.attempt)
        mirror = self._mirrors.get(key)
        if mirror is None or mirror.lost:
            mirror = Mirror(self._parts, caller, row)
            self._mirrors[key] = mirror
        mirror.readers += 1
        try:
            await mirror.load()
        except BaseException:
            self.release(mirror)
            raise
        goes_on = ending or not row.state.ended
        if mirror.task is None and not mirror.log.ended and goes_on:
            mirror.task = tasks.create_task(mirror.follow(), name=f"mirror {row.turn_id}")
        return mirror

    def release(self, mirror: Mirror) -> None:
        """A reader has gone; the last one ends the following."""
        mirror.readers -= 1
        if mirror.readers > 0:
            return
        self._mirrors = {key: one for key, one in self._mirrors.items() if one is not mirror}
        if mirror.task is not None:
            mirror.task.cancel()

    async def ask_to_stop(self, caller: Caller, row: TurnRow) -> None:
        """Ask the replica that runs a turn to stop it."""
        await self._turns.request_cancel(caller, row.turn_id)
        try:
            await self._bus.post(process_of(row.runner), row.turn_id, LETTER_S)
        except Unavailable:
            return  # the runner reads SQL with its next renewal

    async def say_deleted(self, turn_id: str, runner: str) -> None:
        """Tell the replica that runs a turn that its conversation is gone."""
        try:
            await self._bus.post(process_of(runner), f"{_DELETED}{turn_id}", LETTER_S)
        except Unavailable:
            return  # the runner finds no row to store its answer in

    async def drop(self, keys: Sequence[str], turn_ids: Sequence[str]) -> None:
        """Delete values and turn logs in the bus, now or when it is back. Raises nothing."""
        await self._leftovers.drop(keys, turn_ids)
