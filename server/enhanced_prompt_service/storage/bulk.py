"""Bulk statements for events, as each database likes them best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, text

from . import dialects
from .session import Session
from .tables import events

COLUMNS = (
    "event_id",
    "kind_id",
    "start_us",
    "end_us",
    "confidence",
    "participants",
    "local_day",
    "local_minute",
    "local_weekday",
    "description",
    "clip_url",
    "snapshot_url",
    "attributes",
    "source",
)

EventRow = tuple[Any, ...]
"""Values of `COLUMNS`, then the event's words."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """The rows that were new, and a condition on `events` that means exactly them."""

    rows: Sequence[EventRow]
    event_ids: frozenset[str]
    condition: ColumnElement[bool]


def insert(session: Session, tenant: str, rows: Sequence[EventRow]) -> Inserted:
    """Insert the events whose ids are not there yet, with their words."""
    if session.sqlite:
        return _sqlite_insert(session, tenant, rows)
    return _postgres_insert(session, tenant, rows)


_SQLITE_INSERT = (
    f"INSERT INTO events (id, tenant, {', '.join(COLUMNS)}) "  # noqa: S608 (names of ours)
    f"VALUES (?, ?{', ?' * len(COLUMNS)}) ON CONFLICT (tenant, event_id) DO NOTHING"
)


def _sqlite_insert(session: Session, tenant: str, rows: Sequence[EventRow]) -> Inserted:
    # The driver's own cursor: SQLAlchemy costs as much an event as the insertion itself.
    first = session.execute(select(func.coalesce(func.max(events.c.id), 0) + 1)).scalar_one()
    numbered = [(number, tenant, *row) for number, row in enumerate(rows, first)]
    condition = events.c.id.between(first, first + len(rows) - 1)
    cursor = session.connection.connection.cursor()
    cursor.executemany(_SQLITE_INSERT, [row[:-1] for row in numbered])
    if cursor.rowcount != len(rows):
        there = set(session.execute(select(events.c.id).where(condition)).scalars())
        numbered = [row for row in numbered if row[0] in there]
    cursor.executemany(
        "INSERT INTO event_text (rowid, words) VALUES (?, ?)",
        [(row[0], row[-1]) for row in numbered],
    )
    cursor.close()
    new = [row[2:] for row in numbered]
    return Inserted(new, frozenset(row[0] for row in new), condition)


_ARRAYS = (
    "text[]",
    "bigint[]",
    "bigint[]",
    "bigint[]",
    "float8[]",
    "bigint[]",
    "integer[]",
    "smallint[]",
    "smallint[]",
    "text[]",
    "text[]",
    "text[]",
    "text[]",
    "text[]",
)
_POSTGRES_INSERT = text(
    f"INSERT INTO events (tenant, {', '.join(COLUMNS)}) "  # noqa: S608 (names of ours)
    "SELECT :tenant, * FROM unnest("
    + ", ".join(f"CAST(:{name} AS {kind})" for name, kind in zip(COLUMNS, _ARRAYS, strict=True))
    + ") ON CONFLICT (tenant, event_id) DO NOTHING RETURNING id, event_id"
)
_POSTGRES_WORDS = text(
    "INSERT INTO event_text (rowid, words) "
    "SELECT number, to_tsvector('english'::regconfig, said) "
    "FROM unnest(CAST(:numbers AS bigint[]), CAST(:texts AS text[])) AS new (number, said) "
    "ON CONFLICT (rowid) DO UPDATE SET words = excluded.words"
)


def _postgres_insert(session: Session, tenant: str, rows: Sequence[EventRow]) -> Inserted:
    columns = zip(*(row[:-1] for row in rows), strict=True)
    parameters: dict[str, Any] = {
        name: list(values) for name, values in zip(COLUMNS, columns, strict=True)
    }
    ids = {
        event_id: number
        for number, event_id in session.execute(_POSTGRES_INSERT, parameters | {"tenant": tenant})
    }
    new = [row for row in rows if row[0] in ids]
    _postgres_words(session, [(ids[row[0]], row[-1]) for row in new])
    return Inserted(new, frozenset(ids), dialects.among(session, events.c.id, list(ids.values())))


def _postgres_words(session: Session, texts: Sequence[tuple[int, str]]) -> None:
    if texts:
        session.execute(
            _POSTGRES_WORDS,
            {"numbers": [one for one, _ in texts], "texts": [said for _, said in texts]},
        )


def replace_text(session: Session, texts: Sequence[tuple[int, str]]) -> None:
    """Give events (by row) other words."""
    if not texts:
        return
    if not session.sqlite:
        _postgres_words(session, texts)
        return
    cursor = session.connection.connection.cursor()
    cursor.executemany(
        "UPDATE event_text SET words = ? WHERE rowid = ?", [(said, row) for row, said in texts]
    )
    cursor.close()
