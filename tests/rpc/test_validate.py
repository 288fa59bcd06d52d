"""The generic validator, on messages of the contract and on ones made for the test."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt.v1 import (
    common_pb2,
    event_service_pb2,
    events_pb2,
    history_service_pb2,
    prompt_service_pb2,
    site_service_pb2,
    turns_pb2,
    validation_pb2,
)
from enhanced_prompt_service.domain.errors import InvalidArgument, Reason
from enhanced_prompt_service.rpc._limits import is_time_zone
from enhanced_prompt_service.rpc.validate import Validator

FieldProto = descriptor_pb2.FieldDescriptorProto
_numbers = itertools.count(1)


def wrong(message: Message, **options: Any) -> dict[str, str]:
    """Path and description of everything that is wrong with a message."""
    found = Validator(**options).violations(message)
    return {violation.field: violation.description for _, violation in found}


def reasons(message: Message) -> list[Reason]:
    return [reason for reason, _ in Validator().violations(message)]


def made(
    kind: Any, *, repeated: bool = False, required: bool = False, **limits: Any
) -> type[Message]:
    """A message type with one field `value` that has these limits."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"made{next(_numbers)}.proto", package=f"made{next(_numbers)}", syntax="proto3"
    )
    field = file.message_type.add(name="Made").field.add(
        name="value",
        number=1,
        type=kind,
        label=FieldProto.LABEL_REPEATED if repeated else FieldProto.LABEL_OPTIONAL,
    )
    field.options.Extensions[validation_pb2.limits].CopyFrom(validation_pb2.FieldLimits(**limits))
    if required:
        field.options.Extensions[field_behavior_pb2.field_behavior].append(
            field_behavior_pb2.REQUIRED
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Made"))


def test_a_good_request_has_nothing_wrong() -> None:
    request = prompt_service_pb2.AskRequest(
        query="what happened in camera 3 today?",
        conversation_id="shift-7:night",
        request_id="6f1c1f4e",
        detail=turns_pb2.DETAIL_REASONING,
        frame_kinds=[turns_pb2.FRAME_KIND_TEXT_DELTA],
        time_zone="America/Indiana/Indianapolis",
        as_of=Timestamp(seconds=1521145800),
        filter=turns_pb2.QuestionFilter(cameras=["G330"], min_confidence=0.0),
    )
    Validator().check(request)


def test_a_required_field_that_is_not_set_is_named() -> None:
    assert wrong(prompt_service_pb2.AskRequest()) == {"query": "is required"}
    assert reasons(prompt_service_pb2.AskRequest()) == [Reason.REQUIRED_FIELD_MISSING]
    assert wrong(site_service_pb2.PutSiteRequest()) == {"site": "is required"}


def test_all_violations_are_found_at_once_with_their_paths_and_limits() -> None:
    request = prompt_service_pb2.AskRequest(
        query="x" * 8001,
        conversation_id="not allowed!",
        time_zone="Mars/Olympus",
        filter=turns_pb2.QuestionFilter(cameras=["a", "b", "c", "d" * 129], min_confidence=1.5),
    )
    with pytest.raises(InvalidArgument) as caught:
        Validator().check(request)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert {v.field: v.description for v in caught.value.violations} == {
        "query": "must have at most 8,000 characters, has 8,001",
        "conversation_id": "must match [A-Za-z0-9_.:-]{1,128}",
        "filter.cameras[3]": "must have at most 128 characters, has 129",
        "filter.min_confidence": "must lie in 0 to 1, is 1.5",
        "time_zone": 'must be the name of an IANA time zone, such as "Europe/Rome"',
    }


def test_lengths_are_of_characters_not_of_bytes() -> None:
    assert wrong(prompt_service_pb2.AskRequest(query="日" * 8000)) == {}


def test_nested_messages_are_looked_into_at_any_depth() -> None:
    site = site_service_pb2.Site(
        site_id="s",
        time_zone="UTC",
        zones=[site_service_pb2.Zone(zone_id="z"), site_service_pb2.Zone()],
        cameras=[site_service_pb2.Camera(camera_id="c", aliases=["ok", ""])],
        business_hours=common_pb2.RecurringMask(
            ranges=[common_pb2.DailyRange(start_minute=1440, end_minute=60)]
        ),
    )
    assert wrong(site_service_pb2.PutSiteRequest(site=site)) == {
        "site.zones[1].zone_id": "is required",
        "site.cameras[0].aliases[1]": "must have at least 1 character, has 0",
        "site.business_hours.ranges[0].start_minute": "must lie in 0 to 1,439, is 1,440",
    }


def test_a_field_with_presence_may_hold_zero_and_may_be_left_out() -> None:
    assert wrong(events_pb2.EventFilter()) == {}
    assert wrong(events_pb2.EventFilter(min_confidence=0)) == {}
    assert list(wrong(events_pb2.EventFilter(min_confidence=-0.1))) == ["min_confidence"]


@pytest.mark.parametrize("size", [-1, -(2**31), 1001, 2**31 - 1])
def test_page_sizes_outside_of_their_range_are_refused(size: int) -> None:
    request = history_service_pb2.ListConversationsRequest(page_size=size)
    assert wrong(request) == {"page_size": f"must lie in 0 to 1,000, is {size:,}"}


@pytest.mark.parametrize("number", [99, -1, 2**31 - 1])
def test_a_number_that_an_enum_does_not_have_is_refused(number: Any) -> None:
    request = prompt_service_pb2.AskRequest(query="q", detail=number, frame_kinds=[1, number])
    assert wrong(request) == {
        "detail": f"{number} is no value of Detail",
        "frame_kinds[1]": f"{number} is no value of FrameKind",
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    assert list(wrong(events_pb2.EventFilter(min_duration_seconds=number))) == [
        "min_duration_seconds"
    ]
    assert list(wrong(made(FieldProto.TYPE_DOUBLE)(value=number))) == ["value"]


@pytest.mark.parametrize(
    ("seconds", "nanos", "good"),
    [
        (0, 0, True),
        (-62135596800, 0, True),
        (253402300799, 999_999_999, True),
        (-62135596801, 0, False),
        (253402300800, 0, False),
        (2**63 - 1, 0, False),
        (0, -1, False),
        (0, 1_000_000_000, False),
    ],
)
def test_times_that_no_calendar_has_are_refused(seconds: int, nanos: int, good: bool) -> None:
    request = prompt_service_pb2.AskRequest(
        query="q", as_of=Timestamp(seconds=seconds, nanos=nanos)
    )
    assert list(wrong(request)) == ([] if good else ["as_of"])


def test_a_list_that_is_too_long_is_one_violation() -> None:
    request = event_service_pb2.CountEventsRequest(group_by=[1, 2, 3, 99])
    assert wrong(request) == {"group_by": "must have at most 3 elements, has 4"}


def test_elements_that_must_differ_do() -> None:
    request = event_service_pb2.CountEventsRequest(group_by=[1, 1])
    assert wrong(request) == {"group_by": "elements must differ from each other"}


def test_map_entries_are_named_by_their_key() -> None:
    event = events_pb2.Event(
        event_id="e",
        start_time=Timestamp(seconds=1),
        site="s",
        camera_id="c",
        event_type="t",
        attributes={"": "v", "k" * 129: "v", "long": "v" * 1025, "fine": ""},
    )
    assert wrong(event) == {
        'attributes[""]': "a key must not be empty",
        f'attributes["{"k" * 64}"]': "a key has at most 128 characters, this one 129",
        'attributes["long"]': "must have at most 1,024 characters, has 1,025",
    }


def test_nul_is_refused_in_every_string() -> None:
    request = history_service_pb2.ListConversationsRequest(page_token="a\0b")
    assert wrong(request) == {"page_token": "must not hold the character NUL"}
    assert list(wrong(made(FieldProto.TYPE_STRING)(value="\0"))) == ["value"]


def test_messages_judged_apart_are_left_alone() -> None:
    batch = event_service_pb2.IngestEventsRequest(
        sequence=0, events=event_service_pb2.EventBatch(events=[events_pb2.Event()])
    )
    assert "events.events[0].event_id" in wrong(batch)
    assert list(wrong(batch, apart=["enhanced_prompt.v1.Event"])) == ["sequence"]


def test_a_thousand_wrong_elements_are_not_a_thousand_violations() -> None:
    request = event_service_pb2.ListEventsRequest(
        filter=events_pb2.EventFilter(cameras=["x" * 129] * 1000)
    )
    assert len(wrong(request)) == 100


def test_sizes_in_bytes_are_summed_over_elements() -> None:
    text = made(FieldProto.TYPE_STRING, repeated=True, max_bytes=6)
    assert wrong(text(value=["日", "日"])) == {}
    assert wrong(text(value=["日", "日", "x"])) == {"value": "must have at most 6 bytes, has 7"}
    data = made(FieldProto.TYPE_BYTES, max_bytes=1)
    assert list(wrong(data(value=b"ab"))) == ["value"]
    single = made(FieldProto.TYPE_STRING, max_bytes=2)
    assert list(wrong(single(value="日"))) == ["value"]


def test_least_numbers_of_elements_hold_for_empty_lists_too() -> None:
    kind = made(FieldProto.TYPE_INT32, repeated=True, min_items=2)
    assert wrong(kind()) == {"value": "must have at least 2 elements, has 0"}
    assert wrong(kind(value=[1, 2])) == {}
    assert wrong(made(FieldProto.TYPE_INT32, repeated=True, required=True)()) == {
        "value": "is required"
    }


def test_ranges_that_are_open_on_one_side_say_so() -> None:
    assert wrong(made(FieldProto.TYPE_INT64, min=1)(value=0)) == {
        "value": "must be at least 1, is 0"
    }
    assert wrong(made(FieldProto.TYPE_DOUBLE, max=0.5)(value=1)) == {
        "value": "must be at most 0.5, is 1.0"
    }


def test_a_message_type_that_holds_itself_can_be_checked() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="tree.proto", package="tree", syntax="proto3")
    node = file.message_type.add(name="Node")
    name = node.field.add(name="name", number=1, type=FieldProto.TYPE_STRING, label=1)
    name.options.Extensions[validation_pb2.limits].max_length = 1
    node.field.add(
        name="children",
        number=2,
        type=FieldProto.TYPE_MESSAGE,
        type_name=".tree.Node",
        label=FieldProto.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    kind: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("tree.Node"))
    tree = kind(children=[kind(), kind(children=[kind(name="ab")])])
    assert list(wrong(tree)) == ["children[1].children[0].name"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "Mars/Olympus", "Europe", "", "\0", "x" * 500, "é"]
)
def test_strange_names_are_no_time_zones(name: str) -> None:
    assert not is_time_zone(name)


def test_zones_of_the_database_are() -> None:
    assert is_time_zone("UTC")
    assert is_time_zone("Europe/Rome")


def test_every_pattern_of_the_contract_compiles() -> None:
    validator = Validator()
    for file in (prompt_service_pb2, event_service_pb2, history_service_pb2, site_service_pb2):
        for message in file.DESCRIPTOR.message_types_by_name.values():
            validator.check_for(message_factory.GetMessageClass(message))
