"""Rates of calls: counted in this process, or for all replicas in Redis.

Both count by a sliding window: those of the present window, and of the one before as much as is
left of it. In Redis the `limits` library does it; in the process a few lines do, since the
library's memory walks all of its keys with each call that it counts (docs/decisions).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import structlog

_MOST_KEYS = 100_000

_log = structlog.get_logger("eps.limits")


class MemoryBudgets:
    """`domain.limits.Budgets` of one process. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # (window_s, key) → number of its window, taken in it, taken in the one before
        self._counts: dict[tuple[int, str], tuple[int, int, int]] = {}

    async def take(self, key: str, limit: int, window_s: int) -> float | None:
        """See `Budgets.take`."""
        now = self._monotonic()
        window = int(now // window_s)
        passed = now - window * window_s
        at, taken, before = self._counts.get((window_s, key), (window, 0, 0))
        if at != window:
            taken, before = 0, taken if at == window - 1 else 0
        if before * (1 - passed / window_s) + taken + 1 <= limit:
            if len(self._counts) >= _MOST_KEYS:
                self._forget(now)
            self._counts[window_s, key] = (window, taken + 1, before)
            return None
        return _wait(limit, window_s, passed, taken, before)

    def _forget(self, now: float) -> None:
        """Drop what is out of its windows; all of it where nothing is."""
        kept = {
            key: found for key, found in self._counts.items() if found[0] >= int(now // key[0]) - 1
        }
        self._counts = kept if len(kept) < _MOST_KEYS else {}


def _wait(limit: int, window_s: int, passed: float, taken: int, before: int) -> float:
    """Seconds until one more fits."""
    room = limit - 1 - taken
    if room >= 0 and before:
        return max(0.0, window_s * (1 - room / before) - passed)
    if limit < 1:
        return float(window_s)
    return (window_s - passed) + max(0.0, window_s * (1 - (limit - 1) / max(taken, 1)))


class RedisBudgets:
    """`domain.limits.Budgets` of all replicas, by the `limits` library.

    While Redis is away each replica counts by itself: nobody is refused for it, and nobody gets
    more than a limit a replica.
    """

    def __init__(
        self,
        url: str,
        local: MemoryBudgets,
        *,
        prefix: str = "eps",
        monotonic: Callable[[], float] = time.monotonic,
        away_s: float = 1.0,
    ) -> None:
        # Imported only where there is a Redis.
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        self._storage: Any = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix=f"{prefix}:limits",
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
        )
        self._limiter: Any = SlidingWindowCounterRateLimiter(self._storage)
        self._local = local
        self._monotonic = monotonic
        self._away_s = away_s
        self._away_until = -math.inf

    async def take(self, key: str, limit: int, window_s: int) -> float | None:
        """See `Budgets.take`."""
        from limits import RateLimitItemPerSecond

        if self._monotonic() < self._away_until:
            return await self._local.take(key, limit, window_s)
        item = RateLimitItemPerSecond(limit, window_s)
        try:
            if await self._limiter.hit(item, key):
                return None
            # The library's own "reset time" is when the window changes, not when one more fits.
            found: Any = await self._storage.get_sliding_window(item.key_for(key), window_s)
            before, _, taken, left = found  # the present count is kept for two windows
            passed = min(max(2 * window_s - float(left), 0.0), float(window_s))
            return _wait(limit, window_s, passed, int(taken), int(before))
        except Exception as error:  # the library's, the client's, the connection's
            _log.warning("limits are counted here alone", error=type(error).__name__)
            self._away_until = self._monotonic() + self._away_s
            return await self._local.take(key, limit, window_s)

    async def close(self) -> None:
        """Let the connections go."""
        await self._storage.bridge.storage.aclose()
