"""What the domain knows, as the payloads that downstream services know.

Addresses that are none are left out rather than refused: a source may have sent anything that
begins like one, and a payload with it would be worth nothing to its receiver.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import AnyUrl, ValidationError

from . import schemas
from .domain import answers
from .domain.insights import Insight, Severity
from .domain.times import Interval, RecurringMask

_SEVERITIES: dict[Severity, Literal["low", "medium", "high", "critical"]] = {
    Severity.LOW: "low",
    Severity.MEDIUM: "medium",
    Severity.HIGH: "high",
    Severity.CRITICAL: "critical",
}


def response_payload(found: answers.PromptResponse) -> schemas.PromptResponsePayload:
    """One answered question."""
    answer = found.answer
    return schemas.PromptResponsePayload(
        service_name=found.service_name,
        timestamp=found.timestamp,
        conversation_id=found.conversation_id,
        user_id=found.user_id,
        query=found.query,
        response=answer.response,
        response_type=answer.response_type.value,
        confidence_score=answer.confidence_score,
        evidence_count=len(answer.evidence),
        evidence=[evidence_payload(one) for one in answer.evidence],
        clip_links=_addresses(found.clip_links),
        follow_up_questions=list(answer.follow_up_questions),
        conversation_turn=found.conversation_turn,
        processing_time_ms=found.processing_time_ms,
        metadata=dict(answer.metadata),
        turn_id=found.turn_id,
        message_id=found.message_id,
        total_matches=answer.total_matches,
        interpretation=_interpretation(answer.interpretation),
        facts=[
            schemas.Fact(
                name=one.name, value=one.value, unit=one.unit, group=one.group, text=one.text
            )
            for one in answer.facts
        ],
        coverage=None if answer.coverage is None else _coverage(answer.coverage),
        citations=[
            schemas.Citation(event_id=one.event_id, start=one.start, end=one.end)
            for one in answer.citations
        ],
        usage=[_usage(one) for one in found.usage.calls],
        template_suggestions=[
            schemas.TemplateSuggestion(
                title=one.title,
                description=one.description,
                category=one.category,
                confidence=one.confidence,
                reasoning=one.reasoning,
                body=one.body,
            )
            for one in answer.template_suggestions
        ],
    )


def insight_payload(found: Insight) -> schemas.ProactiveInsightPayload:
    """An insight as its newest revision left it; the timestamp is that revision's."""
    what = found.content
    return schemas.ProactiveInsightPayload(
        timestamp=found.updated_at,
        insight_id=found.insight_id,
        insight_type=what.type.value,
        severity=_SEVERITIES[what.severity],
        title=what.title,
        message=what.message,
        confidence_score=what.confidence,
        analysis_period=what.analysis_period,
        affected_cameras=list(what.cameras),
        event_count=what.event_count,
        suggested_actions=list(what.suggested_actions),
        priority_level=what.priority or 1,
        evidence=[evidence_payload(one) for one in what.evidence],
        clip_links=_addresses(what.clip_links),
        related_insights=list(what.related),
        metadata=dict(what.metadata),
    )


def evidence_payload(found: answers.Evidence) -> schemas.Evidence:
    """One event that supports an answer or insight."""
    return schemas.Evidence(
        event_id=found.event_id,
        timestamp=found.timestamp,
        camera_id=found.camera_id,
        event_type=found.event_type,
        confidence=found.confidence,
        description=found.description,
        end_time=found.end_time,
        site=found.site,
        zones=list(found.zones),
        label=found.label,
        participants=found.participants,
        clip_url=found.clip_url,
        snapshot_url=found.snapshot_url,
    )


def _addresses(links: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for one in links:
        try:
            AnyUrl(one)
        except ValidationError:
            continue
        kept.append(one)
    return kept


def _interpretation(found: answers.Interpretation) -> schemas.Interpretation:
    window, other = found.time_range, found.comparison_range
    return schemas.Interpretation(
        question_type=found.question_type.value,
        time_range=None if window is None else _range(window, found.time_zone),
        comparison_range=None if other is None else _range(other, found.time_zone),
        recurring=None if found.recurring is None else _mask(found.recurring),
        cameras=list(found.cameras),
        sites=list(found.sites),
        zones=list(found.zones),
        event_types=list(found.event_types),
        labels=list(found.labels),
        text=found.text,
        min_confidence=found.min_confidence,
        group_by=found.group_by,
        order=found.order,
        limit=found.limit,
        assumptions=list(found.assumptions),
        rendered=found.rendered,
    )


def _coverage(found: answers.CoverageReport) -> schemas.Coverage:
    return schemas.Coverage(
        share=found.share,
        recorded_seconds=found.recorded_seconds,
        window_seconds=found.window_seconds,
        cameras_known=found.cameras_known,
        cameras_unknown=found.cameras_unknown,
        recorded=[_range(one, "UTC") for one in found.recorded],
    )


def _usage(found: answers.ModelUsage) -> schemas.ModelUsage:
    return schemas.ModelUsage(
        model=found.model,
        source="provider" if found.source == "provider" else "estimated",
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        cached_tokens=found.cached_tokens,
        reasoning_tokens=found.reasoning_tokens,
        cost=found.cost,
        currency=found.currency,
    )


def _range(found: Interval, zone: str) -> schemas.TimeRange:
    return schemas.TimeRange(start=found.start, end=found.end, time_zone=zone)


def _mask(found: RecurringMask) -> schemas.RecurringMask:
    return schemas.RecurringMask(
        ranges=[
            schemas.DailyRange(start_minute=one.start_minute, end_minute=one.end_minute)
            for one in found.ranges
        ],
        weekdays=sorted(found.weekdays),
    )
