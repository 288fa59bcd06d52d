"""Real databases for tests: every test that asks for one runs on SQLite and on PostgreSQL.

    async def test_something(stores: Stores) -> None: ...

Each test has a database of its own, migrated: a file for SQLite, a copy of a template for
PostgreSQL, in one server for the whole run. A machine without PostgreSQL skips those tests.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from enhanced_prompt_service.storage import Database, Stores, open_stores

from .postgres import PostgresServer, postgres_server

ZONE = "America/Indiana/Indianapolis"
"""The zone of sites that nobody declared, in these tests."""
_TEMPLATE = "eps_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL server for the whole run; skips where there is none."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a migrated, empty database."""

    async def migrate() -> None:
        database = await Database.open(postgres.create(_TEMPLATE))
        await database.migrate()
        await database.close()

    asyncio.run(migrate())
    return _TEMPLATE


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database for this test alone: SQLite's empty, PostgreSQL's migrated."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'eps.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    template: str = request.getfixturevalue("postgres_template")
    name = f"test_{next(_numbers)}"
    server.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield server.url(name)
    server.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, migrated database."""
    opened = await Database.open(database_url)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
async def stores(database: Database) -> Stores:
    """All stores over this test's database."""
    return await open_stores(database, default_zone=ZONE)
