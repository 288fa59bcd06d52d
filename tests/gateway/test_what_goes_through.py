"""What of a request reaches a worker, and how often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import grpc.aio
import httpx
import pytest

from gateway.descriptors import methods
from gateway.routes import FROM_OUTSIDE
from tests.gateway.conftest import gateway_beside
from tests.gateway.upstreams import Upstream, upstream
from tests.support.identity import Authority
from tests.workers.service import until

# As older clients may write them: each with hyphens, underscores or capitals, with or without x-.
CONTEXT = [
    f"{prefix}alteco-{name}"
    for prefix in ("", "x-")
    for name in (
        *("user-id", "user-name", "user-email", "user-role", "user-tenant-id", "user-tenant-ids"),
        *("user-customer-id", "site-id", "log-id", "access-token", "user-systems"),
        *("groups", "user-groups", "charge-points", "user-charge-points"),
        *("storage", "user-storage"),
    )
]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Upstream, Upstream]]:
    async with upstream() as one, upstream() as two:
        yield one, two


@pytest.fixture
async def http(tmp_path: Path, pair: tuple[Upstream, Upstream]) -> AsyncIterator[httpx.AsyncClient]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            gateway_beside(tmp_path / "edge", [one.address for one in pair])
        )
        yield await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30)
        )


def arrived(pair: tuple[Upstream, Upstream]) -> list[dict[str, str]]:
    return [dict(metadata) for one in pair for _, metadata in one.seen]


@pytest.mark.parametrize("spelling", ["hyphens", "underscores", "capitals"])
async def test_who_calls_is_never_taken_from_headers_of_the_outside(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream], spelling: str
) -> None:
    change = {
        "hyphens": str,
        "underscores": lambda name: name.replace("-", "_"),
        "capitals": str.upper,
    }[spelling]
    claimed = {change(name): "superAdmin" for name in [*CONTEXT, *FROM_OUTSIDE]}
    answered = await http.get("/v1/cameras", headers=claimed)
    assert answered.status_code == 200
    [metadata] = arrived(pair)
    assert [name for name, value in metadata.items() if "superAdmin" in value] == []


async def test_what_proves_who_calls_passes_and_so_does_the_request_id(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream]
) -> None:
    passing = {
        "authorization": "Bearer token",
        "x-api-key": "eps_key",
        "x-request-id": "mine-1",
        "x-tenant": "acme",
        "x-stream": "true",
    }
    await http.get("/v1/cameras", headers=passing)
    [metadata] = arrived(pair)
    assert passing.items() <= metadata.items()


async def test_a_request_without_an_id_gets_one(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream]
) -> None:
    answered = await http.get("/v1/cameras")
    [metadata] = arrived(pair)
    assert metadata["x-request-id"] == answered.headers["x-request-id"] != ""


async def test_nobody_outside_tells_envoy_what_to_do(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream]
) -> None:
    commands = {
        "x-envoy-retry-on": "unavailable",
        "x-envoy-max-retries": "9",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-original-path": "/else",
        "x-envoy-internal": "true",
    }
    pair[0].refusing = pair[1].refusing = True
    answered = await http.post("/v1/answer", json={"query": "x"}, headers=commands)
    assert answered.status_code == 503
    [metadata] = arrived(pair)
    assert metadata.get("x-envoy-internal") != "true"
    assert metadata.get("x-envoy-original-path") != "/else"
    assert not {"x-envoy-retry-on", "x-envoy-max-retries"} & metadata.keys()


async def test_the_address_of_the_caller_is_the_one_that_the_gateway_saw(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream]
) -> None:
    claimed = {"x-forwarded-for": "9.9.9.9", "x-envoy-external-address": "9.9.9.9"}
    await http.get("/v1/cameras", headers=claimed)
    [metadata] = arrived(pair)
    assert metadata["x-forwarded-for"].split(",")[-1].strip() != "9.9.9.9"
    assert metadata.get("x-envoy-external-address") != "9.9.9.9"


@pytest.mark.parametrize("path", ["/v1/cameras", "/enhanced_prompt.v1.EventService/ListCameras"])
async def test_a_read_that_one_worker_refuses_is_asked_of_the_other(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream], path: str
) -> None:
    pair[0].refusing = True
    for _ in range(20):
        if path.startswith("/v1"):
            assert (await http.get(path)).status_code == 200
        else:
            web = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
            answered = await http.post(path, content=bytes(5), headers=web)
            assert b"grpc-status:0" in answered.content.replace(b" ", b"")
    assert pair[0].seen, "nobody asked the one that refuses"


async def test_what_changes_something_is_sent_once_whatever_came_of_it(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream]
) -> None:
    pair[0].refusing = True
    statuses = [(await http.post("/v1/answer", json={"query": "x"})).status_code for _ in range(20)]
    assert set(statuses) == {200, 503}
    assert statuses.count(503) == len(pair[0].seen)
    assert statuses.count(200) == len(pair[1].seen)


async def test_a_worker_that_is_gone_costs_no_request(
    http: httpx.AsyncClient, pair: tuple[Upstream, Upstream], tmp_path: Path
) -> None:
    """A connection that was never made carried nothing: another worker may have the request."""
    async with (
        upstream() as living,
        gateway_beside(tmp_path / "other", [living.address, "127.0.0.1:1"]) as gateway,
        httpx.AsyncClient(base_url=f"http://{gateway.address}") as client,
    ):
        for _ in range(10):
            answered = await client.post("/v1/answer", json={"query": "x"})
            assert answered.status_code == 200
        assert len(living.seen) == 10


def test_only_what_the_contract_binds_to_get_may_be_asked_twice() -> None:
    safe = {f"{one.service.rpartition('.')[2]}.{one.name}" for one in methods() if one.safe}
    verbs = ("Get", "List", "Count", "Search", "Watch", "Subscribe", "Export", "Stream")
    assert {name for name in safe if not name.partition(".")[2].startswith(verbs)} == set()
    assert {"PromptService.WatchTurn", "EventService.ListEvents"} <= safe
    changing = {"Ask", "Answer", "Prewarm", "CancelTurn", "DeleteConversation", "PutSite"}
    assert not changing & {name.partition(".")[2] for name in safe}


async def test_every_line_of_the_access_log_is_json_that_names_the_request(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    await http.get("/v1/messages:search?query=secret-word", headers={"x-request-id": "line-1"})
    written = (tmp_path / "edge" / "log").read_text
    await asyncio.to_thread(until, lambda: "line-1" in written())
    lines = [json.loads(line) for line in written().splitlines() if line.startswith("{")]
    [line] = [one for one in lines if one["request_id"] == "line-1"]
    assert line["event"] == "request"
    assert line["method"] == "POST"  # as the transcoder sends it on
    assert line["path"] == "/enhanced_prompt.v1.HistoryService/SearchMessages"
    assert line["status"] == 200
    assert "secret-word" not in written()


async def test_headers_without_bounds_are_refused(http: httpx.AsyncClient) -> None:
    refused = await http.get("/v1/cameras", headers={"authorization": "x" * 40_000})
    assert refused.status_code == 431


async def test_workers_may_speak_tls_and_have_to_show_who_they_are(tmp_path: Path) -> None:
    ours, theirs = Authority(), Authority("somebody else")
    files = ours.issue(tmp_path, "worker")
    pair = (files[1].read_bytes(), files[0].read_bytes())
    async with upstream(grpc.ssl_server_credentials([pair])) as worker:
        for authority, status in ((ours, 200), (theirs, 503)):
            ca = authority.file(tmp_path)
            async with (
                gateway_beside(tmp_path / str(status), [worker.address], upstream_ca=ca) as edge,
                httpx.AsyncClient(base_url=f"http://{edge.address}") as client,
            ):
                assert (await client.get("/v1/cameras")).status_code == status


async def test_what_the_gateway_refuses_is_json_over_rest_and_plain_text_over_grpc(
    tmp_path: Path,
) -> None:
    async with gateway_beside(tmp_path / "edge", ["127.0.0.1:1"]) as gateway:
        async with httpx.AsyncClient(base_url=f"http://{gateway.address}") as client:
            for answered in (
                await client.get("/v1/cameras"),
                await client.post("/v1/answer", json={"query": "x"}),
            ):
                assert answered.status_code == 503
                assert answered.json()["message"] == "no healthy upstream"
            web = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
            path = "/enhanced_prompt.v1.EventService/ListCameras"
            answered = await client.post(path, content=bytes(5), headers=web)
            assert answered.headers["grpc-status"] == "14"
            assert answered.headers["grpc-message"].lower() == "no healthy upstream"
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(path)(b"")
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert refused.value.details() == "no healthy upstream"
