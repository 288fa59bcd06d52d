"""What the service depends on: whether each part is there, since when, and how long it was not.

Whoever uses a part notes how that went; a watch asks as well, so that a part that nobody uses is
known too, and one that is back is found without a user. Times are UTC, real time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

PROBE_S = 2.0
"""A part that takes longer to answer counts as away."""
UP_S = 5.0
DOWN_S = 0.5
"""How often a watch asks while a part is there, and while it is away."""


@dataclass(frozen=True, slots=True)
class DependencyState:
    """One part now. `degraded_s` is how long it was away in all, in seconds, until now."""

    name: str
    up: bool
    since: datetime
    degraded_s: float


class Dependency:
    """One part. It counts as there until somebody notes otherwise."""

    def __init__(
        self, name: str, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self.name = name
        self._now = now
        self._monotonic = monotonic
        self._up = True
        self._since = now()
        self._down_at = 0.0
        self._degraded_s = 0.0

    @property
    def up(self) -> bool:
        """Whether its last use worked."""
        return self._up

    def note(self, up: bool) -> None:
        """A use of it worked, or did not. Costs nothing while that does not change."""
        if up is self._up:
            return
        self._up = up
        self._since = self._now()
        if up:
            self._degraded_s += self._monotonic() - self._down_at
        else:
            self._down_at = self._monotonic()

    @property
    def degraded_s(self) -> float:
        """How long it was away in all, in seconds."""
        return self._degraded_s + (0.0 if self._up else self._monotonic() - self._down_at)

    @property
    def state(self) -> DependencyState:
        """How it is now."""
        return DependencyState(self.name, self._up, self._since, self.degraded_s)


class Dependencies:
    """All parts, by name, in the order in which they were added."""

    def __init__(self, now: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._now = now
        self._monotonic = monotonic
        self._parts: dict[str, Dependency] = {}

    def add(self, name: str) -> Dependency:
        """Begin to keep an account of a part."""
        part = self._parts[name] = Dependency(name, self._now, self._monotonic)
        return part

    def __iter__(self) -> Iterator[Dependency]:
        return iter(self._parts.values())


Probe = Callable[[], Awaitable[None]]
"""Uses a part in the least way. Raises where that does not work."""


async def probe(part: Dependency, ask: Probe, timeout_s: float = PROBE_S) -> bool:
    """Ask a part, and note whether it answered in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await ask()
    except Exception:  # whatever it was, it did not answer
        part.note(False)
    else:
        part.note(True)
    return part.up


async def watch(
    part: Dependency, ask: Probe, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> NoReturn:
    """Ask a part again and again, until the task is cancelled."""
    while True:
        await sleep(UP_S if await probe(part, ask) else DOWN_S)
