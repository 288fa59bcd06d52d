"""The whole service in a thread of its own, for tests that call it synchronously."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings


@contextmanager
def in_a_thread(settings: Settings, make_agent: Any = None) -> Iterator[str]:
    """Its address; it drains when the block is left."""
    started = threading.Event()
    addresses: list[str] = []
    failures: list[BaseException] = []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        async with create_app(settings, make_agent=make_agent) as app:
            addresses.append(app.address)
            started.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # handed to the test's thread
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        if failures:
            raise failures[0]
        yield addresses[0]
    finally:
        if loops and thread.is_alive():
            loop, stop = loops[0]
            loop.call_soon_threadsafe(stop.set)
        thread.join()
    if failures:
        raise failures[0]
