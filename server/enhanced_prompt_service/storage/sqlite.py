"""SQLite: one writer connection, a few readers, each in a thread of its own.

A transaction is one hop into a thread, however many statements it has. (An asynchronous driver
hops for every cursor, fetch and close: three short SELECTs took 1.14 ms through aiosqlite and
0.51 ms this way, 0.42 ms of it SQLAlchemy's own.) Waiting writers queue in the order they came.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

_OLDEST = (3, 35)  # RETURNING
_READERS = 4
_BUSY_MS = 10_000
_WRITER_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -65536",  # KiB
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 4000",  # pages of 4 KiB
    "PRAGMA journal_size_limit = 67108864",
)
_READER_PRAGMAS = (
    f"PRAGMA busy_timeout = {_BUSY_MS}",
    "PRAGMA cache_size = -16384",
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA query_only = ON",
)


class SqliteBackend:
    """A SQLite file in WAL mode."""

    dialect = "sqlite"

    def __init__(self, url: str) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            wanted, there = ".".join(map(str, _OLDEST)), sqlite3.sqlite_version
            raise ValueError(f"this Python has SQLite {there}, and {wanted} or newer is needed")
        given = make_url(url)
        if not given.database or given.database == ":memory:":
            raise ValueError("a SQLite database needs a file: sqlite:///path/to/eps.db")
        self._path = Path(given.database)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        clean = URL.create("sqlite+pysqlite", database=str(self._path), query=given.query)
        self._writer = _engine(clean, 1, _WRITER_PRAGMAS, "BEGIN IMMEDIATE")
        self._reader = _engine(clean, _READERS, _READER_PRAGMAS, "BEGIN")
        self._write_thread = ThreadPoolExecutor(1, "eps-sqlite-write")
        self._read_threads = ThreadPoolExecutor(_READERS, "eps-sqlite-read")
        self._wal = False

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work on one snapshot."""
        if not self._wal:
            # The first writer makes the file and turns WAL on, once for all. One process at a
            # time: SQLite does not wait for another one that does the same, whatever its timeout.
            await self.exclusively(lambda _: None)
            self._wal = True
        return await _run(self._read_threads, lambda: self._read(work))

    async def write(self, work: Callable[[Connection], T], committing: Callable[[], None]) -> T:
        """Run work under BEGIN IMMEDIATE and commit."""
        return await _run(self._write_thread, lambda: self._write(work, committing))

    async def exclusively(self, work: Callable[[Connection], None]) -> None:
        """Run work with a lock on a file beside the database."""

        def locked() -> None:
            with _file_lock(self._path.with_name(self._path.name + ".lock")):
                self._write(work, lambda: None)

        await _run(self._write_thread, locked)

    async def close(self) -> None:
        """Let running work end, then close the file; the last one to leave folds the WAL in."""

        def close() -> None:
            self._read_threads.shutdown(wait=True, cancel_futures=True)
            self._write_thread.shutdown(wait=True, cancel_futures=True)
            self._reader.dispose()
            self._writer.dispose()

        await asyncio.get_running_loop().run_in_executor(None, close)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._reader.connect() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T], committing: Callable[[], None]) -> T:
        with self._writer.connect() as connection:
            result = work(connection)
            committing()
            connection.commit()
            return result


async def _run(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    # Cancelled while it waits, work never starts; cancelled while it runs, it runs to its end.
    return await asyncio.get_running_loop().run_in_executor(threads, work)


def _engine(url: URL, size: int, pragmas: tuple[str, ...], begin: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "cached_statements": 512},
    )

    def connect(connection: sqlite3.Connection, record: Any) -> None:
        del record
        connection.isolation_level = None  # transactions begin where we say so
        for pragma in pragmas:
            connection.execute(pragma).close()

    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin_transaction)
    return engine


@contextmanager
def _file_lock(path: Path) -> Generator[IO[bytes]]:
    with path.open("ab") as file:
        try:
            import fcntl
        except ImportError:  # no such lock on this system: BEGIN IMMEDIATE alone has to do
            yield file
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield file
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
