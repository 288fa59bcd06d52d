"""Rates: what both counters promise, and what the one on Redis does without it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.bus.budgets import MemoryBudgets, RedisBudgets
from enhanced_prompt_service.domain.limits import Budgets
from tests.support.redis import RedisServer, redis_server

DAY = 86_400


class Clock:
    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def budgets(request: pytest.FixtureRequest) -> AsyncIterator[Budgets]:
    if request.param == "memory":
        yield MemoryBudgets()
        return
    server: RedisServer = request.getfixturevalue("redis")
    shared = RedisBudgets(server.url, MemoryBudgets(), prefix=request.node.name)
    yield shared
    await shared.close()


async def test_a_budget_is_given_out_once_and_says_when_there_is_more(budgets: Budgets) -> None:
    assert [await budgets.take("a", 3, DAY) for _ in range(3)] == [None] * 3
    wait_s = await budgets.take("a", 3, DAY)
    assert wait_s is not None
    assert 0 < wait_s <= 2 * DAY


async def test_keys_are_apart(budgets: Budgets) -> None:
    assert await budgets.take("a", 1, DAY) is None
    assert await budgets.take("a", 1, DAY) is not None
    assert await budgets.take("b", 1, DAY) is None
    assert await budgets.take("a: with /odd {signs}", 1, DAY) is None


@pytest.mark.redis
async def test_replicas_share_what_is_left(redis: RedisServer) -> None:
    one = RedisBudgets(redis.url, MemoryBudgets(), prefix="shared")
    two = RedisBudgets(redis.url, MemoryBudgets(), prefix="shared")
    assert await one.take("a", 2, DAY) is None
    assert await two.take("a", 2, DAY) is None
    assert await one.take("a", 2, DAY) is not None
    assert await two.take("a", 2, DAY) is not None
    await one.close()
    await two.close()


async def test_without_redis_each_replica_counts_by_itself_and_looks_again(
    unused_port: int,
) -> None:
    clock = Clock()
    away = RedisBudgets(f"redis://127.0.0.1:{unused_port}/0", MemoryBudgets(clock), monotonic=clock)
    assert await away.take("a", 1, DAY) is None
    assert await away.take("a", 1, DAY) is not None
    assert away._away_until == clock.at + 1.0
    clock.at += 2
    assert await away.take("b", 1, DAY) is None
    assert away._away_until == clock.at + 1.0
    await away.close()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@settings(deadline=None)
@given(
    limit=st.integers(1, 20),
    steps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_no_window_gives_out_more_than_its_limit(limit: int, steps: list[float]) -> None:
    asyncio.run(_never_more(limit, steps))


async def _never_more(limit: int, steps: list[float]) -> None:
    clock = Clock(0.0)
    budgets = MemoryBudgets(clock)
    given_at: list[float] = []
    for step in steps:
        clock.at += step
        wait_s = await budgets.take("a", limit, 60)
        if wait_s is None:
            given_at.append(clock.at)
        else:
            assert 0 <= wait_s <= 120
            # Whoever waits as long as they were told gets one.
            later = MemoryBudgets(clock)
            later._counts = dict(budgets._counts)
            at, clock.at = clock.at, clock.at + wait_s + 1e-6
            assert await later.take("a", limit, 60) is None
            clock.at = at
        fixed = [one for one in given_at if int(one // 60) == int(clock.at // 60)]
        assert len(fixed) <= limit


async def test_memory_does_not_grow_with_the_number_of_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("enhanced_prompt_service.bus.budgets._MOST_KEYS", 100)
    clock = Clock()
    budgets = MemoryBudgets(clock)
    for number in range(1000):
        clock.at += 1
        assert await budgets.take(f"user {number}", 1, 60) is None
        assert len(budgets._counts) <= 130
