"""The seeds' payloads, from what the service knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import AnyUrl, JsonValue, ValidationError

from .. import schemas
from ..domain.answers import Answer, CoverageReport, Evidence, Interpretation, PromptResponse
from ..domain.conversations import Conversation, cameras_of, topics_of
from ..domain.insights import Insight, Severity
from ..domain.times import Interval, RecurringMask
from ..domain.turns import TurnState


def response_payload(
    response: PromptResponse, state: TurnState = TurnState.COMPLETED
) -> schemas.PromptResponsePayload:
    """One answered question. A turn that was stopped says so in `metadata["turn_state"]`.

    Raises ValidationError where what was answered is outside of the schema.
    """
    answer = response.answer
    metadata: dict[str, JsonValue] = {**answer.metadata}
    if state is not TurnState.COMPLETED:
        metadata["turn_state"] = state.value
    return schemas.PromptResponsePayload(
        service_name=response.service_name,
        timestamp=_utc(response.timestamp),
        conversation_id=response.conversation_id,
        user_id=response.user_id,
        query=response.query,
        response=answer.response,
        response_type=answer.response_type.value,
        confidence_score=answer.confidence_score,
        evidence_count=len(answer.evidence),
        evidence=_evidence(answer.evidence),
        clip_links=_links(response.clip_links),
        follow_up_questions=list(answer.follow_up_questions),
        conversation_turn=response.conversation_turn,
        processing_time_ms=response.processing_time_ms,
        metadata=metadata,
        turn_id=response.turn_id,
        message_id=response.message_id,
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
        usage=[
            schemas.ModelUsage(
                model=one.model,
                source="provider" if one.source == "provider" else "estimated",
                input_tokens=one.input_tokens,
                output_tokens=one.output_tokens,
                cached_tokens=one.cached_tokens,
                reasoning_tokens=one.reasoning_tokens,
                cost=one.cost,
                currency=one.currency,
            )
            for one in response.usage.calls
        ],
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


def history_payload(
    conversation: Conversation, user: str, now: datetime
) -> schemas.HistoryRetrievalPayload:
    """A conversation with its analytics; `timestamp` is the present, UTC."""
    summary, responses = conversation.summary, conversation.responses
    answers: Sequence[Answer] = [one.answer for one in responses]
    lasted = summary.last_activity - summary.created_at
    return schemas.HistoryRetrievalPayload(
        timestamp=_utc(now),
        conversation_id=summary.conversation_id,
        user_id=user,
        conversation_created=_utc(summary.created_at),
        total_messages=len(conversation.messages),
        conversation_duration_minutes=max(0, int(lasted.total_seconds() // 60)),
        messages=[
            schemas.ConversationMessage(
                role=one.role.value,
                content=one.content,
                timestamp=_utc(one.timestamp),
                metadata={**one.metadata},
            )
            for one in conversation.messages
        ],
        user_queries=len(responses),
        ai_responses=len(responses),
        average_confidence=(
            sum(one.confidence_score for one in answers) / len(answers) if answers else 0.0
        ),
        evidence_items_total=sum(len(one.evidence) for one in answers),
        conversation_topics=_names(topics_of(one) for one in answers),
        cameras_discussed=_names(cameras_of(one) for one in answers),
        last_activity=_utc(summary.last_activity),
        metadata={"title": summary.title},
    )


def insight_payload(insight: Insight) -> schemas.ProactiveInsightPayload:
    """An insight as it is in this revision."""
    what = insight.content
    return schemas.ProactiveInsightPayload(
        timestamp=_utc(insight.updated_at),
        insight_id=insight.insight_id,
        insight_type=what.type.value,
        severity=_WORDS[what.severity],
        title=what.title,
        message=what.message,
        confidence_score=what.confidence,
        analysis_period=what.analysis_period or _period(what.window),
        affected_cameras=list(what.cameras),
        event_count=what.event_count,
        suggested_actions=list(what.suggested_actions),
        priority_level=what.priority or 1,
        evidence=_evidence(what.evidence),
        clip_links=_links(what.clip_links),
        related_insights=list(what.related),
        metadata={
            **what.metadata,
            "revision": insight.revision,
            "sites": list(what.sites),
            "zones": list(what.zones),
        },
    )


_WORDS: dict[Severity, Literal["low", "medium", "high", "critical"]] = {
    Severity.LOW: "low",
    Severity.MEDIUM: "medium",
    Severity.HIGH: "high",
    Severity.CRITICAL: "critical",
}


def _evidence(found: Iterable[Evidence]) -> list[schemas.Evidence]:
    return [
        schemas.Evidence(
            event_id=one.event_id,
            timestamp=_utc(one.timestamp),
            camera_id=one.camera_id,
            event_type=one.event_type,
            confidence=one.confidence,
            description=one.description,
            end_time=None if one.end_time is None else _utc(one.end_time),
            site=one.site,
            zones=list(one.zones),
            label=one.label,
            participants=max(1, one.participants),
            clip_url=one.clip_url,
            snapshot_url=one.snapshot_url,
        )
        for one in found
    ]


def _links(given: Iterable[str]) -> list[str]:
    """Those that are addresses: the schema has no place for others."""
    return [one for one in given if _is_address(one)]


def _is_address(text: str) -> bool:
    try:
        AnyUrl(text)
    except ValidationError:
        return False
    return True


def _interpretation(read: Interpretation) -> schemas.Interpretation:
    zone = read.time_zone
    return schemas.Interpretation(
        question_type=read.question_type.value,
        time_range=None if read.time_range is None else _range(read.time_range, zone),
        comparison_range=(
            None if read.comparison_range is None else _range(read.comparison_range, zone)
        ),
        recurring=None if read.recurring is None else _mask(read.recurring),
        cameras=list(read.cameras),
        sites=list(read.sites),
        zones=list(read.zones),
        event_types=list(read.event_types),
        labels=list(read.labels),
        text=read.text,
        min_confidence=read.min_confidence,
        group_by=read.group_by,
        order=read.order,
        limit=read.limit,
        assumptions=list(read.assumptions),
        rendered=read.rendered,
    )


def _coverage(report: CoverageReport) -> schemas.Coverage:
    return schemas.Coverage(
        share=report.share,
        recorded_seconds=report.recorded_seconds,
        window_seconds=report.window_seconds,
        cameras_known=report.cameras_known,
        cameras_unknown=report.cameras_unknown,
        recorded=[_range(one, "UTC") for one in report.recorded],
    )


def _range(span: Interval, zone: str) -> schemas.TimeRange:
    return schemas.TimeRange(start=_utc(span.start), end=_utc(span.end), time_zone=zone)


def _mask(mask: RecurringMask) -> schemas.RecurringMask:
    return schemas.RecurringMask(
        ranges=[
            schemas.DailyRange(start_minute=one.start_minute, end_minute=one.end_minute)
            for one in mask.ranges
        ],
        weekdays=sorted(mask.weekdays),
    )


def _period(window: Interval) -> str:
    return f"{_utc(window.start).isoformat()}/{_utc(window.end).isoformat()}"


def _names(sets: Iterable[frozenset[str]]) -> list[str]:
    return sorted({name for one in sets for name in one})


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
