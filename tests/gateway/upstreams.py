"""Workers that note what reaches them, and answer as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health

Metadata = list[tuple[str, str]]


class Upstream(grpc.GenericRpcHandler):
    """One worker. Every method answers with `messages` empty messages and, before each but the
    first, waits for `go_on`; or refuses."""

    def __init__(self) -> None:
        self.address = ""
        self.seen: list[tuple[str, Metadata]] = []
        self.refusing = False
        self.messages = 1
        self.go_on = asyncio.Semaphore(0)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """One handler for all: on the wire a single answer is a stream of one."""
        method = handler_call_details.method

        async def answer(_: bytes, context: Any) -> AsyncIterator[bytes]:
            self.seen.append((method, list(context.invocation_metadata())))
            if self.refusing:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
            for number in range(self.messages):
                if number:
                    await self.go_on.acquire()
                yield b""

        return grpc.unary_stream_rpc_method_handler(answer)


@asynccontextmanager
async def upstream(credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[Upstream]:
    """A running, healthy one."""
    made = Upstream()
    server = grpc.aio.server()
    healthy = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    await healthy.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_generic_rpc_handlers((made,))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    made.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield made
    finally:
        await server.stop(None)
