"""The contract keeps its own rules, in every service, finished or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

from enhanced_prompt.v1 import (
    answers_pb2,
    chat_pb2,
    compat_service_pb2,
    consent_service_pb2,
    errors_pb2,
    event_service_pb2,
    history_service_pb2,
    insight_service_pb2,
    insights_pb2,
    metrics_service_pb2,
    prompt_service_pb2,
    site_service_pb2,
    template_service_pb2,
    turns_pb2,
    validation_pb2,
)
from enhanced_prompt_service import schemas
from enhanced_prompt_service.domain.answers import QuestionType, ResponseType
from enhanced_prompt_service.domain.errors import Reason
from enhanced_prompt_service.domain.events import CoverageState, GroupBy, Order
from enhanced_prompt_service.domain.turns import Detail, FrameKind, OnDisconnect, TurnState

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
PACKAGE = "enhanced_prompt.v1"
SERVICE_FILES = (
    compat_service_pb2,
    consent_service_pb2,
    event_service_pb2,
    history_service_pb2,
    insight_service_pb2,
    metrics_service_pb2,
    prompt_service_pb2,
    site_service_pb2,
    template_service_pb2,
)
RPCS = {
    "CompatService": "AskStream CreateChatCompletion GetChatbotPrewarm GetChatbotHealth"
    " ListDashboardPromptResponses ListDashboardProactiveInsights StreamMetrics",
    "ConsentService": "GetConsent GiveConsent WithdrawConsent",
    "EventService": "IngestEvents BatchIngestEvents IngestCloudEvents ListEvents GetEvent "
    "GetEventClip CountEvents ListCameras ListCoverage",
    "HistoryService": "GetConversation ListConversations ListMessages SearchMessages"
    " ListPromptResponses GetPromptAnalytics DeleteConversation ExportConversations",
    "InsightService": "SubscribeInsights ListInsights GetInsight AcknowledgeInsights MuteInsights"
    " PublishInsight CommitSubscription CreateStandingQuestion ListStandingQuestions"
    " UpdateStandingQuestion DeleteStandingQuestion",
    "MetricsService": "SubscribeMetrics GetMetrics GetSystemHealth GetUsage",
    "PromptService": "Ask Answer Chat WatchTurn CancelTurn Prewarm ClassifyIntent OptimizePrompt"
    " GenerateContent",
    "SiteService": "PutSite GetSite ListSites",
    "TemplateService": "CreateTemplate GetTemplate ListTemplates UpdateTemplate DeleteTemplate"
    " RenderTemplate CreateTemplateFromConversation",
}


def services() -> list[ServiceDescriptor]:
    return [
        service
        for module in SERVICE_FILES
        for service in module.DESCRIPTOR.services_by_name.values()
    ]


def methods() -> list[MethodDescriptor]:
    return [method for service in services() for method in service.methods]


def files() -> list[FileDescriptor]:
    """Every file of the contract: those of services and what they import."""
    found: dict[str, FileDescriptor] = {}
    waiting = [module.DESCRIPTOR for module in (*SERVICE_FILES, errors_pb2, chat_pb2, turns_pb2)]
    while waiting:
        file = waiting.pop()
        if file.package == PACKAGE and file.name not in found:
            found[file.name] = file
            waiting.extend(file.dependencies)
    return [found[name] for name in sorted(found)]


def enums(file: FileDescriptor) -> Iterator[Any]:
    yield from file.enum_types_by_name.values()

    def inner(message: Descriptor) -> Iterator[Any]:
        yield from message.enum_types
        for nested in message.nested_types:
            yield from inner(nested)

    for message in file.message_types_by_name.values():
        yield from inner(message)


def limits(field: FieldDescriptor) -> Any:
    return field.GetOptions().Extensions[validation_pb2.limits]


def behaviours(field: FieldDescriptor) -> set[int]:
    return set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def is_map(field: FieldDescriptor) -> bool:
    return (
        field.is_repeated
        and field.message_type is not None
        and field.message_type.GetOptions().map_entry
    )


def sent_fields(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    """Fields that a client may set below a request, once each; what is OUTPUT_ONLY is not sent."""
    if message.full_name in seen or message.full_name.startswith("google."):
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field_behavior_pb2.OUTPUT_ONLY in behaviours(field):
            continue
        yield field
        if field.message_type is not None and not is_map(field):
            yield from sent_fields(field.message_type, seen)


def all_sent_fields() -> list[FieldDescriptor]:
    seen: set[str] = set()
    return [field for method in methods() for field in sent_fields(method.input_type, seen)]


def http_bindings(method: MethodDescriptor) -> list[tuple[str, str]]:
    """(verb, path template) of an RPC, additional bindings included."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    return [
        (one.WhichOneof("pattern"), getattr(one, one.WhichOneof("pattern")))
        for one in (rule, *rule.additional_bindings)
        if one.WhichOneof("pattern")
    ]


def screaming(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


# ---- services -----------------------------------------------------------------------------------


def test_every_service_has_the_rpcs_of_the_design() -> None:
    assert {
        service.name: {method.name for method in service.methods} for service in services()
    } == {name: set(listed.split()) for name, listed in RPCS.items()}


def test_every_proto_file_is_covered_by_these_tests() -> None:
    there = {path.name for path in (PROTOS / "enhanced_prompt" / "v1").glob("*.proto")}
    assert {Path(file.name).name for file in files()} == there


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.full_name)
def test_an_rpc_has_an_http_mapping_unless_its_client_streams(method: MethodDescriptor) -> None:
    assert bool(http_bindings(method)) is not method.client_streaming


def test_no_two_rpcs_share_a_verb_and_path() -> None:
    bound: dict[tuple[str, str], str] = {}
    for method in methods():
        for verb, path in http_bindings(method):
            shape = (verb, re.sub(r"\{[^}]*\}", "{}", path))
            assert shape not in bound, f"{method.full_name} and {bound[shape]}: {shape}"
            bound[shape] = method.full_name


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.full_name)
def test_http_paths_are_well_formed_and_name_fields_of_the_request(
    method: MethodDescriptor,
) -> None:
    for _, path in http_bindings(method):
        assert not path.endswith("/")
        if method.containing_service.name != "CompatService":
            assert path.startswith("/v1/")
        for variable in re.findall(r"\{([^}=]*)", path):
            message: Descriptor | None = method.input_type
            for part in variable.split("."):
                assert message is not None
                assert part in message.fields_by_name, f"{path}: no field {part}"
                message = message.fields_by_name[part].message_type


def test_frames_of_a_turn_are_field_1_so_that_their_bytes_pass_through() -> None:
    for message in (
        prompt_service_pb2.AskResponse,
        prompt_service_pb2.WatchTurnResponse,
        chat_pb2.ChatResponse,
    ):
        turn = message.DESCRIPTOR.fields_by_number[1]
        assert (turn.name, turn.message_type.full_name) == ("turn", f"{PACKAGE}.TurnFrame")
        assert turn.containing_oneof.name == "frame"
        assert message.DESCRIPTOR.fields_by_number[2].name == "heartbeat"
        assert message.DESCRIPTOR.fields_by_number[3].name == "go_away"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (schemas.PromptResponsePayload, answers_pb2.PromptResponse),
        (schemas.Evidence, answers_pb2.Evidence),
        (schemas.HistoryRetrievalPayload, history_service_pb2.Conversation),
        (schemas.ConversationMessage, history_service_pb2.ConversationMessage),
        (schemas.ProactiveInsightPayload, insights_pb2.Insight),
    ],
)
def test_messages_have_every_field_of_their_downstream_payload(payload: Any, message: Any) -> None:
    assert set(payload.model_fields) <= set(message.DESCRIPTOR.fields_by_name)


# ---- enums --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", files(), ids=lambda file: Path(file.name).name)
def test_enums_begin_with_unspecified_and_prefix_their_values(file: FileDescriptor) -> None:
    for enum in enums(file):
        prefix = screaming(enum.name) + "_"
        assert enum.values_by_number[0].name == prefix + "UNSPECIFIED"
        assert all(value.name.startswith(prefix) for value in enum.values)


@pytest.mark.parametrize(
    ("enum", "names"),
    [
        ("answers.ResponseType", {one.name for one in ResponseType}),
        ("answers.QuestionType", {one.name for one in QuestionType}),
        ("events.CoverageState", {one.name for one in CoverageState}),
        ("events.EventGroupBy", {one.name for one in GroupBy}),
        ("events.EventOrder", {one.name for one in Order}),
        ("turns.Detail", {one.name for one in Detail}),
        ("turns.FrameKind", {one.name for one in FrameKind}),
        ("turns.OnDisconnect", {one.name for one in OnDisconnect}),
        ("turns.TurnState", {one.name for one in TurnState}),
    ],
)
def test_enums_have_the_names_of_the_domain(enum: str, names: set[str]) -> None:
    file_name, name = enum.split(".")
    file = next(one for one in files() if one.name.endswith(f"/{file_name}.proto"))
    prefix = screaming(name) + "_"
    values = {value.name.removeprefix(prefix) for value in file.enum_types_by_name[name].values}
    assert values - {"UNSPECIFIED"} == names


def test_frame_kinds_are_the_payloads_of_a_turn_frame() -> None:
    payload = turns_pb2.TurnFrame.DESCRIPTOR.oneofs_by_name["payload"]
    assert [field.name for field in payload.fields] == [kind.value for kind in FrameKind]


def test_every_reason_of_the_domain_is_an_error_reason() -> None:
    listed = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert {reason.value for reason in Reason} <= listed


def test_every_error_reason_says_its_status_and_gives_an_example() -> None:
    text = (PROTOS / "enhanced_prompt" / "v1" / "errors.proto").read_text(encoding="utf-8")
    for name in errors_pb2.ErrorReason.keys():  # noqa: SIM118
        if name == "ERROR_REASON_UNSPECIFIED":
            continue
        comment = " ".join(re.findall(rf"// ({name}: .*(?:\n  // .*)*)\n  {name} = ", text))
        assert re.match(rf"{name}: [A-Z_]+\. ", comment), f"{name} says no status"
        assert re.search(r"\bExample:", comment), f"{name} has no example"


# ---- what clients send --------------------------------------------------------------------------


@pytest.mark.parametrize("field", all_sent_fields(), ids=lambda field: field.full_name)
def test_what_a_client_sends_is_limited(field: FieldDescriptor) -> None:
    limit = limits(field)
    kind = field.message_type
    if is_map(field):
        assert kind is not None
        assert limit.HasField("max_items")
        assert limit.HasField("max_key_length")
        value = kind.fields_by_name["value"]
        if value.type == FieldDescriptor.TYPE_STRING:
            assert limit.HasField("max_length")
    elif field.is_repeated:
        assert limit.HasField("max_items")
    if field.type == FieldDescriptor.TYPE_STRING:
        assert limit.HasField("max_length")
    elif field.type == FieldDescriptor.TYPE_BYTES:
        assert limit.HasField("max_bytes")
    elif field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        assert limit.HasField("min")
        assert limit.HasField("max")
    elif field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64):
        assert limit.HasField("min")
    elif kind is not None and kind.full_name in {
        "google.protobuf.FieldMask",
        "google.protobuf.Struct",
    }:
        assert limit.HasField("max_bytes")


@pytest.mark.parametrize("field", all_sent_fields(), ids=lambda field: field.full_name)
def test_limits_fit_their_field_and_each_other(field: FieldDescriptor) -> None:
    limit = limits(field)
    for least, most in (("min_length", "max_length"), ("min", "max"), ("min_items", "max_items")):
        if limit.HasField(least) and limit.HasField(most):
            assert getattr(limit, least) <= getattr(limit, most)
    for pattern in (limit.pattern, limit.key_pattern):
        re.compile(pattern, re.ASCII)
    if field.type != FieldDescriptor.TYPE_STRING and not is_map(field):
        assert not limit.HasField("min_length")
        assert not limit.HasField("max_length")
        assert not limit.pattern
        assert not limit.time_zone
    if not field.is_repeated:
        assert not limit.HasField("max_items")
        assert not limit.unique
    if field_behavior_pb2.REQUIRED in behaviours(field) and (
        field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
    ):
        assert limit.min_length >= 1, (
            "a required string with min_length 0 reads like a contradiction"
        )


def test_page_sizes_and_tokens_are_alike_everywhere() -> None:
    for method in methods():
        fields = method.input_type.fields_by_name
        assert ("page_size" in fields) == ("page_token" in fields)
        if "page_size" in fields:
            assert (limits(fields["page_size"]).min, limits(fields["page_size"]).max) == (0, 1000)
            assert fields["page_size"].type == FieldDescriptor.TYPE_INT32
            assert "next_page_token" in method.output_type.fields_by_name


# ---- comments, which buf asks for but does not read ---------------------------------------------

_DECLARATION = re.compile(
    r"^\s*(?:(?:message|enum|oneof|service|rpc)\s+(?P<block>\w+)"
    r"|(?P<value>[A-Z][A-Z0-9_]*)\s*=\s*\d+"
    r"|(?:optional\s+|repeated\s+)?(?:map<[^>]+>|[\w.]+)\s+(?P<field>[a-z]\w*)\s*=\s*\d+)"
)


@pytest.mark.parametrize("file", files(), ids=lambda file: Path(file.name).name)
def test_every_comment_begins_with_the_name_that_it_is_about(file: FileDescriptor) -> None:
    lines = (PROTOS / file.name).read_text(encoding="utf-8").splitlines()
    declared = 0
    for number, line in enumerate(lines):
        match = _DECLARATION.match(line)
        if match is None:
            continue
        declared += 1
        name = match["block"] or match["value"] or match["field"]
        first = number
        while first and lines[first - 1].lstrip().startswith("//"):
            first -= 1
        comment = lines[first].strip() if first < number else ""
        assert re.match(rf"// {name}\b", comment), f"{file.name}:{number + 1}: {name}: {comment!r}"
    assert declared


# ---- the baseline of what is finished -----------------------------------------------------------


def baseline() -> list[tuple[str, FieldDescriptorProto]]:
    """(message, field) of the finished RPCs; a buf image is a FileDescriptorSet and more."""
    image = FileDescriptorSet.FromString((PROTOS / ".baseline.binpb").read_bytes())
    return [
        (f"{file.package}.{message.name}", field)
        for file in image.file
        if file.package == PACKAGE
        for message in file.message_type
        for field in message.field
    ]


def test_no_finished_request_accepts_less_than_it_did() -> None:
    """What buf cannot see: tighter limits, and fields that became REQUIRED."""
    now = {field.full_name: field for field in all_sent_fields()}
    compared = 0
    for message, before in baseline():
        field = now.get(f"{message}.{before.name}")
        if field is None:
            continue
        compared += 1
        old, new = before.options.Extensions[validation_pb2.limits], limits(field)
        for name in ("min_length", "min", "min_items"):
            least = getattr(old, name) if old.HasField(name) else None
            if new.HasField(name):
                assert least is not None, f"{field.full_name}: {name} is new"
                assert getattr(new, name) <= least, f"{field.full_name}: {name} grew"
        for name in ("max_length", "max", "max_items", "max_bytes", "max_key_length"):
            most = getattr(old, name) if old.HasField(name) else None
            if new.HasField(name):
                assert most is not None, f"{field.full_name}: {name} is new"
                assert getattr(new, name) >= most, f"{field.full_name}: {name} shrank"
        required = (
            field_behavior_pb2.REQUIRED
            in before.options.Extensions[field_behavior_pb2.field_behavior]
        )
        assert required or field_behavior_pb2.REQUIRED not in behaviours(field)
    assert compared > 50
