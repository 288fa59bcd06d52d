"""When a stream that never ends by itself is opened again, without any input or output."""

from __future__ import annotations

from grpc import StatusCode

from ._options import Retry
from .errors import EnhancedPromptError

# What a connection that broke looks like, when no server said why.
_BROKEN = frozenset(
    {StatusCode.UNAVAILABLE, StatusCode.UNKNOWN, StatusCode.INTERNAL, StatusCode.CANCELLED}
)
_HIGHEST_POWER = 30


class Following:
    """How often it failed since something was heard.

    `patient`: whether a server that was never there is waited for all the same. Where nothing was
    ever heard, it is the caller's to know of.
    """

    def __init__(self, retry: Retry, reattach: Retry, *, patient: bool = False) -> None:
        self._retry = retry
        self._reattach = reattach
        self._failed = 0
        self._patient = patient

    def heard(self) -> None:
        """A message came."""
        self._failed = 0
        self._patient = True

    def wait(self, error: EnhancedPromptError | None, draw: float) -> float:
        """Seconds until the next attempt; `error` None where the server ended the stream well.

        `draw` is uniform in 0..1. Raises the error where it says that another attempt is in vain.
        """
        self._failed += 1
        retry_after = 0.0 if error is None else error.retry_after or 0.0
        in_vain = error is not None and (bool(error.reason) or error.code not in _BROKEN)
        if error is not None and in_vain and not error.retryable:
            raise error
        if error is not None and not self._patient:
            wait = self._retry.wait(self._failed, error.retry_after, draw)
            if wait is None:
                raise error
            return wait
        power = min(self._failed - 1, _HIGHEST_POWER)
        ceiling = min(self._reattach.longest, self._reattach.first * 2.0**power)
        return max(draw * ceiling, retry_after)
