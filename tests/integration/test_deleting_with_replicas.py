"""Conversations that are deleted on one replica are gone on all of them, and out of Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
import redis.asyncio as aioredis

from enhanced_prompt import AsyncClient
from enhanced_prompt.errors import ConversationNotFound
from enhanced_prompt.v1 import prompt_service_pb2
from tests.integration.test_replicas import Pair, begun, pair, redis  # noqa: F401
from tests.integration.test_turns_over_tcp import QUESTION, frames_of, rest_of, stub
from tests.support.redis import RedisServer

pytestmark = pytest.mark.redis
GONE = "CONVERSATION_NOT_FOUND"


async def keys(server: RedisServer, prefix: str) -> list[str]:
    """What Redis holds of conversations."""
    async with aioredis.Redis.from_url(server.url) as client:
        found = [key.decode() async for key in client.scan_iter(f"{prefix}:*")]
    passing = (":mail:", ":watched:")  # letters, and signs of watchers: ids for some seconds
    numbers = (":sums", ":writer:", ":notes", ":ends")  # of live metrics: calls, never words
    return sorted(key for key in found if not any(part in key for part in (*passing, *numbers)))


def prefix_of(pair: Pair) -> str:  # noqa: F811
    return pair.one.settings.redis_prefix


async def test_nothing_of_a_deleted_conversation_is_left_in_redis(
    pair: Pair,  # noqa: F811
    redis: RedisServer,  # noqa: F811
) -> None:
    pair.first.allow(20)
    for app, conversation in ((pair.one, "c"), (pair.one, "c"), (pair.one, "kept")):
        await frames_of(
            app, prompt_service_pb2.AskRequest(query=QUESTION, conversation_id=conversation)
        )
    before = await settled(redis, prefix_of(pair), 5)  # three logs, two memories
    async with AsyncClient(pair.two.address) as client:
        assert await client.delete_conversation("c") == 2
    after = await settled(redis, prefix_of(pair), 2)
    assert set(after) < set(before)
    assert len([key for key in after if key.endswith(":log")]) == 1


async def settled(server: RedisServer, prefix: str, count: int) -> list[str]:
    """The keys, once there are so many: what follows a closing frame may take a moment."""
    async with asyncio.timeout(20):
        while len(found := await keys(server, prefix)) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def test_a_turn_that_runs_elsewhere_stops_at_once_and_stores_nothing(
    pair: Pair,  # noqa: F811
    redis: RedisServer,  # noqa: F811
) -> None:
    async with (
        grpc.aio.insecure_channel(pair.one.address) as channel,
        grpc.aio.insecure_channel(pair.two.address) as other,
    ):
        asked, started = await begun(pair, channel, conversation_id="c", request_id="r")
        pair.first.allow(1)
        watch = prompt_service_pb2.WatchTurnRequest(turn_id=started.turn.turn_id)
        far = stub(pair.two, other).WatchTurn(watch)
        assert (await far.read()).turn.HasField("started")  # it reads before it is deleted
        async with AsyncClient(pair.two.address) as client:
            assert await client.delete_conversation("c") == 1
            async with asyncio.timeout(20):
                await pair.first.cancelled.wait()
            with pytest.raises(ConversationNotFound):
                await client.get_conversation("c")
            with pytest.raises(ConversationNotFound):  # the request does not bring it back
                await client.answer(QUESTION, conversation_id="c", request_id="r")
        assert reason((await refusal(rest_of(asked))).trailing_metadata()) == GONE
        assert reason((await refusal(rest_of(far))).trailing_metadata()) == GONE
        assert await settled(redis, prefix_of(pair), 0) == []
        assert pair.one.turns.running == 0


async def refusal(work: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await work
    return caught.value


def reason(trailing: Any) -> str:
    details = dict(trailing or ())["grpc-status-details-bin"]
    known = (GONE, "RUNNER_LOST", "TURN_NOT_FOUND")
    return next(name for name in known if name.encode() in details)
