"""Whoever stops a turn stops its model: the provider sees its connection closed, and what was used
until then is told."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import answers_pb2, prompt_service_pb2_grpc, turns_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnState
from tests.integration.conftest import Start
from tests.support.openai_server import OpenAIServer, Turn

from .kit import served

SLOW: dict[str, Any] = {"model_first_token_s": 60, "model_idle_s": 60, "model_call_s": 60}
HANGS = Turn(text="one two three", hang=2)


async def begun(stub: Any, **fields: Any) -> tuple[Any, str]:
    """An Ask whose model has said its first words."""
    asked = stub.Ask(pb.AskRequest(query="What happened?", **fields))
    text, turn_id = "", ""
    while text != "one two ":
        frame = (await asked.read()).turn
        turn_id = frame.turn_id
        text += frame.text_delta.text
    return asked, turn_id


async def test_cancelling_a_turn_closes_the_providers_connection_and_keeps_what_was_said(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", HANGS)
    async with (
        served(start, provider, "a", "grounded", **SLOW) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        asked, turn_id = await begun(stub)
        await stub.CancelTurn(pb.CancelTurnRequest(turn_id=turn_id))
        await provider.until(lambda: len(provider.gone) == 1)
        frame = turns_pb2.TurnFrame()
        while (one := await asked.read()) is not grpc.aio.EOF:
            frame = one.turn
        response = frame.cancelled.response
        assert response.response == "one two "
        (used,) = response.usage.calls
        assert used.source == answers_pb2.USAGE_SOURCE_ESTIMATED
        assert used.output_tokens == 2
        row = await app.stores.turns.get_turn(Caller(), turn_id)
    assert row.state is TurnState.CANCELLED
    assert row.usage.calls[0].output_tokens == 2


async def test_a_reader_that_goes_away_and_wants_it_stopped_closes_the_providers_connection(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", HANGS)
    async with served(start, provider, "a", **SLOW) as app:
        async with grpc.aio.insecure_channel(app.address) as channel:
            stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
            asked, _ = await begun(stub, on_disconnect=turns_pb2.ON_DISCONNECT_CANCEL)
            asked.cancel()
        await provider.until(lambda: len(provider.gone) == 1)


async def test_a_turn_out_of_time_closes_the_providers_connection(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", HANGS)
    async with (
        served(start, provider, "a", turn_timeout_s=0.5, **SLOW) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        asked, _ = await begun(stub)
        await provider.until(lambda: len(provider.gone) == 1)
        frame = (await asked.read()).turn
        assert b"TURN_TIMEOUT" in frame.failed.status.SerializeToString()
        assert len(frame.failed.usage.calls) == 1


async def test_a_server_that_stops_closes_the_providers_connection(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", HANGS)
    async with AsyncExitStack() as stack:
        async with served(start, provider, "a", **SLOW | {"drain_s": 0}) as app:
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(app.address))
            await begun(prompt_service_pb2_grpc.PromptServiceStub(channel))
        assert len(provider.gone) == 1
