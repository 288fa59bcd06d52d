"""Transactions: kept or undone as a whole, one at a time, and honest when the database is away."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.domain.events import Ingested, Selection
from enhanced_prompt_service.storage import Database, Stores, open_stores
from enhanced_prompt_service.storage.failures import RunAgain
from enhanced_prompt_service.storage.session import Session
from enhanced_prompt_service.storage.tables import secrets
from tests.support.postgres import PostgresServer, free_port

from .makers import ME, begin, event


def _add(name: str) -> Callable[[Session], None]:
    def work(session: Session) -> None:
        session.execute(secrets.insert().values(name=name, value=b""))

    return work


def _names(session: Session) -> set[str]:
    return set(session.execute(select(secrets.c.name)).scalars())


async def test_what_a_failing_transaction_wrote_is_undone(database: Database) -> None:
    def fail(session: Session) -> None:
        _add("lost")(session)
        raise ZeroDivisionError

    before = await database.read(_names)
    with pytest.raises(ZeroDivisionError):
        await database.write(fail)
    assert await database.read(_names) == before
    await database.write(_add("kept"))
    assert await database.read(_names) == before | {"kept"}


async def test_a_read_cannot_write(database: Database) -> None:
    before = await database.read(_names)
    with pytest.raises((Unavailable, DBAPIError)):
        await database.read(_add("no"))
    assert await database.read(_names) == before


async def test_a_transaction_that_lost_against_another_runs_again(database: Database) -> None:
    runs: list[int] = []

    def work(session: Session) -> int:
        _add("once")(session)
        runs.append(1)
        if len(runs) < 3:
            raise RunAgain
        return len(runs)

    assert await database.write(work) == 3
    assert "once" in await database.read(_names)


async def test_a_conflict_that_stays_ends_as_unavailable(database: Database) -> None:
    def work(session: Session) -> None:
        raise RunAgain

    with pytest.raises(Unavailable):
        await database.write(work)


async def test_a_key_that_is_taken_stays_an_error(database: Database) -> None:
    await database.write(_add("same"))
    with pytest.raises(IntegrityError):
        await database.write(_add("same"))


async def test_a_closed_database_is_unavailable(database: Database) -> None:
    await database.close()
    await database.close()
    for work in (database.read(_names), database.write(_add("x")), database.ping()):
        with pytest.raises(Unavailable) as caught:
            await work
        assert caught.value.reason is Reason.STORAGE_UNAVAILABLE


async def test_sums_of_concurrent_changes_are_right(database: Database) -> None:
    await database.write(_add("counter"))

    def increase(session: Session) -> None:
        row = secrets.c
        value = session.execute(
            select(row.value).where(row.name == "counter").with_for_update()
        ).scalar_one()
        session.execute(update(secrets).where(row.name == "counter").values(value=value + b"1"))

    await asyncio.gather(*(database.write(increase) for _ in range(40)))
    value = await database.read(
        lambda s: s.execute(select(secrets.c.value).where(secrets.c.name == "counter")).scalar_one()
    )
    assert value == b"1" * 40


async def test_a_cancelled_caller_leaves_the_database_usable(stores: Stores) -> None:
    batch = [event(f"e{number}", number) for number in range(500)]
    tasks = [asyncio.create_task(stores.events.ingest(ME, batch)) for _ in range(6)]
    await asyncio.sleep(0)
    for task in tasks[1:]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in outcomes[1:])
    assert await stores.events.ingest(ME, [event("after")]) == [Ingested.CREATED]
    assert (await stores.events.totals(ME, Selection())).matches == 501


@pytest.mark.parametrize("url", ["mysql://x", "", "sqlite://", "sqlite:///:memory:", "nonsense"])
async def test_an_address_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite"):
        await Database.open(url)


async def test_the_other_spelling_of_a_sqlite_address_works(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'eps.db'}")
    assert database.dialect == "sqlite"
    await database.migrate()
    await database.close()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "eps.db"
    path.write_text("this is not a database, and long enough to be looked at" * 20)
    with pytest.raises(Unavailable):
        await Database.open(f"sqlite:///{path}")
    with pytest.raises(Unavailable):
        await Database.open(f"sqlite:///{tmp_path}")


async def test_sqlite_writes_wait_for_another_process_and_reads_do_not(tmp_path: Path) -> None:
    path = tmp_path / "eps.db"
    database = await Database.open(f"sqlite:///{path}")
    await database.migrate()
    stores = await open_stores(database)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(stores.events.ingest(ME, [event("a")]))
    assert (await stores.events.totals(ME, Selection())).matches == 0
    assert not writing.done()
    other.execute("COMMIT")
    assert await writing == [Ingested.CREATED]
    other.close()
    await database.close()


async def test_a_running_write_ends_before_the_database_closes(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'eps.db'}")
    await database.migrate()
    started, go_on = threading.Event(), threading.Event()

    def work(session: Session) -> None:
        started.set()
        go_on.wait(30)
        _add("kept")(session)

    writing = asyncio.create_task(database.write(work))
    await asyncio.to_thread(started.wait, 30)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(writing, closing)
    again = await Database.open(f"sqlite:///{tmp_path / 'eps.db'}")
    assert "kept" in await again.read(_names)
    await again.close()


async def test_a_postgresql_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable) as caught:
        await Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    assert caught.value.reason is Reason.STORAGE_UNAVAILABLE
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.postgres
async def test_a_database_that_postgresql_does_not_have_is_unavailable(
    postgres: PostgresServer,
) -> None:
    with pytest.raises(Unavailable):
        await Database.open(postgres.url("nothing"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgres
async def test_connections_that_postgresql_dropped_are_replaced(
    postgres: PostgresServer, database: Database, stores: Stores
) -> None:
    await stores.events.ingest(ME, [event("a")])
    await asyncio.gather(*(stores.events.totals(ME, Selection()) for _ in range(5)))
    drop = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND application_name = 'enhanced_prompt_service'"
    )
    postgres.run(drop)
    assert (await stores.events.totals(ME, Selection())).matches == 1
    postgres.run(drop)
    assert await stores.events.ingest(ME, [event("b")]) == [Ingested.CREATED]
    postgres.run(drop)
    await begin(stores, "t1")

    def die(session: Session) -> None:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        await database.write(die)
    assert (await stores.events.totals(ME, Selection())).matches == 2
