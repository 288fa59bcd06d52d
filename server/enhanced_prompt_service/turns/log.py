"""The log of one attempt of a turn: the only source of frames (design 3, rules 1 to 3, 7, 11).

A turn writes, readers take. Sequences count from 1 without gaps; exactly one closing frame, always
last. A reader is an index into the list: it has no queue, and nobody waits for it.

Coalescing (rule 2): a text delta that arrives while the newest frame is a delta nobody has taken
is appended to that frame. Taking a frame *seals* it. So an idle stream gets each token at once,
and a busy one pays for fewer frames, without a timer.

A frame is encoded when it is first taken, once for all readers (rule 3).

With a bus (rule 11) the log is *gated*: the copier to the bus is then the only sealer, and readers
see a frame only when the bus has accepted it, so that no reader was ever shown what another
replica could not repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from enhanced_prompt_service.domain.bus import LogEntry
from enhanced_prompt_service.domain.errors import ServiceError
from enhanced_prompt_service.domain.turns import (
    CLOSING,
    KIND_OF,
    Failed,
    Frame,
    FrameKind,
    Payload,
    TextDelta,
    TurnError,
)

Encode = Callable[[Frame], bytes]
"""Frame to the bytes that go out, given by the composition root: this room knows no protobuf."""

MAX_DELTA_BYTES = 16 * 1024
"""A coalesced delta never grows beyond this (UTF-8 bytes)."""

_ENTRY_OVERHEAD = 200
"""Bytes that an entry costs beside its encoding: measured for the list slot, entry and payload."""


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame as one reader takes it.

    `encoded` is made once for all readers and holds no `previous_sequence`, which is this
    reader's own: the sequence of the frame before it in this reader's view, 0 at the beginning.
    `sequence` is 0 for a frame that is no part of the log. `replayed` marks a stored answer that
    stands for a log that is gone. `payload` is None on frames of another process that close
    nothing: they are passed on as bytes.
    """

    kind: FrameKind
    sequence: int
    previous_sequence: int
    encoded: bytes
    payload: Payload | None
    replayed: bool = False

    @property
    def closing(self) -> bool:
        """Whether nothing comes after it."""
        return self.kind in CLOSING


class _Entry:
    """One frame; `parts` holds the text of a delta until it is sealed."""

    __slots__ = ("encoded", "kind", "parts", "payload", "size")

    def __init__(self, kind: FrameKind, payload: Payload | None, parts: list[str] | None) -> None:
        self.kind = kind
        self.payload = payload
        self.parts = parts
        self.size = 0
        self.encoded: bytes | None = None


class Meter:
    """Bytes that logs hold, summed over a process."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class TurnLog:
    """Frames of one attempt. Not thread-safe: it belongs to one event loop."""

    def __init__(
        self,
        turn_id: str,
        attempt: int,
        encode: Encode,
        *,
        meter: Meter | None = None,
        gated: bool = False,
    ) -> None:
        self.turn_id = turn_id
        self.attempt = attempt
        self._encode = encode
        self._meter = meter or Meter()
        self._gated = gated
        self._accepted = 0
        self._entries: list[_Entry] = []
        self._open: _Entry | None = None
        self._waiting: list[asyncio.Future[bool]] = []
        self._copier_waiting: asyncio.Future[bool] | None = None
        self._lost: Failed | None = None
        self._forgotten = False
        self._cut: ServiceError | None = None
        self.size = 0

    # ---- writing ------------------------------------------------------------------------------

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest frame, 0 before the first."""
        return len(self._entries)

    @property
    def closed(self) -> bool:
        """Whether the closing frame is written."""
        return bool(self._entries) and self._entries[-1].kind in CLOSING

    @property
    def ended(self) -> bool:
        """Whether nothing more will be written: closed, or its runner was lost."""
        return self.closed or self._lost is not None or self._cut is not None

    def append(self, payload: Payload) -> None:
        """Write a frame. Raises RuntimeError after the closing one."""
        if isinstance(payload, TextDelta):
            self.text(payload.text)
            return
        self._open = None
        self._push(_Entry(KIND_OF[type(payload)], payload, None))

    def text(self, delta: str) -> None:
        """Write text: into the newest frame if that is an unread delta, else as a new one."""
        if not delta:
            return
        size = len(delta) if delta.isascii() else len(delta.encode("utf-8", "surrogatepass"))
        self._account(size)  # also while nobody reads it: the budget is one of memory
        entry = self._open
        if entry is not None and entry.size + size <= MAX_DELTA_BYTES:
            assert entry.parts is not None
            entry.parts.append(delta)
            entry.size += size
            return
        entry = _Entry(FrameKind.TEXT_DELTA, None, [delta])
        entry.size = size
        self._push(entry)
        self._open = entry

    def mirror(self, entry: LogEntry, payload: Payload | None) -> None:
        """Write a frame that another process encoded. `payload` only where a reader needs it.

        Raises RuntimeError where it does not follow the newest frame.
        """
        if entry.sequence != self.last_sequence + 1:
            raise RuntimeError(f"turn {self.turn_id}: frame {entry.sequence} leaves a gap")
        copy = _Entry(FrameKind(entry.kind), payload, None)
        copy.encoded = entry.encoded
        self._push(copy)
        self._account(len(entry.encoded))

    def abandon(self, error: TurnError) -> None:
        """The runner was lost (rule 10): readers get a closing frame that is no part of the log."""
        if not self.ended:
            self._lost = Failed(error)
            self._open = None
            self._wake()
            self._wake_copier()

    def cut(self, error: ServiceError) -> None:
        """It can't be followed from here any more, and the turn may go on: readers get no closing
        frame but this error, and may attach again."""
        if not self.ended:
            self._cut = error
            self._wake()

    def _push(self, entry: _Entry) -> None:
        if self.ended:
            raise RuntimeError(f"turn {self.turn_id}: a frame after the closing frame")
        self._entries.append(entry)
        self._account(_ENTRY_OVERHEAD)
        if self._gated:
            self._wake_copier()
        else:
            self._wake()

    def _wake_copier(self) -> None:
        waiting, self._copier_waiting = self._copier_waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(True)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(True)

    def _account(self, size: int) -> None:
        if self._forgotten:  # a reader that holds on to it is not the meter's business any more
            return
        self.size += size
        self._meter.total += size

    def forget(self) -> None:
        """Give the bytes back to the meter; the log is dropped by its owner."""
        self._meter.total -= self.size
        self.size = 0
        self._forgotten = True

    # ---- reading ------------------------------------------------------------------------------

    def cursor(self, kinds: frozenset[FrameKind] | None = None, after_sequence: int = 0) -> Cursor:
        """A reader from after a sequence on; `kinds` None means all.

        Resets and closing frames always come, and with text what withdraws it.
        """
        if after_sequence >= len(self._entries):
            self._open = None  # whoever starts after the newest frame has taken it as it is
        return Cursor(self, None if kinds is None else _completed(kinds), after_sequence)

    def copier(self) -> Copier:
        """The one reader that a gated log's bus has."""
        if not self._gated:
            raise RuntimeError("only a gated log is copied")
        return Copier(self)

    def set_gated(self, gated: bool) -> None:
        """Bus gone (False): frames go out unaccepted. Back (True): only accepted ones again."""
        self._gated = gated
        self._wake()

    @property
    def readable(self) -> int:
        """How many frames readers may see now."""
        return self._accepted if self._gated else len(self._entries)

    def kind_at(self, sequence: int) -> FrameKind:
        """Kind of the frame with this sequence."""
        return self._entries[sequence - 1].kind

    def sealed(self, sequence: int) -> tuple[bytes, Payload | None]:
        """Seal and encode the frame with this sequence: bytes and payload."""
        entry = self._entries[sequence - 1]
        if entry.encoded is None:
            if entry is self._open:
                self._open = None
            if entry.parts is not None:
                text = entry.parts[0] if len(entry.parts) == 1 else "".join(entry.parts)
                entry.payload, entry.parts = TextDelta(text), None
            assert entry.payload is not None
            frame = Frame(self.turn_id, self.attempt, sequence, entry.payload)
            entry.encoded = self._encode(frame)
            # The payload stays beside its encoding; of text, its part was accounted when written.
            self._account(len(entry.encoded) * 2 - entry.size)
        return entry.encoded, entry.payload

    def loss(self) -> tuple[bytes, Payload] | None:
        """The closing frame of an abandoned log, encoded without a sequence."""
        if self._lost is None:
            return None
        return self._encode(Frame(self.turn_id, self.attempt, 0, self._lost)), self._lost

    def check_cut(self) -> None:
        """Raises what a log was cut with."""
        if self._cut is not None:
            raise self._cut

    def wait(self) -> asyncio.Future[bool]:
        """A future that is done when there may be more to read."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def unwait(self, future: asyncio.Future[bool]) -> None:
        """Take back a `wait` whose reader has gone or timed out."""
        if future in self._waiting:
            self._waiting.remove(future)

    # ---- the copier's side ----------------------------------------------------------------------

    def wait_to_copy(self) -> asyncio.Future[bool]:
        """A future that is done when a frame was pushed into a gated log."""
        future = asyncio.get_running_loop().create_future()
        self._copier_waiting = future
        return future

    def accept(self, sequence: int) -> None:
        """The bus holds all frames up to this sequence: readers may have them."""
        if sequence > self._accepted:
            self._accepted = sequence
            self._wake()


class Cursor:
    """One reader's place in a log, and its view of it."""

    def __init__(self, log: TurnLog, kinds: frozenset[FrameKind] | None, after: int) -> None:
        self._log = log
        self._kinds = kinds
        self._position = after
        self._taken = after
        self._done = log.closed and after >= log.last_sequence  # it has the closing frame already
        self._waiting: asyncio.Future[bool] | None = None

    def nudge(self) -> None:
        """Let a waiting `take` return None at once: its reader has something else to do."""
        if self._waiting is not None:
            _expire(self._waiting)

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest frame taken (or started from): what heartbeats carry."""
        return self._taken

    def take_now(self) -> TakenFrame | None:
        """The next frame if there is one. Raises StopAsyncIteration after the closing frame, and
        what the log was cut with after the last one."""
        if self._done:
            raise StopAsyncIteration
        log = self._log
        while self._position < log.readable:
            self._position += 1
            kind = log.kind_at(self._position)
            if self._kinds is not None and kind not in self._kinds:
                continue
            encoded, payload = log.sealed(self._position)
            previous, self._taken = self._taken, self._position
            self._done = kind in CLOSING
            return TakenFrame(kind, self._position, previous, encoded, payload)
        if (loss := log.loss()) is not None:
            self._done = True
            return TakenFrame(FrameKind.FAILED, 0, self._taken, *loss)
        log.check_cut()
        return None

    async def take(self, timeout_s: float | None = None) -> TakenFrame | None:
        """The next frame of this view; None when `timeout_s` passed without one.

        Raises StopAsyncIteration after the closing frame.
        """
        frame = self.take_now()
        if frame is not None:
            return frame
        loop = asyncio.get_running_loop()
        future = self._waiting = self._log.wait()
        timer = None if timeout_s is None else loop.call_later(timeout_s, _expire, future)
        try:
            while await future:
                frame = self.take_now()
                if frame is not None:
                    return frame
                # Woken by a frame that this view leaves out.
                future = self._waiting = self._log.wait()
                if timer is not None:
                    timer.cancel()
                    timer = loop.call_at(timer.when(), _expire, future)
            return None
        finally:
            self._waiting = None
            if timer is not None:
                timer.cancel()
            self._log.unwait(future)

    def __aiter__(self) -> Cursor:
        return self

    async def __anext__(self) -> TakenFrame:
        frame = await self.take()
        assert frame is not None
        return frame


class Copier:
    """Takes sealed frames in order and says when the bus has them. Deltas coalesce meanwhile."""

    def __init__(self, log: TurnLog) -> None:
        self._log = log
        self._copied = 0

    async def take(self) -> list[LogEntry]:
        """All frames not yet copied, sealed. Waits for at least one; empty after the last."""
        log = self._log
        while self._copied == log.last_sequence:
            if log.ended:
                return []
            await log.wait_to_copy()
        batch = self._entries(self._copied + 1)
        self._copied = log.last_sequence
        return batch

    def all(self) -> list[LogEntry]:
        """All frames there are, sealed: for a bus that came back without its memory."""
        self._copied = self._log.last_sequence
        return self._entries(1)

    def accepted(self, sequence: int) -> None:
        """The bus holds all frames up to here."""
        self._log.accept(sequence)

    def _entries(self, first: int) -> list[LogEntry]:
        log = self._log
        return [
            LogEntry(n, log.kind_at(n).value, log.sealed(n)[0])
            for n in range(first, log.last_sequence + 1)
        ]


def _completed(kinds: frozenset[FrameKind]) -> frozenset[FrameKind]:
    """A view with the kinds that no reader can do without."""
    view = kinds | CLOSING | {FrameKind.RESET}
    return view | {FrameKind.TEXT_WITHDRAWN} if FrameKind.TEXT_DELTA in kinds else view


def _expire(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)
