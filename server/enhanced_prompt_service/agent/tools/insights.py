"""The tool for insights: what the service noticed by itself, read and never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import (
    Answer,
    Evidence,
    Fact,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.events import Totals
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import (
    Insight,
    InsightDraft,
    InsightFilter,
    InsightReader,
    Severity,
)
from enhanced_prompt_service.domain.turns import QuestionFilter

from ..grounded import Findings, Query
from .rendering import clean
from .schemas import GetInsights

MOST_EVIDENCE = 3  # events that one insight shows
PAGE = 100


@dataclass(frozen=True, slots=True)
class FoundInsights:
    """Insights, and what an answer that rests on them says of itself."""

    query: Query
    findings: Findings
    answer: Answer
    insights: tuple[Insight, ...]


async def look_at_insights(
    store: InsightReader,
    caller: Caller,
    wanted: GetInsights,
    query: Query,
    narrowing: QuestionFilter,
    now: datetime,
) -> FoundInsights:
    """Insights of the query's cameras and windows: `now` is real time, for mutes. What speaks of
    anything outside of the request's filter, or after its present, is not seen. Raises Unavailable.
    """
    cameras = query.cameras or frozenset()
    if query.zones:
        cameras |= frozenset(
            camera.camera_id
            for site in query.known_index.catalogue.sites
            for camera in site.cameras
            if query.zones.intersection(camera.zones)
        )
    chosen = InsightFilter(
        min_severity=Severity[wanted.least_severity.value.upper()],
        cameras=cameras,
        sites=query.sites or frozenset(),
    )
    # One page is looked at: what was noticed long before is found by its time.
    page = await store.page(caller, chosen, now=now, window=query.time_range, page_size=PAGE)
    seen = [one for one in page.items if _may_be_seen(one, caller, narrowing, query.now)]
    found = tuple(seen[: wanted.limit]) if not query.nothing else ()
    evidence: dict[str, Evidence] = {}
    for one in found:
        for event in one.content.evidence[:MOST_EVIDENCE]:
            evidence.setdefault(event.event_id, event)
    counted = sum(one.content.event_count for one in found)
    how = replace(query.interpretation, question_type=QuestionType.ANOMALY)
    query = replace(query, question_type=QuestionType.ANOMALY, interpretation=how)
    answer = Answer(
        response="",
        response_type=ResponseType.ANSWER,
        confidence_score=min((one.content.confidence for one in found), default=1.0),
        interpretation=how,
        evidence=tuple(evidence.values()),
        total_matches=counted,
        facts=tuple(fact for one in found for fact in _facts(one)),
    )
    totals = Totals(counted, 0, None, None, None)
    return FoundInsights(query, Findings(totals=totals), answer, found)


def _may_be_seen(
    one: Insight, caller: Caller, narrowing: QuestionFilter, present: datetime
) -> bool:
    """Whether all that an insight speaks of is the caller's to see, and lies inside of a request's
    filter and present: its words cannot be narrowed."""
    what, within = one.content, narrowing.time_range
    kinds = {event.event_type for event in what.evidence}
    sure = all(event.confidence >= (narrowing.min_confidence or 0.0) for event in what.evidence)
    return (
        what.window.end <= present
        and _theirs(what, caller)
        and sure
        and (not narrowing.cameras or set(what.cameras) <= set(narrowing.cameras))
        and (not narrowing.sites or set(what.sites) <= set(narrowing.sites))
        and (not narrowing.event_types or kinds <= set(narrowing.event_types))
        and (
            within is None or (within.start <= what.window.start and what.window.end <= within.end)
        )
    )


def _theirs(what: InsightDraft, caller: Caller) -> bool:
    """Whether a caller may see every camera that an insight names; one that names none speaks of
    whole sites."""
    if caller.sees_all:
        return True
    cameras, sites = caller.cameras, caller.sites
    return (
        (cameras is None or (bool(what.cameras) and cameras.issuperset(what.cameras)))
        and (sites is None or (bool(what.sites) and sites.issuperset(what.sites)))
        and all(caller.sees(event.site, event.camera_id) for event in what.evidence)
    )


def _facts(one: Insight) -> list[Fact]:
    what = one.content
    unit = what.unit or "events"
    found = [Fact("insight_events", what.event_count, "events", one.insight_id)]
    if what.observed is not None:
        found.append(Fact("observed", what.observed, unit, one.insight_id))
    if what.expected is not None:
        found.append(Fact("expected", what.expected, unit, one.insight_id))
    if what.interval is not None:
        found.append(Fact("usual_low", what.interval.low, unit, one.insight_id))
        found.append(Fact("usual_high", what.interval.high, unit, one.insight_id))
    return found


def found_insights(
    insights: Sequence[Insight], query: Query, numbers: Mapping[str, int]
) -> dict[str, object]:
    """Insights as a model reads them; `numbers` are the events' numbers for citing."""
    zone = ZoneInfo(query.zone)
    index = query.known_index
    shown: list[dict[str, object]] = []
    for one in insights:
        what = one.content
        entry: dict[str, object] = {
            "severity": what.severity.name.casefold(),
            "title": clean(what.title),
            "message": clean(what.message, 400),
            "from": f"{what.window.start.astimezone(zone):%Y-%m-%d %H:%M}",
            "to": f"{what.window.end.astimezone(zone):%Y-%m-%d %H:%M}",
            "cameras": [clean(index.camera_name(camera)) for camera in what.cameras[:10]],
            "confidence": round(what.confidence, 3),
            "events": what.event_count,
        }
        if what.observed is not None:
            entry["observed"] = what.observed
        if what.expected is not None:
            entry["expected"] = what.expected
        if what.interval is not None:
            entry["usual"] = [what.interval.low, what.interval.high]
        cited = [numbers[each.event_id] for each in what.evidence if each.event_id in numbers]
        if cited:
            entry["cite"] = [f"[{number}]" for number in cited[:MOST_EVIDENCE]]
        shown.append(entry)
    return {
        "asked": clean(query.interpretation.rendered, 400),
        "time_zone": query.zone,
        "insights": shown,
    }
