"""Bulk statements for events, as each database likes them best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, select, text

from . import dialects
from .session import Session, Statement, slot
from .tables import events

COLUMNS = (
    "tenant",
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
_EVENT_ID = COLUMNS.index("event_id")

EventRow = tuple[Any, ...]
"""Values of `COLUMNS`."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """The rows that were new, in their order, and the values of the condition `is_new`."""

    rows: Sequence[EventRow]
    values: Mapping[str, Any]


def insert(session: Session, rows: Sequence[EventRow], texts: Sequence[str]) -> Inserted:
    """Insert the events whose ids are not there yet, with the words of each."""
    if session.sqlite:
        return _sqlite_insert(session, rows, texts)
    return _postgres_insert(session, rows, texts)


def is_new(session: Session) -> ColumnElement[bool]:
    """The condition on `events` that means the rows of an `Inserted`, with its values."""
    if session.sqlite:
        return events.c.id.between(slot("first_new", BigInteger()), slot("last_new", BigInteger()))
    return dialects.among_slot(session, events.c.id, "new_ids", BigInteger())


_SQLITE_INSERT = (
    f"INSERT INTO events ({', '.join(COLUMNS)}) "  # noqa: S608 (names of ours)
    f"VALUES (?{', ?' * (len(COLUMNS) - 1)}) ON CONFLICT (tenant, event_id) DO NOTHING"
)


def _sqlite_insert(session: Session, rows: Sequence[EventRow], texts: Sequence[str]) -> Inserted:
    # The driver's own cursor: SQLAlchemy costs as much an event as the insertion itself.
    # There is one writer, and SQLite numbers on from the largest id: new rows follow each other.
    first = session.run("first new", _first_new, {}).scalar_one()
    cursor = session.connection.connection.cursor()
    cursor.executemany(_SQLITE_INSERT, rows)
    values = {"first_new": first, "last_new": first + len(rows) - 1}
    if cursor.rowcount != len(rows):
        there = set(session.run("new ids", lambda: _new_ids(session), values).scalars())
        both = [pair for pair in zip(rows, texts, strict=True) if pair[0][_EVENT_ID] in there]
        rows, texts = [row for row, _ in both], [text for _, text in both]
    cursor.executemany(
        "INSERT INTO event_text (rowid, words) VALUES (?, ?)", list(enumerate(texts, first))
    )
    cursor.close()
    return Inserted(rows, values)


def _first_new() -> Statement:
    return select(func.coalesce(func.max(events.c.id), 0) + 1)


def _new_ids(session: Session) -> Statement:
    return select(events.c.event_id).where(is_new(session))


_ARRAYS = (
    "text[]",
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
    f"INSERT INTO events ({', '.join(COLUMNS)}) "  # noqa: S608 (names of ours)
    "SELECT * FROM unnest("
    + ", ".join(f"CAST(:{name} AS {kind})" for name, kind in zip(COLUMNS, _ARRAYS, strict=True))
    + ") ON CONFLICT (tenant, event_id) DO NOTHING RETURNING id, event_id"
)
_POSTGRES_WORDS = text(
    "INSERT INTO event_text (rowid, words) "
    "SELECT number, to_tsvector('english'::regconfig, said) "
    "FROM unnest(CAST(:numbers AS bigint[]), CAST(:texts AS text[])) AS new (number, said) "
    "ON CONFLICT (rowid) DO UPDATE SET words = excluded.words"
)


def _postgres_insert(session: Session, rows: Sequence[EventRow], texts: Sequence[str]) -> Inserted:
    parameters: dict[str, Any] = {
        name: list(values) for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    }
    ids = {row.event_id: row.id for row in session.execute(_POSTGRES_INSERT, parameters)}
    both = [pair for pair in zip(rows, texts, strict=True) if pair[0][_EVENT_ID] in ids]
    _postgres_words(session, [(ids[row[_EVENT_ID]], text) for row, text in both])
    return Inserted([row for row, _ in both], {"new_ids": list(ids.values())})


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
