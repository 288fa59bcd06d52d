"""Insights as they are now: rows in and out, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select

from ..domain.errors import NotFound, Reason
from ..domain.identity import Caller
from ..domain.insights import (
    Acknowledgement,
    Insight,
    InsightFilter,
    InsightPage,
    InsightStatus,
    Seen,
    Severity,
    Verdict,
    visible,
)
from ..domain.times import Interval
from . import codec, dialects, insight_codec, insight_log, page_tokens
from .insight_tables import insight_names, insights, mutes
from .instants import from_us, to_us
from .session import Session
from .words import storable

MOST = 1_000
"""Rows of a page at most."""


@dataclass(frozen=True, slots=True)
class Known:
    """A stored insight, and what its newest unmuted revision said."""

    insight: Insight
    heard: Seen | None

    @property
    def seen(self) -> Seen:
        """What its newest revision says."""
        what = self.insight.content
        return Seen(what.severity, len(what.cameras), len(what.sites))


def get(session: Session, caller: Caller, insight_id: str, now: datetime) -> Insight:
    """One insight. Raises NotFound (INSIGHT_NOT_FOUND)."""
    row = session.execute(
        _rows(caller.tenant).where(insights.c.insight_id == storable(insight_id))
    ).one_or_none()
    if row is not None:
        found = _known(row, now).insight
        if visible(caller, found.content):
            return found
    raise NotFound("insight", insight_id, reason=Reason.INSIGHT_NOT_FOUND)


def locked(
    session: Session, tenant: str, now: datetime, *conditions: ColumnElement[bool]
) -> list[Known]:
    """Insights that are about to change, by id, so that nobody waits in a circle.

    Mutes are read after the lock: who mutes takes the same one first.
    """
    rows = session.execute(
        select(insights.c.insight_id)
        .where(insights.c.tenant == tenant, *conditions)
        .order_by(insights.c.insight_id)
        .with_for_update()
    )
    ids = list(rows.scalars())
    if not ids:
        return []
    found = session.execute(
        _rows(tenant)
        .where(dialects.among(session, insights.c.insight_id, ids), *conditions)
        .order_by(insights.c.insight_id)
    )
    return [_known(row, now) for row in found]


def store(
    session: Session, tenant: str, insight: Insight, heard: Seen | None, *, new: bool
) -> bool:
    """Write a row as a whole; False where another one with its open key came first."""
    what, note = insight.content, insight.acknowledgement
    assert what.expires_at is not None
    key = storable(what.dedupe_key)
    values: dict[str, Any] = {
        "type": what.type.value,
        "severity": int(what.severity),
        "status": insight.status.value,
        "open_key": None if insight.status is InsightStatus.RESOLVED else key,
        "revision": insight.revision,
        "updated_us": to_us(insight.updated_at),
        "window_start_us": to_us(what.window.start),
        "window_end_us": to_us(what.window.end),
        "expires_us": to_us(what.expires_at),
        "content": insight_codec.dump_content(what),
        "ack_user": None if note is None else storable(note.user),
        "ack_us": None if note is None else to_us(note.at),
        "ack_verdict": None if note is None else note.verdict.value,
        "ack_note": None if note is None else codec.dump(note.note),
        "heard": insight_codec.dump_seen(heard),
    }
    if new:
        made = session.execute(
            dialects.insert(session, insights)
            .values(
                tenant=tenant,
                insight_id=insight.insight_id,
                dedupe_key=key,
                created_us=to_us(insight.created_at),
                **values,
            )
            .on_conflict_do_nothing()
            .returning(insights.c.insight_id)
        ).one_or_none()
        if made is None:
            return False
    else:
        session.execute(
            insights.update()
            .where(insights.c.tenant == tenant, insights.c.insight_id == insight.insight_id)
            .values(**values)
        )
    names = [("camera", one) for one in what.cameras] + [("site", one) for one in what.sites]
    if names:
        session.execute(
            dialects.insert(session, insight_names).on_conflict_do_nothing(),
            [
                {
                    "tenant": tenant,
                    "insight_id": insight.insight_id,
                    "kind": kind,
                    "name": storable(name),
                }
                for kind, name in names
            ],
        )
    return True


def page(
    session: Session,
    caller: Caller,
    chosen: InsightFilter,
    now: datetime,
    status: InsightStatus | None,
    window: Interval | None,
    page_size: int,
    page_token: str,
) -> InsightPage:
    """Insights by when they were made, the newest first."""
    arguments = {
        "list": "insights",
        "types": sorted(chosen.types),
        "min_severity": int(chosen.min_severity),
        "cameras": sorted(chosen.cameras),
        "sites": sorted(chosen.sites),
        "muted": chosen.include_muted,
        "status": status,
        "window": None if window is None else codec.interval(window),
    }
    key = session.page_key()
    size = max(1, min(page_size, MOST))
    row = insights.c
    query = _rows(caller.tenant).where(
        *_chosen(session, chosen, now), *_within_sight(session, caller)
    )
    if status is not None:
        query = query.where(row.status == status.value)
    if window is not None:
        query = query.where(
            row.window_start_us < to_us(window.end), row.window_end_us > to_us(window.start)
        )
    if page_token:
        at, last = page_tokens.read(key, caller, arguments, page_token)
        created, insight_id = cast(int, at), cast(str, last)
        query = query.where(
            row.created_us <= created,
            or_(row.created_us < created, row.insight_id < insight_id),
        )
    rows = session.execute(
        query.order_by(row.created_us.desc(), row.insight_id.desc()).limit(size + 1)
    ).all()
    token = ""
    if len(rows) > size:
        ends = rows[size - 1]
        token = page_tokens.make(key, caller, arguments, [ends.created_us, ends.insight_id])
    return InsightPage(
        tuple(
            known.insight
            for known in (_known(one, now) for one in rows[:size])
            if visible(caller, known.insight.content)
        ),
        token,
        insight_log.ends(session, caller.tenant).newest,
    )


def _chosen(session: Session, chosen: InsightFilter, now: datetime) -> list[ColumnElement[bool]]:
    row = insights.c
    found: list[ColumnElement[bool]] = []
    if chosen.types:
        found.append(row.type.in_(sorted(one.value for one in chosen.types)))
    if chosen.min_severity > Severity.LOW:
        found.append(row.severity >= int(chosen.min_severity))
    for kind, names in (("camera", chosen.cameras), ("site", chosen.sites)):
        if names:
            found.append(_named(session, kind, sorted(storable(name) for name in names)))
    if not chosen.include_muted:
        found.append(func.coalesce(mutes.c.until_us, 0) <= to_us(now))
    return found


def _within_sight(session: Session, caller: Caller) -> list[ColumnElement[bool]]:
    """What a caller with limits may see, but for the evidence (`domain.insights.visible`)."""
    of = insight_names.c
    found: list[ColumnElement[bool]] = []
    for kind, seen in (("camera", caller.cameras), ("site", caller.sites)):
        if seen is None:
            continue
        names = sorted(storable(name) for name in seen)
        unseen = exists().where(
            of.tenant == insights.c.tenant,
            of.insight_id == insights.c.insight_id,
            of.kind == kind,
            not_(dialects.among(session, of.name, names)),
        )
        found += [_named(session, kind, names), not_(unseen)]
    return found


def _named(session: Session, kind: str, names: Sequence[str]) -> ColumnElement[bool]:
    of = insight_names.c
    return exists().where(
        of.tenant == insights.c.tenant,
        of.insight_id == insights.c.insight_id,
        of.kind == kind,
        dialects.among(session, of.name, names),
    )


def _rows(tenant: str) -> Select[Any]:
    return (
        select(insights, mutes.c.until_us)
        .join_from(
            insights,
            mutes,
            and_(
                mutes.c.tenant == insights.c.tenant,
                mutes.c.dedupe_key == insights.c.dedupe_key,
            ),
            isouter=True,
        )
        .where(insights.c.tenant == tenant)
    )


def _known(row: Any, now: datetime) -> Known:
    muted = None if row.until_us is None else from_us(row.until_us)
    note = None
    if row.ack_user is not None:
        note = Acknowledgement(
            row.ack_user,
            from_us(row.ack_us),
            Verdict(row.ack_verdict),
            codec.load_text(row.ack_note),
        )
    insight = Insight(
        insight_id=row.insight_id,
        content=insight_codec.load_content(row.content),
        status=InsightStatus(row.status),
        revision=row.revision,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        acknowledgement=note,
        muted_until=muted if muted is not None and muted > now else None,
    )
    return Known(insight, insight_codec.load_seen(row.heard))
