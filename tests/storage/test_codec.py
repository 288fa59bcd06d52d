"""What is stored as JSON comes back equal, to the last microsecond and bit."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
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
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from enhanced_prompt_service.domain.turns import TurnError
from enhanced_prompt_service.storage import codec

# Any code point, lone surrogates and NUL as well.
texts = st.text(st.characters(categories=None), max_size=8)
names = st.lists(texts, max_size=2).map(tuple)
instants = st.datetimes(timezones=st.just(UTC))
doubles = st.floats(allow_nan=False)
whole = st.integers(-(2**63), 2**63)
intervals = (
    st.tuples(instants, instants)
    .filter(lambda two: two[0] != two[1])
    .map(lambda two: Interval(*sorted(two)))
)
ranges = (
    st.tuples(st.integers(0, 1439), st.integers(1, 1440))
    .filter(lambda two: two[0] != two[1])
    .map(lambda two: DailyRange(*two))
)
masks = (
    st.tuples(st.lists(ranges, max_size=2), st.frozensets(st.integers(1, 7)))
    .filter(lambda two: bool(two[0] or two[1]))
    .map(lambda two: RecurringMask(tuple(two[0]), two[1]))
)
documents = st.recursive(
    st.none() | st.booleans() | whole | doubles | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
usages = st.lists(
    st.builds(
        ModelUsage,
        model=texts,
        source=st.sampled_from(["provider", "estimated"]),
        input_tokens=st.none() | whole,
        output_tokens=st.none() | whole,
        cached_tokens=st.none() | whole,
        reasoning_tokens=st.none() | whole,
        cost=st.none() | doubles,
        currency=texts,
    ),
    max_size=2,
).map(lambda calls: Usage(tuple(calls)))
interpretations = st.builds(
    Interpretation,
    question_type=st.sampled_from(QuestionType),
    time_range=st.none() | intervals,
    comparison_range=st.none() | intervals,
    time_zone=texts,
    recurring=st.none() | masks,
    cameras=names,
    sites=names,
    zones=names,
    event_types=names,
    labels=names,
    text=texts,
    min_confidence=st.none() | doubles,
    group_by=texts,
    order=texts,
    limit=whole,
    assumptions=names,
    rendered=texts,
)
evidence = st.builds(
    Evidence,
    event_id=texts,
    timestamp=instants,
    camera_id=texts,
    event_type=texts,
    confidence=doubles,
    description=texts,
    end_time=st.none() | instants,
    site=texts,
    zones=names,
    label=texts,
    participants=whole,
    clip_url=texts,
    snapshot_url=texts,
)
coverage = st.builds(
    CoverageReport,
    share=st.none() | doubles,
    recorded_seconds=doubles,
    window_seconds=doubles,
    cameras_known=whole,
    cameras_unknown=whole,
    recorded=st.lists(intervals, max_size=2).map(tuple),
)
answers = st.builds(
    Answer,
    response=texts,
    response_type=st.sampled_from(ResponseType),
    confidence_score=doubles,
    interpretation=interpretations,
    evidence=st.lists(evidence, max_size=2).map(tuple),
    follow_up_questions=names,
    total_matches=whole,
    facts=st.lists(
        st.builds(Fact, name=texts, value=doubles, unit=texts, group=texts, text=texts), max_size=2
    ).map(tuple),
    coverage=st.none() | coverage,
    citations=st.lists(st.builds(Citation, event_id=texts, start=whole, end=whole), max_size=2).map(
        tuple
    ),
    metadata=st.dictionaries(texts, documents, max_size=2),
    template_suggestions=st.lists(
        st.builds(
            TemplateSuggestion,
            title=texts,
            description=texts,
            category=texts,
            confidence=doubles,
            reasoning=texts,
            body=texts,
        ),
        max_size=2,
    ).map(tuple),
)
responses = st.builds(
    PromptResponse,
    turn_id=texts,
    message_id=texts,
    timestamp=instants,
    conversation_id=texts,
    user_id=texts,
    query=texts,
    conversation_turn=whole,
    processing_time_ms=whole,
    answer=answers,
    usage=usages,
    service_name=texts,
)
sites = st.builds(
    Site,
    site_id=texts,
    time_zone=texts,
    name=texts,
    aliases=names,
    cameras=st.lists(
        st.builds(Camera, camera_id=texts, name=texts, aliases=names, zones=names, location=texts),
        max_size=2,
    ).map(tuple),
    zones=st.lists(
        st.builds(
            Zone,
            zone_id=texts,
            name=texts,
            aliases=names,
            restricted=st.lists(masks, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    day_parts=st.builds(DayParts, morning=ranges, afternoon=ranges, evening=ranges, night=ranges),
    business_hours=st.none() | masks,
    synonyms=st.lists(st.tuples(texts, names), max_size=2).map(tuple),
    clip_url_template=texts,
    simulated=st.booleans(),
    etag=texts,
)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(responses)
def test_a_response_comes_back_equal(response: PromptResponse) -> None:
    text = codec.dump_response(response)
    assert text.isascii()
    assert codec.load_response(text) == response


@patient
@given(sites)
def test_a_site_comes_back_equal_with_its_etag(site: Site) -> None:
    assert codec.load_site(codec.dump_site(site), site.etag) == site


@patient
@given(usages)
def test_usage_comes_back_equal(usage: Usage) -> None:
    assert codec.load_usage(codec.dump_usage(usage)) == usage


@given(st.builds(TurnError, texts, texts, st.booleans(), st.booleans(), texts))
def test_an_error_comes_back_equal(error: TurnError) -> None:
    assert codec.load_error(codec.dump_error(error)) == error


@given(texts)
def test_text_comes_back_equal(text: str) -> None:
    assert codec.load_text(codec.dump(text)) == text


def test_what_a_newer_version_adds_is_passed_over() -> None:
    instant = datetime(2018, 3, 15, 12, 0, 0, 1, tzinfo=UTC)
    response = PromptResponse(
        turn_id="t",
        message_id="m",
        timestamp=instant,
        conversation_id="c",
        user_id="u",
        query="q",
        conversation_turn=1,
        processing_time_ms=1,
        answer=Answer("r", ResponseType.ANSWER, 1.0, Interpretation(QuestionType.COUNT)),
    )
    document = json.loads(codec.dump_response(response))
    document["new"] = document["answer"]["new"] = document["answer"]["interpretation"]["new"] = 1
    assert codec.load_response(json.dumps(document)) == response
