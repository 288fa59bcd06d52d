"""Migrations: they make the tables that the code speaks of, once, whoever runs them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select

from enhanced_prompt_service.domain.events import Selection
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.storage import Database, migrate, open_stores
from enhanced_prompt_service.storage.session import Session
from enhanced_prompt_service.storage.tables import metadata, secrets
from tests.support.postgres import PostgresServer

from .makers import ME, event


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database in which nothing is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new folder' / 'eps.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"empty_{abs(hash(request.node.nodeid))}"
    yield server.create(name)
    server.drop(name)


def test_the_newest_migration_is_the_one_that_start_up_looks_for() -> None:
    config = Config()
    folder = Path(migrate.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


async def test_migrations_make_the_tables_that_the_code_speaks_of(database: Database) -> None:
    def differences(session: Session) -> list[object]:
        context = MigrationContext.configure(
            session.connection,
            opts={
                "compare_type": True,
                "include_object": lambda _o, name, kind, *_: (
                    kind != "table" or not str(name).startswith("event_text")
                ),
            },
        )
        return list(compare_metadata(context, metadata))

    assert await database.read(differences) == []


async def test_a_new_database_is_migrated_once_however_many_processes_start(
    empty_url: str,
) -> None:
    databases = [await Database.open(empty_url) for _ in range(4)]
    try:
        await asyncio.gather(*(one.migrate() for one in databases))
        keys = {
            await one.read(lambda session: session.execute(select(secrets.c.value)).scalar_one())
            for one in databases
        }
        assert len(keys) == 1
    finally:
        for one in databases:
            await one.close()


async def test_migrating_again_keeps_everything(database_url: str) -> None:
    for number in range(2):
        database = await Database.open(database_url)
        await database.migrate()
        stores = await open_stores(database)
        await stores.events.ingest(ME, [event(f"e{number}")])
        await database.close()
    database = await Database.open(database_url)
    stores = await open_stores(database)
    assert (await stores.events.totals(Caller(), Selection())).matches == 2
    await database.close()


def test_start_up_does_without_alembic_when_the_tables_are_up_to_date(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from enhanced_prompt_service.storage import Database\n"
        "async def main():\n"
        "    database = await Database.open(sys.argv[1])\n"
        "    await database.migrate()\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules, 'asyncpg' in sys.modules)\n"
    )
    url = f"sqlite:///{tmp_path / 'eps.db'}"
    said = [
        subprocess.run(
            [sys.executable, "-c", program, url], check=True, capture_output=True, text=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert said == [["True", "False"], ["False", "False"]]
