"""Ask as its readers see it: frames, heartbeats, endings, and what a lost reader means."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2, turns_pb2
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.turns import Turn

from . import kit
from .stack import Stack, running

AskRequest = prompt_service_pb2.AskRequest


async def frames(call: Any) -> list[Any]:
    """All turn frames of a stream, until its end."""
    found: list[Any] = []
    while (message := await call.read()) is not grpc.aio.EOF:
        if message.WhichOneof("frame") == "turn":
            found.append(message.turn)
    return found


def kinds(found: list[Any]) -> list[str]:
    return [one.WhichOneof("payload") for one in found]


async def think_and_answer(turn: Turn) -> None:
    turn.writer.agent_started("retrieve")
    turn.writer.thinking("cars, today")
    turn.writer.tool_started("count", "call-1", "{}")
    turn.writer.tool_finished("count", "call-1", "2")
    turn.writer.evidence_found([], 2)
    turn.writer.text("two cars")


async def test_an_answer_streams_from_started_to_completed(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        found = await frames(stack.prompts.Ask(AskRequest(query="how many cars?")))
        await kit.gone()
    assert kinds(found) == ["started", "text_delta", "completed"]
    assert [one.sequence for one in found] == [1, 2, 3]
    assert [one.previous_sequence for one in found] == [0, 1, 2]
    assert len({one.turn_id for one in found}) == 1
    assert found[-1].completed.response.response == "two cars"
    assert found[-1].completed.response.query == "how many cars?"


async def test_detail_and_frame_kinds_choose_what_is_shown(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        stack.agent.play = think_and_answer
        plain = await frames(stack.prompts.Ask(AskRequest(query="q")))
        full = await frames(
            stack.prompts.Ask(AskRequest(query="q", detail=turns_pb2.DETAIL_REASONING))
        )
        chosen = await frames(
            stack.prompts.Ask(AskRequest(query="q", frame_kinds=[turns_pb2.FRAME_KIND_EVIDENCE]))
        )
        await kit.gone()
    assert kinds(plain) == ["started", "evidence", "text_delta", "completed"]
    assert kinds(full) == [
        "started",
        "agent_started",
        "thinking",
        "tool_started",
        "tool_finished",
        "evidence",
        "text_delta",
        "completed",
    ]
    assert kinds(chosen) == ["evidence", "completed"]
    assert [one.sequence for one in plain] == [1, 6, 7, 8]
    assert [one.previous_sequence for one in plain] == [0, 1, 6, 7]
    assert [one.previous_sequence for one in chosen] == [0, 6]


async def test_an_idle_stream_gets_heartbeats_from_the_beginning(tmp_path: Path) -> None:
    """Before the first token too, with the last sequence and none of their own."""
    go = asyncio.Event()

    async def wait(turn: Turn) -> None:
        await go.wait()
        turn.writer.text("done")

    async with running(tmp_path, heartbeat_s=0.02) as stack:
        stack.agent.play = wait
        call = stack.prompts.Ask(AskRequest(query="q"))
        seen: list[Any] = []
        async for message in call:
            seen.append(message)
            if len([one for one in seen if one.WhichOneof("frame") == "heartbeat"]) == 3:
                go.set()
        await kit.gone()
    assert [one.WhichOneof("frame") for one in seen[:4]] == ["turn", *["heartbeat"] * 3]
    assert seen[0].turn.WhichOneof("payload") == "started"
    assert {one.heartbeat.last_sequence for one in seen[1:4]} == {1}
    assert all(one.heartbeat.HasField("time") for one in seen[1:4])
    assert seen[-1].turn.WhichOneof("payload") == "completed"


async def test_after_failed_the_rpc_ends_with_the_same_status(tmp_path: Path) -> None:
    async def fail(turn: Turn) -> None:
        turn.writer.text("well")
        raise Unavailable("the model is away", reason=Reason.MODEL_UNAVAILABLE)

    async with running(tmp_path) as stack:
        stack.agent.play = fail
        call = stack.prompts.Ask(AskRequest(query="q"))
        before = [(await call.read()).turn for _ in range(3)]
        error = await kit.refused(call.read())
        await kit.gone()
    assert kinds(before) == ["started", "text_delta", "failed"]
    status = before[-1].failed.status
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert kit.reason(error) == "MODEL_UNAVAILABLE"
    assert kit.status(error) == status
    assert before[-1].failed.retryable


async def test_a_failed_turn_tells_no_more_than_its_incident(tmp_path: Path) -> None:
    async def fail(turn: Turn) -> None:
        raise RuntimeError("password=hunter2")

    async with running(tmp_path) as stack:
        stack.agent.play = fail
        error = await kit.refused(frames(stack.prompts.Ask(AskRequest(query="q"))))
        answer_error = await kit.refused(
            stack.prompts.Answer(prompt_service_pb2.AnswerRequest(query="q"))
        )
        await kit.gone()
    for one in (error, answer_error):
        assert one.code() is grpc.StatusCode.INTERNAL
        (info,) = kit.details(kit.status(one), kit.error_details_pb2.ErrorInfo)
        assert info.metadata["incident_id"]
        assert "hunter2" not in repr(one) + repr(one.trailing_metadata())


async def test_a_lost_reader_ends_only_itself_and_the_turn_goes_on(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def wait(turn: Turn) -> None:
        turn.writer.text("one ")
        await go.wait()
        turn.writer.text("two")

    async with running(tmp_path) as stack:
        stack.agent.play = wait
        request = AskRequest(query="q", request_id="r-1")
        lost = stack.prompts.Ask(request)
        await lost.read()
        other = stack.prompts.Ask(request)
        await other.read()
        lost.cancel()
        await _readers(stack, 1)
        go.set()
        found = await frames(other)
        await kit.gone()
    assert found[-1].completed.response.response == "one two"


async def _readers(stack: Stack, count: int) -> None:
    while stack.server.live.count > count:
        await asyncio.wait(kit.rpc_tasks(), return_when=asyncio.FIRST_COMPLETED)


async def test_a_reader_that_said_cancel_takes_its_turn_along(tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    async def wait(turn: Turn) -> None:
        turn.writer.text("one ")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with running(tmp_path) as stack:
        stack.agent.play = wait
        request = AskRequest(query="q", on_disconnect=turns_pb2.ON_DISCONNECT_CANCEL)
        call = stack.prompts.Ask(request)
        await call.read()
        call.cancel()
        await cancelled.wait()
        await kit.gone()


async def test_a_deadline_ends_the_reader_and_not_the_turn(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def wait(turn: Turn) -> None:
        await go.wait()
        turn.writer.text("done")

    async with running(tmp_path) as stack:
        stack.agent.play = wait
        request = AskRequest(query="q", request_id="r-1")
        error = await kit.refused(frames(stack.prompts.Ask(request, timeout=0.2)))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        go.set()
        found = await frames(stack.prompts.Ask(request))
        await kit.gone()
    assert found[-1].completed.response.response == "done"
    assert len(stack.agent.turns) == 1


async def test_a_question_asked_again_is_replayed_and_asked_differently_refused(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack:
        first = await frames(stack.prompts.Ask(AskRequest(query="q", request_id="r")))
        second = await frames(stack.prompts.Ask(AskRequest(query="q", request_id="r")))
        error = await kit.refused(
            frames(stack.prompts.Ask(AskRequest(query="other", request_id="r")))
        )
        await kit.gone()
    assert second[-1].completed == first[-1].completed
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert kit.reason(error) == "REQUEST_ID_REUSED"


async def test_two_readers_of_one_turn_see_the_same_frames(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def wait(turn: Turn) -> None:
        turn.writer.text("a")
        await go.wait()
        turn.writer.text("b")

    async with running(tmp_path) as stack:
        stack.agent.play = wait
        request = AskRequest(query="q", request_id="r")
        one, two = stack.prompts.Ask(request), stack.prompts.Ask(request)
        heads = [await one.read(), await two.read()]
        assert heads[0] == heads[1]
        reading = asyncio.gather(frames(one), frames(two))
        go.set()
        first, second = await reading
        await kit.gone()
    assert first == second


async def test_answer_is_the_closing_frame_of_the_same_turn(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        response = await stack.prompts.Answer(
            prompt_service_pb2.AnswerRequest(query="q", request_id="r")
        )
        replay = await frames(stack.prompts.Ask(AskRequest(query="q", request_id="r")))
        await kit.gone()
    assert response.turn.WhichOneof("payload") == "completed"
    assert response.turn.completed == replay[-1].completed
    assert response.turn.turn_id == replay[-1].turn_id


async def test_a_second_turn_of_a_conversation_waits_for_the_first(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def wait(turn: Turn) -> None:
        await go.wait()

    async with running(tmp_path) as stack:
        stack.agent.play = wait
        call = stack.prompts.Ask(AskRequest(query="q", conversation_id="c"))
        first = await call.read()
        error = await kit.refused(
            frames(stack.prompts.Ask(AskRequest(query="q2", conversation_id="c")))
        )
        go.set()
        await frames(call)
        await kit.gone()
    assert error.code() is grpc.StatusCode.ABORTED
    assert kit.reason(error) == "TURN_IN_PROGRESS"
    (info,) = kit.details(kit.status(error), kit.error_details_pb2.ErrorInfo)
    assert info.metadata["turn_id"] == first.turn.turn_id


async def test_the_log_line_of_a_turn_has_its_tokens_time_and_id(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        found = await frames(stack.prompts.Ask(AskRequest(query="q")))
        await kit.gone()
    (ended,) = stack.log.named("ended")
    assert ended["turn_id"] == found[0].turn_id
    assert ended["frames"] == 3
    assert 0 <= ended["ttft_ms"] <= ended["duration_ms"]
