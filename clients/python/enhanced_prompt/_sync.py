"""The blocking transport: opens calls on one `grpc` channel and translates what they raise.

Nothing here knows what the calls mean. Deadlines are seconds from now, None for none. Safe to use
from several threads.
"""

from __future__ import annotations

import queue
import random
import time
from collections.abc import Generator, Iterator
from typing import Any, Generic

import grpc

from ._methods import Method, RequestT, ResponseT
from ._options import ClientOptions
from ._status import from_rpc
from .errors import ConnectionFailed, EnhancedPromptError

# How often a sender that waits for room looks whether its call is over.
_GLANCE = 0.1


class SyncTransport:
    """One channel, connected lazily."""

    def __init__(
        self, target: str, options: ClientOptions, credentials: grpc.ChannelCredentials | None
    ) -> None:
        self.target = target
        self.options = options
        arguments = options.channel_options()
        self._channel: Any = (
            grpc.insecure_channel(target, arguments)
            if credentials is None
            else grpc.secure_channel(target, credentials, arguments)
        )
        self._closed = False
        self._metadata = tuple(options.metadata.items())

    def unary(
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
            make: grpc.UnaryUnaryMultiCallable[RequestT, ResponseT] = self._open().unary_unary(
                method.path, method.request.SerializeToString, method.response.FromString
            )
            try:
                return make(request, timeout=deadline, metadata=self._metadata)
            except grpc.RpcError as raised:
                error = from_rpc(raised, self.target)
                wait = self._wait(attempt, error) if repeatable else None
                if wait is None:
                    raise error from None
            time.sleep(wait)

    def stream(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, deadline: float | None
    ) -> Generator[ResponseT, None, None]:
        """One request, many answers. Closing the generator cancels the call."""
        make: grpc.UnaryStreamMultiCallable[RequestT, ResponseT] = self._open().unary_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call: Any = make(request, timeout=deadline, metadata=self._metadata)
        try:
            yield from call
        except grpc.RpcError as raised:
            raise from_rpc(raised, self.target) from None
        finally:
            call.cancel()

    def upload(
        self, method: Method[RequestT, ResponseT], *, deadline: float | None
    ) -> SyncUpload[RequestT, ResponseT]:
        """Many requests, one answer."""
        make: Any = self._open().stream_unary(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        waiting: queue.Queue[RequestT | None] = queue.Queue(maxsize=2)
        call = make.future(_until_none(waiting), timeout=deadline, metadata=self._metadata)
        return SyncUpload(call, waiting, self.target)

    def close(self) -> None:
        """End all calls and the connection. Idempotent."""
        self._closed = True
        self._channel.close()

    def _open(self) -> Any:
        if self._closed:
            raise RuntimeError("this client is closed")
        return self._channel

    def _wait(self, attempt: int, error: EnhancedPromptError) -> float | None:
        if not error.retryable:
            return None
        return self.options.retry.wait(attempt, error.retry_after, random.random())


class SyncUpload(Generic[RequestT, ResponseT]):
    """An open client stream.

    grpc reads requests in a thread of its own. They go there through a small queue, so that the
    items of the caller are made in the caller's thread, and no faster than they are sent.
    """

    def __init__(self, call: Any, waiting: queue.Queue[RequestT | None], target: str) -> None:
        self._call = call
        self._waiting = waiting
        self._target = target

    def send(self, request: RequestT) -> None:
        """Hand one request to the network; where the call is over, raise what ended it."""
        self._put(request)

    def finish(self) -> ResponseT:
        """Say that nothing more comes, and wait for the answer."""
        if not self._call.done():
            self._put(None)
        try:
            return self._call.result()
        except grpc.RpcError as raised:
            raise from_rpc(raised, self._target) from None

    def cancel(self) -> None:
        """End the call, unless it is over, and the thread that waits for its requests."""
        self._call.cancel()
        while True:
            try:
                self._waiting.put_nowait(None)
                return
            except queue.Full:
                try:
                    self._waiting.get_nowait()
                except queue.Empty:
                    continue

    def _put(self, request: RequestT | None) -> None:
        while not self._call.done():
            try:
                self._waiting.put(request, timeout=_GLANCE)
                return
            except queue.Full:
                continue
        if request is not None:
            self.finish()
            raise ConnectionFailed(f"{self._target} answered before all was sent")


def _until_none(waiting: queue.Queue[RequestT | None]) -> Iterator[RequestT]:
    while (request := waiting.get()) is not None:
        yield request
