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
from sqlalchemy import select, text

from enhanced_prompt_service.domain.events import Selection
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.storage import Database, Stores, migrate, open_stores
from enhanced_prompt_service.storage.session import Session
from enhanced_prompt_service.storage.tables import (
    message_text,
    messages,
    metadata,
    secrets,
    turn_names,
    turns,
)
from tests.support.postgres import PostgresServer

from .makers import ME, at, begin, event, response

# What migrations after the third made.
LATER = (
    "detector_states",
    "standing_questions",
    "consents",
    *("insight_logs", "insights", "insight_names", "insight_revisions", "insight_requests"),
    *("mutes", "subscriptions", "fences"),
    *("outbox", "outbox_destinations"),
)


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
                    kind != "table"
                    or not str(name).startswith(("event_text", "message_text", "template_text"))
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
        by_name = select(secrets.c.value).order_by(secrets.c.name)
        keys = {
            tuple(await one.read(lambda session: session.execute(by_name).scalars().all()))
            for one in databases
        }
        assert len(keys) == 1
    finally:
        for one in databases:
            await one.close()


async def test_turns_of_earlier_tables_come_into_the_history(stores: Stores) -> None:
    """The third migration fills its tables as turns that end after it do."""
    turn = await begin(stores, "t1", query="how many caf\u00e9s \x00 \ud800?")
    await stores.turns.finish(
        ME,
        turn_id="t1",
        attempt=1,
        state=TurnState.COMPLETED,
        now=at(1),
        response=response(turn, "3 people walked."),
    )
    await begin(stores, "t2", conversation_id="other")

    def kept(session: Session) -> list[object]:
        columns = (turns.c.response_type, turns.c.confidence, turns.c.processing_ms)
        rows = session.execute(
            select(turns.c.turn_id, *columns, turns.c.evidence_count).order_by(turns.c.turn_id)
        ).all()
        names = session.execute(select(turn_names).order_by(*turn_names.c)).all()
        said = session.execute(
            select(messages.c.turn_id, messages.c.role, messages.c.written_us, message_text.c.words)
            .join_from(messages, message_text, messages.c.id == message_text.c.rowid)
            .order_by(messages.c.role)
        ).all()
        return [[*map(tuple, part)] for part in (rows, names, said)]

    def back(session: Session) -> None:
        # In the migration's own words: what it made goes, the rows stay.
        for name in ("messages", "message_text", "turn_names"):
            session.execute(text(f"DROP TABLE {name}"))
        for name in ("templates", "template_text", "model_calls"):
            session.execute(text(f"DROP TABLE {name}"))
        for name in ("deleted_conversations", "deleted_requests"):
            session.execute(text(f"DROP TABLE {name}"))
        for name in ("api_keys", "audit_log"):  # of later migrations
            session.execute(text(f"DROP TABLE {name}"))
        for name in (
            *("turns_ended", "turns_tenant_ended"),
            *("conversations_order", "conversations_age"),
        ):
            session.execute(text(f"DROP INDEX {name}"))
        for name in ("response_type", "confidence", "processing_ms", "evidence_count"):
            session.execute(text(f"ALTER TABLE turns DROP COLUMN {name}"))
        for name in LATER:
            session.execute(text(f"DROP TABLE {name}"))
        session.execute(text("UPDATE alembic_version SET version_num = '0002'"))

    before = await stores.database.read(kept)
    assert len(before) == 3
    assert all(before)
    await stores.database.write(back)
    await stores.database.migrate()
    assert await stores.database.read(kept) == before


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
