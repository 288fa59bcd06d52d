"""At least 500 cuts for each way to a turn: no frame is lost, none doubled, one closes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import grpc.aio
import pytest

from enhanced_prompt import AsyncClient, ClientOptions, Retry
from enhanced_prompt.v1 import turns_pb2
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from tests.integration.test_client_reattaches import Cutting
from tests.support.agents import TalkativeAgent, said
from tests.support.workers import Worker

from .checker import Reading, check, check_log
from .drivers import Driver, InProcess, OverTcp
from .readers import DETAILS, MODELS, many_cuts, whole_log

CLIENT_TURNS = 8
PATIENT = ClientOptions(reattach=Retry(attempts=50, first=0.01, longest=0.05))


@pytest.fixture
def seed() -> int:
    """Everything random of a test follows from it; a failure says it."""
    return random.randrange(2**32)


@pytest.fixture
async def in_process(tmp_path: Path) -> AsyncIterator[Driver]:
    async with create_app(_settings(tmp_path), make_agent=TalkativeAgent()) as app:
        yield InProcess(app)


@pytest.fixture
async def over_tcp(tmp_path: Path, seed: int) -> AsyncIterator[OverTcp]:
    async with (
        create_app(_settings(tmp_path), make_agent=TalkativeAgent()) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        driver = OverTcp([channel], random.Random(seed))
        driver.address = app.address
        yield driver


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


async def test_our_own_client_attaches_again_by_itself_and_gives_each_frame_once(
    over_tcp: OverTcp, seed: int
) -> None:
    """Its connection breaks after any number of bytes, which is also in the middle of a frame."""
    draw = random.Random(seed)
    cuts = 0
    for number in range(CLIENT_TURNS):
        query = f"{MODELS[number % 2]} 1 {seed}-{number}"
        reading = Reading(draw.choice(DETAILS))
        detail = "answer" if reading.detail == turns_pb2.DETAIL_ANSWER else "reasoning"
        proxy = Cutting(over_tcp.address, [draw.randint(60, 4000) for _ in range(10)])
        async with proxy.serving() as address, AsyncClient(address, options=PATIENT) as client:
            turn = client.ask(query, detail=detail)
            reading.frames += [frame.message async for frame in turn]
        log = await whole_log(over_tcp, turn.turn_id)
        check_log(log)
        check(reading, {1: log})
        assert turn.text_so_far == turn.response.response == said(query)
        cuts += proxy.cuts
    assert cuts >= CLIENT_TURNS, f"seed {seed}"


@pytest.mark.redis
@pytest.mark.soak
async def test_through_two_workers_every_reader_sees_each_frame_once(
    two_workers: Driver, seed: int
) -> None:
    await many_cuts(two_workers, seed)
