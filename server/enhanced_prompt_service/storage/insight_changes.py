"""What changes insights: publishing, resolving, notes of operators, mutes, expiry.

Each change writes the insight's row first and its entry in the log last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import exists, select

from ..domain.errors import Conflict, NotFound, Reason
from ..domain.fences import Fence
from ..domain.identity import Caller
from ..domain.insights import (
    REPEATED_WITHIN,
    Acknowledgement,
    Change,
    Insight,
    InsightDraft,
    InsightStatus,
    Muted,
    Published,
    Seen,
    Verdict,
    grown,
    settled,
    visible,
)
from ..domain.outbox import Announcer
from . import dialects, fences, insight_log, insight_rows, outbox
from .failures import RunAgain
from .insight_log import Entry
from .insight_rows import Known
from .insight_tables import insight_requests, insights, mutes
from .instants import from_us, to_us
from .session import Session
from .words import storable

KEPT = timedelta(hours=24)
"""How long a request_id is remembered."""


def publish(
    session: Session,
    caller: Caller,
    draft: InsightDraft,
    *,
    new_id: Callable[[], str],
    now: datetime,
    fence: Fence | None,
    request_id: str,
    request_hash: str,
    announcer: Announcer | None = None,
) -> Published:
    """Make an insight, or let the unresolved one with its key grow; write what that owes."""
    tenant = caller.tenant
    if fence is not None:
        fences.check(session, fence)
    if request_id:
        again = _known_request(session, caller, request_id, request_hash, now)
        if again is not None:
            return again
    key = storable(draft.dedupe_key)
    found = insight_rows.locked(session, tenant, now, insights.c.open_key == key)
    entry: Entry | None = None
    if found:
        known = found[0].insight
        content = grown(known.content, draft)
        insight = known
        if content != known.content:
            insight = _revised(known, now, content=content)
            entry = _changed(session, tenant, found[0], insight, Change.GREW)
    else:
        insight = Insight(
            insight_id=new_id(),
            content=settled(draft, repeated=_repeated(session, tenant, key, draft)),
            status=InsightStatus.OPEN,
            revision=1,
            created_at=now,
            updated_at=now,
            muted_until=_muted_until(session, tenant, key, now),
        )
        entry = Entry(insight, Change.CREATED, None, None)
        heard = _heard(insight, None)
        if not insight_rows.store(session, tenant, insight, heard, new=True):
            raise RunAgain  # somebody else's came first: this one goes into it
    if request_id:
        session.execute(
            insight_requests.insert().values(
                tenant=tenant,
                user_id=caller.user,
                request_id=storable(request_id),
                request_hash=request_hash,
                insight_id=insight.insight_id,
                merged=int(bool(found)),
                created_us=to_us(now),
            )
        )
    if entry is not None and announcer is not None:
        outbox.add(session, announcer.insight_said(tenant, insight, entry.heard, now), now)
    position = None if entry is None else insight_log.append(session, tenant, [entry])
    return Published(insight, bool(found), position)


def resolve(
    session: Session, caller: Caller, dedupe_key: str, now: datetime, fence: Fence | None
) -> Insight | None:
    """Close the unresolved insight of a key."""
    if fence is not None:
        fences.check(session, fence)
    found = insight_rows.locked(
        session, caller.tenant, now, insights.c.open_key == storable(dedupe_key)
    )
    if not found:
        return None
    return _resolve(session, caller.tenant, found, now)[0]


def expire(session: Session, tenant: str, site_now: datetime, now: datetime, most: int) -> int:
    """Resolve what no longer matters."""
    row = insights.c
    due = (row.open_key.is_not(None), row.expires_us <= to_us(site_now))
    ids = session.execute(
        select(row.insight_id)
        .where(row.tenant == tenant, *due)
        .order_by(row.expires_us)
        .limit(most)
    ).scalars()
    found = insight_rows.locked(
        session, tenant, now, dialects.among(session, row.insight_id, list(ids)), *due
    )
    return len(_resolve(session, tenant, found, now)) if found else 0


def tenants_to_expire(session: Session, site_now: datetime) -> list[str]:
    """Tenants in which something no longer matters."""
    row = insights.c
    return list(
        session.execute(
            select(row.tenant)
            .where(row.open_key.is_not(None), row.expires_us <= to_us(site_now))
            .distinct()
        ).scalars()
    )


def acknowledge(
    session: Session,
    caller: Caller,
    insight_ids: Sequence[str],
    verdict: Verdict,
    note: str,
    now: datetime,
) -> list[Insight]:
    """An operator's note on each. The same note again changes nothing."""
    wanted = [storable(one) for one in insight_ids]
    among = dialects.among(session, insights.c.insight_id, list(dict.fromkeys(wanted)))
    found = insight_rows.locked(session, caller.tenant, now, among)
    found = [one for one in found if visible(caller, one.insight.content)]
    there = {one.insight.insight_id: one.insight for one in found}
    for given, one in zip(insight_ids, wanted, strict=True):
        if one not in there:
            raise NotFound("insight", given, reason=Reason.INSIGHT_NOT_FOUND)
    entries: list[Entry] = []
    for known in found:
        old = known.insight.acknowledgement
        if old is not None and (old.user, old.verdict, old.note) == (caller.user, verdict, note):
            continue
        status = known.insight.status
        insight = _revised(
            known.insight,
            now,
            acknowledgement=Acknowledgement(caller.user, now, verdict, note),
            status=InsightStatus.ACKNOWLEDGED if status is InsightStatus.OPEN else status,
        )
        entries.append(_changed(session, caller.tenant, known, insight, Change.ACKNOWLEDGED))
        there[insight.insight_id] = insight
    if entries:
        insight_log.append(session, caller.tenant, entries)
    return [there[one] for one in wanted]


def mute(
    session: Session,
    caller: Caller,
    dedupe_key: str,
    until: datetime | None,
    note: str,
    now: datetime,
) -> Muted:
    """Silence a key, or lift its mute."""
    tenant, key = caller.tenant, storable(dedupe_key)
    found = insight_rows.locked(session, tenant, now, insights.c.open_key == key)
    if until is None:
        session.execute(mutes.delete().where(mutes.c.tenant == tenant, mutes.c.dedupe_key == key))
    else:
        values = {
            "until_us": to_us(until),
            "user_id": caller.user,
            "muted_us": to_us(now),
            "note": storable(note),
        }
        session.execute(
            dialects.insert(session, mutes)
            .values(tenant=tenant, dedupe_key=key, **values)
            .on_conflict_do_update(index_elements=[mutes.c.tenant, mutes.c.dedupe_key], set_=values)
        )
    entries = [
        _changed(
            session,
            tenant,
            known,
            replace(_revised(known.insight, now), muted_until=until),
            Change.MUTED,
        )
        for known in found
        if known.insight.muted_until != until
    ]
    if entries:
        insight_log.append(session, tenant, entries)
    return Muted(until, len(found))


def _resolve(session: Session, tenant: str, found: Sequence[Known], now: datetime) -> list[Insight]:
    changed = [
        (known, _revised(known.insight, now, status=InsightStatus.RESOLVED)) for known in found
    ]
    entries = [_changed(session, tenant, *pair, Change.RESOLVED) for pair in changed]
    insight_log.append(session, tenant, entries)
    return [insight for _, insight in changed]


def _revised(
    known: Insight,
    now: datetime,
    *,
    content: InsightDraft | None = None,
    status: InsightStatus | None = None,
    acknowledgement: Acknowledgement | None = None,
) -> Insight:
    """The next revision of an insight."""
    return replace(
        known,
        content=content or known.content,
        status=status or known.status,
        acknowledgement=acknowledgement or known.acknowledgement,
        revision=known.revision + 1,
        updated_at=now,
    )


def _changed(
    session: Session, tenant: str, known: Known, insight: Insight, change: Change
) -> Entry:
    """Store a changed insight; what its entry in the log will be."""
    insight_rows.store(session, tenant, insight, _heard(insight, known.heard), new=False)
    return Entry(insight, change, known.seen, known.heard)


def _heard(insight: Insight, heard: Seen | None) -> Seen | None:
    """What the newest unmuted revision says, once this one is in the log."""
    if insight.muted_until is not None and insight.muted_until > insight.updated_at:
        return heard
    what = insight.content
    return Seen(what.severity, len(what.cameras), len(what.sites))


def _muted_until(session: Session, tenant: str, key: str, now: datetime) -> datetime | None:
    until = session.execute(
        select(mutes.c.until_us).where(mutes.c.tenant == tenant, mutes.c.dedupe_key == key)
    ).scalar_one_or_none()
    return None if until is None or until <= to_us(now) else from_us(until)


def _repeated(session: Session, tenant: str, key: str, draft: InsightDraft) -> bool:
    row = insights.c
    since = to_us(draft.window.start - REPEATED_WITHIN)
    return bool(
        session.execute(
            select(
                exists().where(
                    row.tenant == tenant,
                    row.dedupe_key == key,
                    row.window_end_us >= since,
                    row.window_start_us <= to_us(draft.window.end),
                )
            )
        ).scalar_one()
    )


def _known_request(
    session: Session, caller: Caller, request_id: str, request_hash: str, now: datetime
) -> Published | None:
    row = insight_requests.c
    mine = (
        row.tenant == caller.tenant,
        row.user_id == caller.user,
        row.request_id == storable(request_id),
    )
    known = session.execute(select(insight_requests).where(*mine)).one_or_none()
    if known is None:
        return None
    if known.created_us < to_us(now - KEPT):
        session.execute(insight_requests.delete().where(*mine))
        return None
    if known.request_hash != request_hash:
        raise Conflict(
            "the request_id was used for another request",
            reason=Reason.REQUEST_ID_REUSED,
            metadata={"insight_id": known.insight_id},
        )
    insight = insight_rows.get(session, caller, known.insight_id, now)
    return Published(insight, bool(known.merged), None)
