"""What a driver's error means: try again, the database is away, or a mistake of ours."""

from __future__ import annotations

import asyncio
import sqlite3
from enum import Enum

from sqlalchemy import exc

from ..domain.errors import Unavailable

# SQLite's primary result codes: busy, locked, no memory, read-only, interrupted, I/O, corrupt,
# full, cannot open, protocol, not a database.
_SQLITE_AWAY = frozenset({5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26})
# PostgreSQL: serialization failure, deadlock, and a unique key that somebody else took just now.
_AGAIN = frozenset({"40001", "40P01", "23505"})
# Connection, wrong password, no such database, out of resources, stopping or starting, disk.
_AWAY = ("08", "28", "3D", "53", "57P", "58")


class Failure(Enum):
    """What to do about an error."""

    AGAIN = "the transaction lost against another one: run it again"
    BROKEN = "the connection was lost: nothing was committed unless the commit was under way"
    AWAY = "the database cannot be reached or used now"
    BUG = "ours"


class RunAgain(Exception):
    """Another transaction came first: run this one again, it will see the other's rows."""


class DatabaseClosed(Exception):
    """Work came after `Database.close()`."""


def classify(error: BaseException) -> Failure:
    """The kind of failure behind what SQLAlchemy, a driver or the network raised."""
    if isinstance(error, RunAgain):
        return Failure.AGAIN
    if isinstance(error, (DatabaseClosed, exc.TimeoutError)):
        return Failure.AWAY
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated:
            return Failure.BROKEN
        return _of_driver(error.orig)
    if isinstance(error, sqlite3.Error):
        return _of_driver(error)
    if isinstance(error, (OSError, asyncio.TimeoutError)):
        return Failure.AWAY
    state = getattr(error, "sqlstate", None)
    return _of_state(state) if isinstance(state, str) else Failure.BUG


def _of_driver(error: BaseException | None) -> Failure:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return Failure.AWAY if code is not None and code & 0xFF in _SQLITE_AWAY else Failure.BUG
    if isinstance(error, (OSError, asyncio.TimeoutError)):
        return Failure.AWAY
    state = getattr(error, "sqlstate", None)
    return _of_state(state) if isinstance(state, str) else Failure.BUG


def _of_state(state: str) -> Failure:
    if state in _AGAIN:
        return Failure.AGAIN
    return Failure.AWAY if state.startswith(_AWAY) else Failure.BUG


def unavailable() -> Unavailable:
    """What callers see of it; the cause stays in the chain."""
    return Unavailable("storage is not available now", retry_after_s=1.0)
