"""What every RPC keeps of its caller: held to what people would say, and to what is stored.

The word of the table is what the server goes by. Here it is compared with a list of its own, with
what a user without consent is refused, and with every row of the database afterwards: a call that
is said to keep nothing leaves that user's name nowhere.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api import field_behavior_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from enhanced_prompt.v1 import validation_pb2
from enhanced_prompt.v1.consent_service_pb2 import GiveConsentRequest
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.rpc.access import RULES, Keeps
from enhanced_prompt_service.rpc.server import contract_services
from tests.contract.servers import in_a_thread
from tests.support.identity import AUDIENCE, ISSUER, jwks, signer

METHODS = {
    f"/{service.full_name}/{method.name}": method
    for service in contract_services()
    for method in service.methods
}
POLICY = "policy-1"
GIVE = "/enhanced_prompt.v1.ConsentService/GiveConsent"

KEEPS = {  # questions and answers, usage, notes, templates, cursors, request ids: under one's name
    "PromptService": "Ask Answer ClassifyIntent OptimizePrompt GenerateContent",
    "InsightService": "AcknowledgeInsights MuteInsights PublishInsight CommitSubscription"
    " UpdateStandingQuestion",
    "TemplateService": "CreateTemplate UpdateTemplate CreateTemplateFromConversation",
    "CompatService": "AskStream CreateChatCompletion",
}
MAY_KEEP = {
    "PromptService": "Chat",
    "InsightService": "SubscribeInsights CreateStandingQuestion",
}


def short(path: str) -> str:
    return path.rpartition(".v1.")[2]


def listed(table: dict[str, str]) -> set[str]:
    return {f"{service}/{rpc}" for service, rpcs in table.items() for rpc in rpcs.split()}


def test_the_table_says_what_is_meant() -> None:
    said = {short(path): rule.keeps for path, rule in RULES.items()}
    assert {name for name, keeps in said.items() if keeps is Keeps.ALWAYS} == listed(KEEPS)
    assert {name for name, keeps in said.items() if keeps is Keeps.MAYBE} == listed(MAY_KEEP)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[grpc.Channel]:
    """A service that asks for consent."""
    (folder / "keys.json").write_bytes(jwks(signer("ES256")))
    settings = Settings.from_environment(
        home=folder,
        port=0,
        metrics_port=None,
        drain_s=0,
        jwt_jwks=str(folder / "keys.json"),
        jwt_audience=AUDIENCE,
        jwt_issuer=ISSUER,
        limits="off",
        consent_policy=POLICY,
    )
    with in_a_thread(settings) as address, grpc.insecure_channel(address) as channel:
        yield channel


def call(channel: grpc.Channel, path: str, user: str, request: bytes = b"") -> tuple[str, str]:
    """Code and reason that a call ends with, or begins to answer with."""
    method = METHODS[path]
    kind = ("stream" if method.client_streaming else "unary") + (
        "_stream" if method.server_streaming else "_unary"
    )
    token = signer("ES256").token(sub=user, role="admin")
    multi: Any = getattr(channel, kind)(path)
    given: Any = iter([request]) if method.client_streaming else request
    try:
        found = multi(given, metadata=(("authorization", f"Bearer {token}"),), timeout=60)
        if method.server_streaming:
            for _ in found:
                if short(path) in ENDLESS:
                    break
            found.cancel()
    except grpc.RpcError as error:
        status: Any = rpc_status.from_call(error)  # pyright: ignore
        info = ErrorInfo()
        for one in status.details:
            if one.Unpack(info):
                break
        return error.code().name, info.reason  # type: ignore[attr-defined]
    return "OK", ""


ENDLESS = {  # streams that would go on for ever
    "InsightService/SubscribeInsights",
    "MetricsService/SubscribeMetrics",
    "CompatService/StreamMetrics",
}


def filled(message: Any, depth: int = 0) -> Any:
    """A message with every required field: everything is called x."""
    for field in message.DESCRIPTOR.fields:
        if field_behavior_pb2.REQUIRED not in field.GetOptions().Extensions[_BEHAVIOUR]:
            continue
        if field.is_repeated:
            values = getattr(message, field.name)
            if field.message_type is None:
                values.append(_value(field))
            else:
                filled(values.add(), depth + 1)
        elif field.message_type is None:
            setattr(message, field.name, _value(field))
        else:
            getattr(message, field.name).SetInParent()
            filled(getattr(message, field.name), depth + 1)
    return message


_BEHAVIOUR: Any = field_behavior_pb2.field_behavior


def _value(field: FieldDescriptor) -> Any:
    if field.enum_type is not None:
        return 1
    if field.type == FieldDescriptor.TYPE_STRING:
        limits = field.GetOptions().Extensions[validation_pb2.limits]
        return "UTC" if limits.time_zone else "x"
    return 1


def example(method: MethodDescriptor) -> Message:
    """A request that is taken, as far as its fields say."""
    made: Any = filled(message_factory.GetMessageClass(method.input_type)())
    match method.name:
        case "IngestEvents" | "BatchIngestEvents":
            event = made.events.events.add(
                event_id="x", camera_id="x", site="x", event_type="x", source="x"
            )
            event.start_time.seconds = 1_700_000_000
        case "IngestCloudEvents":
            made.site, made.body.content_type = "x", "application/cloudevents+json"
            made.body.data = json.dumps(
                {
                    "specversion": "1.0",
                    **dict.fromkeys(("id", "source", "type", "subject"), "x"),
                    "time": "2026-05-01T12:00:00Z",
                }
            ).encode()
        case "ListCoverage":
            made.time_range.start_time.seconds = 1_700_000_000
            made.time_range.end_time.seconds = 1_700_003_600
        case "CreateTemplate":
            made.template.template_id = "x"
            made.template.title = made.template.body = "x"
        case _:
            pass
    return made


def rows_that_name(database: Path, user: str) -> list[str]:
    """Where a user is named, "table: row"; security's own log apart."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != "audit_log"
        ]
        return [
            f"{table}: {row}"
            for table in tables
            for row in connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            if user in repr(row)
        ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[grpc.Channel, Path]]:
    """A service in which somebody who consented has made whatever is called x."""
    folder = tmp_path_factory.mktemp("consent")
    with serving(folder) as channel:
        given = GiveConsentRequest(policy_version=POLICY).SerializeToString()
        assert call(channel, GIVE, "ulysses-4", given) == ("OK", "")
        for path, method in METHODS.items():
            if not method.name.startswith(("Delete", "Withdraw")):
                call(channel, path, "ulysses-4", example(method).SerializeToString())
        yield channel, folder / "eps.db"


def test_who_consented_is_named_in_what_they_made(world: tuple[grpc.Channel, Path]) -> None:
    _, database = world
    tables = {one.partition(":")[0] for one in rows_that_name(database, "ulysses-4")}
    assert tables >= {"consents", "conversations", "turns", "messages", "templates"}


@pytest.mark.parametrize("path", METHODS, ids=short)
def test_without_consent_what_keeps_something_is_refused_and_the_rest_keeps_nothing(
    world: tuple[grpc.Channel, Path], path: str
) -> None:
    channel, database = world
    method, keeps = METHODS[path], RULES[path].keeps
    if path == GIVE:
        return  # what it keeps is the consent
    before = rows_that_name(database, "nemo-17")
    ended = call(channel, path, "nemo-17", example(method).SerializeToString())
    if keeps is Keeps.ALWAYS:
        assert ended == ("FAILED_PRECONDITION", "CONSENT_REQUIRED")
    elif keeps is Keeps.NOTHING:
        assert ended[1] != "CONSENT_REQUIRED"
    assert rows_that_name(database, "nemo-17") == before == []


@pytest.mark.parametrize(
    "path",
    [one for one in METHODS if RULES[one].keeps is Keeps.NOTHING and one != GIVE],
    ids=short,
)
def test_what_keeps_nothing_is_really_called(path: str, world: tuple[grpc.Channel, Path]) -> None:
    """The test above proves nothing of calls that fail for another reason."""
    channel, _ = world
    code, why = call(channel, path, "nemo-17", example(METHODS[path]).SerializeToString())
    assert code in {"OK", "NOT_FOUND"} or why in {"NOT_IMPLEMENTED_YET", "PERMISSION_DENIED"}, why
