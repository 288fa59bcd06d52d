"""Reading a source of parts so that its silence shows: a beat whenever it was idle for so long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

PartT = TypeVar("PartT")


async def beating(source: AsyncIterator[PartT], beat_s: float) -> AsyncIterator[PartT | None]:
    """What the source gives, and None for each `beat_s` seconds without anything.

    Leaving it, by whatever way, stops the source, which has ended when the generator is closed.
    """
    ended = object()

    async def following() -> PartT | object:
        return await anext(source, ended)

    task: asyncio.Task[PartT | object] | None = None
    try:
        while True:
            task = asyncio.create_task(following())
            while True:
                done, _ = await asyncio.wait({task}, timeout=beat_s)
                if done:
                    break
                yield None
            part = task.result()
            task = None
            if part is ended:
                return
            yield part  # pyright: ignore[reportReturnType]
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
