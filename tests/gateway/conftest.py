"""Two real workers behind a real Envoy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.__main__ import endpoint
from gateway.launch import Gateway, loopback
from gateway.options import GatewayOptions
from tests.support.postgres import free_port
from tests.support.redis import redis_server
from tests.workers.service import Workers, workers

ORIGIN = "https://ops.example"


@contextmanager
def gateway_to(folder: Path, upstreams: list[str], **more: Any) -> Iterator[Gateway]:
    """An Envoy in front of some servers; `more` are further options."""
    folder.mkdir(parents=True, exist_ok=True)
    options = GatewayOptions(
        listen=loopback(free_port()),
        upstreams=tuple(endpoint(one) for one in upstreams),
        admin=loopback(free_port()),
        origins=(ORIGIN,),
        drain_s=1.0,
        **more,
    )
    with (folder / "log").open("wb") as log, Gateway(options, folder, log) as running:
        yield running


@asynccontextmanager
async def gateway_beside(folder: Path, upstreams: list[str], **more: Any) -> AsyncIterator[Gateway]:
    """The same, in front of servers of this test's own event loop."""
    managed = gateway_to(folder, upstreams, **more)
    running = await asyncio.to_thread(managed.__enter__)
    try:
        yield running
    finally:
        await asyncio.to_thread(managed.__exit__, None, None, None)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with (
        redis_server() as redis,
        workers(tmp_path_factory.mktemp("service"), redis, heartbeat_s=0.2) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, service: Workers) -> Iterator[Gateway]:
    with gateway_to(tmp_path_factory.mktemp("edge"), [service.own(0), service.own(1)]) as running:
        yield running


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client:
        yield client
