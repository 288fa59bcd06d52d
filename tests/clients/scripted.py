"""A grpc.aio server on loopback whose answers a test writes, and helpers to write them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc

from enhanced_prompt.v1 import (
    event_service_pb2_grpc,
    history_service_pb2_grpc,
    insight_service_pb2_grpc,
    metrics_service_pb2_grpc,
    prompt_service_pb2_grpc,
    site_service_pb2_grpc,
)
from enhanced_prompt.v1.answers_pb2 import PromptResponse
from enhanced_prompt.v1.prompt_service_pb2 import AskResponse
from enhanced_prompt.v1.turns_pb2 import (
    TextDelta,
    TurnCompleted,
    TurnFrame,
    TurnStarted,
)

Handler = Callable[[Any, Any], Awaitable[Any]]
TURN_ID = "turn-1"


@dataclass
class Script:
    """What the server does for each RPC, what it was sent, and from which connections. Unary
    handlers return the answer, those of streams write to the context, and Chat's reads from it."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    target: str = ""

    def on(self, rpc: str) -> Callable[[Handler], Handler]:
        """Decorator: this is what `rpc` does."""

        def keep(handler: Handler) -> Handler:
            self.handlers[rpc] = handler
            return handler

        return keep

    async def run(self, rpc: str, request: Any, context: Any) -> Any:
        """Record a request and do what the script says. `gone` is set when the client left."""
        if request is not None:
            self.requests.append(request)
        self.peers.append(context.peer())
        try:
            return await self.handlers[rpc](request, context)
        except asyncio.CancelledError:
            self.gone.set()
            raise


def _conversing(script: Script) -> Any:
    """Chat's handler: the script reads and writes by itself."""

    async def chat(self: object, requests: Any, context: Any) -> Any:
        del self, requests
        return await script.run("Chat", None, context)

    return chat


def _scripted(base: type, script: Script, *rpcs: str) -> Any:
    """A servicer of a generated base class whose RPCs follow the script."""

    def method(rpc: str) -> Any:
        async def call(self: object, request: Any, context: Any) -> Any:
            return await script.run(rpc, request, context)

        return call

    return type(f"Scripted{base.__name__}", (base,), {rpc: method(rpc) for rpc in rpcs})()


@asynccontextmanager
async def serving(script: Script) -> AsyncGenerator[str, None]:
    """The address of a running server that follows the script."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    prompts = _scripted(
        prompt_service_pb2_grpc.PromptServiceServicer,
        script,
        "Ask",
        "Answer",
        "WatchTurn",
        "CancelTurn",
        "Prewarm",
    )
    type(prompts).Chat = _conversing(script)
    prompt_service_pb2_grpc.add_PromptServiceServicer_to_server(prompts, server)
    history_service_pb2_grpc.add_HistoryServiceServicer_to_server(
        _scripted(
            history_service_pb2_grpc.HistoryServiceServicer,
            script,
            "GetConversation",
            "ListConversations",
        ),
        server,
    )
    event_service_pb2_grpc.add_EventServiceServicer_to_server(
        _scripted(
            event_service_pb2_grpc.EventServiceServicer,
            script,
            "IngestEvents",
            "BatchIngestEvents",
            "ListEvents",
            "GetEvent",
            "CountEvents",
            "ListCameras",
            "ListCoverage",
        ),
        server,
    )
    site_service_pb2_grpc.add_SiteServiceServicer_to_server(
        _scripted(
            site_service_pb2_grpc.SiteServiceServicer, script, "PutSite", "GetSite", "ListSites"
        ),
        server,
    )
    insight_service_pb2_grpc.add_InsightServiceServicer_to_server(
        _scripted(insight_service_pb2_grpc.InsightServiceServicer, script, "SubscribeInsights"),
        server,
    )
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(
        _scripted(
            metrics_service_pb2_grpc.MetricsServiceServicer,
            script,
            "GetSystemHealth",
            "GetMetrics",
            "SubscribeMetrics",
        ),
        server,
    )
    health_pb2_grpc.add_HealthServicer_to_server(
        _scripted(health_pb2_grpc.HealthServicer, script, "Check"), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    script.target = f"127.0.0.1:{port}"
    try:
        yield script.target
    finally:
        await server.stop(None)


def frame(sequence: int, *, previous: int | None = None, **payload: Any) -> AskResponse:
    """A message with a frame of turn `TURN_ID`; follows the frame before it unless told."""
    payload.setdefault("attempt", 1)
    return AskResponse(
        turn=TurnFrame(
            turn_id=TURN_ID,
            sequence=sequence,
            previous_sequence=max(sequence - 1, 0) if previous is None else previous,
            **payload,
        )
    )


def started(sequence: int = 1, **more: Any) -> AskResponse:
    """A `started` frame."""
    return frame(
        sequence,
        started=TurnStarted(
            conversation_id="c-1", conversation_turn=1, message_id="m-1", model="grounded"
        ),
        **more,
    )


def delta(sequence: int, text: str, **more: Any) -> AskResponse:
    """A `text_delta` frame."""
    return frame(sequence, text_delta=TextDelta(text=text), **more)


def completed(sequence: int, text: str, **more: Any) -> AskResponse:
    """A `completed` frame."""
    return frame(sequence, completed=TurnCompleted(response=answer(text)), **more)


def answer(text: str) -> PromptResponse:
    """A response."""
    return PromptResponse(response=text, conversation_id="c-1", turn_id=TURN_ID)


def status(code: grpc.StatusCode, reason: str, message: str = "because", **metadata: str) -> Status:
    """A status as the service makes it."""
    found = Status(code=code.value[0], message=message)
    found.details.add().Pack(
        ErrorInfo(reason=reason, domain="enhanced-prompt.v1", metadata=metadata)
    )
    return found


async def abort(context: Any, found: Status) -> None:
    """End a call with a status, details and all."""
    code = next(code for code in grpc.StatusCode if code.value[0] == found.code)
    await context.abort(
        code,
        found.message,
        trailing_metadata=(
            ("x-request-id", "r-1"),
            ("grpc-status-details-bin", found.SerializeToString()),
        ),
    )


async def write(context: Any, *messages: AskResponse) -> None:
    """Write messages one after the other."""
    for message in messages:
        await context.write(message)


def serving_health() -> health_pb2.HealthCheckResponse:
    """Health's answer of a server that takes calls."""
    return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
