"""`Selection` as SQL conditions, exactly as its docstring means it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    and_,
    cast,
    false,
    func,
    or_,
    select,
)

from ..domain.events import Selection
from ..domain.times import MINUTES_A_DAY, DailyRange, RecurringMask, union
from . import dialects
from .instants import HOUR, SECOND, to_us
from .tables import event_hours, event_text, events, kind_zones, kinds, tenants
from .words import terms

Window = tuple[int | None, int | None]
"""Microseconds `start <= t < end`; None is open."""


@dataclasses.dataclass(frozen=True, slots=True)
class Branch:
    """One way to match: windows (sorted, disjoint, at least one), and what else must hold.

    Without `follow_kinds` SQLite is kept from the index that begins with kinds: another is better.
    """

    windows: tuple[Window, ...]
    condition: ColumnElement[bool] | None = None
    follow_kinds: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class TextSearch:
    """What a text asks the index for. Without terms (only stop words, or signs) nothing matches.

    `ids` bound the events that can be meant: not exact, only narrower than all.
    """

    terms: tuple[str, ...]
    every: bool
    ids: tuple[int, int] | None


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


def cut(windows: Sequence[Window], by: Window) -> tuple[Window, ...]:
    """What of the windows lies in another one."""
    found: list[Window] = []
    for one in windows:
        start = max((at for at in (one[0], by[0]) if at is not None), default=None)
        end = min((at for at in (one[1], by[1]) if at is not None), default=None)
        if start is None or end is None or start < end:
            found.append((start, end))
    return tuple(found)


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


def branches_of(connection: Connection, tenant: str, selection: Selection) -> list[Branch]:
    """The ways in which an event can match, no event in two of them; none: nothing can match.

    One, or two where the selection asks for what was going on at an instant: events that ended
    after it, which are no older than the longest of all events, and events without an end.
    """
    windows = windows_of(selection)
    if selection.ongoing_at is None:
        return [Branch(tuple(windows))] if windows else []
    at = to_us(selection.ongoing_at)
    longest = connection.execute(
        select(tenants.c.longest_us).where(tenants.c.tenant == tenant)
    ).scalar_one_or_none()
    found = [
        Branch(cut(windows, (at - (longest or 0), at)), events.c.end_us > at),
        Branch(cut(windows, (None, at)), events.c.end_us.is_(None), follow_kinds=False),
    ]
    return [one for one in found if one.windows]


def of_events(
    connection: Connection,
    tenant: str,
    selection: Selection,
    branch: Branch,
    text: TextSearch | None,
) -> list[ColumnElement[bool]]:
    """All conditions on `events`, for one branch."""
    found = [events.c.tenant == tenant, *in_windows(events.c.start_us, branch.windows)]
    kind_id: ColumnElement[int] = events.c.kind_id
    if not branch.follow_kinds:
        kind_id = dialects.plain(connection, kind_id)
    found += in_kinds(tenant, selection, kind_id)
    if branch.condition is not None:
        found.append(branch.condition)
    if selection.mask is not None:
        found.append(in_mask(selection.mask, events.c.local_minute, events.c.local_weekday))
    if selection.min_confidence is not None:
        found.append(events.c.confidence >= selection.min_confidence)
    seconds = cast(events.c.end_us - events.c.start_us, Float(53)) / float(SECOND)
    if selection.min_duration_s is not None:
        found.append(seconds >= selection.min_duration_s)
    if selection.max_duration_s is not None:
        found.append(seconds <= selection.max_duration_s)
    if text is not None:
        found += _with_text(connection, text)
    return found


def search_of(
    connection: Connection, tenant: str, selection: Selection, branches: Sequence[Branch]
) -> TextSearch | None:
    """How the text is searched: events with every term if there is one, else those with any.

    Asked for within all the rest of the selection, so that totals, groups and pages agree.
    """
    if not selection.text.strip():
        return None
    ids = _bounds(connection, tenant, selection)
    every = TextSearch(terms(selection.text), every=True, ids=ids)
    if len(every.terms) < 2:
        return every
    for branch in branches:
        conditions = of_events(connection, tenant, selection, branch, every)
        if connection.execute(select(events.c.id).where(*conditions).limit(1)).first():
            return every
    return dataclasses.replace(every, every=False)


def _bounds(connection: Connection, tenant: str, selection: Selection) -> tuple[int, int] | None:
    """The first and last event of the hours and kinds that are meant; (0, 0) for none."""
    windows = windows_of(selection)
    if not windows or windows == [(None, None)]:
        return None
    start, end = windows[0][0], windows[-1][1]
    hours: Window = (
        None if start is None else start // HOUR,
        None if end is None else -(-end // HOUR),
    )
    row = connection.execute(
        select(func.min(event_hours.c.first_id), func.max(event_hours.c.last_id)).where(
            event_hours.c.tenant == tenant,
            *in_window(event_hours.c.hour, hours),
            *in_kinds(tenant, selection, event_hours.c.kind_id),
        )
    ).one()
    return (0, 0) if row[0] is None else (row[0], row[1])


def _with_text(connection: Connection, text: TextSearch) -> list[ColumnElement[bool]]:
    if not text.terms:
        return [false()]
    found = [
        dialects.same_event(connection),
        dialects.matching_text(connection, text.terms, every=text.every),
    ]
    if text.ids is not None:
        found.append(event_text.c.rowid.between(*text.ids))
    return found


def whole_hours(windows: Sequence[Window]) -> tuple[list[Window], list[Window]]:
    """Whole hours (counted from 1970) of the windows, and what is left of them (microseconds)."""
    whole: list[Window] = []
    rest: list[Window] = []
    for start, end in windows:
        first = None if start is None else -(-start // HOUR)
        last = None if end is None else end // HOUR
        if first is not None and last is not None and last <= first:
            rest.append((start, end))
            continue
        if start is not None and first is not None and start < first * HOUR:
            rest.append((start, first * HOUR))
        whole.append((first, last))
        if end is not None and last is not None and last * HOUR < end:
            rest.append((last * HOUR, end))
    return whole, rest


def of_hours(
    tenant: str, selection: Selection, whole: Sequence[Window]
) -> list[ColumnElement[bool]]:
    """Conditions on `event_hours`: all there are for a selection that `narrows_only_hours`."""
    found = [event_hours.c.tenant == tenant, *in_windows(event_hours.c.hour, whole)]
    found += in_kinds(tenant, selection, event_hours.c.kind_id)
    if selection.mask is not None and _on_the_hour(selection.mask):
        minute = event_hours.c.local_hour * 60
        found.append(in_mask(selection.mask, minute, event_hours.c.local_weekday))
    return found


def narrows_only_hours(selection: Selection) -> bool:
    """Whether sums by hour and kind can answer the selection, its windows' edges aside."""
    if selection.mask is not None and not _on_the_hour(selection.mask):
        return False
    return not selection.text.strip() and {None} == {
        selection.min_confidence,
        selection.min_duration_s,
        selection.max_duration_s,
        selection.ongoing_at,
    }


def _on_the_hour(mask: RecurringMask) -> bool:
    return not any(part.start_minute % 60 or part.end_minute % 60 for part in mask.ranges)
