"""Pages of matching events: ids in order first, whole rows only for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from sqlalchemy import BigInteger, ColumnElement, Text, and_, func, or_, select

from ..domain.events import Event, Order, Selection
from ..domain.identity import Caller
from ..domain.stores import Page
from . import dialects, page_tokens
from .event_rows import EVENT, to_event
from .instants import HOUR
from .selection import (
    Branch,
    Filter,
    TextSearch,
    Window,
    branches_of,
    cut,
    filter_of,
    narrows_only_hours,
    of_events,
    of_hours,
    search_of,
    unindexed,
    whole_hours,
    windows_shape,
    windows_values,
)
from .session import Session, Statement, slot
from .tables import event_hours, events, kinds

MOST = 1_000
"""Rows of a page at most."""
_FEW = 1_000  # matches that are sorted as quickly as found in order
_MOST_HOURS = 200

_duration = func.coalesce(events.c.end_us - events.c.start_us, -1)  # without an end: last
_ORDERED: dict[Order, ColumnElement[int]] = {
    Order.OLDEST: events.c.start_us,
    Order.NEWEST: events.c.start_us,
    Order.BEST_MATCH: events.c.start_us,
    Order.LONGEST: _duration,
}


def page(
    session: Session,
    caller: Caller,
    selection: Selection,
    order: Order,
    page_size: int,
    page_token: str,
) -> Page[Event]:
    """Matching events in order."""
    key = session.page_key()
    arguments = {"list": "events", "order": order.value, **page_tokens.of_selection(selection)}
    position: page_tokens.Position | None = None
    if page_token:
        position = page_tokens.read(key, caller, arguments, page_token)
    size = max(1, min(page_size, MOST))
    chosen = filter_of(session, caller, selection)
    branches = branches_of(session, chosen)
    text = search_of(session, chosen, branches)
    if order is Order.BEST_MATCH and text is not None:
        ids, last = _by_rank(session, chosen, branches, text, size, position)
    else:
        ids, last = _by_key(session, chosen, branches, text, order, size, position)
    token = page_tokens.make(key, caller, arguments, last) if last else ""
    return Page(_events(session, ids), token)


def _by_key(
    session: Session,
    chosen: Filter,
    branches: Sequence[Branch],
    text: TextSearch | None,
    order: Order,
    size: int,
    position: page_tokens.Position | None,
) -> tuple[list[int], page_tokens.Position]:
    """Ids of a page, and its last row's key if there is a next page: (value, camera, event)."""
    upwards = order is Order.OLDEST
    column = _ORDERED[order]
    keys = (column, kinds.c.camera_id, events.c.event_id)
    found: list[tuple[int, str, str, int]] = []
    for branch in branches:
        few: bool | None = None
        if text is not None:
            few = True  # begin with what the text finds, not with all of time
        elif order is not Order.LONGEST and branch.follow_kinds:
            branch, few = _nearest(session, chosen, branch, upwards, position, size)
            branch = replace(branch, follow_kinds=few is not False)

        def build(branch: Branch = branch, few: bool | None = few) -> Statement:
            by = unindexed(column) if few else column
            return (
                select(*keys, events.c.id)
                .where(
                    kinds.c.kind_id == events.c.kind_id,
                    *of_events(session, chosen, "", branch, text),
                    *([] if position is None else _after(column, upwards=upwards)),
                )
                .order_by(by if upwards else by.desc(), *keys[1:])
                .limit(slot("limit", BigInteger()))
            )

        shape = (
            *("page", chosen.shape, branch.shape, text and text.shape, few),
            *(order is Order.LONGEST, upwards, position is None),
        )
        values = chosen.values | windows_values("", branch.windows) | {"limit": size + 1}
        if text is not None:
            values |= text.values(session)
        if position is not None:
            values |= dict(zip(("after", "after_camera", "after_event"), position, strict=True))
        found += [(*row,) for row in session.run(shape, build, values)]
    if len(branches) > 1:
        found.sort(key=lambda row: (row[0] if upwards else -row[0], *row[1:]))
    last: page_tokens.Position = [*found[size - 1][:3]] if len(found) > size else []
    return [row[3] for row in found[:size]], last


def _after(column: ColumnElement[int], *, upwards: bool) -> list[ColumnElement[bool]]:
    """Rows behind a position; the first condition is one that an index can follow."""
    value = slot("after", BigInteger())
    camera, event = slot("after_camera", Text()), slot("after_event", Text())
    return [
        column >= value if upwards else column <= value,
        or_(
            column > value if upwards else column < value,
            kinds.c.camera_id > camera,
            and_(kinds.c.camera_id == camera, events.c.event_id > event),
        ),
    ]


def _nearest(
    session: Session,
    chosen: Filter,
    branch: Branch,
    upwards: bool,
    position: page_tokens.Position | None,
    size: int,
) -> tuple[Branch, bool | None]:
    """The part of a branch that the page surely comes from, and whether few events match in it.

    Hourly sums tell how far to look. A filter on kinds makes the index of time slow where matches
    are rare, and that of kinds where they are many.
    """
    counted = branch.windows
    if position is not None:
        at = cast(int, position[0])
        beyond: Window = (at, None) if upwards else (None, at + 1)
        branch = replace(branch, windows=cut(branch.windows, beyond))
        # Rows of the position's own instant may have been on the page before: they do not count.
        counted = cut(branch.windows, (at + 1, None) if upwards else (None, at))
    whole, _ = whole_hours(counted)
    if not whole or not (chosen.limited or _narrows(chosen.selection)):
        return branch, None
    exact = narrows_only_hours(chosen.selection)
    most = size + 1 if exact else _MOST_HOURS

    def build() -> Statement:
        hour = event_hours.c.hour
        return (
            select(hour, func.sum(event_hours.c.matches))
            .where(*of_hours(session, chosen, "", whole))
            .group_by(hour)
            .order_by(hour if upwards else hour.desc())
            .limit(slot("limit", BigInteger()))
        )

    shape = ("nearest", chosen.shape, windows_shape(whole), upwards)
    values = chosen.values | windows_values("", whole) | {"limit": most}
    rows = session.run(shape, build, values).all()
    matches = 0
    for at, there in rows:
        matches += int(there)
        if exact and matches > size:
            side: Window = (None, (at + 1) * HOUR) if upwards else (at * HOUR, None)
            return replace(branch, windows=cut(branch.windows, side)), matches <= _FEW
    return branch, len(rows) < most and matches <= _FEW


def _narrows(selection: Selection) -> bool:
    """Whether anything but time is asked for."""
    return bool(
        selection.mask
        or selection.cameras
        or selection.sites
        or selection.zones
        or selection.event_types
        or selection.labels
    )


def _by_rank(
    session: Session,
    chosen: Filter,
    branches: Sequence[Branch],
    text: TextSearch,
    size: int,
    position: page_tokens.Position | None,
) -> tuple[list[int], page_tokens.Position]:
    """Best match first. Ranks change with every event stored, so a page begins at a count."""
    skip = 0 if position is None else cast(int, position[0])
    if not text.terms:
        return [], []
    found: list[tuple[float, str, str, int]] = []
    for query in dialects.best_first(session, text.terms, every=text.every):
        wanted = skip + size + 1 - len(found)
        if wanted <= 0:
            break
        found += _ranked(session, chosen, branches, text, query, wanted)
    found = found[skip:]
    return [row[3] for row in found[:size]], [skip + size] if len(found) > size else []


def _ranked(
    session: Session,
    chosen: Filter,
    branches: Sequence[Branch],
    text: TextSearch,
    query: str,
    limit: int,
) -> list[tuple[float, str, str, int]]:
    """The best matches of one query: rank, camera, name and id."""
    keys = (dialects.text_rank(session), kinds.c.camera_id, events.c.event_id)
    found: list[tuple[float, str, str, int]] = []
    for branch in branches:

        def build(branch: Branch = branch) -> Statement:
            return (
                select(*keys, events.c.id)
                .where(
                    kinds.c.kind_id == events.c.kind_id,
                    *of_events(session, chosen, "", branch, text),
                )
                .order_by(*keys)
                .limit(slot("limit", BigInteger()))
            )

        values = chosen.values | windows_values("", branch.windows) | text.values(session)
        shape = ("rank", chosen.shape, branch.shape, text.shape)
        rows = session.run(shape, build, values | {"text": query, "limit": limit})
        found += [(*row,) for row in rows]
    return sorted(found)[:limit]


def _events(session: Session, ids: Sequence[int]) -> tuple[Event, ...]:
    """Whole events, in the order of their ids."""
    if not ids:
        return ()

    def build() -> Statement:
        return EVENT.add_columns(events.c.id).where(
            dialects.among_slot(session, events.c.id, "ids", BigInteger())
        )

    rows = session.run("events", build, {"ids": dialects.many(session, ids)})
    by_id = {row[-1]: to_event(row) for row in rows}
    return tuple(by_id[one] for one in ids)
