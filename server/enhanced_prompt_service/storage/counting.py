"""Totals and grouped counts: from hourly sums where they are exact, from events at the edges.

A window is cut into whole UTC hours, which `event_hours` has summed, and the rest before and after
them. Each piece is aggregated by itself with a covering index; the pieces are added up.
"""

from __future__ import annotations

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
from .instants import HOUR, SECOND, from_us
from .selection import (
    TextSearch,
    Window,
    in_kinds,
    in_mask,
    in_windows,
    narrows_only_hours,
    of_events,
    search_of,
    windows_of,
)
from .tables import event_hours, events, kind_zones, kinds

_LEAST_HOURS = 3  # below this, reading the events is as quick
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
    windows = windows_of(selection)
    whole: list[Window] = []
    rest: list[Window] = windows
    if narrows_only_hours(selection):
        whole, rest = _split(windows)
    pieces: list[Select[Any]] = []
    if whole:
        pieces.append(_hours_piece(tenant, selection, whole, keys, measures))
    if rest:
        text = search_of(connection, tenant, selection)
        groups = [[one] for one in rest] if len(rest) <= _MOST_PIECES else [rest]
        pieces += [
            _events_piece(connection, tenant, selection, text, group, keys, measures)
            for group in groups
        ]
    return pieces


def _split(windows: Sequence[Window]) -> tuple[list[Window], list[Window]]:
    """Whole hours (counted from 1970) of the windows, and what is left of them (microseconds)."""
    whole: list[Window] = []
    rest: list[Window] = []
    for start, end in windows:
        first = None if start is None else -(-start // HOUR)
        last = None if end is None else end // HOUR
        if first is not None and last is not None and last - first < _LEAST_HOURS:
            rest.append((start, end))
            continue
        if start is not None and first is not None and start < first * HOUR:
            rest.append((start, first * HOUR))
        whole.append((first, last))
        if end is not None and last is not None and last * HOUR < end:
            rest.append((last * HOUR, end))
    return whole, rest


def _hours_piece(
    tenant: str,
    selection: Selection,
    whole: Sequence[Window],
    keys: Sequence[str],
    measures: Sequence[str],
) -> Select[Any]:
    columns = [event_hours.c[key] for key in keys]
    where = [event_hours.c.tenant == tenant, *in_windows(event_hours.c.hour, whole)]
    where += in_kinds(tenant, selection, event_hours.c.kind_id)
    if selection.mask is not None:
        minute = event_hours.c.local_hour * 60
        where.append(in_mask(selection.mask, minute, event_hours.c.local_weekday))
    return (
        select(*columns, *(_MEASURES[name][1].label(name) for name in measures))
        .where(*where)
        .group_by(*columns)
    )


def _events_piece(
    connection: Connection,
    tenant: str,
    selection: Selection,
    text: TextSearch | None,
    windows: Sequence[Window],
    keys: Sequence[str],
    measures: Sequence[str],
) -> Select[Any]:
    # Sums of plain columns would be grouped in the order of an index that begins with them, and
    # read all of it: the additions of 0 keep the index of the window.
    found: dict[str, ColumnElement[Any]] = {
        "kind_id": events.c.kind_id + 0,
        "local_day": events.c.local_day + 0,
        "local_hour": cast(events.c.local_minute, BigInteger) // 60,
        "local_weekday": events.c.local_weekday + 0,
    }
    columns = [found[key].label(key) for key in keys]
    return (
        select(*columns, *(_MEASURES[name][0].label(name) for name in measures))
        .where(*of_events(connection, tenant, selection, text, windows=windows))
        .group_by(*(found[key] for key in keys))
    )
