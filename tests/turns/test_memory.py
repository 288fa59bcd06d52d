"""Hot conversation memory: right, or not used."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enhanced_prompt_service.bus import MemoryBus, RedisBus
from enhanced_prompt_service.domain.answers import Answer, PromptResponse
from enhanced_prompt_service.domain.bus import Bus
from enhanced_prompt_service.domain.clock import RealClock
from enhanced_prompt_service.domain.conversations import ConversationStamp
from enhanced_prompt_service.domain.errors import NotFound, Reason, Unavailable
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnRequest
from enhanced_prompt_service.storage import Stores, codec
from enhanced_prompt_service.turns import (
    HotMemory,
    MemoryConfig,
    Past,
    RunnerParts,
    Turn,
    Turns,
    TurnsConfig,
)
from enhanced_prompt_service.turns.memory import memory_key
from tests.support.databases import (  # noqa: F401 - fixtures
    database,
    database_url,
    postgres,
    postgres_template,
    stores,
)
from tests.support.redis import RedisServer, redis_server
from tests.turns.fakes import CALLER, NOW, an_answer, encode

STAMP = ConversationStamp(NOW, 3)
HEADER = json.dumps([1, "default", "local", "c", NOW.isoformat(), 3, 20])
CONFIG = MemoryConfig(codec.dump_response, codec.load_response)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus(time.monotonic)
        return
    server: RedisServer = request.getfixturevalue("redis")
    async with RedisBus(server.url, prefix=f"test-{request.node.name}") as opened:
        yield opened


def response(number: int, text: str = "a line\nand one more, ü \ud800") -> PromptResponse:
    return PromptResponse(
        turn_id=f"t{number}",
        message_id=f"m{number}",
        timestamp=NOW,
        conversation_id="c",
        user_id="local",
        query="q?",
        conversation_turn=number,
        processing_time_ms=1,
        answer=an_answer(text),
    )


async def kept(bus: Bus, *numbers: int, limit: int = 20) -> HotMemory:
    """A memory that holds the answers of these turns, under STAMP."""
    memory = HotMemory(bus, CONFIG)
    past = Past(tuple(response(one) for one in numbers[:-1]))
    await memory.remember(CALLER, "c", STAMP, past, response(numbers[-1]), limit)
    return memory


def numbers(past: Past | None) -> list[int] | None:
    return None if past is None else [one.conversation_turn for one in past.turns]


async def test_what_was_remembered_is_recalled_as_it_was(bus: Bus) -> None:
    memory = await kept(bus, 1, 2, 3)
    past = await memory.recall(CALLER, "c", STAMP, 20)
    assert past is not None
    assert past.turns == tuple(response(one) for one in (1, 2, 3))
    assert numbers(await memory.recall(CALLER, "c", STAMP, 2)) == [2, 3]
    assert (memory.hits, memory.misses) == (2, 0)


async def test_what_was_recalled_is_kept_again_with_what_came_after(bus: Bus) -> None:
    memory = await kept(bus, 1, 2, 3)
    past = await memory.recall(CALLER, "c", STAMP, 3)
    assert past is not None
    later = replace(STAMP, stored_turns=4)
    await memory.remember(CALLER, "c", later, past, response(4), 3)
    assert numbers(await memory.recall(CALLER, "c", later, 3)) == [2, 3, 4]


async def test_an_earlier_turn_that_is_answered_later_comes_at_its_place(bus: Bus) -> None:
    memory = await kept(bus, 2, 4, 3)
    assert numbers(await memory.recall(CALLER, "c", STAMP, 20)) == [2, 3, 4]


@pytest.mark.parametrize(
    ("owner", "conversation_id", "stamp", "limit"),
    [
        (Caller(CALLER.tenant, "ana"), "c", STAMP, 20),
        (Caller("other", CALLER.user), "c", STAMP, 20),
        (CALLER, "d", STAMP, 20),
        (CALLER, "c", replace(STAMP, stored_turns=4), 20),
        (CALLER, "c", replace(STAMP, created_at=NOW + timedelta(microseconds=1)), 20),
        (CALLER, "c", STAMP, 21),
    ],
)
async def test_anothers_and_another_state_of_it_are_misses(
    bus: Bus, owner: Caller, conversation_id: str, stamp: ConversationStamp, limit: int
) -> None:
    memory = await kept(bus, 1, 2, 3)
    assert await memory.recall(owner, conversation_id, stamp, limit) is None
    assert (memory.hits, memory.misses) == (0, 1)


async def test_no_two_owners_share_a_key_however_their_names_are_cut() -> None:
    cut = [("a", "b:c", "d"), ("a:b", "c", "d"), ("a", "b", "c:d"), ('a","b', "c", "d")]
    assert len({memory_key(Caller(tenant, user), name) for tenant, user, name in cut}) == len(cut)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[1, 2]\n{}",
        b"\n\n\n",
        json.dumps([1, "default", "local", "c", NOW.isoformat(), 3, 20]).encode() + b"\n{}",
        json.dumps([1, "default", "local", "c", NOW.isoformat(), 3, "x"]).encode(),
        json.dumps([1, "default", "local", "c", NOW.isoformat(), 3, 20]).encode()
        + b"\n"
        + b"[" * 9999,
    ],
)
async def test_an_entry_that_does_not_parse_is_a_miss(bus: Bus, broken: bytes) -> None:
    memory = HotMemory(bus, CONFIG)
    await bus.put(memory_key(CALLER, "c"), broken, ttl_s=60)
    assert await memory.recall(CALLER, "c", STAMP, 20) is None
    assert memory.misses == 1


async def test_an_entry_that_grew_too_large_is_given_up(bus: Bus) -> None:
    memory = await kept(bus, 1)
    later = replace(STAMP, stored_turns=4)
    past = Past((response(1),))
    await memory.remember(CALLER, "c", later, past, response(2, "x" * 1024 * 1024), 20)
    assert await bus.get(memory_key(CALLER, "c")) is None


class Away(MemoryBus):
    """A bus that is away, and says so when it is asked."""

    shared = True

    async def get(self, key: str) -> bytes | None:
        raise Unavailable("away", reason=Reason.BUS_UNAVAILABLE)

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        raise Unavailable("away", reason=Reason.BUS_UNAVAILABLE)


async def test_a_bus_that_is_away_is_a_miss_and_no_error() -> None:
    memory = await kept(Away(time.monotonic), 1)
    assert await memory.recall(CALLER, "c", STAMP, 20) is None


# ---- in turns, beside the real database ----------------------------------------------------------


class Looking:
    """An agent that holds what it is given against what SQL says at that moment."""

    model = "looking"

    def __init__(self, held: Stores, limit: int) -> None:
        self._stores = held
        self._limit = limit
        self.looked = 0
        self.wrong: list[tuple[object, object]] = []
        self.fails = True

    async def answer(self, turn: Turn) -> Answer:
        cold = await self._stores.conversations.recent_turns(
            turn.caller, turn.conversation_id, self._limit
        )
        self.looked += 1
        if list(turn.history) != cold:
            self.wrong.append((turn.history, cold))
        turn.writer.text("partly")
        if self.fails and turn.request.query == "fail":
            raise Unavailable("not now")
        if turn.request.query == "stop":
            await asyncio.Event().wait()
        return an_answer(f"partly, {turn.turn_id}")


@asynccontextmanager
async def turns_on(held: Stores, bus: Bus, runner: str, limit: int) -> Any:
    agent = Looking(held, limit)
    ids = iter(range(1_000_000))
    parts = RunnerParts(
        agent=agent,
        turns=held.turns,
        conversations=held.conversations,
        real_clock=RealClock(),
        site_clock=RealClock(),
        monotonic=time.monotonic,
        timeout_s=60,
        history_turns=limit,
        memory=HotMemory(bus, CONFIG),
    )
    config = TurnsConfig(runner=runner)
    async with Turns(parts, config, encode, lambda kind: f"{kind}-{runner}-{next(ids)}") as turns:
        yield turns, parts.memory, agent


@pytest.mark.parametrize("seed", range(4))
async def test_hot_and_cold_reads_give_the_same_history_whatever_happened(
    stores: Stores,  # noqa: F811
    bus: Bus,
    seed: int,
) -> None:
    """Two replicas answer, fail, repeat, cancel and delete in two conversations of two users."""
    chance = random.Random(seed)
    asked: list[tuple[Caller, TurnRequest]] = []
    async with turns_on(stores, bus, "one", 3) as one, turns_on(stores, bus, "two", 3) as two:
        for step in range(80):
            turns, _, agent = chance.choice((one, two))
            caller = Caller(CALLER.tenant, chance.choice(("ana", "ben")))
            name = chance.choice(("c", "d"))
            what = chance.choices(("ok", "fail", "stop", "again", "delete"), (12, 4, 2, 4, 1))[0]
            agent.fails = what != "again"
            if what == "delete":
                with suppress(NotFound):
                    deleted = await stores.conversations.delete_conversation(
                        caller, name, datetime.now(UTC)
                    )
                    if chance.random() < 0.5:  # else its entry stays: the stamp alone has to do
                        await turns.forget((deleted.gone,))
                continue
            request = TurnRequest(what, conversation_id=name, request_id=f"r{step}")
            if what == "again" and asked:
                # What failed before may now be answered, after later turns.
                caller, request = chance.choice(asked)
            asked.append((caller, request))
            with suppress(NotFound), await turns.start(caller, request) as attached:
                if request.query == "stop":
                    await turns.cancel(caller, attached.turn_id)
                async for _ in attached.cursor(frozenset()):
                    pass
    sides = (one, two)
    assert [side[2].wrong for side in sides] == [[], []]
    assert sum(side[1].hits for side in sides) >= 10
    assert sum(side[2].looked for side in sides) >= 40
