"""The numbers of two replicas on one bus: in the process, and on a real Redis; the same on both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enhanced_prompt_service.bus import MemoryBus, RedisBus
from enhanced_prompt_service.domain.bus import Bus
from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.health import Health, ReplicaHealth, SystemHealth
from enhanced_prompt_service.domain.metrics import (
    EndedCall,
    EndedModelCall,
    ErrorRow,
    Kind,
    Looker,
    Message,
    Metrics,
    RequestRow,
    Selection,
    Snapshot,
)
from enhanced_prompt_service.metrics.counts import Counts
from enhanced_prompt_service.metrics.live import BACKLOG, LiveMetrics, Readings, Subscription
from tests.support.redis import RedisServer, redis_server

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ASK = "/enhanced_prompt.v1.PromptService/Ask"
EVERYTHING = Selection()
ACME = Looker("acme")
SOON_S = 20.0


class Shared(MemoryBus):
    """As if other processes saw it: what two replicas in one test need."""

    shared = True


class OwnHealth:
    """The health of one replica, as the test says."""

    prewarm_s = 0.25

    def __init__(self, name: str) -> None:
        self.status = Health.HEALTHY
        self.name = name

    def look(self) -> SystemHealth:
        replica = ReplicaHealth(self.name, self.status, False, NOW, 1, 0.0, 0)
        return SystemHealth(self.status, NOW, "1", "agent", True, 10.0, 20.0, 1, (), (), (replica,))

    async def system_health(self) -> SystemHealth:
        return self.look()


class Replica:
    """One replica, whose seconds pass when the test says so."""

    def __init__(self, bus: Bus, name: str, began: datetime = NOW) -> None:
        self.health = OwnHealth(name)
        self.bus = bus
        self.counts = Counts(time.monotonic, lambda: began)
        self.second = asyncio.Event()
        self.live = LiveMetrics(
            self.counts,
            bus,
            self.health,
            Readings(running_turns=lambda: 1),
            name=name,
            now=lambda: NOW,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        await self.second.wait()
        self.second.clear()

    def ask(self, tenant: str = "acme", **more: Any) -> None:
        self.counts.call_ended(EndedCall(ASK, "OK", 0.1, tenant=tenant, user="ann", **more))

    async def metrics(self) -> Metrics:
        return (await self.live.snapshot(ACME, EVERYTHING)).metrics


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield Shared(time.monotonic)
        return
    server: RedisServer = request.getfixturevalue("redis")
    async with RedisBus(server.url, prefix=f"test-{request.node.name}") as opened:
        yield opened


async def eventually(
    look: Callable[[], Awaitable[Metrics]], wanted: Callable[[Metrics], bool]
) -> Metrics:
    """Look until it is as wanted: for what passes with time alone."""
    async with asyncio.timeout(SOON_S):
        while True:
            found = await look()
            if wanted(found):
                return found
            await asyncio.sleep(0.05)


async def next_of(subscription: Subscription, kind: type[Any]) -> Message:
    async with asyncio.timeout(SOON_S):
        while True:
            message = await subscription.take(SOON_S)
            if message is not None and isinstance(message.told, kind):
                return message


# ---- sums ---------------------------------------------------------------------------------------


async def test_every_replica_tells_the_sum_of_all(bus: Bus) -> None:
    one, two = Replica(bus, "one"), Replica(bus, "two", NOW - timedelta(hours=1))
    one.ask()
    two.ask()
    two.ask()
    two.counts.model_ended(EndedModelCall("openai:a", 1.0, 0.5, None))
    await one.live.publish()
    await two.live.publish()
    for replica in (one, two):
        found = await replica.live.snapshot(ACME, EVERYTHING)
        metrics = found.metrics
        assert (metrics.total_requests, metrics.replicas, metrics.running_turns) == (3, 2, 2)
        assert metrics.since == NOW - timedelta(hours=1)
        assert metrics.prewarm_s == 0.25
        assert not metrics.degraded
        assert [(one.model, one.request_count) for one in found.models] == [("openai:a", 1)]
        assert len(found.requests) == 3
        assert [one.name for one in found.health.replicas] == ["one", "two"]
        assert found.health.queue_size == 2


async def test_what_was_not_told_yet_counts_where_it_happened(bus: Bus) -> None:
    one, two = Replica(bus, "one"), Replica(bus, "two")
    for replica in (one, two):
        await replica.live.publish()
    one.ask()
    assert (await one.metrics()).total_requests == 1
    assert (await two.metrics()).total_requests == 0
    await one.live.publish()
    assert (await one.metrics()).total_requests == 1
    assert (await two.metrics()).total_requests == 1


async def test_totals_survive_their_replica_which_drops_out_of_all_else(bus: Bus) -> None:
    one = Replica(bus, "one")
    two = Replica(bus, "two", NOW - timedelta(hours=1))
    async with two.live.publishing():
        two.ask()
    await one.live.publish()
    again = Replica(bus, "two-again")
    again.ask()
    await again.live.publish()
    found = await one.metrics()
    assert (found.total_requests, found.replicas) == (2, 2)
    assert found.since == NOW - timedelta(hours=1)


async def test_a_replica_that_says_nothing_more_drops_out(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhanced_prompt_service.metrics.live.STALE_S", 0.2)
    one, two = Replica(bus, "one"), Replica(bus, "two")
    two.ask()
    await two.live.publish()
    assert (await one.metrics()).replicas == 2
    await eventually(lambda: one.metrics(), lambda found: found.replicas == 1)
    found = await one.metrics()
    assert (found.total_requests, found.requests_per_second) == (1, 0.0)


async def test_a_ledger_that_was_lost_is_made_again_from_what_each_replica_counted(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhanced_prompt_service.metrics.ledger.KEEP_S", 0.05)
    one, two = Replica(bus, "one"), Replica(bus, "two")
    for replica in (one, two):
        replica.ask()
        await replica.live.publish()
    await asyncio.sleep(0.1)
    monkeypatch.setattr("enhanced_prompt_service.metrics.ledger.KEEP_S", 60.0)
    one.ask()
    for replica in (one, two, one, two):
        await replica.live.publish()
    assert (await one.metrics()).total_requests == 3
    assert (await two.metrics()).total_requests == 3


async def test_the_worst_health_of_another_replica_leaves_the_service_working(bus: Bus) -> None:
    one, two = Replica(bus, "one"), Replica(bus, "two")
    two.health.status = Health.UNHEALTHY
    await two.live.publish()
    found = await one.live.system_health()
    assert found.status is Health.DEGRADED
    assert [replica.status for replica in found.replicas] == [Health.HEALTHY, Health.UNHEALTHY]


# ---- subscriptions ------------------------------------------------------------------------------


async def test_rows_of_all_replicas_are_told_once_as_they_happen(bus: Bus) -> None:
    one, two = Replica(bus, "one"), Replica(bus, "two")
    two.ask(request_id="before")
    await two.live.publish()
    async with one.live.subscribe(ACME, EVERYTHING) as subscription:
        first = await next_of(subscription, Snapshot)
        assert first.sequence == 1
        assert isinstance(first.told, Snapshot)
        assert [row.request_id for row in first.told.requests] == ["before"]
        one.ask(request_id="own")
        assert (await next_of(subscription, RequestRow)).sequence == 2
        two.ask(request_id="other", reason="INTERNAL")
        await two.live.publish()
        await bus.signal("metrics-rows:acme")
        request = await next_of(subscription, RequestRow)
        error = await next_of(subscription, ErrorRow)
    assert isinstance(request.told, RequestRow)
    assert request.told.request_id == "other"
    assert isinstance(error.told, ErrorRow)
    assert error.told.request_id == "other"


async def test_a_watched_replica_tells_rows_without_waiting_for_its_second(bus: Bus) -> None:
    one, two = Replica(bus, "one"), Replica(bus, "two")
    async with two.live.publishing(), one.live.subscribe(ACME, EVERYTHING) as subscription:
        await next_of(subscription, Snapshot)
        async with asyncio.timeout(SOON_S):  # until the other one knows that somebody watches
            while "acme" not in two.live._watched_elsewhere:  # pyright: ignore[reportPrivateUsage]
                await two.live.publish()
                await asyncio.sleep(0)
        two.ask(request_id="other")
        async with asyncio.timeout(SOON_S):
            while not two.second.is_set():  # it waits for more rows to tell with this one
                two.second.set()
                await asyncio.sleep(0)
        found = await next_of(subscription, RequestRow)
    assert isinstance(found.told, RequestRow)
    assert found.told.request_id == "other"


async def test_rows_that_were_lost_on_the_way_leave_a_gap(bus: Bus) -> None:
    one, two = Replica(bus, "one"), Replica(bus, "two")
    async with one.live.subscribe(ACME, EVERYTHING) as subscription:
        await next_of(subscription, Snapshot)
        for _ in range(130):
            two.ask()
        await two.live.publish()
        await bus.signal("metrics-rows:acme")
        first = await next_of(subscription, RequestRow)
    assert first.sequence == 1 + 30 + 1


async def test_updates_models_and_health_come_by_the_second(bus: Bus) -> None:
    one = Replica(bus, "one")
    async with one.live.subscribe(ACME, EVERYTHING) as subscription:
        await next_of(subscription, Snapshot)
        one.second.set()
        assert (await next_of(subscription, Metrics)).sequence == 2
        one.counts.model_ended(EndedModelCall("openai:a", 1.0, 0.5, None))
        one.health.status = Health.DEGRADED
        one.second.set()
        kinds = [type((await next_of(subscription, object)).told) for _ in range(3)]
        assert kinds == [Metrics, tuple, SystemHealth]
        for second in range(11):
            one.second.set()
            await next_of(subscription, Metrics)
            if second == 9:
                await next_of(subscription, SystemHealth)  # it is told now and then as well


async def test_only_what_was_selected_is_told(bus: Bus) -> None:
    one = Replica(bus, "one")
    wanted = Selection(
        kinds=frozenset({Kind.ERROR, Kind.MODELS}), models=frozenset({"openai:a"}), requests=1
    )
    async with one.live.subscribe(ACME, wanted) as subscription:
        await next_of(subscription, Snapshot)
        one.ask(reason="INTERNAL")  # no model answered it
        for name in ("openai:b", "openai:a"):
            one.counts.model_ended(EndedModelCall(name, 1.0, None, None))
        one.second.set()
        found = await next_of(subscription, object)
    assert isinstance(found.told, tuple)
    assert ([model.model for model in found.told], found.sequence) == (["openai:a"], 2)


async def test_a_slow_reader_misses_the_oldest_and_sees_a_gap(bus: Bus) -> None:
    one = Replica(bus, "one")
    async with one.live.subscribe(ACME, EVERYTHING) as subscription:
        for number in range(BACKLOG + 50):
            one.ask(request_id=str(number))
        found = [await subscription.take(SOON_S) for _ in range(BACKLOG)]
        sequences = [message.sequence for message in found if message is not None]
        assert sequences == list(range(52, BACKLOG + 52))
        assert await subscription.take(0.0) is None


async def test_rows_are_shown_to_their_tenant_and_narrower_lookers_only(bus: Bus) -> None:
    one, two = Replica(bus, "one"), Replica(bus, "two")
    lookers = {
        "acme": ACME,
        "ann": Looker("acme", "ann"),
        "bob": Looker("acme", "bob"),
        "other": Looker("other"),
    }
    for replica in (one, two):
        replica.ask(tenant="acme", reason="INTERNAL")
        replica.ask(tenant="")  # nobody knows who called
        await replica.live.publish()
    found = {name: await one.live.snapshot(looker, EVERYTHING) for name, looker in lookers.items()}
    seen = {name: (len(one.requests), len(one.errors)) for name, one in found.items()}
    assert seen == {"acme": (2, 2), "ann": (2, 2), "bob": (0, 0), "other": (0, 0)}
    assert {one.metrics.total_requests for one in found.values()} == {4}  # totals are the service's
    async with one.live.subscribe(lookers["bob"], EVERYTHING) as subscription:
        await next_of(subscription, Snapshot)
        one.ask()
        two.ask()
        await two.live.publish()
        await bus.signal("metrics-rows:acme")
        one.second.set()
        assert isinstance((await next_of(subscription, object)).told, Metrics)


async def test_nothing_runs_when_the_last_reader_has_gone(bus: Bus) -> None:
    one = Replica(bus, "one")

    def running() -> list[str]:
        return sorted(
            task.get_name()
            for task in asyncio.all_tasks()
            if task.get_name().startswith("metrics") and not task.done()
        )

    async with one.live.subscribe(ACME, EVERYTHING), one.live.subscribe(ACME, EVERYTHING):
        assert running() == ["metrics follower", "metrics watcher"]
    assert running() == []


# ---- without a bus ------------------------------------------------------------------------------


@pytest.mark.redis
async def test_without_redis_the_numbers_are_local_and_say_so_until_it_is_back() -> None:
    with redis_server() as server:
        async with RedisBus(server.url, timeout_s=0.3) as bus:
            one, two = Replica(bus, "one"), Replica(bus, "two")
            for replica in (one, two):
                replica.ask()
                await replica.live.publish()
            server.stop()
            one.ask()
            with pytest.raises(Unavailable):
                await one.live.publish()
            alone = await one.metrics()
            assert (alone.total_requests, alone.replicas, alone.degraded) == (2, 1, True)
            server.start()
            async with bus.listen("any") as listener:  # is woken when the bus is back
                while not bus.up:
                    await listener.wait(SOON_S)
            for replica in (one, two, one, two):
                await replica.live.publish()
            back = await one.metrics()
            assert (back.total_requests, back.replicas, back.degraded) == (3, 2, False)


async def test_a_process_alone_is_not_degraded_and_tells_nobody() -> None:
    class Silent(MemoryBus):
        async def pin(self, board: str, name: str, value: bytes, ttl_s: float) -> None:
            raise AssertionError("nobody reads it")

    one = Replica(Silent(time.monotonic), "one")
    one.ask()
    await one.live.publish()
    found = await one.metrics()
    assert (found.total_requests, found.replicas, found.degraded) == (1, 1, False)
