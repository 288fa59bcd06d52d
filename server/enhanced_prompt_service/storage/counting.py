"""Totals and grouped counts: from hourly sums where they are exact, from events at the edges.

A window is cut into whole UTC hours, which `event_hours` has summed, and the rest before and after
them. Each piece is aggregated by itself with a covering index; the pieces are added up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Select,
    cast,
    func,
    select,
    union_all,
)

from ..domain.events import GroupBy, GroupRow, Selection, Totals
from . import dialects
from .instants import SECOND, from_us
from .selection import (
    Branch,
    TextSearch,
    Window,
    branches_of,
    narrows_only_hours,
    of_events,
    of_hours,
    search_of,
    whole_hours,
)
from .tables import event_hours, events, kind_zones, kinds

_MOST_PIECES = 6  # windows that get an index range of their own
_EPOCH_DAY = date(1970, 1, 1)

# Where each key comes from, and the columns that the pieces group by for it.
_OF_KIND = {
    GroupBy.CAMERA: kinds.c.camera_id,
    GroupBy.SITE: kinds.c.site,
    GroupBy.ZONE: kind_zones.c.zone,
    GroupBy.EVENT_TYPE: kinds.c.event_type,
    GroupBy.LABEL: kinds.c.label,
    GroupBy.SUB_LABEL: kinds.c.sub_label,
}
_OF_TIME = {
    GroupBy.LOCAL_HOUR: ("local_day", "local_hour"),
    GroupBy.LOCAL_DATE: ("local_day",),
    GroupBy.HOUR_OF_DAY: ("local_hour",),
    GroupBy.WEEKDAY: ("local_weekday",),
}

_duration = events.c.end_us - events.c.start_us
# name → (from one event, from an hour's row, how pieces are added)
_MEASURES: dict[str, tuple[ColumnElement[Any], ColumnElement[Any], Any]] = {
    "matches": (func.count(), func.sum(event_hours.c.matches), func.sum),
    "participants": (
        func.sum(events.c.participants),
        func.sum(event_hours.c.participants),
        func.sum,
    ),
    "confidences": (
        func.count(events.c.confidence),
        func.sum(event_hours.c.confidences),
        func.sum,
    ),
    "confidence_sum": (
        func.sum(events.c.confidence),
        func.sum(event_hours.c.confidence_sum),
        func.sum,
    ),
    "first_us": (func.min(events.c.start_us), func.min(event_hours.c.first_us), func.min),
    "last_us": (func.max(events.c.start_us), func.max(event_hours.c.last_us), func.max),
    "ended": (func.count(events.c.end_us), func.sum(event_hours.c.ended), func.sum),
    "duration_sum": (
        func.sum(cast(_duration, Float(53))),
        func.sum(event_hours.c.duration_sum),
        func.sum,
    ),
    "duration_max": (func.max(_duration), func.max(event_hours.c.duration_max), func.max),
}
_COUNTS = ("matches", "participants")


def totals(connection: Connection, tenant: str, selection: Selection) -> Totals:
    """Aggregates over all that matches."""
    pieces = _pieces(connection, tenant, selection, (), tuple(_MEASURES))
    if not pieces:
        return Totals(0, 0, None, None, None)
    query = pieces[0]
    if len(pieces) > 1:
        rows = union_all(*pieces).subquery("pieces")
        query = select(*(how(rows.c[name]).label(name) for name, (_, _, how) in _MEASURES.items()))
    row = connection.execute(query).one()
    matches = int(row.matches or 0)
    if not matches:
        return Totals(0, 0, None, None, None)
    ended = int(row.ended)
    confidences = int(row.confidences)
    return Totals(
        matches=matches,
        participants=int(row.participants),
        mean_confidence=row.confidence_sum / confidences if confidences else None,
        first_start=from_us(row.first_us),
        last_start=from_us(row.last_us),
        mean_duration_s=row.duration_sum / ended / SECOND if ended else None,
        max_duration_s=row.duration_max / SECOND if ended else None,
    )


def grouped(
    connection: Connection,
    tenant: str,
    selection: Selection,
    by: Sequence[GroupBy],
    limit: int | None,
) -> list[GroupRow]:
    """Counts by key, most matches first, then by the keys. Without keys: one row, if any match."""
    kind_keys = any(key in _OF_KIND for key in by)
    fields = dict.fromkeys(field for key in by if key in _OF_TIME for field in _OF_TIME[key])
    pieces = _pieces(
        connection, tenant, selection, (*fields, *(["kind_id"] if kind_keys else [])), _COUNTS
    )
    if not pieces:
        return []
    rows = (union_all(*pieces) if len(pieces) > 1 else pieces[0]).subquery("pieces")
    keys: list[ColumnElement[Any]] = [
        column
        for key in by
        for column in (
            [_OF_KIND[key]] if key in _OF_KIND else [rows.c[field] for field in _OF_TIME[key]]
        )
    ]
    matches = func.sum(rows.c.matches).label("matches")
    query = (
        select(*keys, matches, func.sum(rows.c.participants))
        .group_by(*keys)
        .having(func.sum(rows.c.matches) > 0)
        .order_by(matches.desc(), *keys)
        .limit(limit)
    )
    if kind_keys:
        joined = rows.join(kinds, kinds.c.kind_id == rows.c.kind_id)
        if GroupBy.ZONE in by:
            joined = joined.join(
                kind_zones,
                (kind_zones.c.tenant == tenant) & (kind_zones.c.kind_id == rows.c.kind_id),
            )
        query = query.select_from(joined)
    return [_group_row(by, tuple(row)) for row in connection.execute(query)]


def _group_row(by: Sequence[GroupBy], row: tuple[Any, ...]) -> GroupRow:
    keys: list[str] = []
    at = 0
    for key in by:
        if key is GroupBy.LOCAL_HOUR:
            keys.append(f"{_date(row[at])}T{row[at + 1]:02}")
            at += 1
        elif key is GroupBy.LOCAL_DATE:
            keys.append(_date(row[at]))
        elif key is GroupBy.HOUR_OF_DAY:
            keys.append(f"{row[at]:02}")
        else:
            keys.append(str(row[at]))
        at += 1
    return GroupRow(tuple(keys), int(row[at]), int(row[at + 1]))


def _date(day: int) -> str:
    return (_EPOCH_DAY + timedelta(days=day)).isoformat()


def _pieces(
    connection: Connection,
    tenant: str,
    selection: Selection,
    keys: Sequence[str],
    measures: Sequence[str],
) -> list[Select[Any]]:
    """One aggregating query for each piece of time; none when nothing can match."""
    branches = branches_of(connection, tenant, selection)
    pieces: list[Select[Any]] = []
    if narrows_only_hours(selection):
        for number, branch in enumerate(branches):
            whole, rest = whole_hours(branch.windows)
            if whole:
                pieces.append(_hours_piece(tenant, selection, whole, keys, measures))
            branches[number] = dataclasses.replace(branch, windows=tuple(rest))
    text = search_of(connection, tenant, selection, branches)
    for branch in branches:
        windows = branch.windows
        for group in [windows] if len(windows) > _MOST_PIECES else [(one,) for one in windows]:
            part = dataclasses.replace(branch, windows=group)
            pieces.append(_events_piece(connection, tenant, selection, part, text, keys, measures))
    return pieces


def _hours_piece(
    tenant: str,
    selection: Selection,
    whole: Sequence[Window],
    keys: Sequence[str],
    measures: Sequence[str],
) -> Select[Any]:
    columns = [event_hours.c[key] for key in keys]
    return (
        select(*columns, *(_MEASURES[name][1].label(name) for name in measures))
        .where(*of_hours(tenant, selection, whole))
        .group_by(*columns)
    )


def _events_piece(
    connection: Connection,
    tenant: str,
    selection: Selection,
    branch: Branch,
    text: TextSearch | None,
    keys: Sequence[str],
    measures: Sequence[str],
) -> Select[Any]:
    # Grouped by the plain column, SQLite would read all of the index that begins with kinds.
    found: dict[str, ColumnElement[Any]] = {
        "kind_id": dialects.plain(connection, events.c.kind_id),
        "local_day": events.c.local_day,
        "local_hour": cast(events.c.local_minute, BigInteger) // 60,
        "local_weekday": events.c.local_weekday,
    }
    columns = [found[key].label(key) for key in keys]
    return (
        select(*columns, *(_MEASURES[name][0].label(name) for name in measures))
        .where(*of_events(connection, tenant, selection, branch, text))
        .group_by(*(found[key] for key in keys))
    )
