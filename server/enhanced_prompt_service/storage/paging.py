"""Pages of matching events: ids in order first, whole rows only for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from ..domain.events import Event, Order, Selection
from ..domain.identity import Caller
from ..domain.stores import Page
from . import dialects, page_tokens
from .event_rows import EVENT, to_event
from .selection import TextSearch, of_events, search_of, windows_of
from .tables import event_text, events, kinds

MOST = 1000
"""Rows of a page at most."""

_duration = func.coalesce(events.c.end_us - events.c.start_us, -1)  # without an end: last


def page(
    connection: Connection,
    key: bytes,
    caller: Caller,
    selection: Selection,
    order: Order,
    page_size: int,
    page_token: str,
) -> Page[Event]:
    """Matching events in order."""
    arguments = {"list": "events", "order": order.value, **page_tokens.of_selection(selection)}
    position: page_tokens.Position | None = None
    if page_token:
        position = page_tokens.read(key, caller, arguments, page_token)
    if not windows_of(selection):
        return Page(())
    size = max(1, min(page_size, MOST))
    text = search_of(connection, caller.tenant, selection)
    if order is Order.BEST_MATCH and text is not None:
        return _by_rank(connection, key, caller, selection, text, size, arguments, position)
    if order is Order.BEST_MATCH:
        order = Order.NEWEST
    conditions = of_events(connection, caller.tenant, selection, text)
    column = _duration if order is Order.LONGEST else events.c.start_us
    downwards = order is not Order.OLDEST
    if position is not None:
        conditions += _after(column, position, downwards=downwards)
    ids = (
        select(events.c.id)
        .join(kinds, kinds.c.kind_id == events.c.kind_id)
        .where(*conditions)
        .order_by(column.desc() if downwards else column, kinds.c.camera_id, events.c.event_id)
        .limit(size + 1)
    )
    found = list(connection.execute(ids).scalars())
    items = _events(connection, found[:size])
    token = ""
    if len(found) > size:
        last = connection.execute(
            select(column, kinds.c.camera_id, events.c.event_id)
            .join(kinds, kinds.c.kind_id == events.c.kind_id)
            .where(events.c.id == found[size - 1])
        ).one()
        token = page_tokens.make(key, caller, arguments, list(last))
    return Page(items, token)


def _after(
    column: ColumnElement[int], position: Sequence[Any], *, downwards: bool
) -> list[ColumnElement[bool]]:
    """Rows behind a position; the first condition is one that an index can follow."""
    value, camera, event_id = position
    beyond = column < value if downwards else column > value
    return [
        column <= value if downwards else column >= value,
        or_(
            beyond,
            kinds.c.camera_id > camera,
            and_(kinds.c.camera_id == camera, events.c.event_id > event_id),
        ),
    ]


def _by_rank(
    connection: Connection,
    key: bytes,
    caller: Caller,
    selection: Selection,
    text: TextSearch,
    size: int,
    arguments: Mapping[str, object],
    position: page_tokens.Position | None,
) -> Page[Event]:
    """Best match first. Ranks change with every event stored, so a page begins at a count."""
    if not text.terms:
        return Page(())
    skip = 0 if position is None else int(position[0] or 0)
    rank = dialects.text_rank(connection, text.terms, every=text.every)
    ids = (
        select(events.c.id)
        .select_from(event_text)
        .join(events, events.c.id == event_text.c.rowid)
        .join(kinds, kinds.c.kind_id == events.c.kind_id)
        .where(
            dialects.matching_text(connection, text.terms, every=text.every),
            *of_events(connection, caller.tenant, selection, None),
        )
        .order_by(rank, kinds.c.camera_id, events.c.event_id)
        .limit(size + 1)
        .offset(skip)
    )
    found = list(connection.execute(ids).scalars())
    token = ""
    if len(found) > size:
        token = page_tokens.make(key, caller, arguments, [skip + size])
    return Page(_events(connection, found[:size]), token)


def _events(connection: Connection, ids: Sequence[int]) -> tuple[Event, ...]:
    """Whole events, in the order of their ids."""
    if not ids:
        return ()
    rows = connection.execute(
        EVENT.add_columns(events.c.id).where(dialects.among(connection, events.c.id, ids))
    )
    by_id = {row.id: to_event(row) for row in rows}
    return tuple(by_id[one] for one in ids)
