"""Two workers, on SQLite in every run and on PostgreSQL as well in the full-size ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.support.redis import RedisServer, redis_server
from tests.support.require import scaled
from tests.support.workers import Worker, workers

# The server side is one code: what differs is the database, and starting a second one is slow.
_DATABASES = ["sqlite"]
if scaled(100) >= 100:
    _DATABASES.append(pytest.param("postgresql", marks=pytest.mark.postgres))

StartPair = Callable[..., AbstractAsyncContextManager[tuple[Worker, ...]]]


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A real Redis for the whole run."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=_DATABASES)
def shared_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database that several processes may open."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'eps.db'}"
        return
    server = request.getfixturevalue("postgres")
    name = f"replay_{abs(hash(request.node.name)):x}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def start_pair(tmp_path: Path, shared_database: str, redis: RedisServer) -> StartPair:
    """Starts two workers on this test's database; settings by their full names."""

    def starting(**settings: str) -> AbstractAsyncContextManager[tuple[Worker, ...]]:
        return workers(tmp_path, 2, database_url=shared_database, redis_url=redis.url, **settings)

    return starting


@pytest.fixture
async def pair(start_pair: StartPair) -> AsyncIterator[tuple[Worker, ...]]:
    """Two running workers."""
    async with start_pair() as started:
        yield started
