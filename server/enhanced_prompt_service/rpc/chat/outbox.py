"""The one writer of a chat: whatever is sent goes through here, in order, at the network's pace.

Room for a few messages only: whoever has more to say waits, so that a client that does not read
holds back its own turn's cursor and its own replies, and nothing piles up. The writer is never
cancelled in mid-write by us: grpc could take no status after that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from ...domain.turns import FrameKind
from ...turns import TakenFrame
from ..call import Call
from ..frames import heartbeat, wrap

_ROOM = 8


class Outbox:
    """Messages on their way to one client; a heartbeat whenever it is idle so long."""

    def __init__(self, call: Call, *, heartbeat_s: float, now: Callable[[], datetime]) -> None:
        self._call = call
        self._heartbeat_s = heartbeat_s
        self._now = now
        self._waiting: asyncio.Queue[tuple[bytes, int] | None] = asyncio.Queue(maxsize=_ROOM)
        self._order = asyncio.Lock()
        self._last_sequence = 0

    async def put(self, message: bytes) -> None:
        """Send a message; returns when there is room for it."""
        await self._put((message, 0))

    async def put_frame(self, taken: TakenFrame) -> None:
        """Send a turn's frame."""
        if taken.kind is FrameKind.TEXT_DELTA and self._call.first_token_at is None:
            self._call.first_token_at = self._call.monotonic()
        await self._put((wrap(taken), taken.sequence))

    async def end(self) -> None:
        """Nothing more comes."""
        await self._put(None)

    async def write(self) -> None:
        """Write until `end`. Raises ClientGone."""
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    message = await self._waiting.get()
            except TimeoutError:
                await self._call.write(heartbeat(self._last_sequence, self._now()))
                continue
            if message is None:
                return
            encoded, sequence = message
            await self._call.write(encoded)
            if sequence:
                self._last_sequence = sequence

    async def _put(self, message: tuple[bytes, int] | None) -> None:
        async with self._order:  # first come, first served, also where there was no room
            await self._waiting.put(message)
