"""`Selection` as SQL conditions, exactly as its docstring means it.

Everything here comes twice: as conditions with named parameters, built once for a shape, and as
the values of those parameters (see `session`). A `Filter` holds what belongs to one selection.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Select,
    Text,
    and_,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from ..domain.events import Selection
from ..domain.identity import Caller
from ..domain.times import MINUTES_A_DAY, DailyRange, RecurringMask, union
from . import dialects
from .instants import HOUR, SECOND, to_us
from .session import Session, slot
from .tables import event_hours, event_text, events, kind_zones, kinds, tenants
from .words import storable, terms

Window = tuple[int | None, int | None]
"""`start <= t < end` in microseconds, or in hours counted from 1970; None is open."""

_MOST_WINDOWS = 100
MAY_CAMERAS, MAY_SITES = "may_cameras", "may_sites"
"""Parameters of what a caller may see, where that is not all."""
_NAMES = ("cameras", "sites", "zones", "event_types", "labels")
_NUMBERS = ("min_confidence", "min_duration_s", "max_duration_s")


@dataclass(frozen=True, slots=True)
class Filter:
    """One selection of one tenant: what its SQL looks like, and the values in it."""

    tenant: str
    selection: Selection
    shape: Hashable
    values: dict[str, Any]

    @property
    def limited(self) -> bool:
        """Whether the caller may see only some cameras."""
        return MAY_CAMERAS in self.values or MAY_SITES in self.values


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to match: windows (sorted, disjoint, at least one), and what else must hold.

    `end` "after" means an end later than the selection's `ongoing_at`, "open" none at all. Without
    `follow_kinds` the index that begins with kinds is not taken: another is better.
    """

    windows: tuple[Window, ...]
    end: Literal["any", "after", "open"] = "any"
    follow_kinds: bool = True

    @property
    def shape(self) -> Hashable:
        """What its SQL looks like."""
        return windows_shape(self.windows), self.end, self.follow_kinds


@dataclass(frozen=True, slots=True)
class TextSearch:
    """What a text asks the index for. Without terms (only stop words, or signs) nothing matches.

    `ids` bound the events that can be meant: not exact, only narrower than all.
    """

    terms: tuple[str, ...]
    every: bool
    ids: tuple[int, int] | None

    @property
    def shape(self) -> Hashable:
        """What its SQL looks like."""
        return bool(self.terms), self.ids is not None

    def values(self, session: Session) -> dict[str, Any]:
        """Values of its parameters."""
        low, high = self.ids or (0, 0)
        query = dialects.text_query(session, self.terms, every=self.every)
        return {"text": query, "low_id": low, "high_id": high}


def unindexed(of: ColumnElement[int]) -> ColumnElement[int]:
    """The same number, but no column that an index has: so another index is taken.

    SQLite plans by rules of thumb where nobody ran ANALYZE, and neither database knows how many
    events of some kinds there are in some hours; we do.
    """
    return of + 0


def filter_of(session: Session, caller: Caller, selection: Selection) -> Filter:
    """Shape and values of a selection; its windows and its text come in elsewhere.

    What the caller may not see is outside of every selection, however it is asked for.
    """
    tenant = caller.tenant
    values: dict[str, Any] = {"tenant": tenant}
    for name, allowed in ((MAY_CAMERAS, caller.cameras), (MAY_SITES, caller.sites)):
        if allowed is not None:
            values[name] = dialects.many(session, [storable(one) for one in sorted(allowed)])
    for name in _NAMES:
        names = getattr(selection, name)
        if names:
            values[name] = dialects.many(session, [storable(one) for one in sorted(names)])
    for name in _NUMBERS:
        number = getattr(selection, name)
        if number is not None:
            values[name] = float(number)
    shape = (*values, selection.type_or_label, selection.mask)
    if selection.ongoing_at is not None:
        values["at"] = to_us(selection.ongoing_at)
    return Filter(tenant, selection, shape, values)


# ---- windows ------------------------------------------------------------------------------------


def windows_of(selection: Selection) -> list[Window]:
    """The windows, cut at `as_of`, sorted and disjoint. Empty: nothing can match."""
    end = None if selection.as_of is None else to_us(selection.as_of)
    if not selection.windows:
        return [(None, end)]
    return list(
        cut([(to_us(w.start), to_us(w.end)) for w in union(selection.windows)], (None, end))
    )


def cut(windows: Sequence[Window], by: Window) -> tuple[Window, ...]:
    """What of the windows lies in another one."""
    found: list[Window] = []
    for one in windows:
        start = max((at for at in (one[0], by[0]) if at is not None), default=None)
        end = min((at for at in (one[1], by[1]) if at is not None), default=None)
        if start is None or end is None or start < end:
            found.append((start, end))
    return tuple(found)


def whole_hours(windows: Sequence[Window]) -> tuple[list[Window], list[Window]]:
    """Whole hours of windows in microseconds, and what is left of them (microseconds again)."""
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


def windows_shape(windows: Sequence[Window]) -> Hashable:
    """What the conditions on windows look like."""
    return tuple((start is None, end is None) for start, end in windows)


def windows_values(tag: str, windows: Sequence[Window]) -> dict[str, int | None]:
    """Values of the parameters of windows; `tag` keeps those of one statement apart."""
    found: dict[str, int | None] = {}
    for number, (start, end) in enumerate(windows):
        found[f"{tag}start{number}"] = start
        found[f"{tag}end{number}"] = end
    return found


def in_windows(
    tag: str, of: ColumnElement[int], windows: Sequence[Window]
) -> list[ColumnElement[bool]]:
    """Conditions for any of the windows: the hull, which an index can follow, and inside of it."""

    def inside(of: ColumnElement[int], first: int, last: int) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if windows[first][0] is not None:
            found.append(of >= slot(f"{tag}start{first}", BigInteger()))
        if windows[last][1] is not None:
            found.append(of < slot(f"{tag}end{last}", BigInteger()))
        return found

    if not windows:
        return [nothing()]
    if len(windows) == 1:
        return inside(of, 0, 0)
    each = (and_(*inside(unindexed(of), number, number)) for number in range(len(windows)))
    return [*inside(of, 0, len(windows) - 1), or_(*each)]


# ---- conditions ---------------------------------------------------------------------------------


def nothing() -> ColumnElement[bool]:
    """A condition that never holds."""
    return literal_column("1") == literal_column("0")


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
    session: Session, chosen: Filter, kind_id: ColumnElement[int]
) -> list[ColumnElement[bool]]:
    """What the event is: site, camera, type, label, zone. No condition where nothing narrows."""
    selection = chosen.selection
    tenant = slot("tenant", Text())

    def named(of: ColumnElement[str], name: str) -> ColumnElement[bool]:
        return dialects.among_slot(session, of, name, Text())

    found: list[ColumnElement[bool]] = []
    if MAY_CAMERAS in chosen.values:
        found.append(named(kinds.c.camera_id, MAY_CAMERAS))
    if MAY_SITES in chosen.values:
        found.append(named(kinds.c.site, MAY_SITES))
    if selection.cameras:
        found.append(named(kinds.c.camera_id, "cameras"))
    if selection.sites:
        found.append(named(kinds.c.site, "sites"))
    if selection.zones:
        zoned = select(kind_zones.c.kind_id).where(
            kind_zones.c.tenant == tenant, named(kind_zones.c.zone, "zones")
        )
        found.append(kinds.c.kind_id.in_(zoned))
    nouns: list[ColumnElement[bool]] = []
    if selection.event_types:
        nouns.append(named(kinds.c.event_type, "event_types"))
    if selection.labels:
        nouns.append(named(kinds.c.label, "labels"))
    if nouns:
        found.append(or_(*nouns) if selection.type_or_label else and_(*nouns))
    if not found:
        return []
    return [kind_id.in_(select(kinds.c.kind_id).where(kinds.c.tenant == tenant, *found))]


def of_events(
    session: Session, chosen: Filter, tag: str, branch: Branch, text: TextSearch | None
) -> list[ColumnElement[bool]]:
    """All conditions on `events`, for one branch, whose windows' parameters begin with `tag`."""
    selection = chosen.selection
    row = events.c
    found: list[ColumnElement[bool]] = [row.tenant == slot("tenant", Text())]
    found += in_windows(tag, row.start_us, branch.windows)
    kind_id: ColumnElement[int] = row.kind_id
    if not branch.follow_kinds:
        kind_id = unindexed(kind_id)
    found += in_kinds(session, chosen, kind_id)
    if branch.end == "after":
        found.append(row.end_us > slot("at", BigInteger()))
    elif branch.end == "open":
        found.append(row.end_us.is_(None))
    if selection.mask is not None:
        found.append(in_mask(selection.mask, row.local_minute, row.local_weekday))
    if selection.min_confidence is not None:
        found.append(row.confidence >= slot("min_confidence", Float(53)))
    seconds = cast(row.end_us - row.start_us, Float(53)) / float(SECOND)
    if selection.min_duration_s is not None:
        found.append(seconds >= slot("min_duration_s", Float(53)))
    if selection.max_duration_s is not None:
        found.append(seconds <= slot("max_duration_s", Float(53)))
    if text is not None:
        found += _with_text(session, text)
    return found


def _with_text(session: Session, text: TextSearch) -> list[ColumnElement[bool]]:
    if not text.terms:
        return [nothing()]
    found = [dialects.same_event(session), dialects.matching_text(session)]
    if text.ids is not None:
        low, high = slot("low_id", BigInteger()), slot("high_id", BigInteger())
        found.append(event_text.c.rowid.between(low, high))
    return found


def of_hours(
    session: Session, chosen: Filter, tag: str, whole: Sequence[Window]
) -> list[ColumnElement[bool]]:
    """Conditions on `event_hours`: all there are for a selection that `narrows_only_hours`."""
    row = event_hours.c
    mask = chosen.selection.mask
    found = [row.tenant == slot("tenant", Text()), *in_windows(tag, row.hour, whole)]
    found += in_kinds(session, chosen, row.kind_id)
    if mask is not None and _on_the_hour(mask):
        found.append(in_mask(mask, row.local_hour * 60, row.local_weekday))
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


# ---- what has to be asked first -----------------------------------------------------------------


def branches_of(session: Session, chosen: Filter) -> list[Branch]:
    """The ways in which an event can match, no event in two of them; none: nothing can match.

    One, or two where the selection asks for what was going on at an instant: events that ended
    after it, which began no earlier than the longest of all events does, and those without an end.
    More where there are very many windows, so that no statement grows beyond what SQLite takes.
    """
    windows = windows_of(chosen.selection)
    if "at" not in chosen.values:
        return _cut_up([Branch(tuple(windows))])
    at = chosen.values["at"]
    longest = session.run(
        "longest",
        lambda: select(tenants.c.longest_us).where(tenants.c.tenant == slot("tenant", Text())),
        {"tenant": chosen.tenant},
    ).scalar()
    found = [
        Branch(cut(windows, (at - (longest or 0), at)), "after"),
        Branch(cut(windows, (None, at)), "open", follow_kinds=False),
    ]
    return _cut_up(found)


def _cut_up(branches: Sequence[Branch]) -> list[Branch]:
    return [
        replace(one, windows=one.windows[first : first + _MOST_WINDOWS])
        for one in branches
        for first in range(0, len(one.windows), _MOST_WINDOWS)
    ]


def search_of(session: Session, chosen: Filter, branches: Sequence[Branch]) -> TextSearch | None:
    """How the text is searched: events with every term if there is one, else those with any.

    Asked for within all the rest of the selection, so that totals, groups and pages agree.
    """
    text = chosen.selection.text
    if not text.strip():
        return None
    every = TextSearch(terms(text), every=True, ids=None)
    if not every.terms:
        return every
    every = replace(every, ids=_bounds(session, chosen))
    if len(every.terms) == 1:
        return every
    for branch in branches:

        def one_event(branch: Branch = branch) -> Select[int]:
            conditions = of_events(session, chosen, "", branch, every)
            return select(events.c.id).where(*conditions).limit(1)

        values = windows_values("", branch.windows) | every.values(session) | chosen.values
        shape = ("every", chosen.shape, branch.shape, every.shape)
        if session.run(shape, one_event, values).first():
            return every
    return replace(every, every=False)


def _bounds(session: Session, chosen: Filter) -> tuple[int, int] | None:
    """The first and last event of the hours and kinds that are meant; (0, 0) for none."""
    windows = windows_of(chosen.selection)
    if not windows or windows == [(None, None)]:
        return None
    start, end = windows[0][0], windows[-1][1]
    hours: list[Window] = [
        (None if start is None else start // HOUR, None if end is None else -(-end // HOUR))
    ]

    def bounds() -> Select[int, int]:
        row = event_hours.c
        return select(func.min(row.first_id), func.max(row.last_id)).where(
            row.tenant == slot("tenant", Text()),
            *in_windows("", row.hour, hours),
            *in_kinds(session, chosen, row.kind_id),
        )

    values = windows_values("", hours) | chosen.values
    low, high = session.run(("bounds", chosen.shape, windows_shape(hours)), bounds, values).one()
    return (0, 0) if low is None else (low, high)
