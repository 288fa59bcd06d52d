"""Sums of the turns that ended in a period, from one scan of the columns kept for it."""

from __future__ import annotations

from bisect import bisect_right
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from ..domain.analytics import Bucket, EndedTurn, PromptAnalytics, Tally, points_of
from ..domain.answers import ResponseType
from ..domain.identity import Caller
from ..domain.times import Interval
from ..domain.turns import TurnState
from .history_index import CAMERA, TOPIC
from .instants import to_us
from .session import Session
from .tables import turn_names, turns

_MOST_NAMES = 20


def analytics(
    session: Session,
    caller: Caller,
    period: Interval,
    bucket: Bucket,
    zone: ZoneInfo,
    whole_tenant: bool,
) -> PromptAnalytics:
    """Totals of the period, of the one before it, and of its points."""
    start, end = to_us(period.start), to_us(period.end)
    before = 2 * start - end
    points = list(points_of(period, bucket, zone))
    cuts = [to_us(one.start) for one in points]
    tallies = [Tally() for _ in points]
    now, previous = Tally(), Tally()
    row = turns.c
    whose: list[ColumnElement[bool]] = [row.tenant == caller.tenant]
    if not whole_tenant:
        whose.append(row.user_id == caller.user)
    scan = session.execute(
        select(
            row.ended_us,
            row.state,
            row.user_id,
            row.conversation_id,
            row.response_type,
            row.confidence,
            row.processing_ms,
            row.evidence_count,
        ).where(*whose, row.ended_us >= before, row.ended_us < end)
    )
    for ended_us, state, user, talk, kind, confidence, took, evidence in scan:
        turn = EndedTurn(
            TurnState(state),
            user,
            talk,
            None if kind is None else ResponseType(kind),
            confidence,
            took,
            evidence,
        )
        if ended_us < start:
            previous.add(turn)
            continue
        now.add(turn)
        tallies[bisect_right(cuts, ended_us) - 1].add(turn)
    return PromptAnalytics(
        period,
        now.totals(),
        previous.totals(),
        tuple(zip(points, (one.totals() for one in tallies), strict=True)),
        _top(session, CAMERA, whose, start, end),
        _top(session, TOPIC, whose, start, end),
    )


def _top(
    session: Session, kind: str, whose: list[ColumnElement[bool]], start: int, end: int
) -> tuple[tuple[str, int], ...]:
    """Names in most responses, each counted once a response; ties by name."""
    row, count = turn_names.c, func.count()
    found = session.execute(
        select(row.name, count)
        .join_from(
            turns,
            turn_names,
            (row.tenant == turns.c.tenant) & (row.turn_id == turns.c.turn_id),
        )
        .where(
            *whose,
            turns.c.ended_us >= start,
            turns.c.ended_us < end,
            turns.c.state == TurnState.COMPLETED.value,
            row.kind == kind,
        )
        .group_by(row.name)
        .order_by(count.desc(), row.name)
        .limit(_MOST_NAMES)
    )
    return tuple((name, int(times)) for name, times in found)
