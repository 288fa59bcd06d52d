"""GetMetrics and SubscribeMetrics of the real application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.errors import EnhancedPromptError
from enhanced_prompt.v1 import insights_pb2, metrics_service_pb2_grpc
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start

SOON_S = 30.0


@asynccontextmanager
async def stub_of(address: str) -> AsyncIterator[metrics_service_pb2_grpc.MetricsServiceAsyncStub]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield metrics_service_pb2_grpc.MetricsServiceStub(channel)


async def until(call: object, kind: str) -> pb.SubscribeMetricsResponse:
    """The next message of a kind."""
    async with asyncio.timeout(SOON_S):
        async for message in call:  # pyright: ignore
            if message.WhichOneof("frame") == kind:
                return message
    raise AssertionError(f"the stream ended without {kind}")


async def test_a_snapshot_counts_what_happened(start: Start) -> None:
    agent = HeldAgent()
    agent.allow(6)
    async with start(agent) as app, AsyncClient(app.address) as client:
        await client.answer("one two", conversation_id="c")
        async for _ in client.ask("one two", conversation_id="c"):
            pass
        with pytest.raises(EnhancedPromptError):
            await client.get_conversation("never")
        async with stub_of(app.address) as stub:
            found = (await stub.GetMetrics(pb.GetMetricsRequest())).snapshot
    metrics = found.metrics
    assert (metrics.total_requests, metrics.replicas) == (3, 1)
    assert metrics.streaming_percentage == 50.0
    assert metrics.error_rate == 0.0  # what its caller did wrong is not the service's fault
    assert metrics.avg_latency_ms > 0
    assert metrics.latency_p95_ms > 0
    assert metrics.requests_per_second > 0
    assert metrics.time_to_first_token_p50_ms > 0
    assert metrics.time_to_first_token_p95_ms >= metrics.time_to_first_token_p50_ms
    assert metrics.HasField("prewarm_time_ms")
    assert metrics.hot_memory_hit_rate in (0.0, 1.0)
    assert not metrics.degraded
    assert metrics.active_connections == 1  # the one that asks
    assert metrics.since.ToDatetime() <= found.time.ToDatetime()
    assert [one.method for one in found.recent_requests] == [
        "HistoryService/GetConversation",
        "PromptService/Ask",
        "PromptService/Answer",
    ]
    lost, asked, answered = found.recent_requests
    assert (lost.code, lost.turn_id, lost.streamed) == ("NOT_FOUND", "", False)
    assert (asked.code, asked.streamed, asked.tokens) == ("OK", True, 0)
    assert asked.turn_id
    assert asked.time_to_first_token_ms > 0
    assert not answered.streamed
    (error,) = found.recent_errors
    assert (error.error_type, error.code) == ("CONVERSATION_NOT_FOUND", "NOT_FOUND")
    assert error.severity == insights_pb2.SEVERITY_LOW
    assert error.request_id == lost.request_id
    assert "never" in error.error_message
    assert found.health.status == pb.HEALTH_STATUS_HEALTHY


async def test_the_embedded_engine_is_a_model_with_numbers_of_its_own(start: Start) -> None:
    async with start() as app, AsyncClient(app.address) as client:
        await client.answer("What happened yesterday?")
        async with stub_of(app.address) as stub:
            found = (await stub.GetMetrics(pb.GetMetricsRequest())).snapshot
            other = (await stub.GetMetrics(pb.GetMetricsRequest(models=["openai:a"]))).snapshot
    (model,) = found.models
    assert (model.model, model.request_count, model.error_count) == ("grounded", 1, 0)
    assert model.avg_latency_ms > 0
    assert model.time_to_first_token_p50_ms > 0
    assert found.recent_requests[0].model == "grounded"
    assert found.metrics.tokens_per_second >= 0
    assert (len(other.models), len(other.recent_requests)) == (0, 0)


async def test_a_subscription_begins_with_a_snapshot_and_tells_what_happens(start: Start) -> None:
    async with start() as app, AsyncClient(app.address) as client, stub_of(app.address) as stub:
        call = stub.SubscribeMetrics(pb.SubscribeMetricsRequest())
        first = await until(call, "snapshot")
        assert first.sequence == 1
        await client.answer("What happened yesterday?")
        request = await until(call, "request")
        assert request.request.method == "PromptService/Answer"
        with pytest.raises(EnhancedPromptError):
            await client.get_conversation("never")
        error = await until(call, "error")
        assert error.error.error_type == "CONVERSATION_NOT_FOUND"
        assert error.sequence > request.sequence > first.sequence
        update = await until(call, "update")
        assert update.update.total_requests == 2
        call.cancel()


async def test_kinds_and_models_select(start: Start) -> None:
    async with start() as app, AsyncClient(app.address) as client, stub_of(app.address) as stub:
        wanted = pb.SubscribeMetricsRequest(
            kinds=[pb.METRICS_KIND_REQUEST, pb.METRICS_KIND_MODELS], models=["grounded"]
        )
        call = stub.SubscribeMetrics(wanted)
        await until(call, "snapshot")
        with pytest.raises(EnhancedPromptError):
            await client.get_conversation("never")  # no model answered it
        await client.answer("What happened yesterday?")
        kinds: list[str] = []
        async with asyncio.timeout(SOON_S):
            async for message in call:
                kinds.append(message.WhichOneof("frame") or "")
                if message.HasField("request"):
                    assert message.request.method == "PromptService/Answer"
                if set(kinds) == {"request", "models"}:
                    break
        call.cancel()
    assert sorted(kinds) == ["models", "request"]


async def test_a_drain_says_goodbye(start: Start) -> None:
    async with stub_of_app(start) as (stub, stop):
        call = stub.SubscribeMetrics(pb.SubscribeMetricsRequest())
        await until(call, "snapshot")
        stop.set()
        last = await until(call, "go_away")
        assert not last.go_away.HasField("cursor")
        assert await call.code() == grpc.StatusCode.OK


@asynccontextmanager
async def stub_of_app(
    start: Start,
) -> AsyncIterator[tuple[metrics_service_pb2_grpc.MetricsServiceAsyncStub, asyncio.Event]]:
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with start() as app:
            ready.set_result(app.address)
            await stop.wait()

    serving = asyncio.create_task(serve())
    try:
        async with stub_of(await ready) as stub:
            yield stub, stop
    finally:
        stop.set()
        await serving


async def test_bad_selections_are_refused_by_name(start: Start) -> None:
    async with start() as app, stub_of(app.address) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetMetrics(pb.GetMetricsRequest(max_recent=101))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "max_recent" in (refused.value.details() or "")
