"""Who in this process waits for which channel."""

from __future__ import annotations

import asyncio


class Signal:
    """One listener: remembers that it was woken until it looks. Belongs to one event loop."""

    __slots__ = ("_came", "_waiting")

    def __init__(self) -> None:
        self._came = False
        self._waiting: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake the listener."""
        self._came = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self, timeout_s: float) -> bool:
        """True when a signal came since the last wait, False after `timeout_s` without one."""
        if not self._came:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(timeout_s, _expire, self._waiting)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        came, self._came = self._came, False
        return came


def _expire(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


class Hub:
    """Listeners by channel."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Signal]] = {}

    @property
    def channels(self) -> frozenset[str]:
        """Channels that somebody listens to."""
        return frozenset(self._listeners)

    def join(self, channel: str) -> Signal:
        """Add a listener."""
        signal = Signal()
        self._listeners.setdefault(channel, set()).add(signal)
        return signal

    def leave(self, channel: str, signal: Signal) -> bool:
        """Remove a listener; True when it was the channel's last."""
        listeners = self._listeners.get(channel, set())
        listeners.discard(signal)
        if not listeners:
            self._listeners.pop(channel, None)
        return not listeners

    def wake(self, channel: str) -> None:
        """Wake a channel's listeners."""
        for signal in self._listeners.get(channel, ()):
            signal.set()

    def wake_all(self) -> None:
        """Wake everybody: something may have been missed."""
        for channel in self._listeners:
            self.wake(channel)
