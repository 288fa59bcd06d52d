"""Cursors that the server keeps for subscribers, by a name of theirs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ..domain.errors import OutOfRange
from ..domain.identity import Caller
from . import dialects, insight_log
from .insight_tables import subscriptions
from .instants import to_us
from .session import Session
from .words import storable

_KEY = (subscriptions.c.tenant, subscriptions.c.user_id, subscriptions.c.subscription_id)


def subscribe(session: Session, caller: Caller, subscription_id: str, now: datetime) -> int:
    """The cursor under a name; a new one at the end of the log."""
    name = storable(subscription_id)
    session.execute(
        dialects.insert(session, subscriptions)
        .values(
            tenant=caller.tenant,
            user_id=caller.user,
            subscription_id=name,
            position=insight_log.ends(session, caller.tenant).newest,
            created_us=to_us(now),
            committed_us=to_us(now),
        )
        .on_conflict_do_nothing()
    )
    row = subscriptions.c
    return session.execute(
        select(row.position).where(
            row.tenant == caller.tenant,
            row.user_id == caller.user,
            row.subscription_id == name,
        )
    ).scalar_one()


def commit(
    session: Session, caller: Caller, subscription_id: str, position: int, now: datetime
) -> int:
    """Move a cursor on, never back; where it stands."""
    if position > insight_log.ends(session, caller.tenant).newest:
        raise OutOfRange("the token points beyond what exists")
    row = subscriptions.c
    return session.execute(
        dialects.insert(session, subscriptions)
        .values(
            tenant=caller.tenant,
            user_id=caller.user,
            subscription_id=storable(subscription_id),
            position=position,
            created_us=to_us(now),
            committed_us=to_us(now),
        )
        .on_conflict_do_update(
            index_elements=_KEY,
            set_={
                "position": dialects.greatest(session, row.position, position),
                "committed_us": to_us(now),
            },
        )
        .returning(row.position)
    ).scalar_one()
