"""What runs beside a chat's turns: bounded, stopped by name, never forgotten."""

from __future__ import annotations

import asyncio

import pytest

from enhanced_prompt_service.domain.errors import Conflict, Exhausted, Reason, ServiceError
from enhanced_prompt_service.rpc.chat.beside import Beside


class Told:
    """What the client was told."""

    def __init__(self) -> None:
        self.rejected: list[tuple[str, Reason]] = []
        self.free = asyncio.Event()
        self.free.set()

    async def reject(self, message_id: str, error: ServiceError) -> None:
        await self.free.wait()
        self.rejected.append((message_id, error.reason))


async def forever() -> None:
    await asyncio.Event().wait()


async def nothing() -> None:
    """Done at once."""


async def test_what_is_stopped_before_it_began_is_told_so_and_not_waited_for() -> None:
    told = Told()
    beside = Beside(2, told.reject)
    async with asyncio.TaskGroup() as tasks:
        beside.start(tasks, "a", forever)
        beside.stop("a")
        await beside.idle()
    assert told.rejected == [("a", Reason.CANCELLED)]


async def test_what_runs_is_stopped_once_and_makes_room() -> None:
    told = Told()
    beside = Beside(1, told.reject)
    async with asyncio.TaskGroup() as tasks:
        beside.start(tasks, "a", forever)
        await asyncio.sleep(0)
        with pytest.raises(Exhausted):
            beside.start(tasks, "b", nothing)
        with pytest.raises(Conflict):
            beside.start(tasks, "a", nothing)
        beside.stop("nobody")
        beside.stop("a")
        beside.stop_all()
        await beside.idle()
        beside.start(tasks, "b", nothing)
        await beside.idle()
    assert told.rejected == [("a", Reason.CANCELLED)]


async def test_what_failed_is_told_why_also_where_it_is_stopped_meanwhile() -> None:
    told = Told()
    told.free.clear()
    beside = Beside(1, told.reject)

    async def fails() -> None:
        raise Exhausted("no more", reason=Reason.BUDGET_EXHAUSTED)

    async with asyncio.TaskGroup() as tasks:
        beside.start(tasks, "a", fails)
        await asyncio.sleep(0)
        beside.stop("a")
        told.free.set()
        await beside.idle()
    assert told.rejected == [("a", Reason.BUDGET_EXHAUSTED)]


async def test_the_end_of_the_chat_ends_it_without_a_word() -> None:
    told = Told()
    beside = Beside(1, told.reject)

    async def chat() -> None:
        async with asyncio.TaskGroup() as tasks:
            beside.start(tasks, "a", forever)
            await forever()

    task = asyncio.create_task(chat())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told.rejected == []
