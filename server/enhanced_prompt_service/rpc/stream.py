"""The one writer of a turn's stream: frames, heartbeats, and the end (design 3, rules 5, 7, 21)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ..domain.turns import Failed, FrameKind
from ..turns import TakenFrame
from .call import Call
from .errors import status_of_turn
from .frames import heartbeat, wrap
from .guard import Rejected


class Frames(Protocol):
    """A reader's place in a turn, as `turns` gives it."""

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest frame taken."""
        ...

    async def take(self, timeout_s: float | None = None) -> TakenFrame | None:
        """The next frame, None when so many seconds passed without one."""
        ...


async def write_turn(
    call: Call, cursor: Frames, *, heartbeat_s: float, now: Callable[[], datetime]
) -> None:
    """Write a turn's frames until its closing one, and a heartbeat whenever it is idle so long.

    Returns after `completed` and `cancelled`; after `failed` raises what ends the RPC with the
    same status. The network's pace is this reader's alone: nobody waits for it but this coroutine.
    Losing the client ends it by cancellation or ClientGone, and the turn goes on.
    """
    while True:
        taken = await cursor.take(heartbeat_s)
        if taken is None:
            await call.write(heartbeat(cursor.last_sequence, now()))
            continue
        await call.write(wrap(taken))
        if taken.kind is FrameKind.TEXT_DELTA and call.first_token_at is None:
            call.first_token_at = call.monotonic()
        if taken.closing:
            if isinstance(taken.payload, Failed):
                raise Rejected(status_of_turn(taken.payload.error))
            return
