"""Ten publishers, twenty subscribers with random cuts, servers killed: nobody misses an entry.

In the process, over TCP, and through two processes on PostgreSQL and Redis that are killed and
started again. Positions from a plain sequence make the same test fail.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt import AsyncClient, ClientOptions, PublishInsightRequest, Retry
from enhanced_prompt.errors import EnhancedPromptError
from enhanced_prompt.v1.common_pb2 import TimeRange
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.bus import MemoryBus
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import InsightDraft, InsightFilter, Revision
from enhanced_prompt_service.insights.feed import Feeds, Taken, channel
from enhanced_prompt_service.rpc.convert.insights import SEVERITIES, TYPES
from enhanced_prompt_service.rpc.convert.times import timestamp
from enhanced_prompt_service.storage import Database, Stores, open_stores
from enhanced_prompt_service.storage.insight_store import SqlInsightStore
from tests.bench.agents import NodeAgent
from tests.support.insights import make_sequence, sequence_instead_of_counter
from tests.support.redis import redis_server
from tests.support.require import scaled
from tests.support.workers import Worker, workers

from .readers import END, Cut, Missed, Progress, Told, Wanted, check, converse

pytestmark = pytest.mark.soak
ME = Caller()
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
EACH = scaled(200, least=15)  # drafts of each publisher
PATIENT = ClientOptions(
    retry=Retry(attempts=1000, first=0.02, longest=0.2),
    reattach=Retry(attempts=1, first=0.02, longest=0.2),
)


@pytest.fixture
def seed() -> int:
    """Everything random of a test follows from it; a failure says it."""
    return random.randrange(2**32)


async def whole_log(stores: Stores) -> list[Revision]:
    found: list[Revision] = []
    while part := (await stores.insights.after(ME, found[-1].position if found else 0, 500)):
        if not part.revisions:
            return found
        found += part.revisions
    raise AssertionError


# ---- in the process -----------------------------------------------------------------------------


class InProcess:
    """Feeds over a store. A ring of few entries sends many readers to the store."""

    def __init__(self, database: Database, ring_bytes: int) -> None:
        bus = MemoryBus(asyncio.get_running_loop().time)
        self.store = SqlInsightStore(database, on_change=lambda t: bus.signal(channel(t)))
        self.feeds = Feeds(
            self.store, bus, lambda *_: b"x" * 100, report=_raise, ring_bytes=ring_bytes
        )

    async def attach(self, wanted: Wanted, token: str) -> AsyncGenerator[Told, None]:
        chosen = InsightFilter(min_severity=wanted.min_severity)
        async with self.feeds.subscribe(
            ME, int(token or "0"), chosen, first=wanted.first
        ) as subscription:
            while True:
                taken = await subscription.take(1.0)
                if isinstance(taken, Taken):
                    one = taken.revision
                    key = one.insight.content.dedupe_key
                    yield Told(one.position, key, one.insight.revision, str(one.position))

    async def publish(self, draft: InsightDraft, request_id: str) -> None:
        await self.store.publish(ME, draft, now=datetime.now(UTC))


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("ring_bytes", [500, 1_000_000], ids=["small ring", "large ring"])
async def test_nobody_misses_an_entry_in_the_process(
    stores: Stores, ring_bytes: int, seed: int
) -> None:
    parts = InProcess(stores.database, ring_bytes)
    readers = await converse(parts.attach, parts.publish, each=EACH, seed=seed)
    check(await whole_log(stores), readers)
    assert sum(one.cuts for one in readers) >= 20
    assert any(one.told > len(one.committed) for one in readers)


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_positions_from_a_plain_sequence_would_be_noticed(
    stores: Stores, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_sequence(stores.database)
    sequence_instead_of_counter(monkeypatch)
    parts = InProcess(stores.database, 1_000_000)
    readers = await converse(parts.attach, parts.publish, each=EACH, seed=seed)
    with pytest.raises(Missed, match="missed"):
        check(await whole_log(stores), readers)


# ---- through servers ----------------------------------------------------------------------------


class Served:
    """Clients of one or more servers; each stream and each call goes to any of them."""

    def __init__(self, addresses: Callable[[], list[str]], rng: random.Random) -> None:
        self._addresses = addresses
        self._rng = rng

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncClient]:
        async with AsyncClient(self._rng.choice(self._addresses()), options=PATIENT) as client:
            yield client

    async def attach(self, wanted: Wanted, token: str) -> AsyncGenerator[Told, None]:
        start: dict[str, Any] = {"resume_token": token} if token else {"since": LONG_AGO}
        async with self.client() as client:
            stream = client.insights(
                min_severity=wanted.min_severity.word,  # pyright: ignore[reportArgumentType]
                first_only=wanted.first,
                **start,
            )
            try:
                async with aclosing(stream):  # pyright: ignore
                    async for one in stream:
                        yield Told(
                            one.position,
                            one.insight.dedupe_key,
                            one.insight.revision,
                            one.resume_token,
                        )
            except EnhancedPromptError as error:
                if not error.retryable:
                    raise
                raise Cut from error

    async def publish(self, draft: InsightDraft, request_id: str) -> None:
        assert draft.expires_at is not None
        request = PublishInsightRequest(
            insight_type=TYPES[draft.type],
            severity=SEVERITIES[draft.severity],
            title=draft.title,
            message=draft.message,
            window=TimeRange(
                start_time=timestamp(draft.window.start), end_time=timestamp(draft.window.end)
            ),
            dedupe_key=draft.dedupe_key,
            affected_cameras=draft.cameras,
            expires_at=timestamp(draft.expires_at),
            request_id=request_id,
        )
        async with self.client() as client:
            await client.publish_insight(request)


async def test_nobody_misses_an_entry_over_tcp(tmp_path: Path, seed: int) -> None:
    async with create_app(
        Settings(home=tmp_path, port=0, drain_s=0, insight_ring_bytes=64 * 1024),
        make_agent=lambda stores, settings: NodeAgent(),
    ) as app:
        served = Served(lambda: [app.address], random.Random(seed))
        readers = await converse(served.attach, served.publish, each=EACH, seed=seed)
        check(await whole_log(app.stores), readers)
        assert sum(one.cuts for one in readers) >= 20


async def killed(pair: tuple[Worker, ...], progress: Progress, total: int, times: int) -> None:
    """Kill the workers by turns as publishing goes on; each comes back on its own port."""
    for number in range(times):
        await progress.reached((number + 1) * total // (times + 2))
        worker = pair[number % len(pair)]
        worker.kill()
        await worker.gone()
        await worker.start()


@asynccontextmanager
async def two_workers(folder: Path, url: str, **more: str) -> AsyncIterator[tuple[Worker, ...]]:
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server())
        yield await stack.enter_async_context(
            workers(folder, 2, database_url=url, redis_url=redis.url, **more)
        )


@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_nobody_misses_an_entry_while_workers_are_killed(
    tmp_path: Path, database: Database, database_url: str, seed: int
) -> None:
    stores = await open_stores(database)
    async with two_workers(tmp_path, database_url) as pair:
        served = Served(lambda: [one.address for one in pair], random.Random(seed))

        async def disturb(progress: Progress) -> None:
            await killed(pair, progress, EACH * 10, times=scaled(20, least=3))

        readers = await converse(
            served.attach, served.publish, each=EACH, seed=seed, meanwhile=disturb
        )
    log = await whole_log(stores)
    check(log, readers)
    assert log[-1].insight.content.dedupe_key == END
    assert sum(one.kills for one in pair) >= 3


@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_workers_with_a_plain_sequence_would_be_noticed(
    tmp_path: Path, database: Database, database_url: str, seed: int
) -> None:
    stores = await open_stores(database)
    await make_sequence(database)
    async with two_workers(tmp_path, database_url, module="tests.support.insights") as pair:
        served = Served(lambda: [one.address for one in pair], random.Random(seed))
        readers = await converse(served.attach, served.publish, each=EACH, seed=seed)
    with pytest.raises(Missed, match="missed"):
        check(await whole_log(stores), readers)
