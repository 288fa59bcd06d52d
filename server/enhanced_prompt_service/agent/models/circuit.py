"""A circuit breaker and a concurrency limit for one link.

Closed lets calls through. After `threshold` failures in a row, or a rate limit with Retry-After,
it opens: calls pass on to the next link at once. When its time is over it is half open: one call
goes through to see; its success closes the circuit, its failure opens it for twice as long, up to
`most_open_s`. (The pattern is M. Nygard's, "Release It!".)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .failures import COUNTS, FailureKind, LinkFailure


class CircuitState(StrEnum):
    """States of a breaker, as the contract names them."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class CircuitOptions:
    """Attributes:
    threshold: Failures in a row that open it.
    open_s: How long it stays open the first time, in seconds.
    most_open_s: How long at most, after it failed again and again.
    calls: How many calls may run at a time; 0 for no limit.
    """

    threshold: int = 3
    open_s: float = 10.0
    most_open_s: float = 300.0
    calls: int = 32


@dataclass(frozen=True, slots=True)
class LinkState:
    """A snapshot of one link, for health. `circuit` is None for the embedded engine, which has no
    breaker; `last_error_at` is real time, UTC."""

    model: str
    circuit: CircuitState | None
    running_calls: int = 0
    max_calls: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None
    retry_in_s: float | None = None

    @property
    def healthy(self) -> bool:
        """Whether a call would go to it now."""
        return self.circuit is None or self.circuit is CircuitState.CLOSED


class Circuit:
    """Breaker and limit of one link. Belongs to one event loop."""

    def __init__(
        self,
        model: str,
        options: CircuitOptions,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._model = model
        self._options = options
        self._monotonic = monotonic
        self._now = now
        self._places = asyncio.Semaphore(options.calls) if options.calls else None
        self._running = 0
        self._failures = 0
        self._open_until: float | None = None
        self._open_for = options.open_s
        self._probing = False
        self._last_error = ""
        self._last_error_at: datetime | None = None

    @property
    def state(self) -> CircuitState:
        """The state now."""
        if self._open_until is None:
            return CircuitState.CLOSED
        if self._monotonic() < self._open_until:
            return CircuitState.OPEN
        return CircuitState.HALF_OPEN

    @property
    def opens_in_s(self) -> float | None:
        """Seconds until a call may go through again; None while it may."""
        if self._open_until is None:
            return None
        left = self._open_until - self._monotonic()
        return left if left > 0 else None

    def snapshot(self) -> LinkState:
        """For health."""
        return LinkState(
            self._model,
            self.state,
            self._running,
            self._options.calls,
            self._last_error,
            self._last_error_at,
            self.opens_in_s,
        )

    async def enter(self) -> bool:
        """Take a place for a call; waits for one. Returns whether the call is the one that probes.

        Raises LinkFailure (CIRCUIT_OPEN). Whoever entered calls `leave`, once.
        """
        self._check()
        if self._places is not None:
            await self._places.acquire()
        try:
            self._check()
        except LinkFailure:
            self._give_back()
            raise
        probing = self.state is CircuitState.HALF_OPEN
        self._probing = self._probing or probing
        self._running += 1
        return probing

    def leave(self, probing: bool, failure: LinkFailure | None, *, answered: bool) -> None:
        """Give the place back. `answered` says that the call succeeded; neither that nor a failure
        is a call that was cancelled, which says nothing of the provider."""
        self._running -= 1
        self._give_back()
        if probing:
            self._probing = False
        if failure is not None:
            self._failed(failure, probing)
        elif answered:
            self._failures = 0
            self._open_until = None
            self._open_for = self._options.open_s

    def _check(self) -> None:
        state = self.state
        if state is CircuitState.OPEN or (state is CircuitState.HALF_OPEN and self._probing):
            wait = self.opens_in_s
            left = "" if wait is None else f" for {wait:.1f} s more"
            raise LinkFailure(
                FailureKind.CIRCUIT_OPEN,
                f"not asked{left} after failures",
                retry_after_s=wait,
            )

    def _give_back(self) -> None:
        if self._places is not None:
            self._places.release()

    def _failed(self, failure: LinkFailure, probing: bool) -> None:
        self._last_error = failure.detail
        self._last_error_at = self._now()
        if failure.kind not in COUNTS:
            if failure.status is not None:  # it is there, it only does not want this request
                self._failures, self._open_until = 0, None
            return
        self._failures += 1
        wait = failure.retry_after_s
        if wait is not None:
            self._open(wait)
        elif probing or self._failures >= self._options.threshold:
            self._open(self._open_for)
            self._open_for = min(self._open_for * 2, self._options.most_open_s)

    def _open(self, seconds: float) -> None:
        self._open_until = max(self._open_until or 0.0, self._monotonic() + seconds)
