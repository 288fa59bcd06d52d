"""The one writer of a turn's stream: frames, heartbeats, and the end (design 3, rules 5, 7, 21)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from enhanced_prompt.v1.common_pb2 import TurnCursor

from ..domain.turns import Failed, FrameKind
from ..turns import TakenFrame
from .call import Call
from .errors import status_of_turn
from .frames import heartbeat, wrap
from .guard import Rejected
from .leaving import Leaving, LeavingOptions, gone_away


class Frames(Protocol):
    """A reader's place in a turn, as `turns` gives it."""

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest frame taken."""
        ...

    async def take(self, timeout_s: float | None = None) -> TakenFrame | None:
        """The next frame, None when so many seconds passed without one, or after a nudge.

        Raises StopAsyncIteration after the closing frame.
        """
        ...

    def nudge(self) -> None:
        """Let a waiting `take` return."""
        ...


class Reading(Protocol):
    """What a reader holds on to, as `turns` gives it."""

    turn_id: str
    attempt: int


async def write_turn(
    call: Call,
    reading: Reading,
    cursor: Frames,
    *,
    heartbeat_s: float,
    now: Callable[[], datetime],
    leaving: LeavingOptions,
) -> None:
    """Write a turn's frames until its closing one, and a heartbeat whenever it is idle so long.

    Returns after `completed` and `cancelled`, and at once where the reader has the closing one
    already; after `failed` raises what ends the RPC with the same status. The network's pace is
    this reader's alone: nobody waits for it but this coroutine. Losing the client ends it by
    cancellation or ClientGone, and the turn goes on. At its age, and when the server drains, the
    stream gets a `go_away` and goes on for a while.
    """
    with Leaving(call, leaving, cursor.nudge) as leave:
        while True:
            if leave.due:
                await call.write(leave.announce(place_of(reading, cursor)))
            if leave.over:
                raise gone_away()
            try:
                taken = await cursor.take(heartbeat_s)
            except StopAsyncIteration:  # it was attached after the closing frame
                return
            if taken is None:
                if not leave.due and not leave.over:
                    await call.write(heartbeat(cursor.last_sequence, now()))
                continue
            await call.write(wrap(taken))
            if taken.kind is FrameKind.TEXT_DELTA and call.first_token_at is None:
                call.first_token_at = call.monotonic()
            if taken.closing:
                if isinstance(taken.payload, Failed):
                    raise Rejected(status_of_turn(taken.payload.error))
                return


def place_of(reading: Reading, cursor: Frames) -> TurnCursor:
    """Where another stream goes on from."""
    return TurnCursor(
        turn_id=reading.turn_id, attempt=reading.attempt, after_sequence=cursor.last_sequence
    )
