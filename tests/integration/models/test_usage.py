"""GetUsage over the wire: what the provider said it sent is what is summed up."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt.v1 import answers_pb2, metrics_service_pb2_grpc, prompt_service_pb2_grpc
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from enhanced_prompt.v1 import prompt_service_pb2 as prompts_pb
from tests.integration.conftest import Start
from tests.support.openai_server import OpenAIServer, Turn

from .kit import arguments, ask, served

COUNT = ("count_events", arguments(places=["gate camera"], time="today"))


async def usage(app: Any, **fields: Any) -> pb.GetUsageResponse:
    async with grpc.aio.insecure_channel(app.address) as channel:
        stub: Any = metrics_service_pb2_grpc.MetricsServiceStub(channel)
        return await stub.GetUsage(pb.GetUsageRequest(**fields))


async def test_tokens_and_cost_of_all_turns_are_summed_up_by_model(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(calls=(COUNT,)), Turn(text="7 events.", cached=3))
    provider.script("b", Turn(text="7 events.", usage=False))
    prices = {"openai:a": {"input": 1.0, "output": 2.0, "cached": 0.5}}
    async with served(start, provider, "a", "b", "grounded", model_prices=prices) as app:
        frames = await ask(app, "How many events today?")
        await ask(app, "How many events today?", model="openai:b")
        await ask(app, "How many events today?", model="grounded")
        found = await usage(app, group_by=[pb.USAGE_GROUP_BY_MODEL])
        days = await usage(app)
    first, second = found.rows
    put_in, put_out, cached, _ = (sum(one[at] for one in provider.sent_usage) for at in range(4))
    assert (first.model, first.turns, first.calls) == ("openai:a", 1, 2)
    assert (first.usage.input_tokens, first.usage.output_tokens) == (put_in, put_out)
    assert first.usage.cached_tokens == cached == 3
    cost = ((put_in - cached) * 1.0 + cached * 0.5 + put_out * 2.0) / 1e6
    assert first.usage.cost == pytest.approx(cost)
    assert first.usage.source == answers_pb2.USAGE_SOURCE_PROVIDER
    said = frames[-1].completed.response.usage
    assert said.sum.cost == pytest.approx(cost)
    assert (second.model, second.calls_without_cost) == ("openai:b", 1)
    assert second.usage.source == answers_pb2.USAGE_SOURCE_ESTIMATED
    assert not second.usage.HasField("cost")
    assert found.total.calls == 3
    assert found.total.turns == 2
    assert [one.model for one in days.rows] == ["openai:a", "openai:b"]
    assert all(len(one.day) == 10 and one.user_id for one in days.rows)


async def test_a_classification_is_usage_too(start: Start, provider: OpenAIServer) -> None:
    given = arguments(category="question", question_type="count", confidence=0.9)
    provider.script("a", Turn(calls=(("Classification", given),)))
    async with served(start, provider, "a", "grounded") as app:
        async with grpc.aio.insecure_channel(app.address) as channel:
            stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
            await stub.ClassifyIntent(prompts_pb.ClassifyIntentRequest(query="How many people?"))
        found = await usage(app)
    assert found.total.calls == 1
    assert found.total.turns == 0
    assert found.total.usage.input_tokens == provider.sent_usage[0][0]


@pytest.mark.parametrize(
    ("fields", "code", "about"),
    [
        ({"whole_tenant": True}, "PERMISSION_DENIED", "audit"),
        ({"user_id": "somebody"}, "PERMISSION_DENIED", "audit"),
        ({"whole_tenant": True, "user_id": "x"}, "INVALID_ARGUMENT", "user_id"),
        ({"group_by": [0]}, "INVALID_ARGUMENT", "group_by"),
        ({"page_token": "x"}, "INVALID_ARGUMENT", "page_token"),
        ({"time_zone": "Mars/Base"}, "INVALID_ARGUMENT", "time_zone"),
    ],
)
async def test_what_may_not_be_asked_is_refused_by_name(
    fields: dict[str, Any], code: str, about: str, start: Start, provider: OpenAIServer
) -> None:
    async with served(start, provider, "grounded") as app:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await usage(app, **fields)
    assert refused.value.code().name == code
    assert about in str(refused.value.details())
