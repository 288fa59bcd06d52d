"""Traces by OTLP over HTTP: what a collector gets of a call, its turn, models and tools."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.errors import EnhancedPromptError
from enhanced_prompt.v1 import prompt_service_pb2, prompt_service_pb2_grpc
from enhanced_prompt_service.config import Settings
from tests.integration.conftest import Start
from tests.support.binaries import ROOT
from tests.support.openai_server import OpenAIServer, Turn
from tests.support.otlp import Collector, attributes, collector

from .kit import arguments, served

QUESTION = "How many people were at the gate today?"
COUNT = ("count_events", arguments(places=["gate camera"], kinds=["people"], time="today"))
SEVEN = Turn(text="There were 7 person events at the gate today [1].")
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def sent_to() -> Any:
    with collector() as made:
        yield made


async def test_a_call_a_turn_its_models_and_tools_are_spans_of_the_callers_trace(
    start: Start, provider: OpenAIServer, sent_to: Collector
) -> None:
    provider.script("a", Turn(calls=(COUNT,)), SEVEN)
    async with served(start, provider, "a", "grounded", otlp_endpoint=sent_to.address) as app:
        replica = app.replica
        async with grpc.aio.insecure_channel(app.address) as channel:
            asked = prompt_service_pb2_grpc.PromptServiceStub(channel).Ask(
                prompt_service_pb2.AskRequest(query=QUESTION),
                metadata=(("traceparent", f"00-{TRACE}-{PARENT}-01"),),
            )
            turns = {one.turn.turn_id async for one in asked}
    assert set(sent_to.paths) == {"/v1/traces"}
    assert sent_to.resource["service.name"] == "enhanced-prompt-service"
    assert sent_to.resource["service.instance.id"] == replica
    spans = [one for one in sent_to.spans if one.trace_id.hex() == TRACE]
    call = sent_to.named("enhanced_prompt.v1.PromptService/Ask")
    turn = next(one for one in spans if one.name == "turn")
    chats = [one for one in spans if one.name == "chat a"]
    tool = next(one for one in spans if one.name == "execute_tool count_events")
    assert call.parent_span_id.hex() == PARENT
    assert call.kind == call.SPAN_KIND_SERVER
    assert attributes(call)["rpc.method"] == "Ask"
    assert attributes(call)["rpc.grpc.status_code"] == 0
    assert attributes(call)["eps.turn_id"] in turns
    assert turn.parent_span_id == call.span_id
    assert attributes(turn)["eps.turn_state"] == "completed"
    assert len(chats) == 2
    assert {one.parent_span_id for one in (*chats, tool)} == {turn.span_id}
    said = attributes(chats[0])
    assert (said["gen_ai.provider.name"], said["gen_ai.request.model"]) == ("openai", "a")
    assert said["gen_ai.usage.input_tokens"] > 0
    assert all(one.end_time_unix_nano >= one.start_time_unix_nano for one in spans)
    # What was asked, looked up and answered is nobody's business there.
    sent = b"".join(one.SerializeToString() for one in sent_to.requests)
    for secret in (b"gate", b"people", b"person"):
        assert secret not in sent


async def test_a_model_that_failed_is_a_failed_span_and_the_engines_look_up_is_a_tool(
    start: Start, provider: OpenAIServer, sent_to: Collector
) -> None:
    provider.script("a", Turn(status=500))
    async with (
        served(start, provider, "a", "grounded", otlp_endpoint=sent_to.address) as app,
        AsyncClient(app.address) as client,
    ):
        await client.answer(QUESTION)
        with pytest.raises(EnhancedPromptError):
            await client.get_conversation("never")
    chat = sent_to.named("chat a")
    assert chat.status.code == chat.status.STATUS_CODE_ERROR
    assert attributes(chat)["error.type"] == "server_error"
    call = sent_to.named("enhanced_prompt.v1.HistoryService/GetConversation")
    assert attributes(call)["error.type"] == "NOT_FOUND"
    assert [one for one in sent_to.spans if one.name == "execute_tool search_events"]


async def test_a_collector_that_refuses_or_is_away_keeps_nothing_from_being_answered(
    start: Start, provider: OpenAIServer, sent_to: Collector
) -> None:
    sent_to.answer = 400
    for address in (sent_to.address, "http://127.0.0.1:9"):
        async with (
            served(start, provider, "grounded", otlp_endpoint=address) as app,
            AsyncClient(app.address) as client,
        ):
            async with asyncio.timeout(60):
                assert (await client.answer(QUESTION)).response


@pytest.mark.parametrize(
    ("variables", "given", "traced"),
    [
        ({}, "", False),
        ({}, "http://127.0.0.1:4318", True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "", True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, "", True),
        ({"OTEL_SDK_DISABLED": "true"}, "http://127.0.0.1:4318", False),
        ({"OTEL_TRACES_EXPORTER": "none"}, "http://127.0.0.1:4318", False),
    ],
)
def test_our_setting_and_the_standard_variables_turn_traces_on(
    variables: dict[str, str], given: str, traced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ENDPOINT", "TRACES_ENDPOINT"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings(otlp_endpoint=given).traced is traced


async def test_the_standard_variables_are_obeyed(
    start: Start, provider: OpenAIServer, sent_to: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sent_to.address)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "cameras-of-acme")
    async with (
        served(start, provider, "grounded") as app,
        AsyncClient(app.address) as client,
    ):
        await client.answer(QUESTION)
    assert sent_to.resource["service.name"] == "cameras-of-acme"
    assert sent_to.named("turn")


# (LangChain's own client looks whether OpenTelemetry's SDK is there, and loads parts of it.)
_ALONE = """
import asyncio, sys
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings

async def main():
    async with create_app(Settings(home=sys.argv[1], port=0, metrics_port=None)):
        print(sorted(name for name in sys.modules if name == "enhanced_prompt_service.tracing"
                     or name.startswith(("opentelemetry.exporter", "opentelemetry.proto"))))

asyncio.run(main())
"""


def test_nothing_of_it_is_imported_where_it_is_not_configured(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", _ALONE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert found.stdout.splitlines()[-1] == "[]"
