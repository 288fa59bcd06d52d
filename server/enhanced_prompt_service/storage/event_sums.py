"""Keeping `event_hours` exact: adding new events, and summing anew where events changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Select,
    bindparam,
    cast,
    func,
    literal,
    select,
)

from . import bulk, dialects
from .bulk import Inserted
from .instants import HOUR
from .session import Session, Statement
from .tables import event_hours, events

# Integer division rounds towards zero in SQL: shifted far into the future, it rounds down.
_SHIFT = 24 * 1_000_000

_duration = events.c.end_us - events.c.start_us
_hour = (events.c.start_us + _SHIFT * HOUR) // HOUR - _SHIFT
_local_hour = cast(events.c.local_minute, BigInteger) // 60
# The additions of 0 keep SQLite from reading all of an index that has the columns in this order.
_KEYS: tuple[ColumnElement[Any], ...] = (
    events.c.tenant,
    _hour,
    events.c.kind_id + 0,
    events.c.local_day,
    _local_hour,
    events.c.local_weekday,
)
_COLUMNS = tuple(event_hours.columns.keys())


def _sums(*where: ColumnElement[bool]) -> Select[Any]:
    """Rows of `event_hours` for some events."""
    return (
        select(
            *_KEYS,
            func.count(),
            func.sum(events.c.participants),
            func.count(events.c.confidence),
            func.coalesce(func.sum(events.c.confidence), literal(0.0, Float(53))),
            func.min(events.c.start_us),
            func.max(events.c.start_us),
            func.count(events.c.end_us),
            func.coalesce(func.sum(cast(_duration, Float(53))), literal(0.0, Float(53))),
            func.max(_duration),
            func.min(events.c.id),
            func.max(events.c.id),
        )
        .where(*where)
        .group_by(*_KEYS)
    )


def add(session: Session, new: Inserted) -> None:
    """Add events that were stored just now."""
    session.run("add to hours", lambda: _add(session), new.values)


def _add(session: Session) -> Statement:
    insert = dialects.insert(session, event_hours).from_select(
        _COLUMNS, _sums(bulk.is_new(session))
    )
    old, new = event_hours.c, insert.excluded
    added = (
        *("matches", "participants", "confidences", "confidence_sum"),
        *("ended", "duration_sum"),
    )
    lowest, highest = ("first_us", "first_id"), ("last_us", "last_id")
    return insert.on_conflict_do_update(
        index_elements=[old.tenant, old.hour, old.kind_id, old.local_day, old.local_hour],
        set_={name: old[name] + new[name] for name in added}
        | {name: dialects.least(session, old[name], new[name]) for name in lowest}
        | {name: dialects.greatest(session, old[name], new[name]) for name in highest}
        | {
            "duration_max": dialects.greatest(
                session,
                func.coalesce(old.duration_max, new.duration_max),
                func.coalesce(new.duration_max, old.duration_max),
            )
        },
    )


def renew(session: Session, tenant: str, hours: Iterable[tuple[int, int]]) -> None:
    """Sum (kind_id, hour) anew from the events that are there."""
    chosen = [{"kind": kind_id, "from_hour": hour} for kind_id, hour in sorted(hours)]
    if not chosen:
        return
    kind, hour = bindparam("kind", type_=BigInteger), bindparam("from_hour", type_=BigInteger)
    session.execute(
        event_hours.delete().where(
            event_hours.c.tenant == tenant,
            event_hours.c.kind_id == kind,
            event_hours.c.hour == hour,
        ),
        chosen,
    )
    session.execute(
        event_hours.insert().from_select(
            _COLUMNS,
            _sums(
                events.c.tenant == tenant,
                events.c.kind_id == kind,
                events.c.start_us >= hour * HOUR,
                events.c.start_us < hour * HOUR + HOUR,
            ),
        ),
        chosen,
    )


def renew_kinds(session: Session, tenant: str, kind_ids: Sequence[int]) -> None:
    """Sum all of some kinds anew: their local times changed."""
    session.execute(
        event_hours.delete().where(
            event_hours.c.tenant == tenant,
            dialects.among(session, event_hours.c.kind_id, kind_ids),
        )
    )
    session.execute(
        event_hours.insert().from_select(
            _COLUMNS,
            _sums(
                events.c.tenant == tenant,
                dialects.among(session, events.c.kind_id, kind_ids),
            ),
        )
    )
