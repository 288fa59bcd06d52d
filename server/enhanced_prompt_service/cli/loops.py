"""Running something asynchronous until it ends or somebody stops it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


def run_until_stopped(work: Coroutine[Any, Any, object]) -> None:
    """Run it to its end. SIGTERM ends it quietly, Ctrl-C raises KeyboardInterrupt; in both cases
    it is cancelled first, and what it was about to do is finished or undone by itself."""

    async def watched() -> None:
        task = asyncio.current_task()
        assert task is not None
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop, task)
        try:
            await work
        except asyncio.CancelledError:
            if not stopped:
                raise

    stopped: list[bool] = []

    def stop(task: asyncio.Task[Any]) -> None:
        stopped.append(True)
        task.cancel()

    asyncio.run(watched())
