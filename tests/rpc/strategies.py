"""Domain values of every shape, for properties."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from enhanced_prompt_service.domain.answers import (
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
from enhanced_prompt_service.domain.catalogue import Camera, DayParts, Site, Zone
from enhanced_prompt_service.domain.errors import Reason
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from enhanced_prompt_service.domain.turns import (
    AgentStarted,
    Cancelled,
    Completed,
    EvidenceFound,
    Failed,
    Frame,
    Payload,
    Reset,
    Started,
    TextDelta,
    TextWithdrawn,
    Thinking,
    ToolFinished,
    ToolStarted,
    TurnError,
)

texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=10)
shares = st.floats(0, 1)
counts = st.integers(0, 2**31 - 1)
instants = st.datetimes(
    datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC), allow_imaginary=False
)


def tuples(of: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most).map(tuple)


def maybe(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | of


intervals = (
    st.tuples(instants, instants)
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: Interval(*sorted(ends)))
)
daily_ranges = (
    st.tuples(st.integers(0, 1439), st.integers(1, 1440))
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: DailyRange(*ends))
)
masks = (
    st.tuples(tuples(daily_ranges), st.frozensets(st.integers(1, 7)))
    .filter(lambda parts: bool(parts[0] or parts[1]))
    .map(lambda parts: RecurringMask(*parts))
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
events = st.builds(
    Event,
    event_id=names,
    start_time=instants,
    site=names,
    camera_id=names,
    event_type=names,
    end_time=maybe(instants),
    zones=tuples(names),
    label=texts,
    sub_label=texts,
    confidence=maybe(shares),
    participants=st.integers(1, 100_000),
    description=texts,
    clip_url=texts,
    snapshot_url=texts,
    attributes=st.dictionaries(names, texts, max_size=3),
    source=texts,
)
evidence = st.builds(
    Evidence,
    event_id=names,
    timestamp=instants,
    camera_id=names,
    event_type=names,
    confidence=shares,
    description=names,
    end_time=maybe(instants),
    site=texts,
    zones=tuples(names),
    label=texts,
    participants=st.integers(1, 1000),
    clip_url=texts,
    snapshot_url=texts,
)
interpretations = st.builds(
    Interpretation,
    question_type=st.sampled_from(QuestionType),
    time_range=maybe(intervals),
    comparison_range=maybe(intervals),
    time_zone=names,
    recurring=maybe(masks),
    cameras=tuples(names),
    sites=tuples(names),
    zones=tuples(names),
    event_types=tuples(names),
    labels=tuples(names),
    text=texts,
    min_confidence=maybe(shares),
    group_by=texts,
    order=texts,
    limit=counts,
    assumptions=tuples(texts),
    rendered=texts,
)
model_usages = st.builds(
    ModelUsage,
    model=names,
    source=st.sampled_from(["provider", "estimated"]),
    input_tokens=maybe(counts),
    output_tokens=maybe(counts),
    cached_tokens=maybe(counts),
    reasoning_tokens=maybe(counts),
    cost=maybe(st.floats(0, 1e6)),
    currency=st.sampled_from(["USD", "EUR"]),
)
usages = st.builds(Usage, calls=tuples(model_usages))
answers = st.builds(
    Answer,
    response=texts,
    response_type=st.sampled_from(ResponseType),
    confidence_score=shares,
    interpretation=interpretations,
    evidence=tuples(evidence),
    follow_up_questions=tuples(texts),
    total_matches=st.integers(0, 2**62),
    facts=tuples(
        st.builds(
            Fact,
            name=names,
            value=st.floats(allow_nan=False, allow_infinity=False),
            unit=names,
            group=texts,
            text=texts,
        )
    ),
    coverage=maybe(
        st.builds(
            CoverageReport,
            share=maybe(shares),
            recorded_seconds=st.floats(0, 1e12),
            window_seconds=st.floats(0, 1e12),
            cameras_known=counts,
            cameras_unknown=counts,
            recorded=tuples(intervals),
        )
    ),
    citations=tuples(st.builds(Citation, event_id=names, start=counts, end=counts)),
    template_suggestions=tuples(
        st.builds(
            TemplateSuggestion,
            title=texts,
            description=texts,
            category=texts,
            confidence=shares,
            reasoning=texts,
            body=texts,
        )
    ),
    metadata=st.dictionaries(texts, json_values, max_size=3),
)
responses = st.builds(
    PromptResponse,
    turn_id=names,
    message_id=names,
    timestamp=instants,
    conversation_id=names,
    user_id=names,
    query=texts,
    conversation_turn=counts,
    processing_time_ms=counts,
    answer=answers,
    usage=usages,
)
day_parts = st.builds(
    DayParts,
    morning=daily_ranges,
    afternoon=daily_ranges,
    evening=daily_ranges,
    night=daily_ranges,
)
sites = st.builds(
    Site,
    site_id=names,
    time_zone=st.just("Europe/Rome"),
    name=texts,
    aliases=tuples(names),
    cameras=st.lists(
        st.builds(
            Camera,
            camera_id=names,
            name=texts,
            aliases=tuples(names),
            zones=tuples(names),
            location=texts,
        ),
        max_size=3,
        unique_by=lambda camera: camera.camera_id,
    ).map(tuple),
    zones=st.lists(
        st.builds(Zone, zone_id=names, name=texts, aliases=tuples(names), restricted=tuples(masks)),
        max_size=3,
        unique_by=lambda zone: zone.zone_id,
    ).map(tuple),
    day_parts=day_parts,
    business_hours=maybe(masks),
    synonyms=tuples(st.tuples(names, tuples(names))),
    clip_url_template=texts,
    simulated=st.booleans(),
    etag=texts,
)
payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(Reset, attempt=counts),
    st.builds(
        Started, conversation_id=texts, conversation_turn=counts, message_id=texts, model=texts
    ),
    st.builds(AgentStarted, agent=texts),
    st.builds(Thinking, text=texts),
    st.builds(ToolStarted, tool=texts, call_id=texts, arguments=texts),
    st.builds(ToolFinished, tool=texts, call_id=texts, result=texts, ok=st.booleans()),
    st.builds(TextDelta, text=texts),
    st.builds(TextWithdrawn, failed_model=texts, next_model=texts),
    st.builds(EvidenceFound, evidence=tuples(evidence), total_matches=counts),
    st.builds(Completed, response=responses),
    st.builds(
        Failed,
        error=st.builds(
            TurnError,
            reason=st.sampled_from([str(reason) for reason in Reason]),
            message=texts,
            retryable=st.booleans(),
            partial_kept=st.booleans(),
            incident_id=texts,
        ),
        usage=usages,
    ),
    st.builds(Cancelled, response=responses),
)
frames = st.builds(
    Frame,
    turn_id=names,
    attempt=st.integers(1, 2**31 - 1),
    sequence=st.integers(0, 2**62),
    payload=payloads,
)
