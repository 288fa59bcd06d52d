"""Deleting conversations for good.

One transaction writes the tombstone and removes the rows, behind the conversation's lock that
whoever begins or ends its turns takes as well. So a turn that still runs finds no row to close and
stores nothing, and a request that is repeated later finds the tombstone and begins nothing. Another
question may begin a new conversation under the same id.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    bindparam,
    literal,
    literal_column,
    select,
)

from ..domain.conversations import Deleted, Gone
from ..domain.errors import NotFound, Reason
from ..domain.identity import Caller
from ..domain.outbox import Announcer, conversation_lane
from ..domain.turns import TurnState
from . import dialects, history_index, outbox
from .instants import to_us
from .session import Session, Statement
from .tables import conversations, deleted_conversations, deleted_requests, turns
from .words import storable

KEPT = timedelta(hours=24)
"""How long a tombstone stands: as long as a request_id is remembered."""


def delete(
    session: Session,
    caller: Caller,
    conversation_id: str,
    now: datetime,
    announcer: Announcer | None = None,
) -> Deleted:
    """Delete one of the caller's own; again within a day it says the same."""
    name = storable(conversation_id)
    row = conversations.c
    mine = (row.tenant == caller.tenant, row.user_id == caller.user, row.conversation_id == name)
    locked = session.execute(select(row.last_turn).where(*mine).with_for_update()).one_or_none()
    if locked is None:
        grave = deleted_conversations.c
        before = session.execute(
            select(grave.turns).where(
                grave.tenant == caller.tenant,
                grave.user_id == caller.user,
                grave.conversation_id == name,
                grave.deleted_us >= to_us(now - KEPT),
            )
        ).scalar_one_or_none()
        if before is None:
            raise NotFound("conversation", conversation_id, reason=Reason.CONVERSATION_NOT_FOUND)
        return Deleted(before, Gone(caller, name))
    gone = _bury(session, caller, name, now, announcer)
    return Deleted(len(gone.turn_ids), gone)


def _bury(
    session: Session,
    owner: Caller,
    conversation_id: str,
    now: datetime,
    announcer: Announcer | None,
) -> Gone:
    """Tombstones first, then everything else; the conversation's row is locked already.

    What others were owed of it is withdrawn; those who want to know hear that it is gone.
    """
    row, tenant, user = turns.c, owner.tenant, owner.user
    of_it: tuple[ColumnElement[bool], ...] = (
        row.tenant == tenant,
        row.user_id == user,
        row.conversation_id == conversation_id,
    )
    found = session.execute(select(row.turn_id, row.runner, row.state).where(*of_it)).all()
    turn_ids = tuple(one.turn_id for one in found)
    running = [one for one in found if one.state == TurnState.RUNNING.value]
    grave = dialects.insert(session, deleted_conversations).values(
        tenant=tenant,
        user_id=user,
        conversation_id=conversation_id,
        deleted_us=to_us(now),
        turns=len(turn_ids),
    )
    session.execute(
        grave.on_conflict_do_update(
            index_elements=["tenant", "user_id", "conversation_id"],
            set_={"deleted_us": grave.excluded.deleted_us, "turns": grave.excluded.turns},
        )
    )
    session.execute(
        dialects.insert(session, deleted_requests)
        .from_select(
            ["tenant", "user_id", "request_id", "conversation_id", "deleted_us"],
            _requests(of_it, now),
        )
        .on_conflict_do_nothing()
    )
    history_index.remove(session, tenant, user, conversation_id)
    session.execute(turns.delete().where(*of_it))
    talk = conversations.c
    session.execute(
        conversations.delete().where(
            talk.tenant == tenant, talk.user_id == user, talk.conversation_id == conversation_id
        )
    )
    outbox.withdraw(session, conversation_lane(tenant, user, conversation_id), now)
    if announcer is not None:
        told = announcer.conversation_deleted(owner, conversation_id, len(turn_ids), now)
        outbox.add(session, told, now)
    if not running:
        return Gone(owner, conversation_id, turn_ids)
    return Gone(owner, conversation_id, turn_ids, running[0].turn_id, running[0].runner)


def _requests(of_it: tuple[ColumnElement[bool], ...], now: datetime) -> Select[*tuple[Any, ...]]:
    row = turns.c
    return select(
        row.tenant,
        row.user_id,
        row.request_key,
        row.conversation_id,
        literal(to_us(now), BigInteger),
    ).where(*of_it, row.request_key.is_not(None))


def refuse_deleted(session: Session, caller: Caller, request_id: str, now: datetime) -> None:
    """Raises NotFound (CONVERSATION_NOT_FOUND) for a request whose conversation was deleted."""

    def build() -> Statement:
        row = deleted_requests.c
        return select(row.conversation_id).where(
            row.tenant == bindparam("tenant", None, Text()),
            row.user_id == bindparam("user", None, Text()),
            row.request_id == bindparam("request", None, Text()),
            row.deleted_us >= bindparam("since_us", None, BigInteger),
        )

    values = {
        "tenant": caller.tenant,
        "user": caller.user,
        "request": request_id,
        "since_us": to_us(now - KEPT),
    }
    found = session.run("deleted request", build, values).scalar_one_or_none()
    if found is not None:
        raise NotFound("conversation", found, reason=Reason.CONVERSATION_NOT_FOUND)


def forget_tombstones(session: Session, now: datetime) -> int:
    """Remove tombstones that have stood long enough; returns how many."""
    removed = 0
    for table in (deleted_conversations, deleted_requests):
        removed += session.execute(
            table.delete().where(table.c.deleted_us < to_us(now - KEPT))
        ).rowcount
    return removed


def delete_inactive(
    session: Session,
    before: datetime,
    now: datetime,
    most: int,
    announcer: Announcer | None = None,
) -> tuple[Gone, ...]:
    """Delete conversations, of anybody, without activity since `before`: at most so many.

    One in which a turn runs is left alone.
    """
    row = conversations.c
    running = (
        select(turns.c.turn_id)
        .where(
            turns.c.tenant == row.tenant,
            turns.c.user_id == row.user_id,
            turns.c.conversation_id == row.conversation_id,
            turns.c.state == literal_column("'running'"),  # as the partial index says it
        )
        .exists()
    )
    old = session.execute(
        select(row.tenant, row.user_id, row.conversation_id)
        .where(row.last_activity_us < to_us(before), ~running)
        .order_by(row.last_activity_us)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()
    return tuple(
        _bury(session, Caller(tenant, user), conversation_id, now, announcer)
        for tenant, user, conversation_id in old
    )
