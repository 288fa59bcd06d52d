"""The outbox as rows: written with what they tell of, read and settled by who delivers them.

Everything that a dispatcher writes checks its fence in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from ..domain.fences import Fence
from ..domain.outbox import (
    COUNTED,
    Acknowledged,
    AuditNote,
    Backlog,
    DestinationState,
    Entry,
    EntryFilter,
    MessageKind,
    OutboxState,
    Outgoing,
    Settled,
)
from . import dialects, fences
from .instants import from_us, to_us
from .outbox_tables import outbox, outbox_destinations
from .session import Session, Statement
from .tables import audit_log
from .words import storable

_PENDING = OutboxState.PENDING.value
_SENT = OutboxState.SENT.value
_PARKED = OutboxState.PARKED.value
_DELIVERED = OutboxState.DELIVERED.value
_WITHDRAWN = OutboxState.WITHDRAWN.value
DELETED = "the conversation was deleted"
"""Why an entry was withdrawn."""
LATE = "its deadline has passed"
"""Why an entry was parked that nobody took in time."""
_MOST_TEXT = 1_000  # characters kept of what a receiver says

_NARROW = tuple(one for one in outbox.c if one.name != "payload")


def add(session: Session, messages: Sequence[Outgoing], now: datetime) -> int:
    """Write messages into the outbox, in order; a key that is there already stays as it is."""
    return sum(_add(session, one, now) for one in messages)


def _add(session: Session, message: Outgoing, now: datetime) -> int:
    def build() -> Statement:
        return (
            dialects.insert(session, outbox)
            .values({name: bindparam(name, None) for name in values})
            .on_conflict_do_nothing()
        )

    at = to_us(now)
    refused = bool(message.refused)
    values = {
        "destination": message.destination,
        "kind": message.kind.value,
        "key": message.key,
        "tenant": message.tenant,
        "lane": message.lane,
        "subject": storable(message.subject),
        "payload": message.payload or None,
        "size": len(message.payload.encode()),
        "state": _PARKED if refused else _PENDING,
        "attempts": 0,
        "created_us": at,
        "next_us": at,
        "deadline_us": to_us(message.deadline),
        "acknowledged": int(message.acknowledged),
        "notification_id": storable(message.notification_id),
        "reason": storable(message.refused),
        "ingest_id": "",
        "received": "",
        "status": "",
        "finished_us": at if refused else None,
    }
    return session.run("add to outbox", build, values).rowcount


def withdraw(session: Session, lane: str, now: datetime) -> None:
    """A conversation is gone: nothing of it goes out any more, and no text of it stays here."""

    def build() -> Statement:
        row = outbox.c
        return (
            outbox.update()
            .where(row.lane == bindparam("of_lane", None, Text()), row.payload.is_not(None))
            .values(
                state=bindparam("to_state", None, Text()),
                payload=None,
                reason=bindparam("because", None, Text()),
                finished_us=bindparam("now_us", None, BigInteger),
            )
        )

    values = {"of_lane": lane, "to_state": _WITHDRAWN, "because": DELETED, "now_us": to_us(now)}
    session.run("withdraw from outbox", build, values)


# ---- dispatchers --------------------------------------------------------------------------------


def window(
    session: Session,
    destination: str,
    held: Collection[int],
    lanes: Collection[str],
    most: int,
    most_bytes: int,
) -> list[Entry]:
    """The oldest entries that are owed, but those held and those of some lanes."""
    row = outbox.c
    query = select(row.id, row.size).where(
        row.destination == destination, row.state == _pending(), _others(session, row.id, held)
    )
    if lanes:
        query = query.where(not_(dialects.among(session, row.lane, sorted(lanes))))
    ids: list[int] = []
    room = most_bytes
    for one in session.execute(query.order_by(row.id).limit(most)):
        room -= one.size
        if ids and room < 0:
            break
        ids.append(one.id)
    return _whole(session, ids)


def unacknowledged(
    session: Session, destination: str, now: datetime, held: Collection[int], most: int
) -> list[Entry]:
    """What went out, and whose acknowledgement is overdue."""
    row = outbox.c
    found = session.execute(
        select(row.id)
        .where(
            row.destination == destination,
            row.state == _sent(),
            row.next_us <= to_us(now),
            _others(session, row.id, held),
        )
        .order_by(row.next_us)
        .limit(most)
    )
    return _whole(session, list(found.scalars()))


def claim(session: Session, fence: Fence, ids: Sequence[int], again: bool) -> frozenset[int]:
    """Count an attempt of what is still owed."""
    fences.check(session, fence)
    row = outbox.c
    owed = (dialects.among(session, row.id, list(ids)), row.state.in_((_PENDING, _SENT)))
    if again:
        return frozenset(session.execute(select(row.id).where(*owed)).scalars())
    counted = outbox.update().where(*owed).values(attempts=row.attempts + 1).returning(row.id)
    return frozenset(session.execute(counted).scalars())


def settle(
    session: Session,
    fence: Fence,
    destination: str,
    results: Sequence[Settled],
    acknowledged: Sequence[Acknowledged],
    audit: Sequence[AuditNote],
) -> None:
    """What became of attempts. What was withdrawn meanwhile stays so."""
    fences.check(session, fence)
    row = outbox.c
    if results:
        session.execute(
            _SETTLE,
            [
                {
                    "of_id": one.id,
                    "to_state": one.state.value,
                    "to_next": to_us(one.next_at),
                    "to_reason": _said(one.reason),
                    "to_ingest": _said(one.ingest_id),
                    "to_received": _said(one.received),
                    "to_status": _said(one.status),
                    "to_finished": None if one.finished_at is None else to_us(one.finished_at),
                }
                for one in results
            ],
        )
    for ack in acknowledged:
        session.execute(
            outbox.update()
            .where(
                row.notification_id == storable(ack.notification_id),
                row.destination == destination,
                # A refusal may come when the message counted as delivered already.
                row.state.in_((_PENDING, _SENT, _DELIVERED) if ack.refused else (_PENDING, _SENT)),
                row.attempts > 0,
            )
            .values(finished_us=to_us(ack.at), **_answered(ack))
        )
    if audit:
        session.execute(audit_log.insert(), [_audit(one) for one in audit])


def _answered(ack: Acknowledged) -> dict[str, str | None]:
    if ack.refused:
        return {"state": _PARKED, "status": "refused", "reason": _said(ack.refused)}
    return {"state": _DELIVERED, "status": "acknowledged", "reason": "", "payload": None}


_SETTLE = (
    outbox.update()
    .where(
        outbox.c.id == bindparam("of_id"),
        or_(outbox.c.state == _PENDING, outbox.c.state == _SENT),
    )
    .values(
        state=bindparam("to_state"),
        next_us=bindparam("to_next"),
        reason=bindparam("to_reason"),
        ingest_id=bindparam("to_ingest"),
        received=bindparam("to_received"),
        status=bindparam("to_status"),
        finished_us=bindparam("to_finished", type_=BigInteger),
        payload=case(
            (bindparam("to_state", type_=Text()) == _DELIVERED, None), else_=outbox.c.payload
        ),
    )
)


def expire(
    session: Session,
    fence: Fence,
    destination: str,
    now: datetime,
    held: Collection[int],
    most: int,
) -> list[Entry]:
    """Park what is owed past its deadline."""
    fences.check(session, fence)
    row = outbox.c
    found: list[int] = []
    for state in (_pending(), _sent()):
        oldest = select(row.id, row.deadline_us).where(
            row.destination == destination, row.state == state, _others(session, row.id, held)
        )
        # Deadlines rise with ids, as long as nobody changed how long they are.
        for one in session.execute(oldest.order_by(row.id).limit(most)):
            found += [one.id] if one.deadline_us <= to_us(now) else []
    if not found:
        return []
    session.execute(
        outbox.update()
        .where(dialects.among(session, row.id, found))
        .values(
            state=_PARKED,
            finished_us=to_us(now),
            reason=case((row.reason == "", LATE), else_=LATE + "; at last: " + row.reason),
        )
    )
    return _whole(session, found)


def forget(session: Session, fence: Fence, destination: str, before: datetime, most: int) -> int:
    """Remove what was delivered or withdrawn so long ago."""
    fences.check(session, fence)
    row = outbox.c
    ids = list(
        session.execute(
            select(row.id)
            .where(
                row.destination == destination,
                row.finished_us < to_us(before),
                row.state.in_((_DELIVERED, _WITHDRAWN)),
            )
            .order_by(row.finished_us)
            .limit(most)
        ).scalars()
    )
    if ids:
        session.execute(outbox.delete().where(dialects.among(session, row.id, ids)))
    return len(ids)


def note(session: Session, fence: Fence, state: DestinationState) -> None:
    """How a destination is."""
    fences.check(session, fence)
    values = {
        "failures": state.failures,
        "reason": _said(state.reason),
        "alarm_us": None if state.alarm_at is None else to_us(state.alarm_at),
    }
    session.execute(
        dialects.insert(session, outbox_destinations)
        .values(destination=state.name, **values)
        .on_conflict_do_update(index_elements=[outbox_destinations.c.destination], set_=values)
    )


def noted(session: Session) -> list[DestinationState]:
    """How destinations are."""
    table = outbox_destinations
    return [
        DestinationState(
            one.destination,
            one.failures,
            one.reason,
            None if one.alarm_us is None else from_us(one.alarm_us),
        )
        for one in session.execute(select(table).order_by(table.c.destination))
    ]


def backlog(session: Session) -> list[Backlog]:
    """How much stands where."""
    row = outbox.c
    names = session.execute(select(outbox_destinations.c.destination)).scalars().all()
    others = session.execute(
        select(row.destination).where(row.state == _pending()).distinct()
    ).scalars()
    found: list[Backlog] = []
    for name in sorted({*names, *others}):
        oldest = session.execute(
            select(row.created_us)
            .where(row.destination == name, row.state == _pending())
            .order_by(row.id)
            .limit(1)
        ).scalar_one_or_none()
        mine = row.destination == name
        ended = row.finished_us.is_not(None)
        one = Backlog(
            name,
            pending=_count(session, mine, row.state == _pending()),
            sent=_count(session, mine, row.state == _sent()),
            parked=_count(session, mine, ended, row.state == _PARKED),
            oldest=None if oldest is None else from_us(oldest),
        )
        if one.pending or one.sent or one.parked:
            found.append(one)
    return found


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    some = select(outbox.c.id).where(*where).limit(COUNTED).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


# ---- operators ----------------------------------------------------------------------------------


def entries(session: Session, chosen: EntryFilter, most: int) -> list[Entry]:
    """The newest entries, without their payloads."""
    query = select(*_NARROW).where(*_chosen(session, chosen))
    found = session.execute(query.order_by(outbox.c.id.desc()).limit(most))
    return [_entry(one, "") for one in found]


def entry(session: Session, entry_id: int) -> Entry | None:
    """One entry."""
    found = _whole(session, [entry_id])
    return found[0] if found else None


def retry(session: Session, chosen: EntryFilter, now: datetime, deadline: datetime) -> int:
    """Owe again what was parked."""
    row = outbox.c
    return session.execute(
        outbox.update()
        .where(*_chosen(session, chosen), row.state == _PARKED, row.payload.is_not(None))
        .values(
            state=_PENDING,
            next_us=to_us(now),
            deadline_us=to_us(deadline),
            finished_us=None,
        )
    ).rowcount


def purge(session: Session, chosen: EntryFilter) -> int:
    """Remove entries for good."""
    return session.execute(outbox.delete().where(*_chosen(session, chosen))).rowcount


def _chosen(session: Session, chosen: EntryFilter) -> list[ColumnElement[bool]]:
    row = outbox.c
    where: list[ColumnElement[bool]] = []
    if chosen.destination:
        where.append(row.destination == chosen.destination)
    if chosen.states:
        where.append(row.state.in_(sorted(one.value for one in chosen.states)))
    if chosen.tenant:
        where.append(row.tenant == chosen.tenant)
    if chosen.ids:
        where.append(dialects.among(session, row.id, sorted(chosen.ids)))
    return where


# ---- rows ---------------------------------------------------------------------------------------


def _pending() -> ColumnElement[str]:
    # As the partial indexes say it: a parameter would not let them be used.
    return _literal(_PENDING)


def _sent() -> ColumnElement[str]:
    return _literal(_SENT)


def _literal(word: str) -> ColumnElement[str]:
    return literal_column(f"'{word}'", Text())


def _others(session: Session, of: ColumnElement[int], held: Collection[int]) -> ColumnElement[bool]:
    return not_(dialects.among(session, of, sorted(held))) if held else true()


def _whole(session: Session, ids: list[int]) -> list[Entry]:
    """Entries with their payloads, in the order of ids given."""
    if not ids:
        return []
    found = session.execute(select(outbox).where(dialects.among(session, outbox.c.id, ids)))
    by_id = {one.id: _entry(one, one.payload or "") for one in found}
    return [by_id[one] for one in ids if one in by_id]


def _entry(row: Row[*tuple[Any, ...]], payload: str) -> Entry:
    return Entry(
        id=row.id,
        message=Outgoing(
            destination=row.destination,
            kind=MessageKind(row.kind),
            key=row.key,
            tenant=row.tenant,
            lane=row.lane,
            subject=row.subject,
            payload=payload,
            deadline=from_us(row.deadline_us),
            acknowledged=bool(row.acknowledged),
            notification_id=row.notification_id,
        ),
        state=OutboxState(row.state),
        attempts=row.attempts,
        created_at=from_us(row.created_us),
        next_at=from_us(row.next_us),
        reason=row.reason,
        ingest_id=row.ingest_id,
        received=row.received,
        status=row.status,
        finished_at=None if row.finished_us is None else from_us(row.finished_us),
        size=row.size,
    )


def _said(text: str) -> str:
    return storable(text[:_MOST_TEXT])


def _audit(note: AuditNote) -> dict[str, object]:
    return {
        "at_us": to_us(note.at),
        "tenant": note.tenant,
        "user_id": "delivery",
        "role": "service",
        "action": note.action,
        "outcome": note.outcome,
        "reason": _said(note.reason),
        "subject": storable(note.subject),
        "home_tenant": "",
        "proof": f"destination:{note.destination}",
        "request_id": "",
        "log_id": "",
    }
