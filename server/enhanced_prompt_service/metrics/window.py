"""The last 60 seconds: a ring of a second each, and the sums over it, kept up as it turns.

Noting something is a few additions; a second that has passed is taken off the sums once. So a
look costs the same however much happened, and nothing runs while nobody notes or looks.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from .sketch import bucket_of

SPAN = 60
"""Seconds: the present one, which has just begun, and the 59 before it."""


class Sum(IntEnum):
    """What is summed up."""

    CALLS = 0
    FAULTS = 1
    TIMED = 2
    """Calls whose duration counts: all but subscriptions and chats."""
    SECONDS = 3
    """Durations of those."""
    TURNS = 4
    STREAMED = 5
    """Those of them that were streamed."""
    PIECES = 6
    """Pieces of text that turns wrote."""
    MEMORY_READS = 7
    MEMORY_HITS = 8


class Spread(IntEnum):
    """What percentiles are of."""

    LATENCY = 0
    FIRST_TOKEN = 1


class _Second:
    __slots__ = ("sketches", "sums")

    def __init__(self) -> None:
        self.sums = [0.0] * len(Sum)
        self.sketches: tuple[dict[int, int], ...] = tuple({} for _ in Spread)


class Window:
    """Belongs to one thread. `monotonic` gives seconds.

    `sums` and `sketches` are over the whole window, by `Sum` and `Spread`: look at them after
    `turn`.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._now = int(self._began)
        self._seconds = [_Second() for _ in range(SPAN)]
        self.sums = [0.0] * len(Sum)
        self.sketches: tuple[dict[int, int], ...] = tuple({} for _ in Spread)

    def turn(self) -> None:
        """Take off what is older than the window."""
        now = int(self._monotonic())
        if now == self._now:
            return
        for second in range(max(self._now, now - SPAN) + 1, now + 1):
            self._take_off(self._seconds[second % SPAN])
        self._now = now

    @property
    def covered_s(self) -> float:
        """How many seconds the window covers: less than 60 in the first minute."""
        now = self._monotonic()
        return max(1.0, min(now - self._began, SPAN - 1 + now % 1.0))

    def add(self, which: Sum, amount: float = 1.0) -> None:
        """Note an amount now. Call `turn` before."""
        self._seconds[self._now % SPAN].sums[which] += amount
        self.sums[which] += amount

    def note(self, which: Spread, seconds: float, ago_s: float = 0.0) -> None:
        """Note a duration, of something that happened so many seconds ago. Call `turn` before."""
        back = int(ago_s)
        if back >= SPAN:
            return
        bucket = bucket_of(seconds)
        own = self._seconds[(self._now - back) % SPAN].sketches[which]
        own[bucket] = own.get(bucket, 0) + 1
        whole = self.sketches[which]
        whole[bucket] = whole.get(bucket, 0) + 1

    def _take_off(self, second: _Second) -> None:
        for which, amount in enumerate(second.sums):
            if amount:
                # Sums of durations are not exact: what rounding left must not go below nothing.
                self.sums[which] = max(0.0, self.sums[which] - amount)
                second.sums[which] = 0.0
        for whole, own in zip(self.sketches, second.sketches, strict=True):
            for bucket, count in own.items():
                left = whole[bucket] - count
                if left:
                    whole[bucket] = left
                else:
                    del whole[bucket]
            own.clear()
