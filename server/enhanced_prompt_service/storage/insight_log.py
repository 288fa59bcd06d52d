"""The log of revisions: positions, entries, its ends.

A writer takes its positions last. The counter's row stays locked until the commit, so that whoever
takes the next position commits later: a reader that saw one position has seen all before it. (On
SQLite writers wait for each other anyway.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from ..domain.errors import OutOfRange
from ..domain.identity import Caller
from ..domain.insights import Change, Insight, LogEnds, LogPart, Seen
from . import dialects, insight_codec
from .insight_tables import insight_logs, insight_revisions
from .instants import to_us
from .session import Session

MOST = 1_000
"""Revisions of one part at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be added to the log."""

    insight: Insight
    change: Change
    before: Seen | None
    heard: Seen | None


def append(session: Session, tenant: str, entries: Sequence[Entry]) -> int:
    """Add entries, in order; the position of the last one. Nothing may be written after it."""
    newest = take(session, tenant, len(entries))
    first = newest - len(entries) + 1
    session.execute(
        insight_revisions.insert(),
        [
            {
                "tenant": tenant,
                "position": first + index,
                "insight_id": one.insight.insight_id,
                "revision": one.insight.revision,
                "change": one.change.value,
                "at_us": to_us(one.insight.updated_at),
                "document": insight_codec.dump_revision(one.insight, one.before, one.heard),
            }
            for index, one in enumerate(entries)
        ],
    )
    return newest


def take(session: Session, tenant: str, count: int) -> int:
    """Move the counter on by so many; where it stands now. Others wait until the commit."""
    return session.execute(
        dialects.insert(session, insight_logs)
        .values(tenant=tenant, newest=count, oldest=0, oldest_us=0)
        .on_conflict_do_update(
            index_elements=[insight_logs.c.tenant], set_={"newest": insight_logs.c.newest + count}
        )
        .returning(insight_logs.c.newest)
    ).scalar_one()


def ends(session: Session, tenant: str) -> LogEnds:
    """What of the log is there."""
    row = session.execute(
        select(insight_logs.c.oldest, insight_logs.c.newest).where(insight_logs.c.tenant == tenant)
    ).one_or_none()
    return LogEnds(0, 0) if row is None else LogEnds(row.oldest, row.newest)


def after(session: Session, tenant: str, position: int, limit: int) -> LogPart:
    """Entries behind a position, in order."""
    row = insight_revisions.c
    rows = session.execute(
        select(row.position, row.change, row.document)
        .where(row.tenant == tenant, row.position > position)
        .order_by(row.position)
        .limit(max(1, min(limit, MOST)))
    )
    found = tuple(
        insight_codec.load_revision(one.position, one.change, one.document) for one in rows
    )
    return LogPart(found, ends(session, tenant))


def before(session: Session, caller: Caller, at: datetime) -> int:
    """The position before the first entry at or after a time."""
    log = session.execute(
        select(insight_logs).where(insight_logs.c.tenant == caller.tenant)
    ).one_or_none()
    if log is None:
        return 0
    at_us = to_us(at)
    if log.oldest and at_us <= log.oldest_us:
        raise OutOfRange("insights of that time are not kept any more")
    row = insight_revisions.c
    first = session.execute(
        select(func.min(row.position)).where(row.tenant == caller.tenant, row.at_us >= at_us)
    ).scalar_one()
    return int(log.newest) if first is None else int(first) - 1
