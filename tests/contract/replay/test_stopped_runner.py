"""A runner that is stopped and goes on, and one that is told from elsewhere to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import grpc
import grpc.aio
import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt.v1 import prompt_service_pb2_grpc, turns_pb2
from enhanced_prompt.v1.history_service_pb2 import MESSAGE_ROLE_ASSISTANT as ASSISTANT
from enhanced_prompt_service.bus import RedisBus
from tests.support.agents import said
from tests.support.redis import RedisServer
from tests.support.workers import Worker

from .checker import Reading, check_log, kind_of, text_of
from .drivers import OverTcp
from .readers import whole_log

pytestmark = [pytest.mark.redis, pytest.mark.soak]

STOPPED_S = 10.0  # the stated scenario
QUERY = "paced 6 slowly"


class Stalled(AssertionError):
    """A stream ended before what was waited for."""


async def read_until(stream: AsyncIterator[pb.AskResponse], kind: str) -> list[turns_pb2.TurnFrame]:
    """Frames up to the first of a kind."""
    frames: list[turns_pb2.TurnFrame] = []
    async for message in stream:
        if message.HasField("turn"):
            frames.append(message.turn)
            if kind_of(message.turn) == kind:
                return frames
    raise Stalled(kind)


async def test_a_runner_that_was_stopped_while_its_turn_was_asked_again_changes_nothing(
    pair: tuple[Worker, ...], redis: RedisServer, tmp_path: Path
) -> None:
    stopped, other = pair
    request = pb.AskRequest(
        query=QUERY, conversation_id="c", request_id="r", detail=turns_pb2.DETAIL_REASONING
    )
    async with (
        grpc.aio.insecure_channel(stopped.address) as channel,
        grpc.aio.insecure_channel(other.address) as far,
        AsyncClient(other.address) as client,
    ):
        call = prompt_service_pb2_grpc.PromptServiceStub(channel).Ask(request)
        stream = aiter(call)
        before = await read_until(stream, "evidence")
        before += await read_until(stream, "text_delta")
        turn_id = before[0].turn_id
        stopped.freeze()
        thawing = asyncio.create_task(thaw_later(stopped))
        again = client.ask(QUERY, conversation_id="c", request_id="r", detail="reasoning")
        kinds = [(frame.attempt, frame.kind) async for frame in again]
        # Asked again elsewhere: the frames until it was lost, then a new attempt from its reset.
        assert (2, "reset") in kinds
        assert kinds[-1] == (2, "completed")
        assert again.turn_id == turn_id
        assert again.response.response == again.text_so_far == said(QUERY)

        await thawing
        # The revived runner's reader has a clear end, and saw nothing that the bus has not.
        seen = before + await read_until(stream, "failed")
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await anext(stream)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
        failed = seen.pop()
        assert failed.sequence == 0
        assert failed.failed.retryable
        assert {one.attempt for one in seen} == {1}
        async with RedisBus(redis.url, prefix=tmp_path.name) as bus:
            kept = await bus.read(turn_id, 1, after=0)
        assert [one.sequence for one in seen] == [one.sequence for one in kept]
        for frame, entry in zip(seen, kept, strict=True):
            frame.previous_sequence = 0
            assert frame == turns_pb2.TurnFrame.FromString(entry.encoded)

        # One stored turn, the same on both workers.
        logs = [await whole_log(OverTcp([one]), turn_id) for one in (channel, far)]
        for log in logs:
            check_log(log)
            assert {one.attempt for one in log} == {2}
        assert logs[0] == logs[1]
        for worker in pair:
            async with AsyncClient(worker.address) as reader:
                messages = [one async for one in reader.list_messages("c")]
            answers = [one.content for one in messages if one.role == ASSISTANT]
            assert answers == [said(QUERY)]


async def thaw_later(worker: Worker) -> None:
    await asyncio.sleep(STOPPED_S)
    worker.thaw()


async def test_a_cancel_from_the_other_worker_keeps_the_text_and_says_what_was_used(
    pair: tuple[Worker, ...],
) -> None:
    runner, other = pair
    request = pb.AskRequest(query="paced 100 cancelled", conversation_id="c", request_id="r")
    reading = Reading(request.detail)
    async with grpc.aio.insecure_channel(runner.address) as channel:
        stream = OverTcp([channel]).ask(request)
        async with aclosing(stream):
            cancelling: asyncio.Task[None] | None = None
            async for raw in stream:
                frame = reading.take(raw)
                if frame is not None and "word10" in frame.text_delta.text:
                    cancelling = asyncio.create_task(cancel(other, frame.turn_id))
    assert cancelling is not None
    await cancelling
    closing = reading.frames[-1].cancelled.response
    assert text_of(reading.frames) == closing.response
    assert closing.response.startswith("[paced 100 cancelled] word00 ")
    [used] = closing.usage.calls
    assert used.output_tokens == closing.response.count("word")
    for worker in pair:
        async with AsyncClient(worker.address) as client:
            messages = [one async for one in client.list_messages("c")]
        assert [one.content for one in messages if one.role == ASSISTANT] == [closing.response]


async def cancel(worker: Worker, turn_id: str) -> None:
    async with AsyncClient(worker.address) as client:
        stored = await client.cancel_turn(turn_id)
    assert stored.state == turns_pb2.TURN_STATE_CANCELLED
