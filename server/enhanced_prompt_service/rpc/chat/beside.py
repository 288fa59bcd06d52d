"""What runs beside a chat's turns: its tools, a few at a time, each with a reply of its own.

They say what they have to say through the chat's outbox, like everybody else; the chat's task group
owns them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ...domain.errors import Conflict, Exhausted, Reason, ServiceError

Work = Callable[[], Awaitable[None]]
Reject = Callable[[str, ServiceError], Awaitable[None]]


class _Job:
    """`dropped` says that its client does not want it any more; `task` is its own once it runs."""

    __slots__ = ("dropped", "task")

    def __init__(self) -> None:
        self.dropped = False
        self.task: asyncio.Task[Any] | None = None


class Beside:
    """At most `most` at a time; `reject` says to the client what became of one that failed."""

    def __init__(self, most: int, reject: Reject) -> None:
        self._most = most
        self._reject = reject
        self._jobs: dict[str, _Job] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self, tasks: asyncio.TaskGroup, message_id: str, work: Work) -> None:
        """Begin one. Raises where too many run, or one of the same id does."""
        if message_id in self._jobs:
            raise Conflict("this message_id is under way", reason=Reason.REQUEST_ID_REUSED)
        if len(self._jobs) >= self._most:
            raise Exhausted(f"{self._most} run beside the turns already", reason=Reason.QUEUE_FULL)
        job = self._jobs[message_id] = _Job()
        self._idle.clear()
        tasks.create_task(self._run(message_id, job, work))

    def stop(self, message_id: str) -> None:
        """Stop one, if it runs: its client is told that it was cancelled."""
        job = self._jobs.get(message_id)
        if job is not None and not job.dropped:
            job.dropped = True
            if job.task is not None:  # otherwise it sees it when it begins
                job.task.cancel()

    def stop_all(self) -> None:
        """Stop all that runs."""
        for message_id in list(self._jobs):
            self.stop(message_id)

    async def idle(self) -> None:
        """Wait until none runs."""
        await self._idle.wait()

    async def _run(self, message_id: str, job: _Job, work: Work) -> None:
        task = job.task = asyncio.current_task()
        assert task is not None
        try:
            if not job.dropped:
                await work()
            else:
                await self._reject(message_id, cancelled())
        except ServiceError as error:
            job.dropped = True  # it is over: nothing is left to stop
            await self._reject(message_id, error)
        except asyncio.CancelledError:
            if not job.dropped or task.uncancel() > 0:  # the chat itself ends
                raise
            await self._reject(message_id, cancelled())
        finally:
            del self._jobs[message_id]
            if not self._jobs:
                self._idle.set()


def cancelled() -> Conflict:
    """What the client is told of what it cancelled."""
    return Conflict("cancelled before it was done; it may be sent again", reason=Reason.CANCELLED)
