"""GetSystemHealth and Prewarm say how the links of the chain are."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest

from enhanced_prompt.v1 import chat_pb2, metrics_service_pb2_grpc, prompt_service_pb2_grpc
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from enhanced_prompt.v1 import prompt_service_pb2 as prompts_pb
from tests.integration.conftest import Start
from tests.support.openai_server import OpenAIServer, Turn

from .kit import ask, served


async def test_an_open_circuit_shows_with_what_opened_it(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(status=429, headers={"Retry-After": "60"}))
    provider.script("b", Turn(text="Nothing."))
    async with (
        served(start, provider, "a", "b", "grounded", model_calls=7) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        await ask(app, "What happened?")
        stub: Any = metrics_service_pb2_grpc.MetricsServiceStub(channel)
        health = (await stub.GetSystemHealth(pb.GetSystemHealthRequest())).health
    first, second, engine = health.providers
    assert [one.model for one in health.providers] == ["openai:a", "openai:b", "grounded"]
    assert first.circuit == pb.CIRCUIT_STATE_OPEN
    assert first.status == pb.HEALTH_STATUS_DEGRADED
    assert first.last_error.startswith("429")
    assert first.HasField("last_error_time")
    assert (first.max_calls, first.running_calls) == (7, 0)
    assert second.circuit == pb.CIRCUIT_STATE_CLOSED
    assert engine.circuit == pb.CIRCUIT_STATE_UNSPECIFIED
    assert {one.status for one in (second, engine)} == {pb.HEALTH_STATUS_HEALTHY}


async def test_prewarming_readies_each_model_and_refuses_one_that_is_not_configured(
    start: Start, provider: OpenAIServer
) -> None:
    async with (
        served(start, provider, "a", "anthropic:x", "grounded") as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        found = await stub.Prewarm(prompts_pb.PrewarmRequest(wait=True))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Prewarm(prompts_pb.PrewarmRequest(model="openai:z"))
    parts = {one.name: one.ready for one in found.parts}
    assert parts["model:openai:a"]
    assert not parts["model:anthropic:x"]  # its package is not installed
    assert found.status == prompts_pb.PREWARM_STATUS_DEGRADED
    assert refused.value.code().name == "INVALID_ARGUMENT"
    assert not provider.requests


async def test_a_chat_says_which_models_may_be_chosen(start: Start, provider: OpenAIServer) -> None:
    async with (
        served(start, provider, "a", "grounded") as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        call = stub.Chat()
        await call.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        ready = (await call.read()).ready
        await call.done_writing()
        assert list(ready.features.models) == ["openai:a", "grounded"]
        assert ready.features.langchain_fallback
