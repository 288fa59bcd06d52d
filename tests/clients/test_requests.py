"""Keyword arguments on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from enhanced_prompt import _requests as requests
from enhanced_prompt.v1 import events_pb2 as events
from enhanced_prompt.v1 import turns_pb2 as turns
from enhanced_prompt.v1.prompt_service_pb2 import AnswerRequest, AskRequest

AT = datetime(2018, 3, 15, 18, 0, 0, 123456, tzinfo=UTC)


def test_a_question_without_options_sets_nothing_else() -> None:
    assert requests.ask_request("who?", "r-1", {}) == AskRequest(query="who?", request_id="r-1")
    assert requests.answer_request("who?", "r-1", {}) == AnswerRequest(
        query="who?", request_id="r-1"
    )


def test_every_option_of_a_question_reaches_the_wire() -> None:
    found = requests.ask_request(
        "who?",
        "r-1",
        {
            "conversation_id": "c-1",
            "cameras": ["G330"],
            "sites": ["school"],
            "event_types": ["motion"],
            "since": AT,
            "min_confidence": 0.0,
            "time_zone": "Europe/Rome",
            "as_of": AT,
            "model": "grounded",
            "on_disconnect": "cancel",
            "detail": "reasoning",
            "frame_kinds": ["text_delta", "completed"],
        },
    )
    assert found.conversation_id == "c-1"
    assert list(found.filter.cameras) == ["G330"]
    assert list(found.filter.sites) == ["school"]
    assert list(found.filter.event_types) == ["motion"]
    assert found.filter.time_range.start_time.ToDatetime(UTC) == AT
    assert not found.filter.time_range.HasField("end_time")
    assert found.filter.HasField("min_confidence")
    assert found.time_zone == "Europe/Rome"
    assert found.as_of.ToDatetime(UTC) == AT
    assert found.model == "grounded"
    assert found.on_disconnect == turns.ON_DISCONNECT_CANCEL
    assert found.detail == turns.DETAIL_REASONING
    assert list(found.frame_kinds) == [turns.FRAME_KIND_TEXT_DELTA, turns.FRAME_KIND_COMPLETED]


def test_every_key_of_an_event_query_reaches_the_wire() -> None:
    query = requests.EventQuery(
        since=AT,
        until=AT.replace(hour=19),
        cameras=["c"],
        sites=["s"],
        zones=["z"],
        event_types=["t"],
        labels=["l"],
        text="red bag",
        min_confidence=0.5,
        min_duration=1.5,
        max_duration=9,
        as_of=AT,
    )
    found = requests.list_events_request(query, "longest", 10)
    assert set(query) == set(requests.EventQuery.__optional_keys__)
    assert {field.name for field, _ in found.filter.ListFields()} == {
        "windows",
        "cameras",
        "sites",
        "zones",
        "event_types",
        "labels",
        "text",
        "min_confidence",
        "min_duration_seconds",
        "max_duration_seconds",
        "as_of",
    }
    assert found.order == events.EVENT_ORDER_LONGEST


@pytest.mark.parametrize(
    ("names", "enum", "prefix"),
    [
        (requests.DetailName, turns.Detail, "DETAIL_"),
        (requests.OnDisconnectName, turns.OnDisconnect, "ON_DISCONNECT_"),
        (requests.FrameKindName, turns.FrameKind, "FRAME_KIND_"),
        (requests.OrderName, events.EventOrder, "EVENT_ORDER_"),
        (requests.GroupByName, events.EventGroupBy, "EVENT_GROUP_BY_"),
    ],
)
def test_names_are_those_of_the_contract(names: object, enum: object, prefix: str) -> None:
    contract = {name.removeprefix(prefix).lower() for name in enum.keys()}  # type: ignore[attr-defined] # noqa: SIM118
    assert set(get_args(names)) == contract - {"unspecified"}


def test_the_options_of_both_ways_to_ask_are_fields_of_their_requests() -> None:
    in_filter = {"cameras", "sites", "event_types", "since", "until", "min_confidence"}
    for options, message in (
        (requests.AskOptions, AskRequest),
        (requests.AnswerOptions, AnswerRequest),
    ):
        fields = {field.name for field in message.DESCRIPTOR.fields}
        assert set(options.__optional_keys__) - in_filter - {"timeout"} == fields - {
            "query",
            "filter",
        }


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="2018-03-15T18:00:00 has no time zone"):
        requests.timestamp(datetime(2018, 3, 15, 18))
