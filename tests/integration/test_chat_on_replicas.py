"""Chats of one conversation on two replicas: policies hold whichever of them runs the turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from enhanced_prompt.v1 import chat_pb2 as pb
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.turns.replicas import Replicas
from tests.integration.conftest import Start
from tests.integration.test_replicas import Pair, replicas
from tests.integration.test_turns_over_tcp import QUESTION, stub
from tests.rpc.test_chat import Talk, reason_of, text_of
from tests.support.redis import RedisServer, redis_server

pytestmark = pytest.mark.redis
WHOLE = "one two three four five "


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def pair(start: Start, tmp_path: Path, redis: RedisServer) -> AsyncIterator[Pair]:
    async with replicas(start, tmp_path, redis) as made:
        yield made


class There:
    """One replica, as `Talk` wants it."""

    def __init__(self, app: App, channel: grpc.aio.Channel) -> None:
        self.prompts = stub(app, channel)


@asynccontextmanager
async def talks(pair: Pair, policy: Any) -> AsyncIterator[tuple[Talk, Talk, str]]:
    """A chat on each replica; the first one's turn runs and waits."""
    async with (
        grpc.aio.insecure_channel(pair.one.address) as near,
        grpc.aio.insecure_channel(pair.two.address) as far,
    ):
        first: Any = Talk(There(pair.one, near))  # type: ignore[arg-type]
        second: Any = Talk(There(pair.two, far))  # type: ignore[arg-type]
        await first.setup(conversation_id="c")
        await first.prompt("a", QUESTION)
        turn_id = await first.runs("a")
        await first.turn_frame("started")
        ready = await second.setup(conversation_id="c", multitask_policy=policy)
        assert ready.running_turn_id == turn_id
        yield first, second, turn_id


async def test_a_prompt_waits_for_the_turn_of_another_replica_and_then_runs(pair: Pair) -> None:
    async with talks(pair, pb.MULTITASK_POLICY_ENQUEUE) as (first, second, _):
        pair.second.allow(10)
        for number, message_id in enumerate(("b", "c"), 1):
            await second.prompt(message_id, QUESTION)
            waits = (await second.next("accepted")).accepted
            assert (waits.message_id, waits.turn_id, waits.queue_position) == (
                message_id,
                "",
                number,
            )
        assert pair.second.runs == 0
        pair.first.allow(5)
        assert text_of(await first.turn()) == WHOLE
        for turn, message_id in enumerate(("b", "c"), 2):
            await second.runs(message_id)
            frames = await second.turn()
            assert text_of(frames) == WHOLE
            assert frames[-1].completed.response.conversation_turn == turn
        # What ended is not running any more, wherever it ran.
        running = await pair.one.turns.running_in(Caller(), "c")
        assert running == ""


async def test_ten_wait_with_the_one_that_waits_for_another_replica(pair: Pair) -> None:
    async with talks(pair, pb.MULTITASK_POLICY_ENQUEUE) as (_, second, _):
        for number in range(1, 11):
            await second.prompt(f"b-{number}", QUESTION)
            assert (await second.next("accepted")).accepted.queue_position == number
        await second.prompt("b-11", QUESTION)
        assert await second.rejection("b-11") == "QUEUE_FULL"


async def test_a_prompt_interrupts_the_turn_of_another_replica(pair: Pair) -> None:
    async with talks(pair, pb.MULTITASK_POLICY_INTERRUPT) as (first, second, _):
        pair.first.allow(1)
        await first.turn_frame("text_delta")
        pair.second.allow(5)
        await second.prompt("b", QUESTION)
        await second.runs("b")
        assert text_of(await second.turn()) == WHOLE
        assert (await first.turn_frame("cancelled")).cancelled.response.response == "one "
        assert pair.first.cancelled.is_set()


async def test_a_prompt_is_refused_while_another_replica_runs_a_turn(pair: Pair) -> None:
    async with talks(pair, pb.MULTITASK_POLICY_REJECT) as (_, second, turn_id):
        await second.prompt("b", QUESTION)
        refused = (await second.next("rejected")).rejected
        assert reason_of(refused.status) == "TURN_IN_PROGRESS"
        assert turn_id.encode() in refused.status.SerializeToString()


async def test_a_message_of_another_replica_is_joined_and_cancelled_there(pair: Pair) -> None:
    async with talks(pair, pb.MULTITASK_POLICY_ENQUEUE) as (first, second, turn_id):
        await second.prompt("a", QUESTION)
        assert await second.runs("a") == turn_id
        await second.turn_frame("started")
        await second.send(cancel=pb.ChatCancel(message_id="a"))
        await second.turn_frame("cancelled")
        await first.turn_frame("cancelled")
        assert pair.second.runs == 0


async def test_a_lost_runner_does_not_block_the_line(pair: Pair) -> None:
    async with talks(pair, pb.MULTITASK_POLICY_ENQUEUE) as (_, second, turn_id):
        await second.prompt("b", QUESTION)
        await second.next("accepted")
        row = await pair.two.stores.turns.get_turn(Caller(), turn_id)

        async def stalled(process: str, lease_s: float) -> list[str]:
            return []

        pair.second.allow(5)
        renew, pair.one.stores.turns.renew = pair.one.stores.turns.renew, stalled  # type: ignore[method-assign]
        await renew(row.runner.rpartition("/")[0], -1.0)
        await second.runs("b")
        assert text_of(await second.turn()) == WHOLE


@pytest.mark.parametrize("policy", ["ENQUEUE", "INTERRUPT"])
async def test_without_the_bus_a_prompt_still_gets_its_turn_and_asks_seldom(
    pair: Pair, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the other turn can't be seen: SQL is asked now and then, and nobody is refused."""
    async with talks(pair, pb.MultitaskPolicy.Value(f"MULTITASK_POLICY_{policy}")) as (
        first,
        second,
        _,
    ):

        async def away(*_: Any, **__: Any) -> Any:
            raise Unavailable("away", reason=Reason.BUS_UNAVAILABLE)

        begins = 0
        begin = pair.two.stores.turns.begin

        async def counted(*given: Any, **more: Any) -> Any:
            nonlocal begins
            begins += 1
            return await begin(*given, **more)

        monkeypatch.setattr(Replicas, "follow", away)
        monkeypatch.setattr(pair.two.stores.turns, "begin", counted)
        pair.second.allow(5)
        await second.prompt("b", QUESTION)
        if policy == "ENQUEUE":
            await second.next("accepted")
            pair.first.allow(5)
            await first.turn()
        await second.runs("b")
        assert text_of(await second.turn()) == WHOLE
        assert begins <= 10


async def test_a_message_joined_elsewhere_is_answered_although_redis_goes_away_meanwhile(
    start: Start, tmp_path: Path
) -> None:
    with redis_server() as server:
        async with (
            replicas(start, tmp_path, server) as pair,
            talks(pair, pb.MULTITASK_POLICY_ENQUEUE) as (first, second, turn_id),
        ):
            await second.prompt("a", QUESTION)
            assert await second.runs("a") == turn_id
            await second.turn_frame("started")
            server.stop()
            pair.first.allow(5)
            assert text_of(await first.turn()) == WHOLE
            # The way to the turn was lost, and not the turn: its stored answer comes here.
            assert (await second.turn_frame("completed")).completed.response.response == WHOLE
            assert pair.second.runs == 0
