"""Two real workers behind a real Envoy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.launch import Gateway, loopback
from gateway.options import Endpoint, GatewayOptions
from tests.support.postgres import free_port
from tests.support.redis import redis_server
from tests.workers.service import Workers, workers

ORIGIN = "https://ops.example"


@contextmanager
def gateway_to(folder: Path, upstreams: list[str], pages: Path | None = None) -> Iterator[Gateway]:
    """An Envoy in front of some servers."""
    folder.mkdir(parents=True, exist_ok=True)

    def endpoint(address: str) -> Endpoint:
        host, _, port = address.rpartition(":")
        return Endpoint(host, int(port))

    options = GatewayOptions(
        listen=loopback(free_port()),
        upstreams=tuple(endpoint(one) for one in upstreams),
        descriptors=Path(),
        admin=loopback(free_port()),
        origins=(ORIGIN,),
        pages=pages,
        drain_s=1.0,
    )
    with (folder / "log").open("wb") as log, Gateway(options, folder, log) as running:
        yield running


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
async def http(gateway: Gateway) -> Iterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client:
        yield client
