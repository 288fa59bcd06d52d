"""Turns of the real application, asked by real clients over separate connections."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1 import prompt_service_pb2, prompt_service_pb2_grpc, turns_pb2
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnRequest
from enhanced_prompt_service.turns.service import request_hash
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start

QUESTION = "one two three four five"


def stub(app: App, channel: grpc.aio.Channel) -> Any:
    return prompt_service_pb2_grpc.PromptServiceStub(channel)


async def frames_of(app: App, request: prompt_service_pb2.AskRequest) -> list[turns_pb2.TurnFrame]:
    """All frames of an Ask over a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(app.address, options=options) as channel:
        return [one.turn async for one in stub(app, channel).Ask(request) if one.HasField("turn")]


async def rest_of(asked: Any) -> list[Any]:
    """What a stream still has, for one that was begun with `read`."""
    found: list[Any] = []
    while (one := await asked.read()) is not grpc.aio.EOF:
        found.append(one)
    return found


def text_of(frames: list[turns_pb2.TurnFrame]) -> str:
    return "".join(one.text_delta.text for one in frames)


async def stored_turns(app: App, conversation_id: str) -> int:
    async with AsyncClient(app.address) as client:
        found = await client.get_conversation(conversation_id)
        return found.conversation.ai_responses


async def test_two_asks_with_one_request_id_at_once_are_one_turn_that_both_see_whole(
    start: Start,
) -> None:
    agent = HeldAgent()
    async with start(agent) as app:
        request = prompt_service_pb2.AskRequest(query=QUESTION, conversation_id="c", request_id="r")
        both = asyncio.gather(*(frames_of(app, request) for _ in range(2)))
        agent.allow(5)
        first, second = await both
        assert agent.runs == 1
        assert text_of(first) == text_of(second) == "one two three four five "
        assert [one.WhichOneof("payload") for one in (first[-1], second[-1])] == ["completed"] * 2
        assert first[-1].completed.response == second[-1].completed.response
        assert first[0].turn_id == second[0].turn_id
        for frames in (first, second):
            assert frames[0].WhichOneof("payload") == "started"
            previous = [0, *(one.sequence for one in frames[:-1])]
            assert [one.previous_sequence for one in frames] == previous
        assert await stored_turns(app, "c") == 1


async def test_a_second_question_in_a_busy_conversation_is_aborted_with_the_running_turn(
    start: Start,
) -> None:
    agent = HeldAgent()
    async with start(agent) as app, grpc.aio.insecure_channel(app.address) as channel:
        asked = stub(app, channel).Ask(
            prompt_service_pb2.AskRequest(query=QUESTION, conversation_id="c")
        )
        started = await asked.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await frames_of(
                app, prompt_service_pb2.AskRequest(query="another", conversation_id="c")
            )
        assert caught.value.code() == grpc.StatusCode.ABORTED
        details = dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
        assert b"TURN_IN_PROGRESS" in details
        assert started.turn.turn_id.encode() in details
        agent.allow(5)
        await rest_of(asked)


async def test_a_turn_whose_reader_went_away_goes_on_and_is_stored(start: Start) -> None:
    agent = HeldAgent()
    async with start(agent) as app:
        request = prompt_service_pb2.AskRequest(query=QUESTION, conversation_id="c", request_id="r")
        async with grpc.aio.insecure_channel(app.address) as channel:
            asked = stub(app, channel).Ask(request)
            await asked.read()
            asked.cancel()
        agent.allow(5)
        frames = await frames_of(app, request)
        assert agent.runs == 1
        assert text_of(frames) == "one two three four five "
        assert await stored_turns(app, "c") == 1


async def test_a_turn_is_cancelled_with_its_reader_where_the_caller_said_so(start: Start) -> None:
    agent = HeldAgent()
    async with start(agent) as app:
        request = prompt_service_pb2.AskRequest(
            query=QUESTION, request_id="r", on_disconnect=turns_pb2.ON_DISCONNECT_CANCEL
        )
        async with grpc.aio.insecure_channel(app.address) as channel:
            asked = stub(app, channel).Ask(request)
            await asked.read()
            agent.allow(1)
            await asked.read()
            asked.cancel()
            await agent.cancelled.wait()
        frames = await frames_of(app, request)
        assert frames[-1].WhichOneof("payload") == "cancelled"
        assert frames[-1].cancelled.response.response == "one "


async def test_heartbeats_come_from_the_beginning_and_carry_the_last_sequence(
    start: Start,
) -> None:
    agent = HeldAgent()
    async with start(agent, heartbeat_s=0.05) as app:
        async with grpc.aio.insecure_channel(app.address) as channel:
            asked = stub(app, channel).Ask(prompt_service_pb2.AskRequest(query="one"))
            started = await asked.read()
            assert started.turn.sequence == 1
            beat = await asked.read()
            assert beat.heartbeat.last_sequence == 1
            agent.allow(1)
            rest = await rest_of(asked)
        assert rest[-1].turn.WhichOneof("payload") == "completed"


async def test_the_answer_view_leaves_thinking_out_and_reasoning_has_it(start: Start) -> None:
    agent = HeldAgent()
    agent.allow(2)
    async with start(agent) as app:
        kinds: list[set[str | None]] = []
        for detail in (turns_pb2.DETAIL_ANSWER, turns_pb2.DETAIL_REASONING):
            frames = await frames_of(app, prompt_service_pb2.AskRequest(query="one", detail=detail))
            kinds.append({one.WhichOneof("payload") for one in frames})
        assert kinds[0] == {"started", "text_delta", "completed"}
        assert kinds[1] == {"started", "thinking", "text_delta", "completed"}


async def test_a_stopping_server_gives_every_stream_its_closing_frame(start: Start) -> None:
    agent = HeldAgent()
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(start(agent, drain_s=0.05))
        async with grpc.aio.insecure_channel(app.address) as channel:
            asked = stub(app, channel).Ask(prompt_service_pb2.AskRequest(query=QUESTION))
            await asked.read()
            stopping = asyncio.ensure_future(stack.aclose())
            assert (await asked.read()).go_away.cursor.turn.after_sequence == 1
            closing = await asked.read()
            assert closing.turn.failed.retryable
            assert await asked.code() == grpc.StatusCode.UNAVAILABLE
            details = dict(await asked.trailing_metadata())["grpc-status-details-bin"]
            assert b"DRAINING" in details
            await stopping


async def test_what_a_former_process_left_running_can_be_asked_again(start: Start) -> None:
    """A crash leaves the row running; the next start closes it, and the next Ask runs it anew."""
    agent = HeldAgent()
    request = prompt_service_pb2.AskRequest(query="one", conversation_id="c", request_id="r")
    async with start(agent) as app:
        runner = app.turns._config.runner  # pyright: ignore[reportPrivateUsage]
        await app.stores.turns.begin(
            Caller(),
            turn_id="turn_lost",
            conversation_id="c",
            message_id="r",
            request_id="r",
            request_hash=request_hash(TurnRequest("one", conversation_id="c")),
            query="one",
            runner=f"{runner}/turn_lost",
            now=app.real_clock.now(),
        )
    agent.allow(1)
    async with start(agent) as app:
        frames = await frames_of(app, request)
    assert [one.WhichOneof("payload") for one in frames] == [
        "reset",
        "started",
        "text_delta",
        "completed",
    ]
    assert {one.turn_id for one in frames} == {"turn_lost"}
    assert {one.attempt for one in frames} == {2}


async def watched(app: App, turn_id: str, after: int, **more: int) -> list[turns_pb2.TurnFrame]:
    """What WatchTurn still shows after a sequence, over a connection of its own."""
    request = prompt_service_pb2.WatchTurnRequest(
        turn_id=turn_id, after_sequence=after, detail=turns_pb2.DETAIL_REASONING, **more
    )
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(app.address, options=options) as channel:
        return [one.turn async for one in stub(app, channel).WatchTurn(request)]


async def test_a_cut_stream_goes_on_where_it_was_cut_losing_and_doubling_nothing(
    start: Start,
) -> None:
    agent = HeldAgent()
    async with start(agent) as app:
        request = prompt_service_pb2.AskRequest(query=QUESTION, detail=turns_pb2.DETAIL_REASONING)
        async with grpc.aio.insecure_channel(app.address) as channel:
            asked = stub(app, channel).Ask(request)
            agent.allow(2)
            seen = [(await asked.read()).turn for _ in range(4)]
            asked.cancel()
        rest = asyncio.ensure_future(watched(app, seen[0].turn_id, seen[-1].sequence))
        agent.allow(3)
        frames = [*seen, *(await rest)]
        assert [one.sequence for one in frames] == list(range(1, len(frames) + 1))
        assert text_of(frames) == "one two three four five "
        assert frames[-1].WhichOneof("payload") == "completed"
        again = await watched(app, seen[0].turn_id, 0)
        assert [one.SerializeToString() for one in again] == [
            one.SerializeToString() for one in frames
        ]


@pytest.mark.parametrize(
    ("turn_id", "place", "code"),
    [
        ("none", {"after": 0}, grpc.StatusCode.NOT_FOUND),
        ("", {"after": 99}, grpc.StatusCode.OUT_OF_RANGE),
        ("", {"after": 0, "attempt": 2}, grpc.StatusCode.OUT_OF_RANGE),
    ],
)
async def test_watching_what_is_not_there_says_so(
    start: Start, turn_id: str, place: dict[str, int], code: grpc.StatusCode
) -> None:
    agent = HeldAgent()
    agent.allow(1)
    async with start(agent) as app:
        frames = await frames_of(app, prompt_service_pb2.AskRequest(query="one"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watched(app, turn_id or frames[0].turn_id, **place)
        assert caught.value.code() == code


async def test_cancelling_stops_the_agent_keeps_the_partial_answer_and_is_idempotent(
    start: Start,
) -> None:
    agent = HeldAgent()
    async with start(agent) as app, grpc.aio.insecure_channel(app.address) as channel:
        asked = stub(app, channel).Ask(prompt_service_pb2.AskRequest(query=QUESTION))
        started = await asked.read()
        agent.allow(1)
        await asked.read()
        request = prompt_service_pb2.CancelTurnRequest(turn_id=started.turn.turn_id)
        first = await stub(app, channel).CancelTurn(request)
        assert agent.cancelled.is_set()
        assert first.turn.state == turns_pb2.TURN_STATE_CANCELLED
        assert await stub(app, channel).CancelTurn(request) == first
        closing = (await rest_of(asked))[-1].turn
        assert closing.cancelled.response.response == "one "
