"""Totals and grouped counts: from hourly sums where they are exact, from events at the edges.

A window is cut into whole UTC hours, which `event_hours` has summed, and the rest before and after
them. Each piece is aggregated by itself with a covering index; the pieces are added up.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Select,
    Text,
    cast,
    func,
    select,
    union_all,
)

from ..domain.events import GroupBy, GroupRow, Selection, Totals
from ..domain.identity import Caller
from .instants import SECOND, from_us
from .selection import (
    Branch,
    Filter,
    TextSearch,
    Window,
    branches_of,
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


def totals(session: Session, caller: Caller, selection: Selection) -> Totals:
    """Aggregates over all that matches."""
    pieces = _pieces(session, caller, selection)

    def build() -> Statement:
        parts = pieces.build(session, (), tuple(_MEASURES))
        if len(parts) == 1:
            return parts[0]
        rows = union_all(*parts).subquery("pieces")
        return select(*(how(rows.c[name]).label(name) for name, (_, _, how) in _MEASURES.items()))

    row = None
    if pieces.pieces:
        row = session.run(("totals", pieces.shape), build, pieces.values).one()
    matches = 0 if row is None else int(row.matches or 0)
    if row is None or not matches:
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
    session: Session,
    caller: Caller,
    selection: Selection,
    by: Sequence[GroupBy],
    limit: int | None,
) -> list[GroupRow]:
    """Counts by key, most matches first, then by the keys. Without keys: one row, if any match."""
    pieces = _pieces(session, caller, selection)
    if not pieces.pieces:
        return []
    kind_keys = any(key in _OF_KIND for key in by)
    fields = dict.fromkeys(field for key in by if key in _OF_TIME for field in _OF_TIME[key])

    def build() -> Statement:
        parts = pieces.build(session, (*fields, *(["kind_id"] if kind_keys else [])), _COUNTS)
        rows = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery("pieces")
        keys: list[ColumnElement[Any]] = []
        for key in by:
            keys += [_OF_KIND[key]] if key in _OF_KIND else [rows.c[one] for one in _OF_TIME[key]]
        matches = func.sum(rows.c.matches).label("matches")
        query = (
            select(*keys, matches, func.sum(rows.c.participants))
            .group_by(*keys)
            .having(func.sum(rows.c.matches) > 0)
            .order_by(matches.desc(), *keys)
        )
        if limit is not None:
            query = query.limit(slot("limit", BigInteger()))
        if not kind_keys:
            return query
        joined = rows.join(kinds, kinds.c.kind_id == rows.c.kind_id)
        if GroupBy.ZONE in by:
            zoned = kind_zones.c.tenant == slot("tenant", Text())
            joined = joined.join(kind_zones, zoned & (kind_zones.c.kind_id == rows.c.kind_id))
        return query.select_from(joined)

    shape = ("grouped", pieces.shape, tuple(by), limit is None)
    found = session.run(shape, build, pieces.values | {"limit": limit})
    return [_group_row(by, row) for row in found]


def _group_row(by: Sequence[GroupBy], row: Sequence[Any]) -> GroupRow:
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


@dataclass(frozen=True, slots=True)
class _Hours:
    """Whole hours of a branch."""

    windows: tuple[Window, ...]

    @property
    def shape(self) -> Hashable:
        """What its SQL looks like."""
        return "hours", windows_shape(self.windows)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The pieces of time that a count is added up from, by the tags of their parameters."""

    chosen: Filter
    text: TextSearch | None
    pieces: dict[str, Branch | _Hours]
    values: dict[str, Any]

    @property
    def shape(self) -> Hashable:
        """What their SQL looks like."""
        text = None if self.text is None else self.text.shape
        return self.chosen.shape, text, tuple(one.shape for one in self.pieces.values())

    def build(
        self, session: Session, keys: Sequence[str], measures: Sequence[str]
    ) -> list[Select[*tuple[Any, ...]]]:
        """One aggregating query for each piece."""
        return [
            self._of_hours(session, tag, one, keys, measures)
            if isinstance(one, _Hours)
            else self._of_events(session, tag, one, keys, measures)
            for tag, one in self.pieces.items()
        ]

    def _of_hours(
        self,
        session: Session,
        tag: str,
        piece: _Hours,
        keys: Sequence[str],
        measures: Sequence[str],
    ) -> Select[*tuple[Any, ...]]:
        columns = [event_hours.c[key] for key in keys]
        return (
            select(*columns, *(_MEASURES[name][1].label(name) for name in measures))
            .where(*of_hours(session, self.chosen, tag, piece.windows))
            .group_by(*columns)
        )

    def _of_events(
        self,
        session: Session,
        tag: str,
        piece: Branch,
        keys: Sequence[str],
        measures: Sequence[str],
    ) -> Select[*tuple[Any, ...]]:
        # Grouped by the plain column, SQLite would read all of the index that begins with kinds.
        found: dict[str, ColumnElement[Any]] = {
            "kind_id": unindexed(events.c.kind_id),
            "local_day": events.c.local_day,
            "local_hour": cast(events.c.local_minute, BigInteger) // 60,
            "local_weekday": events.c.local_weekday,
        }
        columns = [found[key].label(key) for key in keys]
        return (
            select(*columns, *(_MEASURES[name][0].label(name) for name in measures))
            .where(*of_events(session, self.chosen, tag, piece, self.text))
            .group_by(*(found[key] for key in keys))
        )


def _pieces(session: Session, caller: Caller, selection: Selection) -> _Pieces:
    chosen = filter_of(session, caller, selection)
    branches = branches_of(session, chosen)
    pieces: list[Branch | _Hours] = []
    if narrows_only_hours(selection):
        for number, branch in enumerate(branches):
            whole, rest = whole_hours(branch.windows)
            if whole:
                pieces.append(_Hours(tuple(whole)))
            branches[number] = replace(branch, windows=tuple(rest))
    text = search_of(session, chosen, branches)
    for branch in branches:
        groups = [branch.windows] if branch.windows else []
        if len(branch.windows) <= _MOST_PIECES:
            groups = [(one,) for one in branch.windows]
        pieces += [replace(branch, windows=group) for group in groups]
    tagged = {f"p{number}_": piece for number, piece in enumerate(pieces)}
    values = dict(chosen.values)
    if text is not None:
        values |= text.values(session)
    for tag, piece in tagged.items():
        values |= windows_values(tag, piece.windows)
    return _Pieces(chosen, text, tagged, values)
