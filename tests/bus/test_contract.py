"""What every bus promises, held by both: in the process, and on a real Redis, alone or in a cluster
(whose commands may touch the keys of one slot only)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from enhanced_prompt_service.bus import MemoryBus, RedisBus
from enhanced_prompt_service.domain.bus import Bus, Listener, LogEntry, Superseded, log_channel
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from tests.support.redis import RedisServer, redis_server

SOON_S = 10.0  # an upper bound that a working bus never comes near


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisServer]:
    with redis_server(cluster=True) as server:
        yield server


@pytest.fixture(
    params=[
        "memory",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("cluster", marks=pytest.mark.redis),
    ]
)
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus(time.monotonic)
        return
    server: RedisServer = request.getfixturevalue(request.param)
    async with RedisBus(server.url, prefix=f"test-{request.node.name}") as opened:
        yield opened


def entries(*sequences: int) -> list[LogEntry]:
    return [LogEntry(n, "text_delta", bytes([0, 255, n])) for n in sequences]


async def test_frames_come_back_in_order_and_as_they_were(bus: Bus) -> None:
    await bus.append("t", 1, entries(1, 2))
    await bus.append("t", 1, entries(3))
    assert await bus.read("t", 1, after=0) == entries(1, 2, 3)
    assert await bus.read("t", 1, after=2) == entries(3)
    assert await bus.read("t", 1, after=3) == []
    assert await bus.read("t", 1, after=0, limit=2) == entries(1, 2)


async def test_adding_again_changes_nothing(bus: Bus) -> None:
    await bus.append("t", 1, entries(1, 2))
    await bus.append("t", 1, [LogEntry(2, "other", b"other"), *entries(3)])
    assert await bus.read("t", 1, after=0) == entries(1, 2, 3)


async def test_attempts_are_logs_of_their_own(bus: Bus) -> None:
    await bus.append("t", 1, entries(1, 2))
    assert await bus.newest_attempt("t") == 1
    await bus.append("t", 2, entries(1))
    assert await bus.newest_attempt("t") == 2
    assert await bus.read("t", 1, after=0) == entries(1, 2)
    assert await bus.read("t", 2, after=0) == entries(1)


async def test_a_superseded_attempt_gets_no_more_frames(bus: Bus) -> None:
    await bus.append("t", 1, entries(1, 2))
    await bus.append("t", 2, entries(1))
    with pytest.raises(Superseded):
        await bus.append("t", 1, entries(2, 3))
    assert await bus.read("t", 1, after=0) == entries(1, 2)
    assert await bus.read("t", 2, after=0) == entries(1)


async def test_a_log_that_is_not_there_is_empty(bus: Bus) -> None:
    assert await bus.newest_attempt("none") == 0
    assert await bus.read("none", 1, after=0) == []


async def test_dropped_logs_are_gone(bus: Bus) -> None:
    for turn_id in ("t", "u", "v"):
        await bus.append(turn_id, 1, entries(1))
    await bus.drop_log("t", "u", "never")
    assert [await bus.newest_attempt(one) for one in ("t", "u", "v")] == [0, 0, 1]


async def test_whoever_listens_is_woken_by_new_frames(bus: Bus) -> None:
    async with bus.listen(log_channel("t")) as listener:
        while await listener.wait(0.05):  # a listener may be told to look when it begins
            pass
        await bus.append("t", 1, entries(1))
        assert await listener.wait(SOON_S)


async def test_signals_wake_all_listeners_of_their_channel_only(bus: Bus) -> None:
    async with bus.listen("a") as one, bus.listen("a") as two, bus.listen("b") as other:
        for listener in (one, two, other):
            while await listener.wait(0.05):
                pass
        await bus.signal("a")
        assert await one.wait(SOON_S)
        assert await two.wait(SOON_S)
        assert not await other.wait(0.05)


async def test_many_signals_may_count_as_one_but_never_as_none(bus: Bus) -> None:
    async with bus.listen("a") as listener:
        while await listener.wait(0.05):
            pass
        for _ in range(50):
            await bus.signal("a")
        assert await listener.wait(SOON_S)


async def test_leaving_a_channel_twice_listened_to_keeps_the_other(bus: Bus) -> None:
    async with bus.listen("a") as stays:
        async with bus.listen("a"):
            pass
        while await stays.wait(0.05):
            pass
        await bus.signal("a")
        assert await stays.wait(SOON_S)


async def test_letters_are_taken_once_in_order_and_wake_whoever_waits(bus: Bus) -> None:
    async with bus.listen("box") as listener:
        while await listener.wait(0.05):
            pass
        await bus.post("box", "first", ttl_s=60)
        await bus.post("box", "second", ttl_s=60)
        assert await listener.wait(SOON_S)
    assert await bus.collect("box") == ["first", "second"]
    assert await bus.collect("box") == []


async def test_values_are_kept_replaced_and_forgotten(bus: Bus) -> None:
    assert await bus.get("k") is None
    await bus.put("k", b"\x00one", ttl_s=60)
    assert await bus.get("k") == b"\x00one"
    await bus.put("k", b"two", ttl_s=60)
    assert await bus.get("k") == b"two"
    await bus.delete("k", "never")
    assert await bus.get("k") is None


async def test_concurrent_collectors_share_letters_without_doubling(bus: Bus) -> None:
    for number in range(50):
        await bus.post("box", str(number), ttl_s=60)
    taken = await asyncio.gather(*(bus.collect("box") for _ in range(8)))
    letters = [letter for box in taken for letter in box]
    assert sorted(letters, key=int) == [str(n) for n in range(50)]


# ---- what time does, with a clock in hand ----------------------------------------------------


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_in_the_process_what_expired_is_gone_and_gives_its_memory_back() -> None:
    clock = Clock()
    bus = MemoryBus(clock, log_ttl_s=10)
    await bus.append("t", 1, entries(1))
    await bus.put("k", b"v", ttl_s=10)
    await bus.post("box", "letter", ttl_s=10)
    clock.at = 11
    assert await bus.read("t", 1, after=0) == []
    assert await bus.get("k") is None
    assert await bus.collect("box") == []
    for number in range(600):
        await bus.put(f"k{number}", b"v", ttl_s=0.0)
    assert len(bus._values) < 300  # pyright: ignore[reportPrivateUsage]


async def test_in_the_process_values_stay_within_their_budget_and_the_oldest_go_first() -> None:
    bus = MemoryBus(Clock(), value_bytes=100)
    for name in ("a", "b", "c"):
        await bus.put(name, b"x" * 40, ttl_s=60)
    assert [await bus.get(name) is not None for name in ("a", "b", "c")] == [False, True, True]
    await bus.put("b", b"y" * 50, ttl_s=60)  # replaced, not added
    assert [await bus.get(name) is not None for name in ("b", "c")] == [True, True]
    await bus.delete("b", "c")
    await bus.put("d", b"x" * 100, ttl_s=60)
    assert await bus.get("d") is not None


# ---- what only a bus between processes has -----------------------------------------------------


@pytest.mark.redis
async def test_two_processes_worth_of_connections_see_each_other(redis: RedisServer) -> None:
    async with (
        RedisBus(redis.url, prefix="two") as one,
        RedisBus(redis.url, prefix="two") as two,
        two.listen(log_channel("t")) as listener,
    ):
        while await listener.wait(0.05):
            pass
        await one.append("t", 1, entries(1))
        assert await listener.wait(SOON_S)
        assert await two.read("t", 1, after=0) == entries(1)


@pytest.mark.redis
async def test_a_bus_that_is_away_says_so_and_comes_back_without_a_restart() -> None:
    with redis_server() as server:
        async with RedisBus(server.url, timeout_s=0.2) as bus, bus.listen("a") as listener:
            await bus.put("k", b"v", ttl_s=60)
            assert bus.up
            server.stop()
            with pytest.raises(Unavailable) as caught:
                await bus.put("k", b"v", ttl_s=60)
            assert caught.value.reason == Reason.BUS_UNAVAILABLE
            assert not bus.up
            while await listener.wait(0.05):
                pass
            server.start()
            # The listener is woken because it may have missed something, and hears again.
            assert await listener.wait(SOON_S)
            await bus.put("k", b"v", ttl_s=60)
            assert bus.up
            while await listener.wait(0.1):
                pass
            await bus.signal("a")
            assert await listener.wait(SOON_S)


@pytest.mark.redis
async def test_many_who_begin_to_listen_while_the_bus_comes_and_goes_all_hear_it_at_last() -> None:
    with redis_server() as server:
        async with RedisBus(server.url, timeout_s=5.0) as bus, AsyncExitStack() as stack:

            async def join(number: int) -> Listener:
                return await stack.enter_async_context(bus.listen(f"c{number}"))

            async def hear(number: int, listener: Listener) -> None:
                while await listener.wait(0.2):
                    pass
                await bus.signal(f"c{number}")
                assert await listener.wait(SOON_S)

            listeners = [await join(0)]
            for _ in range(3):
                server.stop()
                first = len(listeners)
                joining = [asyncio.ensure_future(join(first + n)) for n in range(20)]
                server.start()
                joining += [asyncio.ensure_future(join(first + 20 + n)) for n in range(20)]
                listeners += await asyncio.gather(*joining)
                async with asyncio.timeout(SOON_S):
                    while not bus.up:
                        await listeners[0].wait(0.1)
            await asyncio.gather(*(hear(number, one) for number, one in enumerate(listeners)))


@pytest.mark.redis
async def test_a_bus_that_does_not_answer_is_away_after_its_timeout(redis: RedisServer) -> None:
    async with RedisBus(redis.url, timeout_s=0.2) as bus:
        assert bus.up  # known before anybody used it
        await bus.put("k", b"v", ttl_s=60)
        redis.freeze()
        try:
            with pytest.raises(Unavailable):
                await bus.ping()
            assert not bus.up
        finally:
            redis.thaw()
        assert await bus.get("k") == b"v"


@pytest.mark.redis
@pytest.mark.parametrize(
    "error",
    [RuntimeError("the handler is closed"), AttributeError("no 'writelines'")],
)
async def test_a_channel_can_be_left_while_its_connection_is_being_closed(
    redis: RedisServer, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis's client says so in its own ways, which would end whoever listens."""

    async def broken(*_: object) -> None:
        raise error

    async with RedisBus(redis.url, prefix="leave") as bus:
        async with bus.listen("a"):
            monkeypatch.setattr(bus, "_tell", broken)
        assert not bus.up
        await bus.put("k", b"v", ttl_s=60)
        assert bus.up


async def test_a_board_holds_the_newest_note_of_each_name(bus: Bus) -> None:
    assert await bus.notes("b") == {}
    await bus.pin("b", "one", b"\x00old", 60)
    await bus.pin("b", "one", b"\xffnew", 60)
    await bus.pin("b", "two", b"", 60)
    await bus.pin("other", "three", b"x", 60)
    assert await bus.notes("b") == {"one": b"\xffnew", "two": b""}
    await bus.unpin("b", "two")
    await bus.unpin("b", "never")
    assert await bus.notes("b") == {"one": b"\xffnew"}


async def test_notes_whose_time_has_passed_are_gone_while_others_stay(bus: Bus) -> None:
    await bus.pin("b", "stale", b"x", 0.05)
    await asyncio.sleep(0.1)
    await bus.pin("b", "fresh", b"y", 60)
    assert await bus.notes("b") == {"fresh": b"y"}


async def test_a_ledger_sums_up_what_its_writers_add(bus: Bus) -> None:
    assert await bus.sums("l") == {}
    await bus.add("l", "one", 1, {"calls": 2, "cost": 0.25}, since=20.0, ttl_s=60)
    await bus.add("l", "two", 1, {"calls": 3}, since=10.0, ttl_s=60)
    await bus.add("l", "one", 2, {"cost": 0.5}, since=30.0, ttl_s=60)
    assert await bus.sums("l") == {"calls": 5.0, "cost": 0.75, "since": 10.0}


async def test_an_addition_that_was_made_is_not_made_again(bus: Bus) -> None:
    for _ in range(2):
        await bus.add("l", "one", 1, {"calls": 2}, since=1.0, ttl_s=60)
    await bus.add("l", "one", 2, {"calls": 1}, since=1.0, ttl_s=60)
    await bus.add("l", "one", 1, {"calls": 2}, since=1.0, ttl_s=60)
    assert await bus.sums("l") == {"calls": 3.0, "since": 1.0}


async def test_a_ledger_nobody_adds_to_begins_anew(bus: Bus) -> None:
    await bus.add("l", "one", 7, {"calls": 2}, since=1.0, ttl_s=0.05)
    await asyncio.sleep(0.1)
    assert await bus.sums("l") == {}
    await bus.add("l", "one", 1, {"calls": 1}, since=5.0, ttl_s=60)
    assert await bus.sums("l") == {"calls": 1.0, "since": 5.0}


async def test_whoever_adds_is_told_when_what_was_added_before_is_lost(bus: Bus) -> None:
    first = await bus.add("l", "one", 1, {"calls": 2}, since=1.0, ttl_s=0.05)
    assert await bus.add("l", "two", 1, {"calls": 2}, since=1.0, ttl_s=0.05) == first
    await asyncio.sleep(0.1)
    begun = await bus.add("l", "two", 2, {"calls": 1}, since=1.0, ttl_s=60)
    assert begun != first
    assert await bus.add("l", "one", 2, {"calls": 1}, since=1.0, ttl_s=60) == begun
