"""Two replicas of the application on one database and one Redis: any of them serves any turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt.v1 import prompt_service_pb2, turns_pb2
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.identity import Caller
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.integration.test_turns_over_tcp import (
    QUESTION,
    frames_of,
    rest_of,
    stub,
    text_of,
    watched,
)
from tests.support.redis import RedisServer, redis_server

pytestmark = pytest.mark.redis
WHOLE = "one two three four five "


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@dataclass
class Pair:
    one: App
    two: App
    first: HeldAgent
    second: HeldAgent


@asynccontextmanager
async def replicas(start: Start, tmp_path: Path, redis: RedisServer, **more: Any) -> Any:
    first, second = HeldAgent(), HeldAgent()
    settings = {"redis_url": redis.url, "redis_prefix": tmp_path.name, "drain_s": 0.1, **more}
    async with (
        start(first, home=tmp_path / "one", **settings) as one,
        start(second, home=tmp_path / "two", **settings) as two,
    ):
        yield Pair(one, two, first, second)


@pytest.fixture
async def pair(start: Start, tmp_path: Path, redis: RedisServer) -> AsyncIterator[Pair]:
    async with replicas(start, tmp_path, redis) as made:
        yield made


def raw(frames: list[turns_pb2.TurnFrame]) -> list[bytes]:
    return [one.SerializeToString() for one in frames]


async def begun(pair: Pair, channel: grpc.aio.Channel, **fields: Any) -> Any:
    """A turn on the first replica, with its `started` frame read."""
    request = prompt_service_pb2.AskRequest(
        query=QUESTION, detail=turns_pb2.DETAIL_REASONING, **fields
    )
    asked = stub(pair.one, channel).Ask(request)
    return asked, await asked.read()


async def test_a_turn_is_watched_on_another_replica_while_it_runs_and_after(pair: Pair) -> None:
    async with grpc.aio.insecure_channel(pair.one.address) as channel:
        asked, started = await begun(pair, channel)
        far = asyncio.ensure_future(watched(pair.two, started.turn.turn_id, 0))
        pair.first.allow(5)
        near = [started.turn, *(one.turn for one in await rest_of(asked))]
    assert raw(await far) == raw(near)
    assert near[-1].WhichOneof("payload") == "completed"
    assert raw(await watched(pair.two, started.turn.turn_id, 3)) == raw(near[3:])


async def test_a_repeated_request_on_another_replica_joins_the_running_turn(pair: Pair) -> None:
    async with grpc.aio.insecure_channel(pair.one.address) as channel:
        asked, started = await begun(pair, channel, request_id="r")
        request = prompt_service_pb2.AskRequest(query=QUESTION, request_id="r")
        joined = asyncio.ensure_future(frames_of(pair.two, request))
        pair.first.allow(5)
        await rest_of(asked)
        frames = await joined
    assert frames[0].turn_id == started.turn.turn_id
    assert text_of(frames) == WHOLE
    assert pair.second.runs == 0


async def test_an_answer_joined_elsewhere_is_the_same_answer(pair: Pair) -> None:
    pair.first.allow(5)
    frames = await frames_of(
        pair.one, prompt_service_pb2.AskRequest(query=QUESTION, request_id="r")
    )
    async with grpc.aio.insecure_channel(pair.two.address) as channel:
        answered = await stub(pair.two, channel).Answer(
            prompt_service_pb2.AnswerRequest(query=QUESTION, request_id="r")
        )
    assert answered.turn.completed == frames[-1].completed


async def test_a_turn_is_cancelled_from_another_replica(pair: Pair) -> None:
    async with grpc.aio.insecure_channel(pair.one.address) as channel:
        asked, started = await begun(pair, channel)
        pair.first.allow(1)
        async with grpc.aio.insecure_channel(pair.two.address) as other:
            cancelled = await stub(pair.two, other).CancelTurn(
                prompt_service_pb2.CancelTurnRequest(turn_id=started.turn.turn_id)
            )
        assert pair.first.cancelled.is_set()
        assert cancelled.turn.state == turns_pb2.TURN_STATE_CANCELLED
        closing = (await rest_of(asked))[-1].turn
        assert closing.WhichOneof("payload") == "cancelled"


async def test_a_failed_turn_fails_on_every_replica_with_the_same_status(
    start: Start, tmp_path: Path, redis: RedisServer
) -> None:
    async with (
        replicas(start, tmp_path, redis, turn_timeout_s=0.05) as pair,
        grpc.aio.insecure_channel(pair.one.address) as channel,
    ):
        asked, started = await begun(pair, channel)
        failed = await asked.read()
        assert failed.turn.HasField("failed")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watched(pair.two, started.turn.turn_id, 0)
        assert caught.value.code() == await asked.code()
        details = dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
        assert b"TURN_TIMEOUT" in details


async def test_a_lost_runner_closes_its_watchers_and_its_turn_runs_again_elsewhere(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first replica stalls: it renews its lease no more, and its agent says nothing."""
    async with grpc.aio.insecure_channel(pair.one.address) as channel:
        asked, started = await begun(pair, channel, request_id="r", conversation_id="c")
        turn_id = started.turn.turn_id
        row = await pair.two.stores.turns.get_turn(Caller(), turn_id)

        async def stalled(process: str, lease_s: float) -> list[str]:
            return []

        monkeypatch.setattr(pair.one.stores.turns, "renew", stalled)
        process = row.runner.rpartition("/")[0]
        await pair.two.stores.turns.renew(process, -1.0)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watched(pair.two, turn_id, 0)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        pair.second.allow(5)
        again = await frames_of(
            pair.two,
            prompt_service_pb2.AskRequest(query=QUESTION, request_id="r", conversation_id="c"),
        )
        assert again[0].WhichOneof("payload") == "reset"
        assert {one.turn_id for one in again} == {turn_id}
        assert text_of(again) == WHOLE
        # The stalled runner wakes up: its result is discarded, the stored one stays.
        pair.first.allow(5)
        while (frame := await asked.read()).turn.sequence:
            pass
        assert frame.turn.failed.retryable
        stored = await pair.one.stores.turns.get_turn(Caller(), turn_id)
        assert stored.attempt == 2
        assert stored.response is not None


async def test_a_conversation_is_not_blocked_by_a_turn_whose_runner_is_gone(pair: Pair) -> None:
    async with grpc.aio.insecure_channel(pair.one.address) as channel:
        _, started = await begun(pair, channel, conversation_id="c")
        row = await pair.two.stores.turns.get_turn(Caller(), started.turn.turn_id)
        await pair.two.stores.turns.renew(row.runner.rpartition("/")[0], -1.0)
        pair.second.allow(5)
        frames = await frames_of(
            pair.two, prompt_service_pb2.AskRequest(query=QUESTION, conversation_id="c")
        )
        assert text_of(frames) == WHOLE


async def test_a_turn_goes_on_while_redis_is_away_and_is_whole_elsewhere_when_it_is_back(
    start: Start, tmp_path: Path
) -> None:
    with redis_server() as server:
        async with (
            replicas(start, tmp_path, server) as pair,
            grpc.aio.insecure_channel(pair.one.address) as channel,
        ):
            asked, started = await begun(pair, channel)
            pair.first.allow(1)
            await asked.read()
            server.stop()
            pair.first.allow(4)
            near = [one.turn for one in await rest_of(asked)]
            assert near[-1].WhichOneof("payload") == "completed"
            [stored] = await watched(pair.two, started.turn.turn_id, 0)
            assert stored.replayed
            assert stored.completed == near[-1].completed
            server.start()
            pair.second.allow(5)
            frames = await frames_of(pair.two, prompt_service_pb2.AskRequest(query=QUESTION))
            assert text_of(frames) == WHOLE
