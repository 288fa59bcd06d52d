"""The asyncio transport: opens calls on one `grpc.aio` channel and translates what they raise.

Nothing here knows what the calls mean. Deadlines are seconds from now, None for none.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Generic

import grpc
import grpc.aio

from ._methods import Method, RequestT, ResponseT
from ._options import ClientOptions
from ._status import from_rpc
from .errors import ConnectionFailed, EnhancedPromptError


class AsyncTransport:
    """One channel. It is made at the first call, on the loop that makes it, and stays with it."""

    def __init__(
        self, target: str, options: ClientOptions, credentials: grpc.ChannelCredentials | None
    ) -> None:
        self.target = target
        self.options = options
        self._credentials = credentials
        self._channel: grpc.aio.Channel | None = None
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
            make: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT] = self._open().unary_unary(
                method.path, method.request.SerializeToString, method.response.FromString
            )
            try:
                return await make(request, timeout=deadline, metadata=self._metadata)
            except grpc.RpcError as raised:
                error = from_rpc(raised, self.target)
                wait = self._wait(attempt, error) if repeatable else None
                if wait is None:
                    raise error from None
            await asyncio.sleep(wait)

    async def stream(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, deadline: float | None
    ) -> AsyncGenerator[ResponseT, None]:
        """One request, many answers. Closing the generator cancels the call."""
        make: grpc.aio.UnaryStreamMultiCallable[RequestT, ResponseT] = self._open().unary_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call = make(request, timeout=deadline, metadata=self._metadata)
        try:
            async for message in call:
                yield message
        except grpc.RpcError as raised:
            raise from_rpc(raised, self.target) from None
        finally:
            call.cancel()

    def upload(
        self, method: Method[RequestT, ResponseT], *, deadline: float | None
    ) -> AsyncUpload[RequestT, ResponseT]:
        """Many requests, one answer."""
        make = self._open().stream_unary(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        return AsyncUpload(make(timeout=deadline, metadata=self._metadata), self.target)

    async def close(self) -> None:
        """End all calls and the connection. Idempotent."""
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(None)

    def _open(self) -> Any:
        if self._closed:
            raise RuntimeError("this client is closed")
        if self._channel is None:
            options = self.options.channel_options()
            self._channel = (
                grpc.aio.insecure_channel(self.target, options)
                if self._credentials is None
                else grpc.aio.secure_channel(self.target, self._credentials, options)
            )
        return self._channel

    def _wait(self, attempt: int, error: EnhancedPromptError) -> float | None:
        if not error.retryable:
            return None
        return self.options.retry.wait(attempt, error.retry_after, random.random())


class AsyncUpload(Generic[RequestT, ResponseT]):
    """An open client stream."""

    def __init__(self, call: Any, target: str) -> None:
        self._call = call
        self._target = target

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
            raise from_rpc(raised, self._target) from None

    def cancel(self) -> None:
        """End the call, unless it is over."""
        self._call.cancel()
