"""Deleting what is too old, a bounded number of rows at a time, of all tenants."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import select

from ..domain.retention import Removed
from . import deletion, dialects, event_sums, kinds, tenancy
from .instants import HOUR, to_us
from .session import Session
from .tables import event_text, events, tenants


def conversations(session: Session, before: datetime, now: datetime, most: int) -> Removed:
    """Conversations without activity since an instant, with all that hangs on them."""
    gone = deletion.delete_inactive(session, before, now, most)
    return Removed(conversations=len(gone), gone=gone, more=len(gone) == most)


def tombstones(session: Session, now: datetime) -> Removed:
    """Tombstones that have stood long enough."""
    return Removed(tombstones=deletion.forget_tombstones(session, now))


def tenant_names(session: Session) -> list[str]:
    """Tenants that ever had events."""
    return list(session.execute(select(tenants.c.tenant).order_by(tenants.c.tenant)).scalars())


def of_tenant(
    session: Session, tenant: str, default_zone: str, before: datetime, most: int
) -> Removed:
    """Events that began before the UTC hour of an instant, the oldest first."""
    cut = to_us(before) // HOUR * HOUR
    tenancy.lock(session, tenant, default_zone)
    row = events.c
    old = session.execute(
        select(row.id, row.kind_id, row.start_us)
        .where(row.tenant == tenant, row.start_us < cut)
        .order_by(row.start_us)
        .limit(most)
    ).all()
    if not old:
        return Removed()
    ids = [one.id for one in old]
    session.execute(event_text.delete().where(dialects.among(session, event_text.c.rowid, ids)))
    session.execute(events.delete().where(dialects.among(session, row.id, ids)))
    event_sums.renew(session, tenant, {(one.kind_id, one.start_us // HOUR) for one in old})
    fewer = {kind: -count for kind, count in Counter(one.kind_id for one in old).items()}
    others = kinds.recount(session, tenant, fewer)
    tenancy.changed(session, tenant, catalogue=others)
    return Removed(events=len(old), more=len(old) == most)
