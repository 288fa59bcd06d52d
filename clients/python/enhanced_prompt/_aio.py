"""The asyncio transport: opens calls on `grpc.aio` channels and translates what they raise.

Nothing here knows what the calls mean, but for what a process says that stops: then the next call
goes over a new connection. Deadlines are seconds from now, None for none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic

import grpc
import grpc.aio

from ._connection import Connection, is_draining, says_go_away
from ._methods import Method, RequestT, ResponseT
from ._options import ClientOptions
from ._status import from_rpc
from .errors import ConnectionFailed, EnhancedPromptError

_OWN_WORDS = "Internal error from Core"
_LOOKS, _LOOK_S = 50, 0.005  # for a status that is on its way


class AsyncTransport:
    """One channel at a time. It is made at the first call, on the loop that makes it, and stays
    with it until its process asks to go elsewhere."""

    def __init__(
        self, target: str, options: ClientOptions, credentials: grpc.ChannelCredentials | None
    ) -> None:
        self.target = target
        self.options = options
        self._credentials = credentials
        self._connection: Connection | None = None
        self._left: set[Connection] = set()
        self._closed = False
        self._metadata = tuple(options.metadata.items())

    async def unary(
        self,
        method: Method[RequestT, ResponseT],
        request: RequestT,
        *,
        deadline: float | None,
        repeatable: bool = True,
    ) -> ResponseT:
        """One request, one answer; tried again as the options' `retry` says."""
        attempt = 0
        while True:
            attempt += 1
            connection = self._enter()
            try:
                make: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT] = (
                    connection.channel.unary_unary(
                        method.path, method.request.SerializeToString, method.response.FromString
                    )
                )
                return await make(request, timeout=deadline, metadata=self._metadata)
            except grpc.RpcError as raised:
                error = self._failure(raised, connection)
                wait = self.options.wait(attempt, error) if repeatable else None
                if wait is None:
                    raise error from None
            finally:
                await self._leave(connection)
            await asyncio.sleep(wait)

    async def stream(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, deadline: float | None
    ) -> AsyncGenerator[ResponseT, None]:
        """One request, many answers. Closing the generator cancels the call."""
        connection = self._enter()
        make: grpc.aio.UnaryStreamMultiCallable[RequestT, ResponseT] = (
            connection.channel.unary_stream(
                method.path, method.request.SerializeToString, method.response.FromString
            )
        )
        call = make(request, timeout=deadline, metadata=self._metadata)
        try:
            async for message in call:
                if says_go_away(message):
                    self._renew(connection)
                yield message
        except grpc.RpcError as raised:
            raise self._failure(raised, connection) from None
        finally:
            call.cancel()
            await self._leave(connection)

    @asynccontextmanager
    async def duplex(
        self, method: Method[RequestT, ResponseT]
    ) -> AsyncGenerator[AsyncDuplex[RequestT, ResponseT], None]:
        """Many requests, many answers, until the block is left."""
        connection = self._enter()
        make = connection.channel.stream_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call = make(metadata=self._metadata)

        async def messages() -> AsyncGenerator[ResponseT, None]:
            try:
                async for message in call:
                    if says_go_away(message):
                        self._renew(connection)
                    yield message
            except grpc.aio.AioRpcError:
                if (settled := await _settled(call)) is not None:
                    raise self._failure(settled, connection) from None

        try:
            yield AsyncDuplex(call, messages())
        finally:
            call.cancel()
            await self._leave(connection)

    def upload(
        self, method: Method[RequestT, ResponseT], *, deadline: float | None
    ) -> AsyncUpload[RequestT, ResponseT]:
        """Many requests, one answer."""
        connection = self._enter()
        make = connection.channel.stream_unary(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call = make(timeout=deadline, metadata=self._metadata)
        return AsyncUpload(call, self, connection)

    async def close(self) -> None:
        """End all calls and connections. Idempotent."""
        self._closed = True
        left, self._left = self._left, set()
        connection, self._connection = self._connection, None
        for one in (*left, *((connection,) if connection is not None else ())):
            await one.channel.close(None)

    # ---- connections ----------------------------------------------------------------------------

    def _enter(self) -> Connection:
        """The connection for a new call; every one is given back with `_leave`."""
        if self._closed:
            raise RuntimeError("this client is closed")
        if self._connection is None:
            options = self.options.channel_options()
            self._connection = Connection(
                grpc.aio.insecure_channel(self.target, options)
                if self._credentials is None
                else grpc.aio.secure_channel(self.target, self._credentials, options)
            )
        self._connection.calls += 1
        return self._connection

    async def _leave(self, connection: Connection) -> None:
        connection.calls -= 1
        if connection.idle and connection in self._left:
            self._left.discard(connection)
            await connection.channel.close(None)

    def _renew(self, connection: Connection) -> None:
        """Its process stops, or asks to go elsewhere: new calls go over another connection."""
        if self._connection is connection:
            self._connection = None
            connection.left = True
            self._left.add(connection)

    def _failure(self, raised: grpc.RpcError, connection: Connection) -> EnhancedPromptError:
        error = from_rpc(raised, self.target)
        if is_draining(error):
            self._renew(connection)
        return error


async def _settled(call: Any) -> grpc.aio.AioRpcError | None:
    """What a stream in both directions ended with; None where it ended well.

    A write that crosses the end of a call makes grpc.aio (1.85) give the call a status of its own,
    INTERNAL, until the service's own arrives a moment later and replaces it.
    """
    for _ in range(_LOOKS):
        code, details = await call.code(), await call.details()
        if (code, details) != (grpc.StatusCode.INTERNAL, _OWN_WORDS):
            if code is grpc.StatusCode.OK:
                return None
            trailers = await call.trailing_metadata()
            return _rpc_error(code, trailers, details)
        await asyncio.sleep(_LOOK_S)
    # It came the other way round, and the service's status is lost: what is left is a cut.
    return _rpc_error(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), "the stream ended while it was written to"
    )


def _rpc_error(code: grpc.StatusCode, trailers: Any, details: str) -> grpc.aio.AioRpcError:
    make: Any = grpc.aio.AioRpcError
    return make(code, grpc.aio.Metadata(), trailers, details)


class AsyncDuplex(Generic[RequestT, ResponseT]):
    """An open stream in both directions."""

    def __init__(self, call: Any, messages: AsyncGenerator[ResponseT, None]) -> None:
        self._call = call
        self.messages = messages
        """What comes; raises what ended the call."""

    async def send(self, request: RequestT) -> bool:
        """Hand one request to the network; False where the call is over: `messages` says why."""
        if self._call.done():
            return False
        try:
            await self._call.write(request)
        except (grpc.RpcError, asyncio.InvalidStateError):
            return False
        return True


class AsyncUpload(Generic[RequestT, ResponseT]):
    """An open client stream."""

    def __init__(self, call: Any, transport: AsyncTransport, connection: Connection) -> None:
        self._call = call
        self._transport = transport
        self._connection: Connection | None = connection
        self._target = transport.target

    async def send(self, request: RequestT) -> None:
        """Hand one request to the network; where the call is over, raise what ended it."""
        try:
            await self._call.write(request)
        except (grpc.RpcError, asyncio.InvalidStateError):
            # The call is over. What the write raised does not say why: grpc makes an INTERNAL of
            # its own, or knows the state only. The call itself has the server's status.
            await self._answer()
            raise ConnectionFailed(f"{self._target} answered before all was sent") from None

    async def finish(self) -> ResponseT:
        """Say that nothing more comes, and wait for the answer."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError):
            await self._call.done_writing()
        return await self._answer()

    async def _answer(self) -> ResponseT:
        try:
            return await self._call
        except grpc.RpcError as raised:
            error = from_rpc(raised, self._target)
            if is_draining(error) and self._connection is not None:
                self._transport._renew(self._connection)  # pyright: ignore[reportPrivateUsage]
            raise error from None

    async def close(self) -> None:
        """End the call, unless it is over. Idempotent."""
        self._call.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._transport._leave(connection)  # pyright: ignore[reportPrivateUsage]
