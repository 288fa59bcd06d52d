"""Conversion loses nothing: messages are read back here by code that knows only the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given

from enhanced_prompt.v1 import (
    answers_pb2,
    common_pb2,
    events_pb2,
    prompt_service_pb2,
    site_service_pb2,
    turns_pb2,
)
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
from enhanced_prompt_service.domain.catalogue import DayParts, Site
from enhanced_prompt_service.domain.errors import InvalidArgument
from enhanced_prompt_service.domain.events import CoverageState, Event, Selection
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from enhanced_prompt_service.domain.turns import (
    CLOSING,
    REASONING_ONLY,
    FrameKind,
    OnDisconnect,
    QuestionFilter,
    TurnRequest,
)
from enhanced_prompt_service.rpc.convert import answers, events, sites, times, turns

from . import strategies

AT = datetime(2018, 3, 15, 14, 30, 5, 123_456, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def stamp(at: datetime, more_nanos: int = 0) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(at)
    found.nanos += more_nanos
    return found


# ---- reading messages back ----------------------------------------------------------------------


def read_time(message: Any) -> datetime:
    return message.ToDatetime(tzinfo=UTC)


def read_range(message: common_pb2.TimeRange) -> Interval:
    return Interval(read_time(message.start_time), read_time(message.end_time))


def optional(message: Any, name: str, read: Any = lambda value: value) -> Any:
    return read(getattr(message, name)) if message.HasField(name) else None


def read_mask(message: common_pb2.RecurringMask) -> RecurringMask:
    return RecurringMask(
        tuple(DailyRange(one.start_minute, one.end_minute) for one in message.ranges),
        frozenset(message.weekdays),
    )


def read_evidence(message: answers_pb2.Evidence) -> Evidence:
    return Evidence(
        message.event_id,
        read_time(message.timestamp),
        message.camera_id,
        message.event_type,
        message.confidence,
        message.description,
        optional(message, "end_time", read_time),
        message.site,
        tuple(message.zones),
        message.label,
        message.participants,
        message.clip_url,
        message.snapshot_url,
    )


def read_interpretation(message: answers_pb2.Interpretation) -> Interpretation:
    kind = answers_pb2.QuestionType.Name(message.question_type)
    return Interpretation(
        QuestionType[kind.removeprefix("QUESTION_TYPE_")],
        optional(message, "time_range", read_range),
        optional(message, "comparison_range", read_range),
        message.time_zone,
        optional(message, "recurring", read_mask),
        tuple(message.cameras),
        tuple(message.sites),
        tuple(message.zones),
        tuple(message.event_types),
        tuple(message.labels),
        message.text,
        optional(message, "min_confidence"),
        message.group_by,
        message.order,
        message.limit,
        tuple(message.assumptions),
        message.rendered,
    )


def read_coverage(message: answers_pb2.CoverageReport) -> CoverageReport:
    return CoverageReport(
        optional(message, "share"),
        message.recorded_seconds,
        message.window_seconds,
        message.cameras_known,
        message.cameras_unknown,
        tuple(read_range(one) for one in message.recorded),
    )


def read_usage(message: answers_pb2.Usage) -> Usage:
    return Usage(
        tuple(
            ModelUsage(
                one.model,
                answers_pb2.UsageSource.Name(one.source).removeprefix("USAGE_SOURCE_").lower(),
                optional(one, "input_tokens"),
                optional(one, "output_tokens"),
                optional(one, "cached_tokens"),
                optional(one, "reasoning_tokens"),
                optional(one, "cost"),
                one.currency,
            )
            for one in message.calls
        )
    )


def read_json(message: Any) -> Any:
    """A Struct's value: every number a float."""
    match message.WhichOneof("kind"):
        case "null_value":
            return None
        case "struct_value":
            return {key: read_json(one) for key, one in message.struct_value.fields.items()}
        case "list_value":
            return [read_json(one) for one in message.list_value.values]
        case kind:
            return getattr(message, kind)


def read_response(message: answers_pb2.PromptResponse) -> PromptResponse:
    kind = answers_pb2.ResponseType.Name(message.response_type)
    assert message.evidence_count == len(message.evidence)
    return PromptResponse(
        message.turn_id,
        message.message_id,
        read_time(message.timestamp),
        message.conversation_id,
        message.user_id,
        message.query,
        message.conversation_turn,
        message.processing_time_ms,
        Answer(
            message.response,
            ResponseType[kind.removeprefix("RESPONSE_TYPE_")],
            message.confidence_score,
            read_interpretation(message.interpretation),
            tuple(read_evidence(one) for one in message.evidence),
            tuple(message.follow_up_questions),
            message.total_matches,
            tuple(Fact(f.name, f.value, f.unit, f.group, f.text) for f in message.facts),
            optional(message, "coverage", read_coverage),
            tuple(Citation(c.event_id, c.start, c.end) for c in message.citations),
            {key: read_json(one) for key, one in message.metadata.fields.items()},
            tuple(
                TemplateSuggestion(
                    t.title, t.description, t.category, t.confidence, t.reasoning, t.body
                )
                for t in message.template_suggestions
            ),
        ),
        read_usage(message.usage),
        message.service_name,
    )


# ---- nothing is lost ----------------------------------------------------------------------------


@given(strategies.responses)
def test_a_response_keeps_everything(response: PromptResponse) -> None:
    message = answers.prompt_response(response)
    read = read_response(answers_pb2.PromptResponse.FromString(message.SerializeToString()))
    assert read == response
    assert tuple(message.clip_links) == response.clip_links


@given(strategies.events)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    message = events.event_message(event)
    assert events.event(events_pb2.Event.FromString(message.SerializeToString())) == event


@given(strategies.sites)
def test_a_site_comes_back_as_it_was(site: Site) -> None:
    message = sites.site_message(site)
    read = site_service_pb2.Site.FromString(message.SerializeToString())
    assert sites.site(read) == site


def test_what_is_below_a_microsecond_is_cut() -> None:
    assert times.instant(stamp(AT, 999), "t") == AT


@pytest.mark.parametrize(
    ("seconds", "good"),
    [(-2208988800, True), (-2208988801, False), (7258118399, True), (7258118400, False)],
)
def test_times_that_no_camera_can_have_seen_are_refused(seconds: int, good: bool) -> None:
    message = Timestamp(seconds=seconds)
    if good:
        assert times.timestamp(times.instant(message, "as_of")) == message
    else:
        with pytest.raises(InvalidArgument, match="as_of: must lie in the years 1900 to 2199"):
            times.instant(message, "as_of")


def test_what_an_event_does_not_say_is_not_known() -> None:
    event = events.event(
        events_pb2.Event(
            event_id="e", start_time=stamp(AT), site="s", camera_id="c", event_type="t"
        )
    )
    assert (event.confidence, event.end_time, event.participants) == (None, None, 1)


# ---- what is asked ------------------------------------------------------------------------------


def test_a_question_carries_all_that_was_asked() -> None:
    request = prompt_service_pb2.AskRequest(
        query="how many?",
        conversation_id="c",
        request_id="r",
        on_disconnect=turns_pb2.ON_DISCONNECT_CANCEL,
        filter=turns_pb2.QuestionFilter(
            cameras=["G330"],
            sites=["school"],
            event_types=["person"],
            time_range=common_pb2.TimeRange(start_time=stamp(AT), end_time=stamp(LATER)),
            min_confidence=0.0,
        ),
        time_zone="Europe/Rome",
        as_of=stamp(LATER),
        model="openai:gpt",
    )
    assert turns.turn_request(request) == TurnRequest(
        query="how many?",
        conversation_id="c",
        request_id="r",
        on_disconnect=OnDisconnect.CANCEL,
        filter=QuestionFilter(("G330",), ("school",), ("person",), Interval(AT, LATER), 0.0),
        time_zone="Europe/Rome",
        as_of=LATER,
        model="openai:gpt",
    )


def test_a_question_that_says_nothing_more_narrows_nothing() -> None:
    request = prompt_service_pb2.AskRequest(
        query="q", filter=turns_pb2.QuestionFilter(time_range=common_pb2.TimeRange())
    )
    assert turns.turn_request(request) == TurnRequest("q")


def test_ask_and_answer_ask_the_same_question() -> None:
    fields: dict[str, Any] = {
        "query": "q",
        "request_id": "r",
        "filter": turns_pb2.QuestionFilter(cameras=["a"]),
    }
    asked = turns.turn_request(prompt_service_pb2.AskRequest(**fields))
    assert turns.turn_request(prompt_service_pb2.AnswerRequest(**fields)) == asked


def test_a_filter_of_events_carries_all_that_was_asked() -> None:
    message = events_pb2.EventFilter(
        windows=[
            common_pb2.TimeRange(start_time=stamp(LATER)),
            common_pb2.TimeRange(end_time=stamp(AT)),
        ],
        recurring=common_pb2.RecurringMask(weekdays=[5, 1]),
        cameras=["b", "a"],
        sites=["s"],
        zones=["z"],
        event_types=["t"],
        labels=["l"],
        type_or_label=True,
        text="red car",
        min_confidence=0.0,
        min_duration_seconds=0.5,
        max_duration_seconds=60,
        ongoing_at=stamp(AT),
        as_of=stamp(LATER),
    )
    assert events.selection(message) == Selection(
        windows=(Interval(times.EARLIEST, AT), Interval(LATER, times.LATEST)),
        mask=RecurringMask(weekdays=frozenset({1, 5})),
        cameras=frozenset({"a", "b"}),
        sites=frozenset({"s"}),
        zones=frozenset({"z"}),
        event_types=frozenset({"t"}),
        labels=frozenset({"l"}),
        type_or_label=True,
        text="red car",
        min_confidence=0.0,
        min_duration_s=0.5,
        max_duration_s=60.0,
        ongoing_at=AT,
        as_of=LATER,
    )


def test_an_empty_filter_narrows_nothing() -> None:
    assert events.selection(events_pb2.EventFilter()) == Selection()
    masked = events_pb2.EventFilter(recurring=common_pb2.RecurringMask())
    assert events.selection(masked) == Selection()


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (
            events_pb2.EventFilter(
                windows=[
                    common_pb2.TimeRange(),
                    common_pb2.TimeRange(start_time=stamp(LATER), end_time=stamp(AT)),
                ]
            ),
            "filter.windows[1].end_time",
        ),
        (
            events_pb2.EventFilter(
                windows=[common_pb2.TimeRange(start_time=stamp(AT), end_time=stamp(AT))]
            ),
            "filter.windows[0].end_time",
        ),
        (
            events_pb2.EventFilter(
                recurring=common_pb2.RecurringMask(
                    ranges=[common_pb2.DailyRange(start_minute=60, end_minute=60)]
                )
            ),
            "filter.recurring.ranges[0].end_minute",
        ),
        (events_pb2.EventFilter(as_of=Timestamp(seconds=-62135596800)), "filter.as_of"),
    ],
)
def test_a_filter_that_cannot_be_meant_names_its_field(
    message: events_pb2.EventFilter, path: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        events.selection(message)
    assert [one.field for one in caught.value.violations] == [path]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (
            site_service_pb2.Site(
                cameras=[
                    site_service_pb2.Camera(camera_id="a"),
                    site_service_pb2.Camera(camera_id="a"),
                ]
            ),
            "site.cameras[1].camera_id",
        ),
        (
            site_service_pb2.Site(
                zones=[site_service_pb2.Zone(zone_id="z"), site_service_pb2.Zone(zone_id="z")]
            ),
            "site.zones[1].zone_id",
        ),
        (
            site_service_pb2.Site(
                zones=[site_service_pb2.Zone(restricted=[common_pb2.RecurringMask()])]
            ),
            "site.zones[0].restricted[0]",
        ),
        (
            site_service_pb2.Site(
                day_parts=site_service_pb2.DayParts(
                    night=common_pb2.DailyRange(start_minute=5, end_minute=5)
                )
            ),
            "site.day_parts.night.end_minute",
        ),
    ],
)
def test_a_site_that_cannot_be_meant_names_its_field(
    message: site_service_pb2.Site, path: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        sites.site(message)
    assert [one.field for one in caught.value.violations] == [path]


def test_day_parts_that_are_not_set_keep_their_defaults() -> None:
    message = site_service_pb2.Site(
        day_parts=site_service_pb2.DayParts(
            morning=common_pb2.DailyRange(start_minute=300, end_minute=660)
        )
    )
    assert sites.site(message).day_parts == DayParts(morning=DailyRange(300, 660))


# ---- enums are covered --------------------------------------------------------------------------


def test_every_kind_of_frame_has_its_number_and_its_field() -> None:
    assert set(turns.KINDS.values()) == set(FrameKind)
    fields = {field.name for field in turns_pb2.TurnFrame.DESCRIPTOR.oneofs[0].fields}
    assert fields == {kind.value for kind in FrameKind}


@pytest.mark.parametrize(
    ("enum", "table"),
    [
        (events_pb2.CoverageState, events.STATES),
        (events_pb2.EventGroupBy, events.KEYS),
        (turns_pb2.FrameKind, turns.KINDS),
    ],
)
def test_every_value_of_an_enum_but_unspecified_is_known(enum: Any, table: dict[int, Any]) -> None:
    assert set(table) == set(enum.values()) - {0}


def test_every_order_is_known_and_unspecified_is_newest() -> None:
    assert set(events.ORDERS) == set(events_pb2.EventOrder.values())
    assert events.ORDERS[0] is events.ORDERS[events_pb2.EVENT_ORDER_NEWEST]


def test_states_are_the_same_in_both_directions() -> None:
    assert {state: events.STATES[number] for state, number in events.STATE_NUMBERS.items()} == {
        state: state for state in CoverageState
    }


def test_answers_leave_reasoning_out_and_reasoning_has_everything() -> None:
    answer = turns.kinds_wanted(turns_pb2.DETAIL_UNSPECIFIED, [])
    assert answer == frozenset(FrameKind) - REASONING_ONLY
    assert turns.kinds_wanted(turns_pb2.DETAIL_ANSWER, []) == answer
    assert turns.kinds_wanted(turns_pb2.DETAIL_REASONING, []) is None
    chosen = turns.kinds_wanted(turns_pb2.DETAIL_REASONING, [turns_pb2.FRAME_KIND_TEXT_DELTA])
    assert chosen == {FrameKind.TEXT_DELTA}
    assert answer >= CLOSING


# ---- usage --------------------------------------------------------------------------------------


def test_the_sum_of_no_calls_is_zero() -> None:
    total = answers.usage(Usage()).sum
    assert MessageToDict(total) == {
        "inputTokens": "0",
        "outputTokens": "0",
        "cachedTokens": "0",
        "reasoningTokens": "0",
        "cost": 0.0,
        "currency": "USD",
    }


def test_a_sum_holds_only_what_every_call_knows() -> None:
    total = answers.usage(
        Usage(
            (
                ModelUsage("a", "provider", input_tokens=3, output_tokens=1, cost=0.5),
                ModelUsage("b", "estimated", input_tokens=4, cost=0.25),
            )
        )
    ).sum
    assert MessageToDict(total) == {
        "source": "USAGE_SOURCE_ESTIMATED",
        "inputTokens": "7",
        "cost": 0.75,
        "currency": "USD",
    }


def test_two_currencies_have_no_sum() -> None:
    calls = (
        ModelUsage("a", "provider", cost=1.0, currency="USD"),
        ModelUsage("b", "provider", cost=1.0, currency="EUR"),
    )
    assert not answers.usage(Usage(calls)).sum.HasField("cost")
