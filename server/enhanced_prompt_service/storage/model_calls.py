"""Calls of models: a row each, summed up by user, model and local day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, literal_column, select

from ..domain.answers import ModelUsage
from ..domain.identity import Caller
from ..domain.usage import UsageAsked, UsageKey, UsagePage, UsageSum
from . import codec, page_tokens
from .instants import from_us, to_us
from .session import Session
from .tables import model_calls

MOST = 1_000
"""Rows of a page at most."""
QUARTER = 15 * 60 * 1_000_000
"""Microseconds: every local midnight of today's zones lies between two of them."""
_USD = "USD"


def add(
    session: Session, caller: Caller, calls: Sequence[ModelUsage], now: datetime, turn_id: str = ""
) -> None:
    """Note calls that ended at an instant, of a turn or ("") of none."""
    if not calls:
        return
    ended_us = to_us(now)
    session.execute(
        model_calls.insert(),
        [
            {
                "tenant": caller.tenant,
                "user_id": caller.user,
                "turn_id": turn_id,
                "model": one.model,
                "ended_us": ended_us,
                "source": one.source,
                "input_tokens": one.input_tokens,
                "output_tokens": one.output_tokens,
                "cached_tokens": one.cached_tokens,
                "reasoning_tokens": one.reasoning_tokens,
                "cost": one.cost,
                "currency": one.currency,
            }
            for one in calls
        ],
    )


@dataclass(slots=True)
class _Sum:
    """Sums in the making."""

    turns: int = 0
    calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    without_counts: int = 0
    without_cost: int = 0
    estimated: int = 0

    def add(self, row: Any) -> None:
        for name in _SUMS:
            more = getattr(row, name)
            if more is not None:
                exact = float(more) if name == "cost" else int(more)
                setattr(self, name, exact + (getattr(self, name) or 0))

    def done(self, user_id: str = "", model: str = "", day: str = "") -> UsageSum:
        return UsageSum(
            user_id,
            model,
            day,
            self.turns,
            self.calls,
            self.input_tokens,
            self.output_tokens,
            self.cached_tokens,
            self.reasoning_tokens,
            self.cost,
            self.without_counts,
            self.without_cost,
            self.estimated > 0,
        )


_SUMS = tuple(_Sum.__dataclass_fields__)


def sums(
    session: Session, caller: Caller, asked: UsageAsked, page_size: int, page_token: str
) -> UsagePage:
    """A page of sums, and the total over all of them."""
    arguments: dict[str, object] = {
        "list": "usage",
        "by": sorted(asked.by),
        "period": codec.interval(asked.period),
        "zone": asked.zone.key,
        "user": asked.user_id,
        "whole": asked.whole_tenant,
    }
    key = session.page_key()
    row = model_calls.c
    keys: list[ColumnElement[Any]] = []
    if UsageKey.USER in asked.by:
        keys.append(row.user_id)
    if UsageKey.MODEL in asked.by:
        keys.append(row.model)
    if UsageKey.DAY in asked.by:
        # SQLite knows no zones: quarters of an hour are put into local days here.
        # (The number is written out: PostgreSQL takes two parameters for two expressions.)
        quarter = literal_column(f"model_calls.ended_us / {QUARTER}", BigInteger)
        keys.append(quarter.label("quarter"))
    found: dict[tuple[str, str, str], _Sum] = {}
    for one in session.execute(_summed(caller, asked, keys).group_by(*keys)):
        day = ""
        if UsageKey.DAY in asked.by:
            day = from_us(one.quarter * QUARTER).astimezone(asked.zone).date().isoformat()
        group = (day, getattr(one, "user_id", ""), getattr(one, "model", ""))
        found.setdefault(group, _Sum()).add(one)
    total = _Sum()
    total.add(session.execute(_summed(caller, asked, [])).one())
    groups = sorted((one for one in found if found[one].calls), key=lambda one: one[1:])
    groups.sort(key=lambda one: one[0], reverse=True)
    start = 0
    if page_token:
        day, user, model = page_tokens.read(key, caller, arguments, page_token)
        last = (str(day), str(user), str(model))
        after = [one for one in groups if _later(one, last)]
        start = len(groups) - len(after)
    size = max(1, min(page_size, MOST))
    page = groups[start : start + size]
    token = ""
    if start + size < len(groups):
        token = page_tokens.make(key, caller, arguments, [*page[-1]])
    rows = tuple(found[one].done(one[1], one[2], one[0]) for one in page)
    return UsagePage(rows, total.done(), token)


def _later(one: tuple[str, str, str], last: tuple[str, str, str]) -> bool:
    """Whether a group comes after another one: days go back, users and models go on."""
    return one[0] < last[0] or (one[0] == last[0] and one[1:] > last[1:])


def _summed(caller: Caller, asked: UsageAsked, keys: Sequence[ColumnElement[Any]]) -> Any:
    row = model_calls.c

    def missing(condition: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    whose: list[ColumnElement[bool]] = [row.tenant == caller.tenant]
    if not asked.whole_tenant:
        whose.append(row.user_id == asked.user_id)
    in_dollars = case((row.currency == _USD, row.cost), else_=None)
    return select(
        *keys,
        func.count(func.nullif(row.turn_id, "").distinct()).label("turns"),
        func.count().label("calls"),
        func.sum(row.input_tokens).label("input_tokens"),
        func.sum(row.output_tokens).label("output_tokens"),
        func.sum(row.cached_tokens).label("cached_tokens"),
        func.sum(row.reasoning_tokens).label("reasoning_tokens"),
        func.sum(in_dollars).label("cost"),
        missing(row.input_tokens.is_(None) | row.output_tokens.is_(None)).label("without_counts"),
        missing(in_dollars.is_(None)).label("without_cost"),
        missing(row.source != "provider").label("estimated"),
    ).where(
        *whose,
        row.ended_us >= to_us(asked.period.start),
        row.ended_us < to_us(asked.period.end),
    )
