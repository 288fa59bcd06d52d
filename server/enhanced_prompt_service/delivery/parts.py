"""What dispatchers work with, and the numbers that no destination changes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from ..domain.bus import Bus
from ..domain.fences import FenceStore
from ..domain.outbox import OutboxStore

Wait = Callable[[asyncio.Event, float], Awaitable[None]]
"""Wait for an event, or for at most so many seconds."""
Report = Callable[[str, str, Exception | None], None]
"""Hears what somebody should know: the destination, a sentence, and the error if there is one."""


@dataclass(frozen=True, slots=True)
class Parts:
    """`now` is real time, UTC; `monotonic` seconds; `wait` goes by the same clock."""

    store: OutboxStore
    fences: FenceStore
    bus: Bus
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    wait: Wait
    dice: random.Random
    report: Report


@dataclass(frozen=True, slots=True)
class Options:
    """Attributes:
    lease_s: How long a dispatcher's lease lasts; renewed each third of it.
    poll_s: How long it goes on without looking, where no signal comes.
    window: Entries in memory.
    notices_window: The same for a notifier, whose notifications are small and held for longer.
    window_bytes: Bytes of payload read at a time.
    notices: Notifications that go out together.
    gather_s: How long an outcome waits for others to be written with.
    stale_s: A claim that is older is looked at again before it is used.
    tidy_s: Between looks for deadlines, rested conversations and old entries.
    drain_s: How long what is under way may take when the process ends.
    """

    lease_s: float = 15.0
    poll_s: float = 2.0
    window: int = 512
    notices_window: int = 4096
    window_bytes: int = 8 * 1024 * 1024
    notices: int = 256
    gather_s: float = 0.02
    stale_s: float = 1.0
    tidy_s: float = 15.0
    drain_s: float = 5.0


async def wait(event: asyncio.Event, seconds: float) -> None:
    """`Wait` by the machine's clock."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        pass
