"""Counts each call when it has ended."""

from __future__ import annotations

from collections.abc import Callable

from ..call import Call
from ._base import CallInterceptor
from .logging import outcome

CallEnded = Callable[[str, str, float], None]
"""Hears of a call that ended: its path, the name of its status code, its seconds."""


class MeteringInterceptor(CallInterceptor):
    """Tells `ended`. Paths that no method has are all called "unknown"."""

    def __init__(self, ended: CallEnded) -> None:
        self._ended = ended

    async def on_end(self, call: Call, error: BaseException | None) -> None:
        """Once a call, however it ended."""
        self._ended(call.method, outcome(call, error).name, call.monotonic() - call.started_at)
