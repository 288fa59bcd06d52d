"""The same readers behind a real Envoy, over gRPC and grpc-web; also while it is restarted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc.aio
import httpx
import pytest

from gateway.launch import Gateway
from tests.gateway.conftest import gateway_beside
from tests.support.require import scaled
from tests.support.workers import CONNECT, Worker

from .drivers import Driver, OverTcp
from .edge import OverGrpcWeb, Reattaching, Restarts
from .readers import LEAST_CUTS, many_cuts

pytestmark = [pytest.mark.redis, pytest.mark.soak]

CUTS = scaled(LEAST_CUTS, least=60)
FRAMES = 600  # between two restarts
MODELS = ("instant", "paced", "paced")
"""No model that fails: a question that is cut off before its first frame is asked again, and begins
a second attempt where the first has failed meanwhile; nobody then saw the first."""
LEAST_RESTARTS = scaled(10, least=2)


@pytest.fixture
def seed() -> int:
    """Everything random of a test follows from it; a failure says it."""
    return random.randrange(2**32)


@pytest.fixture
async def edge(tmp_path: Path, pair: tuple[Worker, ...]) -> AsyncIterator[Gateway]:
    """An Envoy in front of both workers."""
    async with gateway_beside(tmp_path / "edge", [one.address for one in pair]) as running:
        yield running


@pytest.fixture(params=["grpc", "grpc-web"])
async def way(request: pytest.FixtureRequest, edge: Gateway, seed: int) -> AsyncIterator[Driver]:
    """A way through it. Streams of gRPC share two connections, those of grpc-web have their own."""
    async with AsyncExitStack() as stack:
        if request.param == "grpc":
            channels = [
                await stack.enter_async_context(grpc.aio.insecure_channel(edge.address, CONNECT))
                for _ in range(2)
            ]
            yield OverTcp(channels, random.Random(seed))
            return
        client = httpx.AsyncClient(
            base_url=f"http://{edge.address}",
            timeout=60,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        yield OverGrpcWeb(await stack.enter_async_context(client))


async def test_through_the_gateway_every_reader_sees_each_frame_once(
    way: Driver, seed: int
) -> None:
    await many_cuts(way, seed, CUTS)


@pytest.mark.timeout(600)
async def test_a_gateway_that_is_restarted_in_mid_stream_costs_no_reader_a_frame(
    way: Driver, edge: Gateway, seed: int
) -> None:
    restarts = Restarts(edge, FRAMES)
    driver = Reattaching(way, restarts)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(restarts.run())
        number = 0
        while restarts.count < LEAST_RESTARTS or number == 0:
            await many_cuts(driver, seed + number, CUTS, MODELS)
            number += 1
        restarts.end()
    assert driver.cut >= LEAST_RESTARTS, f"no stream ran while it was restarted; seed {seed}"
