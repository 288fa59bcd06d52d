"""Turns of one process: begin or join (rules 9, 12, 13), read (7, 15), let go (16).

    async with Turns(...) as turns:
        with await turns.start(caller, request) as attached:
            cursor = attached.cursor()
            while not (frame := await cursor.take()).closing: ...

`Turns` owns the task of every attempt; leaving the context stops what still runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from enhanced_prompt_service.domain.conversations import Gone
from enhanced_prompt_service.domain.errors import (
    OutOfRange,
    Reason,
    ServiceError,
    Unavailable,
    model_not_configured,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import (
    CLOSING,
    Cancelled,
    Completed,
    Failed,
    Frame,
    FrameKind,
    OnDisconnect,
    TurnError,
    TurnRequest,
    TurnRow,
    TurnState,
)

from .log import Cursor, Encode, TakenFrame, TurnLog
from .memory import memory_key
from .mirror import Mirror
from .replicas import Replicas
from .runner import Attempt, RunnerParts, Stop
from .shelf import Shelf

_log = structlog.get_logger("eps.turns")

_CLOSING_S = 10.0  # for closing transactions of stopped turns, when everything ends
_LONGEST_WAIT_S = 10.0
_ENDING = timedelta(seconds=5)
_CANCEL_S = 5.0  # for a runner elsewhere to say that it stopped


@dataclass(frozen=True, slots=True)
class TurnsConfig:
    """Limits of one process.

    Attributes:
        runner: Name of this process in turn rows; unique among replicas and restarts.
        orphan_s: A running turn that nobody reads for so long is cancelled (rule 16).
        log_budget_bytes: All logs of the process (rule 8).
        log_keep_s: How long an ended log can be read (rule 8).
        store_again_s: First wait before an end that could not be stored is tried again.
    """

    runner: str
    orphan_s: float = 60.0
    log_budget_bytes: int = 256 * 1024 * 1024
    log_keep_s: float = 15 * 60.0
    store_again_s: float = 0.5


class _Running:
    """A turn that runs here: its attempt, and who reads it."""

    __slots__ = ("attempt", "caller", "conversation_id", "ended", "log", "orphaned", "readers")

    def __init__(self, attempt: Attempt, log: TurnLog, caller: Caller, row: TurnRow) -> None:
        self.caller = caller
        self.conversation_id = row.conversation_id
        self.attempt = attempt
        self.log = log
        self.readers = 0
        self.orphaned: asyncio.TimerHandle | None = None
        self.ended = asyncio.Event()


class Turns:
    """Begins, joins and owns turns."""

    def __init__(
        self,
        parts: RunnerParts,
        config: TurnsConfig,
        encode: Encode,
        new_id: Callable[[str], str],
        replicas: Replicas | None = None,
    ) -> None:
        self._parts = parts
        self._config = config
        self._encode = encode
        self._new_id = new_id
        self._replicas = replicas
        self._serving: asyncio.Task[None] | None = None
        self._shelf = Shelf(
            encode,
            budget_bytes=config.log_budget_bytes,
            keep_s=config.log_keep_s,
            monotonic=parts.monotonic,
        )
        self._running: dict[str, _Running] = {}
        self._later: set[asyncio.Task[None]] = set()
        self._beginning: dict[str, asyncio.Event] = {}  # by runner: rows that are being written
        self._starting: dict[tuple[str, str, str], asyncio.Lock] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._draining = False
        self._idle = asyncio.Event()

    @property
    def running(self) -> int:
        """How many turns run here now."""
        return len(self._running)

    def running_of(self, caller: Caller) -> int:
        """How many of one user's turns run here now."""
        return sum(
            one.caller.tenant == caller.tenant and one.caller.user == caller.user
            for one in self._running.values()
        )

    @property
    def log_bytes(self) -> int:
        """What the logs of this process hold."""
        return self._shelf.bytes

    def sweep(self) -> None:
        """Drop ended logs that are too old or too much (rule 8)."""
        self._shelf.sweep()

    async def __aenter__(self) -> Self:
        self._tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        if self._replicas is not None:
            await self._replicas.enter()
            self._serving = self._tasks.create_task(self._serve(self._replicas), name="lease")
        return self

    async def _serve(self, replicas: Replicas) -> None:
        """Keep the lease, and stop what others ask to stop, until this process leaves."""
        async with replicas.letters() as letters:
            while self._tasks is not None:
                await replicas.attend(letters, self._asked_to_stop)
                if replicas.lapsed:
                    await self._give_up_taken_over(replicas)

    def _asked_to_stop(self, turn_id: str, deleted: bool) -> None:
        running = self._running.get(turn_id)
        if running is not None:
            running.attempt.stop(Stop.DELETED if deleted else Stop.CANCEL)

    async def _give_up_taken_over(self, replicas: Replicas) -> None:
        ours = {
            turn_id: (running.caller, running.log.attempt)
            for turn_id, running in self._running.items()
        }
        try:
            taken = await replicas.taken_over(ours)
        except ServiceError:
            return  # it is asked again with the next renewal
        for turn_id in taken:
            running = self._running.get(turn_id)
            if running is not None and running.log.attempt == ours[turn_id][1]:
                running.attempt.stop(Stop.TAKEN_OVER)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        await self.idle(_CLOSING_S)
        self._tasks = None
        if self._serving is not None:
            self._serving.cancel()
        for task in self._later:
            task.cancel()
        # The caller's own error is not the task group's: it would be wrapped on its way out.
        await self._stack.__aexit__(None, None, None)
        if self._replicas is not None:
            await self._replicas.leave()

    async def idle(self, timeout_s: float) -> bool:
        """Take no more turns, and wait until none runs; False when the time passed first."""
        self._draining = True
        if not self._running:
            return True
        self._idle.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Take no more turns; those that run end as failed, retryably, their partial kept."""
        self._draining = True
        for running in list(self._running.values()):
            running.attempt.stop(Stop.DRAIN)

    # ---- beginning and joining ------------------------------------------------------------------

    async def start(self, caller: Caller, request: TurnRequest) -> Attached:
        """Begin a turn, or join the one that has this request_id.

        A completed, cancelled or finally failed turn is replayed; a running one is joined from
        its beginning; one that failed retryably runs its next attempt.

        Raises:
            InvalidArgument: MODEL_NOT_CONFIGURED.
            Conflict: TURN_IN_PROGRESS, or REQUEST_ID_REUSED by another request.
            Unavailable: the process is going away, the database is, or the turn runs elsewhere.
        """
        if self._tasks is None:
            raise Unavailable("the server is going away", reason=Reason.DRAINING)
        models = self._parts.models
        if request.model and models and request.model not in models:
            raise model_not_configured(request.model, models)
        # A caller who goes while the row is being written must not leave a row that nobody runs:
        # beginning goes on to its end in a task of its own, and then its reader is gone.
        starting = self._tasks.create_task(self._outcome(caller, request))
        try:
            outcome = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_leave)
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _outcome(self, caller: Caller, request: TurnRequest) -> Attached | Exception:
        try:
            return await self._start_alone(caller, request)
        except Exception as error:  # not the task group's
            return error

    async def _start_alone(self, caller: Caller, request: TurnRequest) -> Attached:
        if not request.request_id:
            return await self._start(caller, request)
        # Two requests with one id at the same time: the second must find the first one's log.
        key = (caller.tenant, caller.user, request.request_id)
        lock = self._starting.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return await self._start(caller, request)
        finally:
            if not lock.locked():
                self._starting.pop(key, None)

    async def _start(self, caller: Caller, request: TurnRequest) -> Attached:
        if self._draining:
            raise Unavailable("the server is going away", reason=Reason.DRAINING)
        turn_id = self._new_id("turn")
        runner = f"{self._config.runner}/{turn_id}"
        begun = self._beginning[runner] = asyncio.Event()
        try:
            row = await self._parts.turns.begin(
                caller,
                turn_id=turn_id,
                conversation_id=request.conversation_id or self._new_id("conv"),
                message_id=request.request_id or self._new_id("msg"),
                request_id=request.request_id,
                request_hash=request_hash(request),
                query=request.query,
                runner=runner,
                now=self._parts.real_clock.now(),
            )
            if row.runner == runner:
                return self._run(caller, row, request)
        finally:
            del self._beginning[runner]
            begun.set()
        return await self._join(caller, row)

    def _run(self, caller: Caller, row: TurnRow, request: TurnRequest) -> Attached:
        if self._tasks is None:  # left meanwhile: the row is failed by the next start-up
            raise Unavailable("the server is going away", reason=Reason.DRAINING)
        log = self._shelf.open(row.turn_id, row.attempt, gated=self._replicas is not None)
        attempt = Attempt(self._parts, caller, row, request, log)
        running = _Running(attempt, log, caller, row)
        self._running[row.turn_id] = running
        self._tasks.create_task(self._own(row.turn_id, running), name=row.turn_id)
        if self._replicas is not None:
            self._tasks.create_task(
                self._relay(self._replicas, attempt, log), name=f"relay {row.turn_id}"
            )
        if self._draining:  # begun while the row was written: its reader gets the closing frame
            attempt.stop(Stop.DRAIN)
        cancels = request.on_disconnect is OnDisconnect.CANCEL
        return Attached(self, row, log, running, cancels=cancels)

    async def _own(self, turn_id: str, running: _Running) -> None:
        try:
            await running.attempt.run()
        finally:
            if self._running.get(turn_id) is running:
                del self._running[turn_id]
            if running.orphaned is not None:
                running.orphaned.cancel()
            self._shelf.end(running.log)
            running.ended.set()
            if not self._running:
                self._idle.set()
        if running.attempt.unstored and self._tasks is not None:
            task = self._tasks.create_task(self._store_later(running), name=f"store {turn_id}")
            self._later.add(task)
            task.add_done_callback(self._later.discard)
        await running.attempt.remember()

    async def _store_later(self, running: _Running) -> None:
        """Close a row whose closing transaction failed, as soon as the database takes it.

        Until then the row says that the turn runs, and no other may begin in its conversation.
        Ends with this process: the next one, or a lost lease, then closes the row as failed.
        """
        wait_s = self._config.store_again_s
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            try:
                await running.attempt.store_again()
            except ServiceError:
                continue
            except Exception:  # it would end the task group, and with it every turn
                _log.exception("an ended turn can't be stored", turn_id=running.log.turn_id)
                return
            if self._shelf.find(running.log.turn_id) is running.log:
                self._shelf.drop(running.log.turn_id)  # the stored answer stands for it
            return

    async def _relay(self, replicas: Replicas, attempt: Attempt, log: TurnLog) -> None:
        await replicas.relay(log, lambda: attempt.stop(Stop.TAKEN_OVER))
        if attempt.deleted:  # only now: the relay may have added frames after the deletion
            self._shelf.drop(log.turn_id)
            await replicas.drop((), (log.turn_id,))

    async def _join(self, caller: Caller, row: TurnRow, *, after_sequence: int = 0) -> Attached:
        if (begun := self._beginning.get(row.runner)) is not None:
            await begun.wait()  # its row is written here, and its log is opened next
        log = self._shelf.find(row.turn_id)
        if log is not None and log.attempt == row.attempt:
            running = self._running.get(row.turn_id)
            return Attached(self, row, log, running, after_sequence=after_sequence)
        mirror = await self._mirror(caller, row)
        if mirror is not None:
            return Attached(
                self, row, mirror.log, None, mirror=mirror, after_sequence=after_sequence
            )
        if not row.state.ended:
            raise _runs_elsewhere(row)
        return Attached(self, row, None, None, stored=stored_frame(row, self._encode))

    async def _mirror(self, caller: Caller, row: TurnRow) -> Mirror | None:
        """The log as the bus has it; None where it has none, or not all of an ended one."""
        if self._replicas is None or self._tasks is None:
            return None
        try:
            mirror = await self._replicas.follow(
                caller, row, self._tasks, ending=self._just_ended(row)
            )
        except Unavailable:
            if row.state.ended:
                return None  # the stored answer stands for it
            raise
        if row.state.ended and not mirror.log.closed:
            whole = False
            try:
                if mirror.task is not None:  # its last frames are on their way, or lost
                    await asyncio.wait({mirror.task})
                whole = mirror.log.closed
            finally:
                if not whole:
                    self._replicas.release(mirror)
            return mirror if whole else None
        return mirror

    def _just_ended(self, row: TurnRow) -> bool:
        """Whether the frames of a turn's end may still be on their way to the bus: they follow
        the closing transaction."""
        now = self._parts.real_clock.now()
        return row.ended_at is not None and now - row.ended_at < _ENDING

    # ---- attaching again and stopping -----------------------------------------------------------

    async def attach(
        self, caller: Caller, turn_id: str, *, attempt: int = 0, after_sequence: int = 0
    ) -> Attached:
        """Read a turn of the caller's own from after a sequence on, running or ended (rule 14).

        `attempt` 0 means the newest. On an attempt that was superseded it goes on from the
        beginning of the newest, which is a `reset`.

        Raises:
            NotFound: TURN_NOT_FOUND, also for somebody else's.
            OutOfRange: the attempt or sequence is beyond what exists.
            Unavailable: it runs elsewhere, and its log is out of reach.
        """
        row = await self._parts.turns.get_turn(caller, turn_id)
        log = self._shelf.find(turn_id)
        if log is not None and log.attempt > row.attempt:
            # The next attempt began here while the row was being read: it is the newest.
            row = await self._parts.turns.get_turn(caller, turn_id)
        if attempt > row.attempt:
            raise OutOfRange(
                f"attempt {attempt} is beyond the newest, {row.attempt}",
                metadata={"attempt": str(row.attempt)},
            )
        start = 0 if 0 < attempt < row.attempt else after_sequence
        attached = await self._join(caller, row, after_sequence=start)
        if attached.beyond(start):
            attached.__exit__()
            raise OutOfRange(
                f"sequence {start} is beyond the last one of attempt {row.attempt}",
                metadata={
                    "attempt": str(row.attempt),
                    "last_sequence": str(attached.last_sequence),
                },
            )
        return attached

    async def running_in(self, caller: Caller, conversation_id: str) -> str:
        """The turn of a conversation of the caller's own that runs, "" where none does.

        Here, or on any replica where there are some: that costs a query.
        """
        for turn_id, running in self._running.items():
            if running.conversation_id == conversation_id and running.caller == caller:
                return turn_id
        if self._replicas is None:
            return ""
        return await self._parts.turns.running_turn(caller, conversation_id)

    async def cancel(self, caller: Caller, turn_id: str) -> TurnRow:
        """Stop a turn of the caller's own; what was said so far is kept. Idempotent.

        Returns the turn as it is stored then. Raises NotFound (TURN_NOT_FOUND), and Unavailable
        where it runs elsewhere and can't be told.
        """
        row = await self._parts.turns.get_turn(caller, turn_id)
        if row.state.ended:
            return row
        running = self._running.get(turn_id)
        if running is not None:
            running.attempt.stop(Stop.CANCEL)
            await running.ended.wait()
        elif self._replicas is not None:
            await self._cancel_elsewhere(self._replicas, caller, row)
        else:
            raise _runs_elsewhere(row)
        return await self._parts.turns.get_turn(caller, turn_id)

    async def forget(self, gone: Iterable[Gone]) -> None:
        """Forget conversations that were deleted: their logs, here and in the bus, and what hot
        memory has of them. Turns that still run are stopped and store nothing, here or elsewhere.

        Readers of such a turn get CONVERSATION_NOT_FOUND.
        """
        for one in gone:
            for turn_id in one.turn_ids:
                running = self._running.get(turn_id)
                if running is not None:
                    running.attempt.stop(Stop.DELETED)
                    await running.ended.wait()
                self._shelf.drop(turn_id)
            key = memory_key(one.owner, one.conversation_id)
            if self._replicas is not None:
                if one.running and one.running not in self._running:
                    await self._replicas.say_deleted(one.running, one.runner)
                await self._replicas.drop((key,), one.turn_ids)
            elif self._parts.memory is not None:
                await self._parts.memory.forget(key)

    async def _cancel_elsewhere(self, replicas: Replicas, caller: Caller, row: TurnRow) -> None:
        """Ask its runner, and wait a while for the turn's end."""
        await replicas.ask_to_stop(caller, row)
        try:
            attached = await self._join(caller, row)
        except Unavailable:
            return  # the bus is away: the runner will see it in SQL
        with attached:
            cursor = attached.cursor(frozenset())
            try:
                async with asyncio.timeout(_CANCEL_S):
                    while not (await cursor.__anext__()).closing:
                        pass
            except (TimeoutError, Unavailable):
                return

    def _release(self, mirror: Mirror) -> None:
        if self._replicas is not None:
            self._replicas.release(mirror)

    # ---- letting go -----------------------------------------------------------------------------

    def _reader_came(self, running: _Running) -> None:
        running.readers += 1
        if running.orphaned is not None:
            running.orphaned.cancel()
            running.orphaned = None

    def _reader_left(self, running: _Running, *, cancels: bool) -> None:
        running.readers -= 1
        if running.readers > 0 or running.log.ended:
            return
        if cancels:
            running.attempt.stop(Stop.CANCEL)
            return
        self._watch_orphan(running)

    def _watch_orphan(self, running: _Running) -> None:
        loop = asyncio.get_running_loop()
        running.orphaned = loop.call_later(self._config.orphan_s, self._orphaned, running)

    def _orphaned(self, running: _Running) -> None:
        """Nobody here has read it for a while; somebody elsewhere may."""
        if self._replicas is None or self._tasks is None:
            running.attempt.stop(Stop.CANCEL)
        else:
            self._tasks.create_task(self._check_orphan(self._replicas, running))

    async def _check_orphan(self, replicas: Replicas, running: _Running) -> None:
        if await replicas.watched(running.log.turn_id):
            if not running.log.ended and not running.readers:
                self._watch_orphan(running)
        elif not running.readers:
            running.attempt.stop(Stop.CANCEL)


class Attached:
    """A reader's hold on one turn. Leaving it says that this reader is gone (rule 16)."""

    def __init__(
        self,
        turns: Turns,
        row: TurnRow,
        log: TurnLog | None,
        running: _Running | None,
        *,
        stored: TakenFrame | None = None,
        mirror: Mirror | None = None,
        cancels: bool = False,
        after_sequence: int = 0,
    ) -> None:
        self.turn_id = row.turn_id
        self.conversation_id = row.conversation_id
        self.conversation_turn = row.conversation_turn
        self.message_id = row.message_id
        self.attempt = row.attempt
        self._turns = turns
        self._log = log
        self._running = running
        self._stored = stored
        self._mirror = mirror
        self._cancels = cancels
        self._after = after_sequence
        if running is not None:
            turns._reader_came(running)  # pyright: ignore[reportPrivateUsage]

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest frame written, 0 where the log is gone."""
        return 0 if self._log is None else self._log.last_sequence

    def beyond(self, sequence: int) -> bool:
        """Whether a log that is still here has no such sequence."""
        return self._log is not None and sequence > self._log.last_sequence

    def cursor(self, kinds: frozenset[FrameKind] | None = None) -> Cursor | StoredCursor:
        """Frames of this turn, from where it was attached; `kinds` None means all of them."""
        if self._log is not None:
            return self._log.cursor(kinds, self._after)
        assert self._stored is not None
        return StoredCursor(self._stored)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            self._turns._release(mirror)  # pyright: ignore[reportPrivateUsage]
        running, self._running = self._running, None
        self._turns.sweep()  # reading encodes: the log may have grown after its end
        if running is not None:
            self._turns._reader_left(running, cancels=self._cancels)  # pyright: ignore[reportPrivateUsage]


class StoredCursor:
    """The stored answer as its one closing frame: for a turn whose log is gone (rule 8)."""

    def __init__(self, frame: TakenFrame) -> None:
        self._frame: TakenFrame | None = frame
        self.last_sequence = 0

    def nudge(self) -> None:
        """Nothing: it never waits."""

    async def take(self, timeout_s: float | None = None) -> TakenFrame | None:
        """The frame, once; then StopAsyncIteration."""
        del timeout_s
        frame, self._frame = self._frame, None
        if frame is None:
            raise StopAsyncIteration
        return frame

    def __aiter__(self) -> StoredCursor:
        return self

    async def __anext__(self) -> TakenFrame:
        frame = await self.take()
        assert frame is not None
        return frame


def _leave(starting: asyncio.Task[Attached | Exception]) -> None:
    """The reader of a turn that was begun for nobody leaves it."""
    if not starting.cancelled() and isinstance(outcome := starting.result(), Attached):
        outcome.__exit__()


def _runs_elsewhere(row: TurnRow) -> Unavailable:
    return Unavailable(
        f"turn {row.turn_id} runs elsewhere and can't be reached from here",
        reason=Reason.RUNNER_LOST,
        retry_after_s=1.0,
        metadata={"turn_id": row.turn_id},
    )


def stored_frame(row: TurnRow, encode: Encode) -> TakenFrame:
    """The closing frame that a stored, ended turn stands for."""
    match row.state:
        case TurnState.COMPLETED | TurnState.CANCELLED if row.response is not None:
            done = row.state is TurnState.COMPLETED
            payload = Completed(row.response) if done else Cancelled(row.response)
        case _:
            error = row.error or TurnError(Reason.INTERNAL, "the turn has no answer", False)
            payload = Failed(error, row.usage)
    frame = Frame(row.turn_id, row.attempt, 0, payload)
    assert frame.kind in CLOSING
    return TakenFrame(frame.kind, 0, 0, encode(frame), payload, replayed=True)


def request_hash(request: TurnRequest) -> str:
    """SHA-256 over all that makes two requests the same one (rule 12): every field of the request
    but request_id and on_disconnect.

    Over the fields' `repr`, which is exact for what they hold (text, numbers, instants in UTC).
    """
    same = (
        request.query,
        request.conversation_id,
        request.filter,
        request.time_zone,
        request.as_of,
        request.model,
    )
    return hashlib.sha256(repr(same).encode("utf-8", "surrogatepass")).hexdigest()


__all__ = ["Attached", "StoredCursor", "Turns", "TurnsConfig", "request_hash", "stored_frame"]
