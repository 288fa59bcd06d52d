"""The server as a whole: where it listens, what it says of its health, how it stops."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from enhanced_prompt.v1 import (
    prompt_service_pb2,
    prompt_service_pb2_grpc,
    site_service_pb2,
    site_service_pb2_grpc,
)
from enhanced_prompt_service.rpc.interceptors import Resolve, default_caller
from enhanced_prompt_service.rpc.ports import NoFreePortError, is_loopback, join_address
from enhanced_prompt_service.rpc.server import (
    NotLoopbackError,
    RpcOptions,
    RpcServer,
    contract_services,
)

from . import kit

REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
Status = health_pb2.HealthCheckResponse


class Waiting:
    """Serves SiteService.GetSite by waiting until the test lets it go."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.go = asyncio.Event()

    async def Ask(self, request: Any, call: Any) -> None:  # noqa: N802
        await self.GetSite(request, call)

    async def GetSite(self, request: Any, call: Any) -> Any:  # noqa: N802
        self.began.set()
        await self.go.wait()
        return site_service_pb2.GetSiteResponse()


def make(
    options: RpcOptions | None = None,
    servicers: dict[str, object] | None = None,
    resolve: Resolve = default_caller,
) -> RpcServer:
    numbers = itertools.count(1)
    return RpcServer(
        options or RpcOptions(port=0),
        servicers or {},
        log=kit.Log().bound(),
        new_id=lambda: f"req-{next(numbers)}",
        new_incident=lambda: f"incident-{next(numbers)}",
        monotonic=time.monotonic,
        resolve=resolve,
    )


@asynccontextmanager
async def connected(server: RpcServer) -> AsyncIterator[grpc.aio.Channel]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        yield channel


# ---- where it listens ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_loopback_addresses_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "10.0.0.1", "example.org", "", "localhost.evil.org"]
)
def test_without_identity_any_other_address_is_refused_with_a_clear_message(host: str) -> None:
    with pytest.raises(NotLoopbackError, match=r"Without identity .* loopback only"):
        make(RpcOptions(host=host, port=0))


def test_with_an_identity_and_encryption_other_addresses_are_accepted() -> None:
    async def resolve(call: Any) -> Any:
        raise NotImplementedError

    make(RpcOptions(host="0.0.0.0", port=0, insecure=True), resolve=resolve)
    with pytest.raises(NotLoopbackError, match="TLS"):
        make(RpcOptions(host="0.0.0.0", port=0), resolve=resolve)


async def test_port_0_takes_any_free_port_and_says_which() -> None:
    async with make() as server:
        assert server.port > 0
        assert server.address == f"127.0.0.1:{server.port}"


async def test_a_taken_port_moves_to_the_next_free_one() -> None:
    async with (
        make() as first,
        make(RpcOptions(port=first.port, port_search=20)) as second,
    ):
        assert first.port < second.port <= first.port + 20


async def test_a_second_server_never_shares_a_port_silently() -> None:
    async with make() as first:
        second = make(RpcOptions(port=first.port, port_search=0))
        with pytest.raises(NoFreePortError, match=str(first.port)):
            await second.start()


async def test_a_port_that_another_program_listens_on_is_taken_too() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(NoFreePortError):
            await make(RpcOptions(port=port, port_search=0)).start()


async def test_workers_may_share_a_port_on_request() -> None:
    async with (
        make(RpcOptions(port=0, reuse_port=True)) as first,
        make(RpcOptions(port=first.port, port_search=0, reuse_port=True)) as second,
    ):
        assert first.port == second.port


def test_ipv6_addresses_get_brackets() -> None:
    assert join_address("::1", 5) == join_address("[::1]", 5) == "[::1]:5"
    assert join_address("127.0.0.1", 5) == "127.0.0.1:5"


def test_a_servicer_of_no_service_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="PromtService"):
        make(servicers={"PromtService": object()})


# ---- every RPC answers --------------------------------------------------------------------------


async def test_every_rpc_that_nobody_serves_is_unimplemented_with_a_reason_on_all_kinds() -> None:
    async with make() as server, connected(server) as channel:
        kinds: set[str] = set()
        for service in contract_services():
            for rpc in service.methods:
                kind = ("stream" if rpc.client_streaming else "unary") + (
                    "_stream" if rpc.server_streaming else "_unary"
                )
                kinds.add(kind)
                call = kit.open_idle(channel, kind, f"/{service.full_name}/{rpc.name}")
                error = await kit.refused(kit.finish(call, kind))
                assert error.code() is grpc.StatusCode.UNIMPLEMENTED, rpc.full_name
                assert kit.reason(error) == "NOT_IMPLEMENTED_YET"
                assert f"{service.name}.{rpc.name}" in (error.details() or "")
        await kit.gone()
    assert {"unary_unary", "unary_stream", "stream_unary"} <= kinds


# ---- health -------------------------------------------------------------------------------------


async def check(channel: Any, service: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status


async def test_nothing_serves_before_it_is_ready_and_only_what_is_built_after() -> None:
    async with make(servicers={"SiteService": Waiting()}) as server, connected(server) as channel:
        sites, prompts = "enhanced_prompt.v1.SiteService", "enhanced_prompt.v1.PromptService"
        for service in ("", sites, prompts):
            assert await check(channel, service) == Status.NOT_SERVING
        await server.ready()
        assert await check(channel, "") == Status.SERVING
        assert await check(channel, sites) == Status.SERVING
        assert await check(channel, prompts) == Status.NOT_SERVING


async def test_a_service_that_is_not_there_is_not_found() -> None:
    async with make() as server, connected(server) as channel:
        error = await kit.refused(check(channel, "nobody.Service"))
        assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_health_lists_every_service_of_the_contract() -> None:
    async with make() as server, connected(server) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        response = await stub.List(health_pb2.HealthListRequest())
    assert set(response.statuses) == {"", *(one.full_name for one in contract_services())}


async def test_a_watch_sees_each_change_and_ends_with_the_server() -> None:
    server = make(servicers={"SiteService": Waiting()})
    await server.start()
    async with connected(server) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=""))
        assert (await watch.read()).status == Status.NOT_SERVING
        await server.ready()
        assert (await watch.read()).status == Status.SERVING
        stopping = asyncio.create_task(server.stop(60))
        assert (await watch.read()).status == Status.NOT_SERVING
        assert await watch.read() is grpc.aio.EOF
        assert await watch.code() is grpc.StatusCode.OK
        await stopping  # well before its grace is over
        await kit.gone()


async def test_a_watch_of_an_unknown_service_says_so_and_ends_too() -> None:
    server = make()
    await server.start()
    async with connected(server) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        assert (await watch.read()).status == Status.SERVICE_UNKNOWN
        await server.stop(60)
        assert await watch.read() is grpc.aio.EOF
        await kit.gone()


async def test_a_watcher_that_leaves_leaves_nothing_behind() -> None:
    async with make() as server, connected(server) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=""))
        await watch.read()
        watch.cancel()
        await kit.gone()


# ---- stopping -----------------------------------------------------------------------------------


async def test_calls_under_way_may_end_and_new_ones_are_refused() -> None:
    waiting = Waiting()
    server = make(servicers={"SiteService": waiting})
    await server.start()
    async with connected(server) as channel:
        stub: Any = site_service_pb2_grpc.SiteServiceStub(channel)
        request = site_service_pb2.GetSiteRequest(site_id="s")
        call = stub.GetSite(request)
        await waiting.began.wait()
        await server.drain()
        error = await kit.refused(stub.GetSite(request))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert kit.reason(error) == "DRAINING"
        assert await check(channel, "") == Status.NOT_SERVING  # probes are answered to the end
        stopping = asyncio.create_task(server.stop(60))
        waiting.go.set()
        assert await call == site_service_pb2.GetSiteResponse()
        await stopping
        await kit.gone()


@pytest.mark.parametrize("streaming", [False, True])
async def test_calls_that_outlast_the_grace_are_told_that_they_were_given_up(
    streaming: bool,
) -> None:
    waiting = Waiting()
    servicers: dict[str, object] = {"SiteService": waiting, "PromptService": waiting}
    server = make(servicers=servicers)
    await server.start()
    async with connected(server) as channel:
        sites: Any = site_service_pb2_grpc.SiteServiceStub(channel)
        prompts: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        if streaming:
            call = prompts.Ask(prompt_service_pb2.AskRequest(query="q"))
        else:
            call = sites.GetSite(site_service_pb2.GetSiteRequest(site_id="s"))
        await waiting.began.wait()
        assert server.live.count == 1
        await server.stop(0.01)
        error = await kit.refused(call.read() if streaming else call)
        assert error.code() is grpc.StatusCode.ABORTED
        assert kit.reason(error) == "CANCELLED"
        assert server.live.count == 0
        await kit.gone()


async def test_an_idle_server_stops_at_once() -> None:
    server = make()
    await server.start()
    async with connected(server) as channel:
        await check(channel, "")
        await asyncio.wait_for(server.stop(3600), 60)


# ---- reflection ---------------------------------------------------------------------------------


async def reflected(channel: Any, **request: Any) -> Any:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)

    async def ask() -> AsyncIterator[Any]:
        yield reflection_pb2.ServerReflectionRequest(**request)

    return await stub.ServerReflectionInfo(ask()).read()


async def test_reflection_lists_every_service_on_loopback() -> None:
    async with make() as server, connected(server) as channel:
        response = await reflected(channel, list_services="")
        await kit.gone()
    names = {one.name for one in response.list_services_response.service}
    assert {one.full_name for one in contract_services()} <= names
    assert "grpc.health.v1.Health" in names


@pytest.mark.parametrize("symbol", ["PromptService", "PromptService.Ask", "AskRequest"])
async def test_reflection_describes_symbols_with_all_that_they_import(symbol: str) -> None:
    async with make() as server, connected(server) as channel:
        response = await reflected(channel, file_containing_symbol=f"enhanced_prompt.v1.{symbol}")
        await kit.gone()
    files = {
        descriptor_pb2.FileDescriptorProto.FromString(one).name
        for one in response.file_descriptor_response.file_descriptor_proto
    }
    assert {"enhanced_prompt/v1/prompt_service.proto", "google/api/http.proto"} <= files


@pytest.mark.parametrize("symbol", ["", ".", "nobody", "enhanced_prompt.v1.PromptService.Nothing"])
async def test_reflection_of_what_is_not_there_is_not_found(symbol: str) -> None:
    async with make() as server, connected(server) as channel:
        response = await reflected(channel, file_containing_symbol=symbol)
        await kit.gone()
    assert response.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_reflection_can_be_switched_off() -> None:
    async with make(RpcOptions(port=0, reflection=False)) as server, connected(server) as channel:
        path = f"/{REFLECTION}/ServerReflectionInfo"
        error = await kit.refused(kit.open_idle(channel, "stream_stream", path).read())
        await kit.gone()
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


# ---- keepalive and size -------------------------------------------------------------------------


async def test_a_client_that_pings_often_and_idly_is_not_cut() -> None:
    """By default a server sends GOAWAY (too_many_pings) after a few pings within 5 minutes."""
    quick = RpcOptions(port=0, min_ping_s=0.05)
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_time_ms", 100),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_time_between_pings_ms", 100),
    ]
    async with (
        make(quick) as server,
        grpc.aio.insecure_channel(server.address, options=options) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=""), timeout=1.5)
        await watch.read()
        assert await kit.refused(watch.read())  # its own deadline, many pings later
        assert await watch.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await kit.gone()


async def test_a_message_over_4_mib_is_told_its_limit() -> None:
    async with make(servicers={"SiteService": Waiting()}) as server, connected(server) as channel:
        stub: Any = site_service_pb2_grpc.SiteServiceStub(channel)
        request = site_service_pb2.GetSiteRequest(site_id="x" * (4 * 1024 * 1024 + 1))
        error = await kit.refused(stub.GetSite(request))
        await kit.gone()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert kit.reason(error) == "MESSAGE_TOO_LARGE"
