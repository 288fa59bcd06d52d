"""Deleting what is too old, a bounded number of rows at a time, of all tenants."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select

from ..domain.insights import InsightStatus
from ..domain.outbox import Announcer
from ..domain.retention import Removed
from . import deletion, dialects, event_sums, insight_changes, kinds, tenancy
from .insight_tables import (
    insight_logs,
    insight_names,
    insight_requests,
    insight_revisions,
    insights,
)
from .instants import HOUR, to_us
from .session import Session
from .tables import event_text, events, tenants


def conversations(
    session: Session,
    before: datetime,
    now: datetime,
    most: int,
    announcer: Announcer | None = None,
) -> Removed:
    """Conversations without activity since an instant, with all that hangs on them."""
    gone = deletion.delete_inactive(session, before, now, most, announcer)
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


def insight_tenants(session: Session) -> list[str]:
    """Tenants that ever had insights."""
    return list(
        session.execute(select(insight_logs.c.tenant).order_by(insight_logs.c.tenant)).scalars()
    )


def insights_of(session: Session, tenant: str, before: datetime, most: int) -> Removed:
    """Revisions older than an instant, from the beginning of the log; resolved insights likewise.

    What is not resolved stays as it is now, its old revisions go. The counter's row tells readers
    up to where the log is gone, in the same transaction.
    """
    cut, row = to_us(before), insight_revisions.c
    mine = row.tenant == tenant
    kept = session.execute(
        select(func.min(row.position)).where(mine, row.at_us >= cut)
    ).scalar_one()
    query = select(row.position, row.at_us).where(mine).order_by(row.position).limit(most)
    old = session.execute(query if kept is None else query.where(row.position < kept)).all()
    if old:
        session.execute(
            insight_logs.update()
            .where(insight_logs.c.tenant == tenant)
            .values(
                oldest=old[-1].position,
                oldest_us=dialects.greatest(
                    session, insight_logs.c.oldest_us, max(one.at_us for one in old)
                ),
            )
        )
        session.execute(insight_revisions.delete().where(mine, row.position <= old[-1].position))
    of = insights.c
    done = session.execute(
        select(of.insight_id)
        .where(
            of.tenant == tenant,
            of.updated_us < cut,
            of.status == InsightStatus.RESOLVED.value,
        )
        .order_by(of.updated_us)
        .limit(most)
    ).scalars()
    ids = list(done)
    if ids:
        for table in (insight_names, insights):
            session.execute(
                table.delete().where(
                    table.c.tenant == tenant, dialects.among(session, table.c.insight_id, ids)
                )
            )
    return Removed(insights=len(ids) + len(old), more=most in (len(old), len(ids)))


def requests(session: Session, now: datetime) -> Removed:
    """Request ids of published insights that are not remembered any longer."""
    session.execute(
        insight_requests.delete().where(
            insight_requests.c.created_us < to_us(now - insight_changes.KEPT)
        )
    )
    return Removed()
