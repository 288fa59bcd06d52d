"""The few places where the two databases want other words for the same thing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Table,
    TableClause,
    Text,
    bindparam,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

from .session import Session
from .tables import event_text, events
from .words import fts5_query, fts5_tiers, tsquery


def insert(session: Session, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT (both dialects spell it alike)."""
    if session.sqlite:
        return sqlite.insert(table)
    from sqlalchemy.dialects.postgresql import insert  # no cost for those who have no PostgreSQL

    return insert(table)


def among(
    session: Session, of: ColumnElement[Any], values: Sequence[str] | Sequence[int]
) -> ColumnElement[bool]:
    """`of` is one of many values; one parameter and one statement however many there are."""
    if session.sqlite:
        return _in_json(of, literal(json.dumps(values), Text))
    kind = BigInteger() if values and isinstance(values[0], int) else Text()
    return of == func.any(bindparam(None, list(values), ARRAY(kind), unique=True))


def among_slot(
    session: Session, of: ColumnElement[Any], name: str, kind: TypeEngine[Any]
) -> ColumnElement[bool]:
    """`of` is one of the values of a parameter that gets what `many` makes."""
    if session.sqlite:
        return _in_json(of, bindparam(name, None, Text()))
    return of == func.any(bindparam(name, None, ARRAY(kind)))


def many(session: Session, values: Sequence[str] | Sequence[int]) -> object:
    """The value of a parameter that stands for many."""
    return json.dumps(values) if session.sqlite else list(values)


def _in_json(of: ColumnElement[Any], values: ColumnElement[str]) -> ColumnElement[bool]:
    return of.in_(select(func.json_each(values).table_valued("value").c.value))


def same_event(session: Session) -> ColumnElement[bool]:
    """The join of `event_text` to `events`."""
    if session.sqlite:  # always from the text to the event, never one search an event
        return events.c.id == event_text.c.rowid + 0
    return events.c.id == event_text.c.rowid


def text_query(session: Session, terms: tuple[str, ...], *, every: bool) -> str:
    """The value of the parameter `text`: events with every term, or with any."""
    return fts5_query(terms, every=every) if session.sqlite else tsquery(terms, every=every)


def matching_text(session: Session) -> ColumnElement[bool]:
    """The words of an event match the parameter `text`."""
    if session.sqlite:
        return literal_column("event_text").op("MATCH")(bindparam("text", None, Text()))
    return event_text.c.words.op("@@")(tsquery_slot())


def best_first(session: Session, terms: tuple[str, ...], *, every: bool) -> list[str]:
    """Values of the parameter `text` that match all that `text_query` does, the best first: what
    the next one matches is worse than anything before.

    SQLite is asked for events with most of the words, then for those with fewer: looking at the
    words of each match (`own_rank`) takes twice as long over a million events.
    """
    if session.sqlite and not every:
        return fts5_tiers(terms)
    return [text_query(session, terms, every=every)]


def text_rank(session: Session) -> ColumnElement[float]:
    """How well an event matches one of `best_first`, judged by itself; the lowest best. On SQLite,
    where all of them have as many of the words: how few others it has."""
    if session.sqlite:
        return func.length(event_text.c.words)
    return -func.ts_rank_cd(event_text.c.words, tsquery_slot())


def own_rank(session: Session, of: TableClause, *, usual: int) -> ColumnElement[float]:
    """How well a text matches the parameter `text`, judged by itself; the lowest best.

    BM25 (Robertson and Zaragoza 2009) with k1 1.2 and b 0.75, but every word is worth the same and
    `usual` characters are the mean length. SQLite's own takes both from all texts, so that ranks
    and their order would tell of texts that are not the caller's. PostgreSQL's looks at one text.
    """
    if not session.sqlite:
        return -func.ts_rank_cd(of.c.words, tsquery_slot())
    length = func.length(of.c.words)
    hits = func.length(func.highlight(literal_column(of.name), 0, "<", "")) - length
    return hits * -2.2 / (hits + 0.3 + length * (0.9 / usual))


def tsquery_slot() -> ColumnElement[Any]:
    """PostgreSQL's query of the parameter `text`."""
    return func.to_tsquery(literal_column("'english'::regconfig"), bindparam("text", None, Text()))


def least(session: Session, *values: ColumnElement[int] | int) -> ColumnElement[int]:
    """The smallest of several values of one row."""
    return func.min(*values) if session.sqlite else func.least(*values)


def greatest(session: Session, *values: ColumnElement[int] | int) -> ColumnElement[int]:
    """The largest of several values of one row."""
    return func.max(*values) if session.sqlite else func.greatest(*values)
