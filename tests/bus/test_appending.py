"""Adding to many logs in Redis at once: few round trips, and nothing mixed up or lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from enhanced_prompt_service.bus import RedisBus
from enhanced_prompt_service.domain.bus import LogEntry
from enhanced_prompt_service.domain.errors import Unavailable
from tests.support.redis import RedisServer, redis_server

pytestmark = pytest.mark.redis


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as found:
        yield found


@pytest.fixture
async def bus(server: RedisServer) -> AsyncIterator[RedisBus]:
    async with RedisBus(server.url) as found:
        yield found


def entry(sequence: int, said: str = "x") -> LogEntry:
    return LogEntry(sequence, "text_delta", said.encode())


async def test_hundreds_of_turns_write_at_once_over_a_few_connections(bus: RedisBus) -> None:
    async def turn(number: int) -> None:
        for sequence in range(1, 11):
            await bus.append(f"t-{number}", 1, [entry(sequence, f"{number}/{sequence}")])

    await asyncio.gather(*(turn(number) for number in range(300)))
    redis: Any = bus._redis
    assert len(await redis.client_list()) <= 5
    commands = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert commands == 3000  # one an addition, and none twice
    for number in (0, 150, 299):
        found = await bus.read(f"t-{number}", 1, 0)
        assert [one.encoded.decode() for one in found] == [f"{number}/{n}" for n in range(1, 11)]


async def test_a_log_of_thousands_of_frames_is_added_whole_and_again_without_doubling(
    bus: RedisBus,
) -> None:
    entries = [entry(sequence) for sequence in range(1, 2_001)]
    for _ in range(2):
        await bus.append("t", 1, entries)
    assert await bus.read("t", 1, 0, 5_000) == entries


async def test_a_server_that_comes_back_empty_takes_additions_again(
    bus: RedisBus, server: RedisServer
) -> None:
    await bus.append("t", 1, [entry(1)])
    server.stop()
    with pytest.raises(Unavailable):
        await bus.append("t", 1, [entry(2)])
    server.start()
    await bus.append("t", 1, [entry(1), entry(2)])
    assert len(await bus.read("t", 1, 0)) == 2


async def test_a_server_without_room_is_as_good_as_away(bus: RedisBus) -> None:
    redis: Any = bus._redis
    await bus.append("t", 1, [entry(1)])
    await redis.config_set("maxmemory", "1")
    with pytest.raises(Unavailable):
        await bus.append("t", 1, [entry(2)])
    await redis.config_set("maxmemory", "0")
    await bus.append("t", 1, [entry(2)])
    assert len(await bus.read("t", 1, 0)) == 2


async def test_who_gives_up_waiting_holds_up_nobody(bus: RedisBus, server: RedisServer) -> None:
    server.freeze()
    first = asyncio.create_task(bus.append("t-1", 1, [entry(1)]))
    second = asyncio.create_task(bus.append("t-2", 1, [entry(1)]))
    await asyncio.sleep(0)
    second.cancel()
    server.thaw()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    await bus.append("t-2", 1, [entry(1)])
    assert len(await bus.read("t-2", 1, 0)) == 1


async def test_after_the_bus_was_left_nothing_is_waited_for(server: RedisServer) -> None:
    async with RedisBus(server.url) as bus:
        pass
    with pytest.raises(Unavailable):
        await bus.append("t", 1, [entry(1)])
