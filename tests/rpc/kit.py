"""A real grpc.aio server over TCP loopback, with small services of the tests' own."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_interceptor.server import AsyncServerInterceptor
from grpc_status import rpc_status

from enhanced_prompt_service.rpc._handlers import make_handler
from enhanced_prompt_service.rpc.guard import Guard, serialise
from enhanced_prompt_service.rpc.registry import Method, compose

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
Handler = Callable[[Any, Any], Any]


class Log:
    """Keeps what was logged: (level, event, fields)."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, dict[str, Any]]] = []
        self.changed = asyncio.Event()

    def _keep(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self.entries.append((level, event, fields))
        self.changed.set()

    def debug(self, event: str, **fields: Any) -> None:
        self._keep("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._keep("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._keep("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._keep("error", event, fields)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for _, name, fields in self.entries if name == event]

    async def wait_for(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """The entries of a name, once there are so many."""
        while len(self.named(event)) < count:
            self.changed.clear()
            await self.changed.wait()
        return self.named(event)

    def bound(self) -> structlog.typing.FilteringBoundLogger:
        return self  # type: ignore[return-value]


def new_guard(log: Log, **options: Any) -> Guard:
    numbers = itertools.count(1)
    return Guard(
        new_incident=lambda: f"incident-{next(numbers)}",
        monotonic=time.monotonic,
        log=log.bound(),
        **options,
    )


def method(
    kind: str,
    handler: Handler,
    message: type[Message] | None = None,
    *,
    path: str | None = None,
    check: Callable[[Any], None] | None = None,
) -> Method:
    """A method `/test.Service/<kind>`; without a message type its messages are bytes."""
    made = make_handler(
        handler,
        request_streaming=kind.startswith("stream_"),
        response_streaming=kind.endswith("_stream"),
        parse=None if message is None else message.FromString,
        serialise=serialise,
    )
    return Method(path or f"/test.Service/{kind}", made, check)


@asynccontextmanager
async def serving(
    methods: Sequence[Method],
    *,
    guard: Guard,
    interceptors: Sequence[AsyncServerInterceptor] = (),
    options: Sequence[tuple[str, Any]] = (),
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve the methods, give a channel to them, leave nothing behind."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *options])
    server.add_generic_rpc_handlers((await compose(methods, guard, interceptors),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(
        f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    )
    try:
        yield channel
    finally:
        await channel.close()
        await server.stop(None)


def rpc_tasks() -> list[asyncio.Task[Any]]:
    """The tasks in which grpc runs handlers, of servers in this loop."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("HandleExceptions")]


async def gone(tasks: Callable[[], Sequence[Any]] = rpc_tasks) -> None:
    """Wait until the server has no call left."""
    while left := tasks():
        await asyncio.wait(left)


def caller(channel: grpc.aio.Channel, kind: str, path: str | None = None) -> Any:
    """The multicallable of a kind, bytes in and out."""
    return getattr(channel, kind)(path or f"/test.Service/{kind}")


async def finish(call: Any, kind: str) -> list[bytes]:
    """Run a call to its end: every response. Raises AioRpcError."""
    if kind.endswith("_stream"):
        return [message async for message in call]
    return [await call]


def open_call(
    channel: grpc.aio.Channel,
    kind: str,
    messages: Sequence[bytes] = (b"",),
    *,
    timeout: float | None = None,
    half_close: bool = True,
) -> Any:
    """Begin a call. On kinds with a client stream, optionally without ending that stream."""
    multi = caller(channel, kind)
    if not kind.startswith("stream_"):
        return multi(messages[0], timeout=timeout)

    async def send() -> AsyncIterator[bytes]:
        for message in messages:
            yield message
        if not half_close:
            await asyncio.Event().wait()

    return multi(send(), timeout=timeout)


def open_idle(channel: grpc.aio.Channel, kind: str, path: str | None = None) -> Any:
    """Begin a call whose client stream stays open and says nothing: for handlers that refuse
    without reading. (grpc.aio's client takes a message that crosses the status for an error.)"""
    multi = caller(channel, kind, path)
    if not kind.startswith("stream_"):
        return multi(b"")

    async def send() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    return multi(send())


async def refused(awaitable: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """The error that a call ends with."""
    try:
        result = await awaitable
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError(f"the call was answered: {result!r}")


def status(error: grpc.aio.AioRpcError) -> Status:
    """The google.rpc.Status of an error."""
    found = rpc_status.from_call(error)  # pyright: ignore
    assert found is not None, f"no status details on {error.code()}: {error.details()}"
    return found


def details(found: Status, kind: type[Message]) -> list[Any]:
    """All details of one type."""
    unpacked = []
    for one in found.details:
        if one.Is(kind.DESCRIPTOR):
            message = kind()
            one.Unpack(message)
            unpacked.append(message)
    return unpacked


def reason(error: grpc.aio.AioRpcError) -> str:
    """The reason of the one ErrorInfo."""
    (info,) = details(status(error), error_details_pb2.ErrorInfo)
    assert info.domain == "enhanced-prompt.v1"
    return info.reason


def metadata(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """The metadata of the one ErrorInfo."""
    (info,) = details(status(error), error_details_pb2.ErrorInfo)
    return dict(info.metadata)


def violations(error: grpc.aio.AioRpcError) -> list[str]:
    """The fields that were refused."""
    (bad,) = details(status(error), error_details_pb2.BadRequest)
    return [one.field for one in bad.field_violations]
