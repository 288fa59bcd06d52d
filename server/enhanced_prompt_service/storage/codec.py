"""Answers, errors, usage and sites as JSON text, and back, losing nothing.

Instants are integers (microseconds since 1970, UTC), doubles go through `repr`, and all text is
escaped to ASCII, so that any character survives in any database. Fields at their default are left
out. Reading ignores unknown keys: a newer version may have written them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast

from ..domain.answers import (
    Answer,
    Citation,
    CoverageReport,
    Evidence,
    Fact,
    Interpretation,
    ModelUsage,
    PromptResponse,
    QuestionType,
    ResponseType,
    TemplateSuggestion,
    Usage,
)
from ..domain.catalogue import Camera, DayParts, Site, Zone
from ..domain.times import DailyRange, Interval, RecurringMask
from ..domain.turns import TurnError
from .instants import from_us, to_us

T = TypeVar("T")
Document = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode


def dump(document: object) -> str:
    """Compact ASCII JSON."""
    return _encode(document)


def load_text(text: str) -> str:
    """Text that `dump` wrote: any characters at all."""
    return str(json.loads(text))


def dump_response(response: PromptResponse) -> str:
    """A response as it is stored with its turn."""
    return dump(
        {
            "turn_id": response.turn_id,
            "message_id": response.message_id,
            "timestamp": to_us(response.timestamp),
            "conversation_id": response.conversation_id,
            "user_id": response.user_id,
            "query": response.query,
            "conversation_turn": response.conversation_turn,
            "processing_time_ms": response.processing_time_ms,
            "service_name": response.service_name,
            "answer": _answer(response.answer),
            "usage": _usage(response.usage),
        }
    )


def load_response(text: str) -> PromptResponse:
    """The response that `dump_response` wrote."""
    raw = _document(text)
    return PromptResponse(
        turn_id=raw["turn_id"],
        message_id=raw["message_id"],
        timestamp=from_us(raw["timestamp"]),
        conversation_id=raw["conversation_id"],
        user_id=raw["user_id"],
        query=raw["query"],
        conversation_turn=raw["conversation_turn"],
        processing_time_ms=raw["processing_time_ms"],
        service_name=raw["service_name"],
        answer=_read_answer(raw["answer"]),
        usage=_read_usage(raw["usage"]),
    )


def dump_usage(usage: Usage) -> str:
    """Usage of a turn, also one without a response."""
    return dump(_usage(usage))


def load_usage(text: str) -> Usage:
    """The usage that `dump_usage` wrote."""
    return _read_usage(json.loads(text))


def dump_error(error: TurnError) -> str:
    """Why a turn failed."""
    return dump(
        {
            "reason": error.reason,
            "message": error.message,
            "retryable": error.retryable,
            "partial_kept": error.partial_kept,
            "incident_id": error.incident_id,
        }
    )


def load_error(text: str) -> TurnError:
    """The error that `dump_error` wrote."""
    return _build(TurnError, _document(text))


def dump_site(site: Site) -> str:
    """A site without its etag, which has a column of its own; equal sites give equal text."""
    return dump(
        {"site_id": site.site_id, "time_zone": site.time_zone}
        | _lean(
            name=site.name,
            aliases=list(site.aliases),
            cameras=[_camera(one) for one in site.cameras],
            zones=[_zone(one) for one in site.zones],
            day_parts={
                "morning": _range(site.day_parts.morning),
                "afternoon": _range(site.day_parts.afternoon),
                "evening": _range(site.day_parts.evening),
                "night": _range(site.day_parts.night),
            },
            business_hours=None if site.business_hours is None else mask(site.business_hours),
            synonyms=[[noun, list(meant)] for noun, meant in site.synonyms],
            clip_url_template=site.clip_url_template,
            simulated=site.simulated,
        )
    )


def load_site(text: str, etag: str) -> Site:
    """The site that `dump_site` wrote."""
    return _build(
        Site,
        _document(text) | {"etag": etag},
        aliases=tuple,
        cameras=_all(lambda raw: _build(Camera, raw, aliases=tuple, zones=tuple)),
        zones=_all(lambda raw: _build(Zone, raw, aliases=tuple, restricted=_all(_read_mask))),
        day_parts=lambda raw: _build(DayParts, raw, **dict.fromkeys(raw, _read_range)),
        business_hours=_read_mask,
        synonyms=_all(lambda raw: (raw[0], tuple(raw[1]))),
    )


def interval(value: Interval) -> list[int]:
    """An interval as two numbers of microseconds."""
    return [to_us(value.start), to_us(value.end)]


def mask(value: RecurringMask) -> Document:
    """A recurring mask; equal masks give equal documents."""
    return {
        "ranges": [_range(part) for part in value.ranges],
        "weekdays": sorted(value.weekdays),
    }


def evidence(one: Evidence) -> Document:
    """A piece of evidence inside another document."""
    return _evidence(one)


def read_evidence(raw: Document) -> Evidence:
    """The piece that `evidence` wrote."""
    return _read_evidence(raw)


def interpretation(value: Interpretation) -> Document:
    """How a question was understood, inside another document."""
    return _interpretation(value)


def read_interpretation(raw: Document) -> Interpretation:
    """What `interpretation` wrote."""
    return _read_interpretation(raw)


def read_mask(raw: Document) -> RecurringMask:
    """What `mask` wrote."""
    return _read_mask(raw)


def build(kind: type[T], raw: Mapping[str, Any], **convert: Callable[[Any], Any]) -> T:
    """An instance from a document: known fields only, converted where that is asked for."""
    return _build(kind, raw, **convert)


# ---- writing ------------------------------------------------------------------------------------


def _lean(**document: Any) -> Document:
    """Fields without the empty ones: None, "", False and empty collections, but never zero."""
    return {
        name: value
        for name, value in document.items()
        if value is not None and value is not False and value not in ("", [], {})
    }


def _answer(answer: Answer) -> Document:
    return {
        "response": answer.response,
        "response_type": answer.response_type.value,
        "confidence_score": answer.confidence_score,
        "interpretation": _interpretation(answer.interpretation),
    } | _lean(
        evidence=[_evidence(one) for one in answer.evidence],
        follow_up_questions=list(answer.follow_up_questions),
        total_matches=answer.total_matches,
        facts=[[one.name, one.value, one.unit, one.group, one.text] for one in answer.facts],
        coverage=None if answer.coverage is None else _coverage(answer.coverage),
        citations=[[one.event_id, one.start, one.end] for one in answer.citations],
        metadata=dict(answer.metadata),
        template_suggestions=[
            [one.title, one.description, one.category, one.confidence, one.reasoning, one.body]
            for one in answer.template_suggestions
        ],
    )


def _interpretation(value: Interpretation) -> Document:
    return (
        {"question_type": value.question_type.value}
        | _lean(
            time_range=None if value.time_range is None else interval(value.time_range),
            comparison_range=(
                None if value.comparison_range is None else interval(value.comparison_range)
            ),
            recurring=None if value.recurring is None else mask(value.recurring),
            cameras=list(value.cameras),
            sites=list(value.sites),
            zones=list(value.zones),
            event_types=list(value.event_types),
            labels=list(value.labels),
            text=value.text,
            min_confidence=value.min_confidence,
            group_by=value.group_by,
            order=value.order,
            limit=value.limit,
            assumptions=list(value.assumptions),
            rendered=value.rendered,
        )
        | {"time_zone": value.time_zone}
    )


def _evidence(one: Evidence) -> Document:
    return {
        "event_id": one.event_id,
        "timestamp": to_us(one.timestamp),
        "camera_id": one.camera_id,
        "event_type": one.event_type,
        "confidence": one.confidence,
        "description": one.description,
    } | _lean(
        end_time=None if one.end_time is None else to_us(one.end_time),
        site=one.site,
        zones=list(one.zones),
        label=one.label,
        participants=one.participants,
        clip_url=one.clip_url,
        snapshot_url=one.snapshot_url,
    )


def _coverage(report: CoverageReport) -> Document:
    return {
        "share": report.share,
        "recorded_seconds": report.recorded_seconds,
        "window_seconds": report.window_seconds,
        "cameras_known": report.cameras_known,
        "cameras_unknown": report.cameras_unknown,
        "recorded": [interval(one) for one in report.recorded],
    }


def _usage(usage: Usage) -> list[Document]:
    return [
        {"model": one.model, "source": one.source, "currency": one.currency}
        | _lean(
            input_tokens=one.input_tokens,
            output_tokens=one.output_tokens,
            cached_tokens=one.cached_tokens,
            reasoning_tokens=one.reasoning_tokens,
            cost=one.cost,
        )
        for one in usage.calls
    ]


def _range(part: DailyRange) -> list[int]:
    return [part.start_minute, part.end_minute]


def _camera(one: Camera) -> Document:
    return {"camera_id": one.camera_id} | _lean(
        name=one.name,
        aliases=list(one.aliases),
        zones=list(one.zones),
        location=one.location,
    )


def _zone(one: Zone) -> Document:
    return {"zone_id": one.zone_id} | _lean(
        name=one.name,
        aliases=list(one.aliases),
        restricted=[mask(part) for part in one.restricted],
    )


# ---- reading ------------------------------------------------------------------------------------


def _document(text: str) -> Document:
    return cast(Document, json.loads(text))


def _build(kind: type[T], raw: Mapping[str, Any], **convert: Callable[[Any], Any]) -> T:
    """An instance from a document: known fields only, converted where that is asked for."""
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = frozenset(one.name for one in fields(cast(Any, kind)))
    return kind(
        **{
            name: convert[name](value) if name in convert and value is not None else value
            for name, value in raw.items()
            if name in known
        }
    )


_FIELDS: dict[type[Any], frozenset[str]] = {}


def _all(convert: Callable[[Any], T]) -> Callable[[Iterable[Any]], tuple[T, ...]]:
    return lambda raws: tuple(convert(raw) for raw in raws)


def _read_interval(raw: list[int]) -> Interval:
    return Interval(from_us(raw[0]), from_us(raw[1]))


def _read_range(raw: list[int]) -> DailyRange:
    return DailyRange(*raw)


def _read_mask(raw: Document) -> RecurringMask:
    return RecurringMask(
        tuple(DailyRange(*part) for part in raw["ranges"]), frozenset(raw["weekdays"])
    )


def _read_answer(raw: Document) -> Answer:
    return _build(
        Answer,
        raw,
        response_type=ResponseType,
        interpretation=_read_interpretation,
        evidence=_all(_read_evidence),
        follow_up_questions=tuple,
        facts=_all(lambda one: Fact(*one)),
        coverage=lambda one: _build(CoverageReport, one, recorded=_all(_read_interval)),
        citations=_all(lambda one: Citation(*one)),
        template_suggestions=_all(lambda one: TemplateSuggestion(*one)),
    )


def _read_interpretation(raw: Document) -> Interpretation:
    return _build(
        Interpretation,
        raw,
        question_type=QuestionType,
        time_range=_read_interval,
        comparison_range=_read_interval,
        recurring=_read_mask,
        cameras=tuple,
        sites=tuple,
        zones=tuple,
        event_types=tuple,
        labels=tuple,
        assumptions=tuple,
    )


def _read_evidence(raw: Document) -> Evidence:
    return _build(Evidence, raw, timestamp=from_us, end_time=from_us, zones=tuple)


def _read_usage(raw: list[Document]) -> Usage:
    return Usage(tuple(_build(ModelUsage, one) for one in raw))
