"""One database: opening it, transactions in it, closing it.

    database = await Database.open("sqlite:///./.eps/eps.db")
    await database.migrate()
    rows = await database.read(lambda session: session.execute(...).all())

A transaction's work is a plain function of a `Session`. It may run more than once (after a
deadlock, say), so it must not change anything but the database.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from . import migrate
from .failures import DatabaseClosed, Failure, classify, unavailable
from .session import Prepared, Session

T = TypeVar("T")
Work = Callable[[Session], T]
Noted = Callable[[bool], None]

_ATTEMPTS = 5


class Backend(Protocol):
    """How one kind of database runs work."""

    dialect: str

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work on one snapshot; nothing it writes stays."""
        ...

    async def write(self, work: Callable[[Connection], T], committing: Callable[[], None]) -> T:
        """Run work and commit; `committing` is called when the outcome begins to be open."""
        ...

    async def exclusively(self, work: Callable[[Connection], None]) -> None:
        """Run work while no other process does so: migrations."""
        ...

    async def close(self) -> None:
        """Wait for what runs, then let go of every connection."""
        ...


class Database:
    """Transactions on SQLite or PostgreSQL. Raises `Unavailable` whenever it is away.

    `noted` hears after each transaction whether the database was there.
    """

    def __init__(self, backend: Backend, noted: Noted = lambda up: None) -> None:
        self._backend = backend
        self._noted = noted
        self._closed = False
        self._prepared = Prepared()

    @classmethod
    async def open(cls, url: str, noted: Noted = lambda up: None) -> Database:
        """Open `sqlite:///path`, `sqlite+aiosqlite:///path` or `postgresql://…`, and look at it.

        A SQLite file and its folder are made where they are missing. Raises ValueError for other
        addresses, Unavailable when the database cannot be reached.
        """
        scheme = url.partition(":")[0].partition("+")[0]
        if scheme == "sqlite":
            from .sqlite import SqliteBackend

            backend: Backend = SqliteBackend(url)
        elif scheme in ("postgresql", "postgres"):
            from .postgres import PostgresBackend

            backend = PostgresBackend(url)
        else:
            raise ValueError("the database's address begins with sqlite: or postgresql:")
        database = cls(backend, noted)
        try:
            await database.ping()
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._backend.dialect

    async def ping(self) -> None:
        """Raises Unavailable when the database does not answer."""
        await self.read(lambda session: session.execute(select(1)).scalar_one())

    async def migrate(self) -> None:
        """Bring the tables up to date, alone among all processes; quick when they are."""
        if not await self.read(lambda session: migrate.up_to_date(session.connection)):
            try:
                await self._backend.exclusively(migrate.upgrade)
            except Exception as error:
                if classify(error) is Failure.BUG:
                    raise
                raise unavailable() from error

    async def close(self) -> None:
        """Wait for transactions that run, then close. Later work raises Unavailable."""
        if not self._closed:
            self._closed = True
            await self._backend.close()

    async def read(self, work: Work[T]) -> T:
        """Run work on one snapshot of the database."""
        for attempt in range(_ATTEMPTS):
            try:
                self._check_open()
                found = await self._backend.read(self._within(work))
            except Exception as error:
                failure = self._classified(error)
                if failure is Failure.BUG:
                    raise
                # A pooled connection that the server closed long ago shows only now.
                again = failure is Failure.AGAIN or (failure is Failure.BROKEN and attempt == 0)
                if not again or attempt == _ATTEMPTS - 1:
                    raise unavailable() from error
                await _pause(attempt)
            else:
                self._noted(True)
                return found
        raise AssertionError

    async def write(self, work: Work[T]) -> T:
        """Run work in a transaction of its own and commit it.

        Conflicts with other transactions run it again. So does a connection lost before the
        commit; one lost during it raises Unavailable, and nobody knows whether it was stored.
        """
        for attempt in range(_ATTEMPTS):
            committing = False

            def commit_begins() -> None:
                nonlocal committing
                committing = True

            try:
                self._check_open()
                found = await self._backend.write(self._within(work), commit_begins)
            except Exception as error:
                failure = self._classified(error)
                last = attempt == _ATTEMPTS - 1
                broken = failure is Failure.BROKEN and attempt == 0 and not committing
                if failure is Failure.BUG or (last and isinstance(error, IntegrityError)):
                    raise
                if last or not (failure is Failure.AGAIN or broken):
                    raise unavailable() from error
                await _pause(attempt)
            else:
                self._noted(True)
                return found
        raise AssertionError

    def _classified(self, error: Exception) -> Failure:
        failure = classify(error)
        lost = failure in (Failure.AWAY, Failure.BROKEN)
        if lost and not isinstance(error, DatabaseClosed):
            self._noted(False)
        return failure

    def _within(self, work: Work[T]) -> Callable[[Connection], T]:
        return lambda connection: work(Session(connection, self._prepared))

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseClosed


async def _pause(attempt: int) -> None:
    await asyncio.sleep(random.random() * 0.01 * 2**attempt)
