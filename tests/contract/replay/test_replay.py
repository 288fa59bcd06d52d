"""At least 500 cuts for each way to a turn: no frame is lost, none doubled, one closes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import grpc.aio
import pytest

from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from tests.support.agents import TalkativeAgent
from tests.support.workers import Worker

from .drivers import Driver, InProcess, OverTcp
from .readers import Plan, replay

LEAST_CUTS = 500
MOST_CUTS = 12  # of one reader
AT_ONCE = 16


@pytest.fixture
def seed() -> int:
    """Everything random of a test follows from it; a failure says it."""
    return random.randrange(2**32)


@pytest.fixture
async def in_process(tmp_path: Path) -> AsyncIterator[Driver]:
    async with create_app(_settings(tmp_path), make_agent=TalkativeAgent()) as app:
        yield InProcess(app)


@pytest.fixture
async def over_tcp(tmp_path: Path, seed: int) -> AsyncIterator[Driver]:
    async with (
        create_app(_settings(tmp_path), make_agent=TalkativeAgent()) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        yield OverTcp([channel], random.Random(seed))


def _settings(folder: Path) -> Settings:
    return Settings(home=folder / "home", port=0)


@pytest.fixture
async def two_workers(pair: tuple[Worker, ...], seed: int) -> AsyncIterator[Driver]:
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(one.address)) for one in pair
        ]
        yield OverTcp(channels, random.Random(seed))


async def test_in_the_process_every_reader_sees_each_frame_once(
    in_process: Driver, seed: int
) -> None:
    await many_cuts(in_process, seed)


async def test_over_tcp_every_reader_sees_each_frame_once(over_tcp: Driver, seed: int) -> None:
    await many_cuts(over_tcp, seed)


@pytest.mark.redis
@pytest.mark.soak
async def test_through_two_workers_every_reader_sees_each_frame_once(
    two_workers: Driver, seed: int
) -> None:
    await many_cuts(two_workers, seed)


async def many_cuts(driver: Driver, seed: int) -> None:
    """Turns of both models, several at once, until readers were cut often enough."""
    draw = random.Random(seed)
    left = LEAST_CUTS

    async def keep_asking(model: str) -> None:
        nonlocal left
        while left > 0:
            number = draw.randrange(2**32)
            cuts = await replay(driver, Plan(number, f"{model} 1 {number}", MOST_CUTS))
            left -= cuts  # after the await: others count as well

    async with asyncio.TaskGroup() as tasks:
        for number in range(AT_ONCE):
            tasks.create_task(keep_asking("paced" if number % 2 else "instant"))
    assert left <= 0
