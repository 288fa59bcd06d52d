"""Tools of prompts through the whole service, with a model in front and the engine behind."""

from __future__ import annotations

import json
from typing import Any

import grpc.aio
import pytest

from enhanced_prompt.v1 import chat_pb2, prompt_service_pb2_grpc, prompts_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb
from tests.integration.conftest import Start
from tests.support.openai_server import OpenAIServer, Turn

from .kit import served

PATIENT: dict[str, Any] = {"model_first_token_s": 60, "model_idle_s": 60, "model_call_s": 60}
BETTER = Turn(
    calls=(
        (
            "BetterPrompt",
            json.dumps(
                {
                    "prompt": "What happened at the Gate camera on 15 March 2018?",
                    "changes": [{"before": "gate", "after": "Gate camera", "reason": "its name"}],
                    "confidence": 0.8,
                }
            ),
        ),
    )
)


def prompt(text: str) -> prompts_pb2.GenerationSource:
    return prompts_pb2.GenerationSource(prompt=text)


async def test_a_model_makes_a_prompt_better_and_its_usage_is_what_the_provider_sent(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", BETTER)
    async with (
        served(start, provider, "a", "grounded", **PATIENT) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        request = pb.OptimizePromptRequest(prompt="what happened at the gate today")
        found = (await stub.OptimizePrompt(request)).optimized
    assert found.model == "openai:a"
    assert found.prompt == "What happened at the Gate camera on 15 March 2018?"
    assert [(one.before, one.after) for one in found.changes] == [("gate", "Gate camera")]
    ((input_tokens, output_tokens, _, _),) = provider.sent_usage
    assert (found.usage.sum.input_tokens, found.usage.sum.output_tokens) == (
        input_tokens,
        output_tokens,
    )


@pytest.mark.parametrize("bad", [Turn(status=500), Turn(status=429), Turn(text="no tool call")])
async def test_the_engine_answers_where_the_model_does_not(
    start: Start, provider: OpenAIServer, bad: Turn
) -> None:
    provider.script("a", bad)
    async with (
        served(start, provider, "a", "grounded", **PATIENT) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        request = pb.ClassifyIntentRequest(query="what happened at the gate today")
        found = (await stub.ClassifyIntent(request)).classified
    assert found.model == "grounded"
    assert found.intent.category == "question"
    assert [one.value for one in found.intent.entities if one.kind == "camera"] == ["GATE-1"]


async def test_a_chat_says_what_it_has_and_generates_beside_a_turn(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(text="Dear team, all is well."))
    async with (
        served(start, provider, "a", "grounded", **PATIENT) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        call = stub.Chat()
        await call.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        features = (await call.read()).ready.features
        frame = chat_pb2.ChatGenerate(message_id="g", source=prompt("Write to the team"))
        await call.write(chat_pb2.ChatRequest(generate=frame))
        text = ""
        while not (part := (await call.read()).generated).HasField("completed"):
            text += part.text_delta.text
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    assert features.langchain_fallback
    assert list(features.models) == ["openai:a", "grounded"]
    assert part.completed.content == text == "Dear team, all is well."
    assert part.completed.model == "openai:a"


async def test_cancelling_a_generation_closes_the_providers_connection(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(text="one two three", hang=2))
    async with (
        served(start, provider, "a", "grounded", **PATIENT) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        alone = stub.GenerateContent(pb.GenerateContentRequest(source=prompt("Write")))
        assert (await alone.read()).text_delta.text
        alone.cancel()
        await provider.until(lambda: len(provider.gone) == 1)
        call = stub.Chat()
        await call.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        await call.read()
        frame = chat_pb2.ChatGenerate(message_id="g", source=prompt("Write"))
        await call.write(chat_pb2.ChatRequest(generate=frame))
        assert (await call.read()).generated.text_delta.text
        cancel = chat_pb2.ChatCancel(message_id="g")
        await call.write(chat_pb2.ChatRequest(cancel=cancel))
        message = await call.read()
        while message.HasField("generated"):
            message = await call.read()
        assert message.rejected.message_id == "g"
        await provider.until(lambda: len(provider.gone) == 2)
        call.cancel()
