"""Answers: everything that a finished turn says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from enhanced_prompt.v1 import answers_pb2

from ...domain.answers import (
    Citation,
    CoverageReport,
    Evidence,
    Fact,
    Interpretation,
    JsonValue,
    ModelUsage,
    PromptResponse,
    QuestionType,
    ResponseType,
    TemplateSuggestion,
    Usage,
)
from .times import mask_message, time_range, timestamp

RESPONSE_TYPES = {
    one: answers_pb2.ResponseType.Value(f"RESPONSE_TYPE_{one.name}") for one in ResponseType
}
QUESTION_TYPES = {
    one: answers_pb2.QuestionType.Value(f"QUESTION_TYPE_{one.name}") for one in QuestionType
}
_SOURCES = {
    "provider": answers_pb2.USAGE_SOURCE_PROVIDER,
    "estimated": answers_pb2.USAGE_SOURCE_ESTIMATED,
}
_INT32 = 2**31 - 1
_Number = TypeVar("_Number", int, float)


def prompt_response(found: PromptResponse) -> answers_pb2.PromptResponse:
    """A finished turn's answer."""
    answer = found.answer
    return answers_pb2.PromptResponse(
        service_name=found.service_name,
        timestamp=timestamp(found.timestamp),
        conversation_id=found.conversation_id,
        user_id=found.user_id,
        query=found.query,
        response=answer.response,
        response_type=RESPONSE_TYPES[answer.response_type],
        confidence_score=answer.confidence_score,
        evidence_count=len(answer.evidence),
        evidence=[evidence(one) for one in answer.evidence],
        clip_links=found.clip_links,
        follow_up_questions=answer.follow_up_questions,
        conversation_turn=found.conversation_turn,
        processing_time_ms=min(found.processing_time_ms, _INT32),
        metadata=struct(answer.metadata),
        turn_id=found.turn_id,
        message_id=found.message_id,
        usage=usage(found.usage),
        citations=[citation(one) for one in answer.citations],
        interpretation=interpretation(answer.interpretation),
        total_matches=answer.total_matches,
        facts=[fact(one) for one in answer.facts],
        coverage=None if answer.coverage is None else coverage_report(answer.coverage),
        template_suggestions=[suggestion(one) for one in answer.template_suggestions],
    )


def suggestion(found: TemplateSuggestion) -> answers_pb2.TemplateSuggestion:
    """A template that would serve."""
    return answers_pb2.TemplateSuggestion(
        title=found.title,
        description=found.description,
        category=found.category,
        confidence=found.confidence,
        reasoning=found.reasoning,
        body=found.body,
    )


def evidence(found: Evidence) -> answers_pb2.Evidence:
    """One event that supports an answer."""
    return answers_pb2.Evidence(
        event_id=found.event_id,
        timestamp=timestamp(found.timestamp),
        camera_id=found.camera_id,
        event_type=found.event_type,
        confidence=found.confidence,
        description=found.description,
        end_time=None if found.end_time is None else timestamp(found.end_time),
        site=found.site,
        zones=found.zones,
        label=found.label,
        participants=found.participants,
        clip_url=found.clip_url,
        snapshot_url=found.snapshot_url,
    )


def fact(found: Fact) -> answers_pb2.Fact:
    """One number."""
    return answers_pb2.Fact(
        name=found.name, value=found.value, unit=found.unit, group=found.group, text=found.text
    )


def citation(found: Citation) -> answers_pb2.Citation:
    """Which event supports which span."""
    return answers_pb2.Citation(event_id=found.event_id, start=found.start, end=found.end)


def interpretation(found: Interpretation) -> answers_pb2.Interpretation:
    """How a question was understood."""
    window, other = found.time_range, found.comparison_range
    return answers_pb2.Interpretation(
        question_type=QUESTION_TYPES[found.question_type],
        time_range=None if window is None else time_range(window),
        comparison_range=None if other is None else time_range(other),
        time_zone=found.time_zone,
        recurring=None if found.recurring is None else mask_message(found.recurring),
        cameras=found.cameras,
        sites=found.sites,
        zones=found.zones,
        event_types=found.event_types,
        labels=found.labels,
        text=found.text,
        min_confidence=found.min_confidence,
        group_by=found.group_by,
        order=found.order,
        limit=found.limit,
        assumptions=found.assumptions,
        rendered=found.rendered,
    )


def coverage_report(found: CoverageReport) -> answers_pb2.CoverageReport:
    """How much was recorded; an unknown share stays unset."""
    return answers_pb2.CoverageReport(
        share=found.share,
        recorded_seconds=found.recorded_seconds,
        window_seconds=found.window_seconds,
        cameras_known=found.cameras_known,
        cameras_unknown=found.cameras_unknown,
        recorded=[time_range(one) for one in found.recorded],
    )


def usage(found: Usage) -> answers_pb2.Usage:
    """Model calls and their sum. A count is in the sum only where every call knows it."""
    calls = found.calls
    total = answers_pb2.ModelUsage(
        source=_source_of_all(calls),
        input_tokens=_sum(one.input_tokens for one in calls),
        output_tokens=_sum(one.output_tokens for one in calls),
        cached_tokens=_sum(one.cached_tokens for one in calls),
        reasoning_tokens=_sum(one.reasoning_tokens for one in calls),
    )
    currencies = {one.currency for one in calls}
    if len(currencies) <= 1:  # amounts of two currencies have no sum
        cost = _sum(one.cost for one in calls)
        if cost is not None:
            total.cost = cost
            total.currency = currencies.pop() if currencies else "USD"
    return answers_pb2.Usage(calls=[_model_usage(one) for one in calls], sum=total)


def _model_usage(found: ModelUsage) -> answers_pb2.ModelUsage:
    return answers_pb2.ModelUsage(
        model=found.model,
        source=_SOURCES.get(found.source, answers_pb2.USAGE_SOURCE_UNSPECIFIED),
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        cached_tokens=found.cached_tokens,
        reasoning_tokens=found.reasoning_tokens,
        cost=found.cost,
        currency=found.currency,
    )


def _source_of_all(calls: Iterable[ModelUsage]) -> answers_pb2.UsageSource.ValueType:
    sources = {one.source for one in calls}
    if not sources:
        return answers_pb2.USAGE_SOURCE_UNSPECIFIED
    return _SOURCES["estimated" if "estimated" in sources else "provider"]


def _sum(counts: Iterable[_Number | None]) -> _Number | None:
    known: list[_Number] = []
    for one in counts:
        if one is None:
            return None
        known.append(one)
    return cast(_Number, sum(known))


def struct(values: Mapping[str, JsonValue]) -> Struct:
    """JSON as a Struct: numbers become doubles, exact up to 2^53."""
    return Struct(fields={key: _value(one) for key, one in values.items()})


def _value(found: JsonValue) -> Value:
    match found:
        case None:
            return Value(null_value=0)  # pyright: ignore[reportArgumentType]
        case bool():
            return Value(bool_value=found)
        case int() | float():
            return Value(number_value=found)
        case str():
            return Value(string_value=found)
        case list():
            return Value(list_value=ListValue(values=[_value(one) for one in found]))
        case dict():
            return Value(struct_value=struct(found))
