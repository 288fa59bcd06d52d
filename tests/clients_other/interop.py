"""Every RPC of the contract, called by every client; docs/clients.md has the table.

    python -m tests.clients_other.interop    writes the table anew

A client makes the calls in their order on names of its own. A call that has no row here is made
with an empty request, so that an RPC that is new appears in the table by itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import grpc.aio
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from enhanced_prompt._status import from_rpc
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.rpc.server import contract_services
from tests.support.binaries import ROOT
from tests.support.require import program

from .driving import OtherDriver, Process
from .languages import LANGUAGES, Programs

DOC = ROOT / "docs" / "clients.md"
BLOCK = re.compile(r"(<!-- interop: made by tests -->\n).*?(<!-- interop: end -->)", re.DOTALL)
OK, NOT_BUILT = "✓", "NOT_IMPLEMENTED_YET"
ENDLESS = {"SubscribeInsights", "SubscribeMetrics", "StreamMetrics"}
CLIENTS = ("Python", "Go", "Java", "Node", "grpcurl")
_GRPCURL_ENDLESS_S = "5"


@dataclass
class Seen:
    """What earlier calls of a client gave; `me` is in all names that it makes."""

    me: str
    answers: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    @property
    def camera(self) -> str:
        """A camera that a question can name."""
        return f"G{100 + sum(self.me.encode())}"

    def last(self, rpc: str) -> Any:
        """The last answer of an RPC, or an empty one that has every field."""
        found = self.answers.get(rpc)
        return found[-1] if found else _ANYTHING


class _Anything:
    """Stands for an answer that did not come: its fields are such again, and "unknown" as text."""

    def __getattr__(self, name: str) -> _Anything:
        return self

    def __str__(self) -> str:
        return "unknown"


_ANYTHING = _Anything()
Request = Callable[[Seen], Any]
NOON, ONE = "2018-03-15T12:00:00Z", "2018-03-15T13:00:00Z"


def _event(seen: Seen, name: str) -> dict[str, Any]:
    return {
        "eventId": f"{seen.me}-{name}",
        "startTime": NOON,
        "site": f"{seen.me}-site",
        "cameraId": seen.camera,
        "eventType": "person_enters",
    }


def _cloud_event(seen: Seen) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": f"{seen.me}-three",
        "source": "/cameras",
        "type": "person_enters",
        "time": NOON,
        "data": {"site": f"{seen.me}-site", "camera_id": seen.camera},
    }
    body = base64.b64encode(json.dumps(event).encode()).decode()
    return {"contentType": "application/cloudevents+json", "data": body}


# An RPC that is several requests has a list.
REQUESTS: Mapping[str, Request] = {
    "PutSite": lambda s: {
        "site": {
            "siteId": f"{s.me}-site",
            "timeZone": "Europe/London",
            "cameras": [{"cameraId": s.camera}],
        }
    },
    "GetSite": lambda s: {"siteId": f"{s.me}-site"},
    "BatchIngestEvents": lambda s: {"events": {"events": [_event(s, "one")]}},
    "IngestEvents": lambda s: [{"sequence": 1, "events": {"events": [_event(s, "two")]}}],
    "GetEvent": lambda s: {"eventId": f"{s.me}-one"},
    "GetEventClip": lambda s: {"eventId": f"{s.me}-one"},
    "GiveConsent": lambda s: {"policyVersion": "1"},
    "Ask": lambda s: {"query": "what happened today?", "conversationId": f"{s.me}-c"},
    "Answer": lambda s: {"query": "which camera was busiest?", "conversationId": f"{s.me}-c"},
    "Chat": lambda s: [
        {"setup": {"conversationId": f"{s.me}-chat"}},
        {"prompt": {"messageId": f"{s.me}-m", "query": "what happened yesterday?"}},
    ],
    "WatchTurn": lambda s: {"turnId": str(s.last("Ask").turn.turn_id)},
    "CancelTurn": lambda s: {"turnId": str(s.last("Ask").turn.turn_id)},
    "ClassifyIntent": lambda s: {"query": "how many people yesterday?"},
    "OptimizePrompt": lambda s: {"prompt": "people at the gate"},
    "GenerateContent": lambda s: {"source": {"prompt": "How many people came yesterday?"}},
    "IngestCloudEvents": lambda s: {"body": _cloud_event(s)},
    "AskStream": lambda s: {"question": "what happened today?"},
    "CreateChatCompletion": lambda s: {"question": "what happened today?"},
    "GetConversation": lambda s: {"conversationId": f"{s.me}-c"},
    "ListMessages": lambda s: {"conversationId": f"{s.me}-c"},
    "SearchMessages": lambda s: {"query": "happened"},
    "DeleteConversation": lambda s: {"conversationId": f"{s.me}-c"},
    "CreateTemplate": lambda s: {
        "template": {
            "templateId": f"{s.me}-t",
            "title": "People",
            "category": "people",
            "body": "How many people came to {{place}}?",
            "variables": [{"name": "place"}],
        }
    },
    "GetTemplate": lambda s: {"templateId": f"{s.me}-t"},
    "UpdateTemplate": lambda s: {"template": {"templateId": f"{s.me}-t", "title": "Visitors"}},
    "RenderTemplate": lambda s: {"templateId": f"{s.me}-t", "variables": {"place": "the gate"}},
    "DeleteTemplate": lambda s: {"templateId": f"{s.me}-t"},
    "CreateTemplateFromConversation": lambda s: {
        "conversationId": f"{s.me}-c",
        "title": "Again",
        "category": "people",
    },
    "PublishInsight": lambda s: {
        "insightType": "INSIGHT_TYPE_ACTIVITY_SPIKE",
        "severity": "SEVERITY_HIGH",
        "title": f"seen by {s.me}",
        "message": "Seen.",
        "window": {"startTime": NOON, "endTime": ONE},
        "dedupeKey": f"{s.me}-key",
        "expiresAt": "2190-01-01T00:00:00Z",
    },
    "SubscribeInsights": lambda s: {"startTime": "2001-01-01T00:00:00Z"},
    "GetInsight": lambda s: {"insightId": str(s.last("PublishInsight").insight.insight_id)},
    "AcknowledgeInsights": lambda s: {
        "insightIds": [str(s.last("PublishInsight").insight.insight_id)]
    },
    "MuteInsights": lambda s: {"dedupeKey": f"{s.me}-key", "duration": "60s"},
    "CommitSubscription": lambda s: {
        "subscriptionId": f"{s.me}-pager",
        "resumeToken": str(s.last("SubscribeInsights").resume_token),
    },
    "CreateStandingQuestion": lambda s: {
        "standingQuestion": {"query": f"tell me when anyone enters {s.camera}"}
    },
    "UpdateStandingQuestion": lambda s: {
        "standingQuestion": {"standingQuestionId": _standing(s), "paused": True}
    },
    "DeleteStandingQuestion": lambda s: {"standingQuestionId": _standing(s)},
}
FIRST = ("PutSite", "BatchIngestEvents", "IngestEvents", "PublishInsight")
LAST = ("DeleteConversation", "DeleteTemplate", "DeleteStandingQuestion", "WithdrawConsent")


def _standing(seen: Seen) -> str:
    made = seen.last("CreateStandingQuestion")
    return str(made.standing_question.standing_question_id)


def methods() -> list[MethodDescriptor]:
    """All RPCs in the order of the contract's files."""
    services = sorted(contract_services(), key=lambda one: one.name)
    return [method for service in services for method in service.methods]


def _in_order() -> list[MethodDescriptor]:
    def place(method: MethodDescriptor) -> int:
        if method.name in FIRST:
            return FIRST.index(method.name) - len(FIRST)
        late = method.name.startswith(("CreateTemplateFrom", "Delete", "Withdraw"))
        reads = method.name.startswith(("Get", "List", "Search", "Export", "Update", "Render"))
        return 3 if late and method.name in LAST else 2 if reads or late else 1

    return sorted(methods(), key=place)


def _kind(descriptor: Any) -> type[Message]:
    return message_factory.GetMessageClass(descriptor)


class Caller(Protocol):
    """Makes one call. The answers, and the reason of a refusal, "" for OK."""

    async def __call__(
        self, method: MethodDescriptor, requests: list[Message], take: int
    ) -> tuple[list[Message], str]: ...


async def called_by(me: str, call: Caller) -> dict[str, str]:
    """What came of every RPC: OK, or the reason of the refusal."""
    seen, found = Seen(me.lower()), dict[str, str]()
    for method in _in_order():
        made = REQUESTS.get(method.name, lambda _: {})(seen)
        requests = [
            json_format.ParseDict(one, _kind(method.input_type)())
            for one in (made if isinstance(made, list) else [made])
        ]
        take = 1 if method.name in ENDLESS else 0
        answers, reason = await call(method, requests, take)
        if not reason and not answers:
            reason = "no answer"
        seen.answers[method.name] = list(answers)
        found[f"{method.containing_service.name}.{method.name}"] = reason or OK
    return found


def python(address: str) -> Caller:
    """The package's own stubs."""

    async def call(
        method: MethodDescriptor, requests: list[Message], take: int
    ) -> tuple[list[Message], str]:
        answers: list[Message] = []
        async with grpc.aio.insecure_channel(address) as channel:
            stream: Any = channel.stream_stream(
                f"/{method.containing_service.full_name}/{method.name}",
                lambda one: one.SerializeToString(),
                _kind(method.output_type).FromString,
            )(iter(requests), timeout=60)
            try:
                async for answer in stream:
                    answers.append(answer)
                    if len(answers) == take:
                        break
            except grpc.aio.AioRpcError as error:
                return answers, from_rpc(error, address).reason or error.code().name
            finally:
                stream.cancel()
        return answers, ""

    return call


def other(process: Process, address: str) -> Caller:
    """A `drive` program."""

    async def call(
        method: MethodDescriptor, requests: list[Message], take: int
    ) -> tuple[list[Message], str]:
        name = f"{method.containing_service.full_name}/{method.name}"
        answers, error = await OtherDriver(process, address).call(name, *requests, take=take)
        kind = _kind(method.output_type)
        reason = "" if error is None else error.reason or error.code.name
        return [kind.FromString(one) for one in answers], reason

    return call


def grpcurl(address: str) -> Caller:
    """grpcurl by reflection, without the protos."""
    tool = str(program("grpcurl"))

    async def call(
        method: MethodDescriptor, requests: list[Message], take: int
    ) -> tuple[list[Message], str]:
        sent = "\n".join(json_format.MessageToJson(one) for one in requests)
        limit = ("-max-time", _GRPCURL_ENDLESS_S) if take else ()
        process = await asyncio.create_subprocess_exec(
            *(tool, "-plaintext", "-format-error", *limit, "-d", "@", address),
            f"{method.containing_service.full_name}/{method.name}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, failed = await process.communicate(sent.encode())
        kind = _kind(method.output_type)
        answers = [json_format.ParseDict(one, kind()) for one in _documents(out.decode())]
        if process.returncode and not (take and answers):
            reason = re.search(r'"reason": "(\w+)"', failed.decode())
            return answers, reason.group(1) if reason else failed.decode().strip()
        return answers, ""

    return call


def _documents(text: str) -> list[Any]:
    found: list[Any] = []
    decoder, rest = json.JSONDecoder(), text.lstrip()
    while rest:
        one, end = decoder.raw_decode(rest)
        found.append(one)
        rest = rest[end:].lstrip()
    return found


@asynccontextmanager
async def serving(folder: Path) -> AsyncGenerator[str]:
    """The address of a service with nothing in it, and a policy to consent to."""
    settings = Settings.from_environment(home=folder, port=0, metrics_port=None, drain_s=0)
    async with create_app(settings) as app:
        yield app.address


async def all_clients(address: str, built: Mapping[str, Programs]) -> dict[str, dict[str, str]]:
    """Client to RPC to what came of it."""
    found = {"Python": await called_by("Python", python(address))}
    for name, programs in built.items():
        process = Process(programs.drive)
        try:
            found[name] = await called_by(name, other(process, address))
        finally:
            process.close()
    found["grpcurl"] = await called_by("grpcurl", grpcurl(address))
    return found


def table(found: Mapping[str, Mapping[str, str]]) -> str:
    """The block of docs/clients.md."""
    head = f"| RPC | {' | '.join(CLIENTS)} |\n| --- |{' --- |' * len(CLIENTS)}\n"
    rows: list[str] = []
    not_built: list[str] = []
    for method in methods():
        name = f"{method.containing_service.name}.{method.name}"
        cells = [found[client][name] for client in CLIENTS]
        if set(cells) == {NOT_BUILT}:
            not_built.append(name)
        else:
            rows.append(f"| {name} | {' | '.join(cells)} |")
    tail = f"\nNot built yet, and said so to all: {', '.join(not_built)}.\n" if not_built else ""
    return head + "\n".join(rows) + "\n" + tail


def documented() -> str:
    """The block as it stands in docs/clients.md."""
    found = BLOCK.search(DOC.read_text(encoding="utf-8"))
    assert found is not None, "docs/clients.md has lost its table"
    return found.group(0).split("\n", 1)[1].removesuffix("<!-- interop: end -->")


async def _write() -> None:
    built = {name: build() for name, build in LANGUAGES.items()}
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as address:
            made = table(await all_clients(address, built))
    text = DOC.read_text(encoding="utf-8")
    DOC.write_text(BLOCK.sub(lambda one: one.group(1) + made + one.group(2), text))
    print(made)


if __name__ == "__main__":
    asyncio.run(_write())
