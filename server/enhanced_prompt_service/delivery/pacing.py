"""When to send: waits after failures, a circuit breaker, a rate. Times are monotonic seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waits:
    """Waits that double: `first_s` × 2^n up to `most_s`."""

    first_s: float
    most_s: float

    def bound(self, failures: int) -> float:
        """After so many failures, from 1."""
        return min(self.most_s, self.first_s * 2 ** min(max(failures - 1, 0), 60))

    def jittered(self, failures: int, dice: random.Random) -> float:
        """Full jitter: any wait up to the bound (M. Brooker, "Exponential Backoff And Jitter",
        AWS Architecture Blog, 2015)."""
        return self.bound(failures) * dice.random()


class Gate:
    """A circuit breaker for one receiver.

    After `threshold` failures in a row it opens: nothing is sent for `reconnect`'s bound of the
    n-th trial. Then one trial goes through; it closes the gate or opens it for longer. `trials`
    counts those that failed in a row.
    """

    def __init__(self, threshold: int, reconnect_s: float, reconnect_most_s: float) -> None:
        self._threshold = threshold
        # The n-th trial waits reconnect_s × 2^n: the first twice as long as the setting says.
        self._waits = Waits(2 * reconnect_s, reconnect_most_s)
        self.failures = 0
        self.trials = 0
        self._until: float | None = None
        self._paused = 0.0

    @property
    def closed(self) -> bool:
        """Whether anything may pass, rather than one trial."""
        return self._until is None

    def wait_s(self, now: float) -> float:
        """How long nothing may be sent; 0 where something may."""
        return max(0.0, self._paused - now, 0.0 if self._until is None else self._until - now)

    def pause(self, now: float, seconds: float) -> None:
        """The receiver wants to be left alone."""
        self._paused = max(self._paused, now + seconds)

    def failed(self, now: float) -> None:
        """It did not work."""
        self.failures += 1
        if self._until is None:
            if self.failures < self._threshold:
                return
            self.trials = 0
        elif now < self._until:
            return  # what was under way when it opened
        self.trials += 1
        self._until = now + self._waits.bound(self.trials)

    def succeeded(self) -> None:
        """It worked."""
        self.failures = self.trials = 0
        self._until = None


class Rate:
    """A bucket of tokens: `rate` a second, at most a second's worth kept."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate)
        self._tokens = self._most
        self._at = now

    def room(self, now: float) -> int:
        """How many may go now."""
        self._fill(now)
        return int(self._tokens)

    def wait_s(self, now: float) -> float:
        """How long until one more may go."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self, count: int, now: float) -> None:
        """So many go."""
        self._fill(now)
        self._tokens -= count

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
