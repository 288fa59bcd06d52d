"""Questions about what is out of the ordinary are answered from insights: which ones are meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Evidence
from enhanced_prompt_service.domain.events import Totals
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import (
    Insight,
    InsightFilter,
    InsightPage,
    InsightType,
)
from enhanced_prompt_service.domain.times import Interval

from .evidence import MOST_EVIDENCE
from .query import Findings, Query

Noticed = Callable[[Caller, InsightFilter, Interval], Awaitable[InsightPage]]
"""Insights of a caller whose window overlaps an interval, newest first; muted ones left out."""

_HAPPENED = frozenset(InsightType) - {InsightType.PREDICTION}


async def with_insights(
    caller: Caller, query: Query, findings: Findings, noticed: Noticed
) -> Findings:
    """Findings with the insights that a query asks for, the worst and newest first."""
    window = query.time_range
    if window is None:
        return findings
    chosen = InsightFilter(
        types=_HAPPENED,
        cameras=query.cameras or frozenset(),
        sites=query.sites or frozenset(),
    )
    page = await noticed(caller, chosen, window)
    found = sorted(
        (one for one in page.items if is_meant(one, query, window)),
        key=lambda one: (-one.content.severity, -one.content.window.start.timestamp()),
    )
    evidence: dict[str, Evidence] = {}
    for insight in found:
        for one in insight.content.evidence:
            if len(evidence) < MOST_EVIDENCE:
                evidence.setdefault(one.event_id, one)
    events = sum(one.content.event_count for one in found)
    return replace(
        findings,
        insights=tuple(found),
        more_insights=bool(page.next_page_token),
        evidence=tuple(evidence.values()),
        totals=Totals(
            matches=events,
            participants=events,
            mean_confidence=None,
            first_start=None,
            last_start=None,
        ),
        confidences=tuple(one.content.confidence for one in found),
    )


def is_meant(insight: Insight, query: Query, window: Interval) -> bool:
    """Whether an insight is about the zones, kinds and times of day that a query names."""
    what = insight.content
    if query.zones is not None and query.zones.isdisjoint(what.zones):
        return False
    kinds = {one.event_type for one in what.evidence}
    if query.event_types is not None and kinds and query.event_types.isdisjoint(kinds):
        return False
    if query.mask is None:
        return True
    parts = query.mask.intervals(window, ZoneInfo(query.zone))
    return any(part.intersect(what.window) is not None for part in parts)
