"""One reader and a ring for all subscribers of a process; each goes at its own pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from enhanced_prompt_service.bus import MemoryBus
from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.identity import Caller, Role
from enhanced_prompt_service.domain.insights import (
    InsightFilter,
    LogEnds,
    LogPart,
    Revision,
    Severity,
)
from enhanced_prompt_service.insights.feed import (
    BeyondLog,
    Feeds,
    Mark,
    Subscription,
    Taken,
    TooSlow,
    channel,
)
from enhanced_prompt_service.storage import Database, Stores
from enhanced_prompt_service.storage.insight_store import SqlInsightStore
from tests.storage.makers import ME, at
from tests.storage.test_insights import draft

ANY = InsightFilter()
LONG_S = 30.0
SIZE = 100  # bytes of an entry in these tests


class Told:
    """A store that signals a bus, and notes what is read of it."""

    def __init__(self, database: Database) -> None:
        self.bus = MemoryBus(asyncio.get_running_loop().time)
        self.store = SqlInsightStore(database, on_change=lambda t: self.bus.signal(channel(t)))
        self.encoded: list[int] = []
        self.reads: list[int] = []
        self.failures: list[Exception] = []
        self.away = 0

    async def after(self, caller: Caller, position: int, limit: int) -> LogPart:
        self.reads.append(position)
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        return await self.store.after(caller, position, limit)

    async def ends(self, caller: Caller) -> LogEnds:
        return await self.store.ends(caller)

    def encode(self, tenant: str, revision: Revision) -> bytes:
        self.encoded.append(revision.position)
        return tenant.encode().ljust(SIZE)

    def feeds(self, ring_bytes: int = 1_000_000) -> Feeds:
        log: Any = self
        return Feeds(log, self.bus, self.encode, report=self.failures.append, ring_bytes=ring_bytes)

    async def publish(self, *keys: str, caller: Caller = ME, **fields: Any) -> None:
        for key in keys:
            await self.store.publish(caller, draft(key, **fields), now=at(0))


@pytest.fixture
async def told(stores: Stores) -> Told:
    return Told(stores.database)


@asynccontextmanager
async def subscribed(
    feeds: Feeds, position: int | None = None, chosen: InsightFilter = ANY, **more: Any
) -> AsyncIterator[Subscription]:
    async with feeds.subscribe(ME, position, chosen, **more) as subscription:
        yield subscription


async def taken(subscription: Subscription, count: int) -> list[int]:
    """Positions of the next entries; CAUGHT_UP stands as 0."""
    found: list[int] = []
    while len(found) < count:
        entry = await subscription.take(LONG_S)
        assert entry is not Mark.IDLE
        found.append(entry.revision.position if isinstance(entry, Taken) else 0)
    return found


async def test_what_is_published_comes_to_everybody_from_one_serialisation(told: Told) -> None:
    feeds = told.feeds()
    async with subscribed(feeds) as one, subscribed(feeds) as other:
        assert await taken(one, 1) == await taken(other, 1) == [0]
        await told.publish("a", "b", "c")
        assert await taken(one, 3) == await taken(other, 3) == [1, 2, 3]
    assert told.encoded == [1, 2, 3]


async def test_history_ends_with_a_mark_before_what_is_younger(told: Told) -> None:
    await told.publish("a", "b")
    feeds = told.feeds()
    async with subscribed(feeds, 0) as one:
        await told.publish("c")
        assert await taken(one, 4) == [1, 2, 0, 3]


async def test_history_that_a_filter_leaves_out_is_caught_up_too(told: Told) -> None:
    await told.publish("a", "b")
    async with subscribed(told.feeds(), 0, InsightFilter(min_severity=Severity.HIGH)) as one:
        assert await taken(one, 1) == [0]
        assert one.position == 2
        await told.publish("c")
        await told.publish("d", severity=Severity.HIGH)
        assert await taken(one, 1) == [4]


async def test_an_idle_subscriber_moves_on_past_what_it_does_not_want(told: Told) -> None:
    feeds = told.feeds()
    async with (
        subscribed(feeds, chosen=InsightFilter(min_severity=Severity.CRITICAL)) as one,
        subscribed(feeds) as other,
    ):
        await taken(one, 1)
        await told.publish("a")
        assert await taken(other, 2) == [0, 1]
        assert await one.take(0) is Mark.IDLE
        assert one.position == 1


async def test_first_appearances_leave_out_what_comes_later(told: Told) -> None:
    await told.publish("a")
    await told.publish("a", severity=Severity.HIGH)
    async with subscribed(told.feeds(), 0, first=True) as one:
        assert await taken(one, 2) == [1, 0]
        await told.publish("a", severity=Severity.CRITICAL)
        await told.publish("b")
        assert await taken(one, 1) == [4]


async def test_one_that_falls_out_of_the_ring_reads_on_from_the_store(told: Told) -> None:
    feeds = told.feeds(ring_bytes=3 * SIZE)
    async with subscribed(feeds) as slow, subscribed(feeds) as quick:
        await taken(slow, 1)
        await taken(quick, 1)
        for number in range(20):
            await told.publish(f"k{number}")
            assert await taken(quick, 1) == [number + 1]
        assert len(told.encoded) == 20
        assert await taken(slow, 20) == list(range(1, 21))
        await told.publish("new")
        assert await taken(slow, 1) == await taken(quick, 1) == [21]


async def test_a_subscriber_far_behind_goes_on_in_the_ring_when_it_is_back(told: Told) -> None:
    await told.publish(*(f"k{number}" for number in range(150)))
    feeds = told.feeds()
    async with subscribed(feeds, 0) as one:
        assert await taken(one, 151) == [*range(1, 151), 0]
        reads = len(told.reads)
        await told.publish("a", "b")
        assert await taken(one, 2) == [151, 152]
        assert all(position >= 150 for position in told.reads[reads:])  # the reader's own


async def test_who_fell_behind_what_is_kept_is_told_where_it_was(
    told: Told, stores: Stores
) -> None:
    feeds = told.feeds(ring_bytes=SIZE)
    async with subscribed(feeds) as slow, subscribed(feeds) as quick:
        await taken(slow, 1)
        await told.publish("a", "b", "c")
        assert await taken(quick, 4) == [0, 1, 2, 3]
        await stores.retention.remove_old(
            conversations_before=None,
            events_before=None,
            now=at(0),
            most=100,
            insights_before=at(1),
        )
        with pytest.raises(TooSlow) as refused:
            await slow.take(LONG_S)
        assert refused.value.position == 0


async def test_places_outside_of_the_log_are_refused(told: Told, stores: Stores) -> None:
    await told.publish("a", "b")
    await stores.retention.remove_old(
        conversations_before=None, events_before=None, now=at(0), most=1, insights_before=at(1)
    )
    feeds = told.feeds()
    for position in (0, 3):
        with pytest.raises(BeyondLog) as refused:
            async with subscribed(feeds, position):
                pass
        assert refused.value.ends == LogEnds(1, 2)
    assert feeds.subscribers == 0


async def test_tenants_have_feeds_of_their_own(told: Told) -> None:
    feeds = told.feeds()
    async with (
        subscribed(feeds) as mine,
        feeds.subscribe(Caller("other"), None, ANY) as theirs,
    ):
        await taken(mine, 1)
        await taken(theirs, 1)
        await told.publish("a", caller=Caller("other"))
        await told.publish("b", "c")
        assert await taken(mine, 2) == [1, 2]
        assert await taken(theirs, 1) == [1]
        assert await theirs.take(0) is Mark.IDLE


async def test_who_may_see_some_cameras_is_told_of_them_alone(told: Told) -> None:
    feeds = told.feeds(ring_bytes=2 * SIZE)
    viewer = Caller(ME.tenant, "vic", role=Role.VIEWER, cameras=frozenset({"G1"}))
    await told.publish("a", "b", "c")
    await told.publish("d", cameras=("G2",))
    await told.publish("e", cameras=("G1", "G2"))
    await told.publish("f", cameras=())
    async with feeds.subscribe(viewer, 0, ANY) as one:
        assert await taken(one, 4) == [1, 2, 3, 0]
        await told.publish("g", cameras=("G2",))
        await told.publish("h")
        assert await taken(one, 1) == [8]


async def test_a_nudge_ends_the_waiting_once(told: Told) -> None:
    async with subscribed(told.feeds()) as one:
        await taken(one, 1)
        waiting = asyncio.create_task(one.take(LONG_S))
        await asyncio.sleep(0)
        one.nudge()
        assert await waiting is Mark.IDLE
        await told.publish("a")
        assert await taken(one, 1) == [1]


async def test_waiting_ends_in_time_whatever_was_waited_for_before(told: Told) -> None:
    async with subscribed(told.feeds()) as one:
        await taken(one, 1)
        await told.publish("a")
        assert await taken(one, 1) == [1]  # with a long time to wait
        assert await one.take(0.01) is Mark.IDLE
        assert await one.take(0.01) is Mark.IDLE


async def test_a_store_that_is_away_ends_no_subscription(told: Told) -> None:
    async with subscribed(told.feeds()) as one:
        await taken(one, 1)
        told.away = 1
        await told.publish("a")
        assert await taken(one, 1) == [1]
    assert [type(one) for one in told.failures] == [Unavailable]


async def test_nobody_reads_once_the_last_subscriber_has_left(told: Told) -> None:
    feeds = told.feeds()
    async with subscribed(feeds) as one:
        await taken(one, 1)
        assert feeds.subscribers == 1
    assert feeds.subscribers == 0
    reads = len(told.reads)
    await told.publish("a")
    assert len(told.reads) == reads
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("insights of")]
