"""`Selection` as SQL conditions, exactly as its docstring means it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    and_,
    cast,
    exists,
    false,
    or_,
    select,
)

from ..domain.events import Selection
from ..domain.times import MINUTES_A_DAY, DailyRange, RecurringMask, union
from . import dialects
from .instants import SECOND, to_us
from .tables import event_text, events, kind_zones, kinds, tenants
from .words import terms

Window = tuple[int | None, int | None]
"""Microseconds `start <= t < end`; None is open."""


@dataclasses.dataclass(frozen=True, slots=True)
class TextSearch:
    """What a text asks the index for. Without terms (only stop words, or signs) nothing matches."""

    terms: tuple[str, ...]
    every: bool


def windows_of(selection: Selection) -> list[Window]:
    """The windows, cut at `as_of`, sorted and disjoint. Empty: nothing can match."""
    end = None if selection.as_of is None else to_us(selection.as_of)
    if not selection.windows:
        return [(None, end)]
    found: list[Window] = []
    for one in union(selection.windows):
        start, stop = to_us(one.start), to_us(one.end)
        stop = stop if end is None else min(stop, end)
        if start < stop:
            found.append((start, stop))
    return found


def in_window(instant: ColumnElement[int], window: Window) -> list[ColumnElement[bool]]:
    """Conditions for one window."""
    start, end = window
    found: list[ColumnElement[bool]] = []
    if start is not None:
        found.append(instant >= start)
    if end is not None:
        found.append(instant < end)
    return found


def in_windows(instant: ColumnElement[int], windows: Sequence[Window]) -> list[ColumnElement[bool]]:
    """Conditions for any of the windows: the hull, which an index can follow, and inside of it."""
    if not windows:
        return [false()]
    if len(windows) == 1:
        return in_window(instant, windows[0])
    hull = (windows[0][0], windows[-1][1])
    plain = instant + 0  # so that no index is tried for each window
    return [*in_window(instant, hull), or_(*(and_(*in_window(plain, one)) for one in windows))]


def in_mask(
    mask: RecurringMask, minute: ColumnElement[int], weekday: ColumnElement[int]
) -> ColumnElement[bool]:
    """The local minute and weekday lie in the mask; a range belongs to the day it begins on."""
    days = sorted(mask.weekdays)
    next_days = sorted(day % 7 + 1 for day in days)

    def on(begins: Sequence[int], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return and_(*conditions, weekday.in_(begins)) if begins else and_(*conditions)

    parts: list[ColumnElement[bool]] = []
    for one in mask.ranges or (DailyRange(0, MINUTES_A_DAY),):
        if one.over_midnight:
            parts.append(on(days, minute >= one.start_minute))
            parts.append(on(next_days, minute < one.end_minute))
        else:
            parts.append(on(days, minute >= one.start_minute, minute < one.end_minute))
    return or_(*parts)


def in_kinds(
    tenant: str, selection: Selection, kind_id: ColumnElement[int]
) -> list[ColumnElement[bool]]:
    """What the event is: site, camera, type, label, zone. No condition where nothing narrows."""
    found: list[ColumnElement[bool]] = []
    if selection.cameras:
        found.append(kinds.c.camera_id.in_(sorted(selection.cameras)))
    if selection.sites:
        found.append(kinds.c.site.in_(sorted(selection.sites)))
    if selection.zones:
        zoned = select(kind_zones.c.kind_id).where(
            kind_zones.c.tenant == tenant, kind_zones.c.zone.in_(sorted(selection.zones))
        )
        found.append(kinds.c.kind_id.in_(zoned))
    nouns: list[ColumnElement[bool]] = []
    if selection.event_types:
        nouns.append(kinds.c.event_type.in_(sorted(selection.event_types)))
    if selection.labels:
        nouns.append(kinds.c.label.in_(sorted(selection.labels)))
    if nouns:
        found.append(or_(*nouns) if selection.type_or_label else and_(*nouns))
    if not found:
        return []
    return [kind_id.in_(select(kinds.c.kind_id).where(kinds.c.tenant == tenant, *found))]


def of_events(
    connection: Connection,
    tenant: str,
    selection: Selection,
    text: TextSearch | None,
    *,
    windows: Sequence[Window] | None = None,
) -> list[ColumnElement[bool]]:
    """All conditions on `events`; `windows` replaces the selection's own."""
    found = [events.c.tenant == tenant]
    found += in_windows(events.c.start_us, windows_of(selection) if windows is None else windows)
    found += in_kinds(tenant, selection, events.c.kind_id)
    if selection.mask is not None:
        found.append(in_mask(selection.mask, events.c.local_minute, events.c.local_weekday))
    if selection.min_confidence is not None:
        found.append(events.c.confidence >= selection.min_confidence)
    seconds = cast(events.c.end_us - events.c.start_us, Float(53)) / float(SECOND)
    if selection.min_duration_s is not None:
        found.append(seconds >= selection.min_duration_s)
    if selection.max_duration_s is not None:
        found.append(seconds <= selection.max_duration_s)
    if selection.ongoing_at is not None:
        found += _ongoing(tenant, to_us(selection.ongoing_at))
    if text is not None:
        found.append(_with_text(connection, text))
    return found


def search_of(connection: Connection, tenant: str, selection: Selection) -> TextSearch | None:
    """How the text is searched: events with every term if there is one, else those with any.

    Asked for within all the rest of the selection, so that totals, groups and pages agree.
    """
    if not selection.text.strip():
        return None
    every = TextSearch(terms(selection.text), every=True)
    if len(every.terms) < 2:
        return every
    found = connection.execute(
        select(exists().where(*of_events(connection, tenant, selection, every)))
    ).scalar_one()
    return every if found else TextSearch(every.terms, every=False)


def _ongoing(tenant: str, at: int) -> list[ColumnElement[bool]]:
    """Began before the instant, and no end by it. No event is longer than the longest: see there.

    The two ways to go on are kept apart, so that each has an index of its own.
    """
    longest = select(at - tenants.c.longest_us).where(tenants.c.tenant == tenant).scalar_subquery()
    start = events.c.start_us
    return [
        start < at,
        or_(events.c.end_us.is_(None), and_(start >= longest, events.c.end_us > at)),
    ]


def _with_text(connection: Connection, text: TextSearch) -> ColumnElement[bool]:
    if not text.terms:
        return false()
    return events.c.id.in_(
        select(event_text.c.rowid).where(
            dialects.matching_text(connection, text.terms, every=text.every)
        )
    )


def hours_of(mask: RecurringMask | None) -> bool:
    """Whether a mask changes only on the hour, so that hourly sums can answer it."""
    return mask is None or all(
        part.start_minute % 60 == 0 and part.end_minute % 60 == 0 for part in mask.ranges
    )


def narrows_only_hours(selection: Selection) -> bool:
    """Whether hourly sums of kinds can answer the selection (its windows' edges aside)."""
    asks: tuple[Any, ...] = (
        selection.min_confidence,
        selection.min_duration_s,
        selection.max_duration_s,
        selection.ongoing_at,
    )
    return hours_of(selection.mask) and not selection.text.strip() and set(asks) == {None}
