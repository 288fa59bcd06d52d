"""How fast a client's frames are read from one stream.

A frame that is no question is counted by nobody, and answering a million pings or setups costs the
others. Who sends faster than the pace is refused nothing: it is read more slowly, and HTTP/2's flow
control tells it so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Pace:
    """Lets `burst` frames through at once, and then `rate` a second. `monotonic` is in seconds."""

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._each_s = 1.0 / rate
        self._ahead_s = burst * self._each_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._next = monotonic() - self._ahead_s

    async def wait(self) -> None:
        """Until the next frame's time has come."""
        now = self._monotonic()
        # The time of a frame is one step after the frame before, and never long ago.
        self._next = max(self._next, now - self._ahead_s) + self._each_s
        if self._next > now:
            await self._sleep(self._next - now)
