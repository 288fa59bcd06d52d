"""The calls under way in this process: so that a server can end well (design 3, rule 22)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..domain.errors import Reason, ServiceError, Unavailable

if TYPE_CHECKING:
    from .call import Call

_PATIENCE_S = 3.0
"""How long a write that was under way may take before a call that has to end is cancelled in it:
grpc could take no status after that."""

UNCOUNTED = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")
"""Methods that are answered to the very end, and that nobody waits for."""


class LiveCalls:
    """Knows every call and the task that it runs in.

    While closing, a new call is refused by us: grpc's own way out, `server.stop`, answers calls
    that cross its GOAWAY with a bare CANCELLED, which no client takes for "try elsewhere".
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], Call] = {}
        self._interrupted: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._closing = False
        self._listeners: dict[object, Callable[[], None]] = {}

    @property
    def count(self) -> int:
        """How many calls are under way."""
        return len(self._tasks)

    @property
    def closing(self) -> bool:
        """Whether new calls are refused."""
        return self._closing

    def enter(self, call: Call) -> asyncio.Task[Any] | None:
        """Count a call in; returns what `leave` wants."""
        if call.method.startswith(UNCOUNTED):
            return None
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = call
        return task

    def leave(self, task: asyncio.Task[Any] | None) -> None:
        """Count it out."""
        if task is None:
            return
        self._tasks.pop(task, None)
        self._interrupted.discard(task)
        if not self._tasks:
            self._idle.set()

    def admit(self, call: Call) -> None:
        """Raises Unavailable (DRAINING) for new calls while the server closes."""
        if self._closing and not call.method.startswith(UNCOUNTED):
            raise Unavailable(
                "this replica is shutting down; try again on a new connection",
                reason=Reason.DRAINING,
                retry_after_s=0.0,
            )

    def close(self) -> None:
        """From now on `admit` refuses."""
        self._closing = True
        for listener in list(self._listeners.values()):
            listener()

    def on_close(self, stream: object, listener: Callable[[], None]) -> None:
        """Tell a stream when `close` is called; at once where it was."""
        if self._closing:
            listener()
        else:
            self._listeners[stream] = listener

    def forget(self, stream: object) -> None:
        """The stream has ended."""
        self._listeners.pop(stream, None)

    async def ended(self, timeout_s: float) -> bool:
        """Wait so long for all calls to end; whether they did."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._tasks:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def interrupt(self) -> int:
        """Cancel every call from inside; each is told so by a status. Returns how many."""
        for task in self._tasks:
            self._interrupted.add(task)
            task.cancel()
        return len(self._tasks)

    def under_way(self) -> list[tuple[asyncio.Task[Any], Call]]:
        """Every call and its task."""
        return list(self._tasks.items())

    def expel(self, task: asyncio.Task[Any], error: ServiceError) -> None:
        """End one call with this status; nothing where it ended already, or is being ended."""
        call = self._tasks.get(task)
        if call is None or call.ending is not None:
            return
        call.ending = error
        if call.writing:  # it ends behind the message that is on its way
            asyncio.get_running_loop().call_later(_PATIENCE_S, self._cut, task)
        else:
            task.cancel()

    def _cut(self, task: asyncio.Task[Any]) -> None:
        call = self._tasks.get(task)
        if call is not None and call.writing:
            task.cancel()

    def interrupted(self) -> bool:
        """Whether it was `interrupt` that cancelled the present task."""
        return asyncio.current_task() in self._interrupted
