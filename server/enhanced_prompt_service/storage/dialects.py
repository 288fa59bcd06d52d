"""The few places where the two databases want other words for the same thing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Table,
    Text,
    bindparam,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from .tables import event_text, events
from .words import fts5_query, tsquery


def is_sqlite(connection: Connection) -> bool:
    """Whether this is SQLite (else PostgreSQL)."""
    return connection.dialect.name == "sqlite"


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT (both dialects spell it alike)."""
    return sqlite.insert(table) if is_sqlite(connection) else postgresql.insert(table)


def among(
    connection: Connection, of: ColumnElement[Any], values: Sequence[str] | Sequence[int]
) -> ColumnElement[bool]:
    """`of` is one of many values; one parameter and one statement however many there are."""
    if is_sqlite(connection):
        each = func.json_each(literal(json.dumps(values), Text)).table_valued("value")
        return of.in_(select(each.c.value))
    kind = BigInteger() if values and isinstance(values[0], int) else Text()
    return of == func.any(bindparam(None, list(values), postgresql.ARRAY(kind), unique=True))


def matching_text(
    connection: Connection, terms: tuple[str, ...], *, every: bool
) -> ColumnElement[bool]:
    """A condition on `event_text`: every term, or any of them."""
    if is_sqlite(connection):
        return literal_column("event_text").op("MATCH")(fts5_query(terms, every=every))
    return event_text.c.words.op("@@")(_tsquery(terms, every=every))


def plain(connection: Connection, of: ColumnElement[int]) -> ColumnElement[int]:
    """The same number, but for SQLite no column that an index has: so it takes another index.

    SQLite plans by rules of thumb where nobody ran ANALYZE; PostgreSQL knows its tables.
    """
    return of + 0 if is_sqlite(connection) else of


def same_event(connection: Connection) -> ColumnElement[bool]:
    """The join of `event_text` to `events`."""
    if is_sqlite(connection):  # always from the text to the event, never one search an event
        return events.c.id == event_text.c.rowid + 0
    return events.c.id == event_text.c.rowid


def text_rank(
    connection: Connection, terms: tuple[str, ...], *, every: bool
) -> ColumnElement[float]:
    """How well an event's words match, the lowest best."""
    if is_sqlite(connection):
        return literal_column("bm25(event_text)")
    return -func.ts_rank_cd(event_text.c.words, _tsquery(terms, every=every))


def _tsquery(terms: tuple[str, ...], *, every: bool) -> ColumnElement[Any]:
    return func.to_tsquery(
        literal_column("'english'::regconfig"), literal(tsquery(terms, every=every), Text)
    )


def least(connection: Connection, *values: ColumnElement[int] | int) -> ColumnElement[int]:
    """The smallest of several values of one row."""
    return func.min(*values) if is_sqlite(connection) else func.least(*values)


def greatest(connection: Connection, *values: ColumnElement[int] | int) -> ColumnElement[int]:
    """The largest of several values of one row."""
    return func.max(*values) if is_sqlite(connection) else func.greatest(*values)
