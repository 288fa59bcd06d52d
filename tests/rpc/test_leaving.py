"""go_away: long streams are asked to go on elsewhere, at their age and when the server drains."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1 import chat_pb2, common_pb2, prompt_service_pb2
from enhanced_prompt_service.rpc.leaving import LeavingOptions

from .test_chat import Talk, chatting, text_of
from .test_stream import frames as frames_of

SOON = LeavingOptions(age_s=0.1, time_left_s=60, draw=lambda: 0.5)
AT_ONCE = LeavingOptions(age_s=0.1, time_left_s=0.05, draw=lambda: 0.5)


async def until_go_away(call: Any) -> tuple[list[Any], Any]:
    """Turn frames before the go_away, and the go_away."""
    frames: list[Any] = []
    while not (message := await call.read()).HasField("go_away"):
        if message.HasField("turn"):
            frames.append(message.turn)
    return frames, message.go_away


async def test_a_stream_of_age_is_told_where_to_go_on_and_still_delivers(tmp_path: Path) -> None:
    async with chatting(tmp_path, leaving=SOON) as (stack, held):
        call: Any = stack.prompts.Ask(prompt_service_pb2.AskRequest(query="held"))
        frames, away = await until_go_away(call)
        assert away.reason == common_pb2.GO_AWAY_REASON_MAX_AGE
        assert away.time_left.seconds == 60
        cursor = away.cursor.turn
        assert cursor.turn_id == frames[0].turn_id
        assert (cursor.attempt, cursor.after_sequence) == (1, frames[-1].sequence)
        held.release.set()
        assert text_of(await frames_of(call)) == " done"
        assert await call.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("rpc", ["Ask", "WatchTurn"])
async def test_a_stream_whose_time_is_over_ends_and_the_turn_goes_on(
    tmp_path: Path, rpc: str
) -> None:
    async with chatting(tmp_path, leaving=AT_ONCE) as (stack, held):
        call: Any = stack.prompts.Ask(prompt_service_pb2.AskRequest(query="held"))
        if rpc == "WatchTurn":
            turn_id = (await call.read()).turn.turn_id
            call = stack.prompts.WatchTurn(prompt_service_pb2.WatchTurnRequest(turn_id=turn_id))
        _, away = await until_go_away(call)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        held.release.set()
        place = away.cursor.turn
        watch = stack.prompts.WatchTurn(
            prompt_service_pb2.WatchTurnRequest(
                turn_id=place.turn_id, attempt=place.attempt, after_sequence=place.after_sequence
            )
        )
        rest = [one.turn async for one in watch if one.HasField("turn")]
        assert text_of(rest) == " done"


async def test_our_client_does_not_show_it(tmp_path: Path) -> None:
    async with chatting(tmp_path, leaving=AT_ONCE) as (stack, held):
        async with AsyncClient(stack.server.address) as client:
            turn = client.ask("held")
            frames = [await anext(aiter(turn)) for _ in range(2)]
            asyncio.get_running_loop().call_later(0.5, held.release.set)
            frames += [frame async for frame in turn]
        assert [frame.sequence for frame in frames] == [1, 2, 3, 4]
        assert turn.text_so_far == "held done"
        assert len(stack.agent.turns) == 1


async def test_an_idle_chat_of_age_ends_well(tmp_path: Path) -> None:
    async with chatting(tmp_path, leaving=SOON) as (stack, _):
        talk = Talk(stack)
        await talk.setup()
        away = (await talk.next("go_away")).go_away
        assert not away.HasField("cursor")
        assert await talk.ended() == (grpc.StatusCode.OK, "")


async def test_a_chat_of_age_finishes_its_turn_and_gives_the_others_back(tmp_path: Path) -> None:
    async with chatting(tmp_path, leaving=SOON) as (stack, held):
        talk = Talk(stack)
        await talk.setup()
        await talk.prompt("m-1", "held")
        turn_id = await talk.runs("m-1")
        await talk.turn_frame("started")
        await talk.turn_frame("text_delta")
        await talk.prompt("m-2", "waits")
        await talk.next("accepted")
        away = (await talk.next("go_away")).go_away
        assert away.cursor.turn.turn_id == turn_id
        assert await talk.rejection("m-2") == "DRAINING"
        await talk.prompt("m-3", "late")
        assert await talk.rejection("m-3") == "DRAINING"
        held.release.set()
        assert text_of(await talk.turn()) == " done"
        assert await talk.ended() == (grpc.StatusCode.OK, "")


async def test_a_chat_whose_time_is_over_ends_and_its_turn_goes_on(tmp_path: Path) -> None:
    async with chatting(tmp_path, leaving=AT_ONCE) as (stack, held):
        talk = Talk(stack)
        await talk.setup()
        await talk.prompt("m", "held")
        turn_id = await talk.runs("m")
        await talk.turn_frame("started")
        await talk.turn_frame("text_delta")
        await talk.next("go_away")
        assert await talk.ended() == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        held.release.set()
        watch = stack.prompts.WatchTurn(prompt_service_pb2.WatchTurnRequest(turn_id=turn_id))
        rest = [one.turn async for one in watch if one.HasField("turn")]
        assert text_of(rest) == "held done"


async def test_a_draining_server_tells_every_stream_and_lets_turns_finish(tmp_path: Path) -> None:
    async with chatting(tmp_path) as (stack, held):
        idle, busy = Talk(stack), Talk(stack)
        await idle.setup()
        await busy.setup()
        await busy.prompt("m", "held")
        await busy.runs("m")
        await busy.turn_frame("started")
        await busy.turn_frame("text_delta")
        ask: Any = stack.prompts.Ask(prompt_service_pb2.AskRequest(query="held too"))
        await ask.read()
        await stack.server.drain()
        for talk in (idle, busy):
            away = (await talk.next("go_away")).go_away
            assert away.reason == common_pb2.GO_AWAY_REASON_DRAINING
            assert away.time_left.seconds == 30
        _, away = await until_go_away(ask)
        assert away.reason == common_pb2.GO_AWAY_REASON_DRAINING
        assert await idle.ended() == (grpc.StatusCode.OK, "")
        held.release.set()
        assert text_of(await busy.turn()) == " done"
        assert await busy.ended() == (grpc.StatusCode.OK, "")
        assert (await frames_of(ask))[-1].HasField("completed")


def test_one_encoding_of_go_away_is_that_of_every_turn_stream() -> None:
    assert chat_pb2.ChatResponse.GO_AWAY_FIELD_NUMBER == 3
    assert prompt_service_pb2.AskResponse.GO_AWAY_FIELD_NUMBER == 3
    assert prompt_service_pb2.WatchTurnResponse.GO_AWAY_FIELD_NUMBER == 3
