"""While the server closes, new calls are refused; those under way may end."""

from __future__ import annotations

from ..call import Call
from ..live import LiveCalls
from ._base import CallInterceptor


class DrainingInterceptor(CallInterceptor):
    """Asks `LiveCalls` before every call."""

    def __init__(self, live: LiveCalls) -> None:
        self._live = live

    async def on_start(self, call: Call) -> None:
        """Raises Unavailable (DRAINING)."""
        self._live.admit(call)
