"""docs/status.md says which RPCs answer; the server is asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

import enhanced_prompt.v1.compat_service_pb2
import enhanced_prompt.v1.event_service_pb2
import enhanced_prompt.v1.history_service_pb2
import enhanced_prompt.v1.insight_service_pb2
import enhanced_prompt.v1.metrics_service_pb2
import enhanced_prompt.v1.prompt_service_pb2
import enhanced_prompt.v1.site_service_pb2
import enhanced_prompt.v1.template_service_pb2  # noqa: F401 (fills the pool)
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from tests.bench.agents import NodeAgent
from tests.support.binaries import ROOT

ROW = re.compile(r"^\| (\w+Service) \| ([^|]*) \| [^|]*\|$", re.MULTILINE)


def _services() -> list[ServiceDescriptor]:
    files = (ROOT / "protos" / "enhanced_prompt" / "v1").glob("*_service.proto")
    pool = descriptor_pool.Default()
    found = (pool.FindFileByName(f"enhanced_prompt/v1/{file.name}") for file in files)
    return [service for file in found for service in file.services_by_name.values()]


def _said() -> dict[str, set[str]]:
    """Service to the RPCs that the document says answer."""
    text = (ROOT / "docs" / "status.md").read_text(encoding="utf-8")
    return {
        name: {rpc for rpc in answers.split(", ") if rpc != "–"}
        for name, answers in ROW.findall(text)
    }


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to a server."""
    settings = Settings(home=tmp_path, port=0, drain_s=0)
    async with (
        create_app(settings, make_agent=lambda stores, settings: NodeAgent()) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        yield channel


async def _built(channel: grpc.aio.Channel, path: str) -> bool:
    """Whether an empty request gets anything but "not implemented"."""
    call = channel.stream_stream(path)(iter([b""]), timeout=20)
    try:
        async for _ in call:
            call.cancel()
            return True
    except grpc.aio.AioRpcError as error:
        return error.code() is not grpc.StatusCode.UNIMPLEMENTED
    return True


async def test_the_table_names_exactly_the_rpcs_that_the_server_answers(
    channel: grpc.aio.Channel,
) -> None:
    built: dict[str, set[str]] = {}
    for service in _services():
        built[service.name] = {
            rpc.name
            for rpc in service.methods
            if await _built(channel, f"/{service.full_name}/{rpc.name}")
        }
    assert built == _said()
