"""The blocking transport: opens calls on `grpc` channels and translates what they raise.

Nothing here knows what the calls mean, but for what a process says that stops: then the next call
goes over a new connection. Deadlines are seconds from now, None for none. Safe to use from several
threads.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Generic

import grpc

from ._connection import Connection, is_draining, says_go_away
from ._methods import Method, RequestT, ResponseT
from ._options import ClientOptions
from ._status import from_rpc
from .errors import ConnectionFailed, EnhancedPromptError

# How often a sender that waits for room looks whether its call is over.
_GLANCE = 0.1


class SyncTransport:
    """One channel at a time, connected lazily, until its process asks to go elsewhere."""

    def __init__(
        self, target: str, options: ClientOptions, credentials: grpc.ChannelCredentials | None
    ) -> None:
        self.target = target
        self.options = options
        self._credentials = credentials
        self._lock = threading.Lock()  # of the connections and their counts
        self._connection: Connection | None = None
        self._left: set[Connection] = set()
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
            connection = self._enter()
            try:
                make: grpc.UnaryUnaryMultiCallable[RequestT, ResponseT] = (
                    connection.channel.unary_unary(
                        method.path, method.request.SerializeToString, method.response.FromString
                    )
                )
                return make(request, timeout=deadline, metadata=self._metadata)
            except grpc.RpcError as raised:
                error = self._failure(raised, connection)
                wait = self.options.wait(attempt, error) if repeatable else None
                if wait is None:
                    raise error from None
            finally:
                self._leave(connection)
            time.sleep(wait)

    def stream(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, deadline: float | None
    ) -> Generator[ResponseT, None, None]:
        """One request, many answers. Closing the generator cancels the call."""
        connection = self._enter()
        make: grpc.UnaryStreamMultiCallable[RequestT, ResponseT] = connection.channel.unary_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call: Any = make(request, timeout=deadline, metadata=self._metadata)
        try:
            yield from self._messages(call, connection)
        finally:
            call.cancel()
            self._leave(connection)

    @contextmanager
    def duplex(
        self, method: Method[RequestT, ResponseT], requests: Iterator[RequestT]
    ) -> Generator[SyncDuplex[ResponseT], None, None]:
        """Many requests, many answers, until the block is left.

        grpc takes the requests in a thread of its own, which ends when they do.
        """
        connection = self._enter()
        make = connection.channel.stream_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        call: Any = make(requests, metadata=self._metadata)
        try:
            yield SyncDuplex(call, self._messages(call, connection))
        finally:
            call.cancel()
            self._leave(connection)

    def upload(
        self, method: Method[RequestT, ResponseT], *, deadline: float | None
    ) -> SyncUpload[RequestT, ResponseT]:
        """Many requests, one answer."""
        connection = self._enter()
        make: Any = connection.channel.stream_unary(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        waiting: queue.Queue[RequestT | None] = queue.Queue(maxsize=2)
        call = make.future(_until_none(waiting), timeout=deadline, metadata=self._metadata)
        return SyncUpload(call, waiting, self, connection)

    def close(self) -> None:
        """End all calls and connections. Idempotent."""
        with self._lock:
            self._closed = True
            left, self._left = self._left, set()
            connection, self._connection = self._connection, None
        for one in (*left, *((connection,) if connection is not None else ())):
            one.channel.close()

    # ---- connections ----------------------------------------------------------------------------

    def _enter(self) -> Connection:
        """The connection for a new call; every one is given back with `_leave`."""
        with self._lock:
            if self._closed:
                raise RuntimeError("this client is closed")
            if self._connection is None:
                options = self.options.channel_options()
                self._connection = Connection(
                    grpc.insecure_channel(self.target, options)
                    if self._credentials is None
                    else grpc.secure_channel(self.target, self._credentials, options)
                )
            self._connection.calls += 1
            return self._connection

    def _leave(self, connection: Connection) -> None:
        with self._lock:
            connection.calls -= 1
            if not (connection.idle and connection in self._left):
                return
            self._left.discard(connection)
        connection.channel.close()

    def _renew(self, connection: Connection) -> None:
        """Its process stops, or asks to go elsewhere: new calls go over another connection."""
        with self._lock:
            if self._connection is connection:
                self._connection = None
                connection.left = True
                self._left.add(connection)

    def _failure(self, raised: grpc.RpcError, connection: Connection) -> EnhancedPromptError:
        error = from_rpc(raised, self.target)
        if is_draining(error):
            self._renew(connection)
        return error

    def _messages(self, call: Any, connection: Connection) -> Generator[Any, None, None]:
        try:
            for message in call:
                if says_go_away(message):
                    self._renew(connection)
                yield message
        except grpc.RpcError as raised:
            raise self._failure(raised, connection) from None


class SyncDuplex(Generic[ResponseT]):
    """An open stream in both directions."""

    def __init__(self, call: Any, messages: Generator[ResponseT, None, None]) -> None:
        self._call = call
        self.messages = messages
        """What comes; raises what ended the call."""

    def cancel(self) -> None:
        """End the call, from any thread."""
        self._call.cancel()


class SyncUpload(Generic[RequestT, ResponseT]):
    """An open client stream.

    grpc reads requests in a thread of its own. They go there through a small queue, so that the
    items of the caller are made in the caller's thread, and no faster than they are sent.
    """

    def __init__(
        self,
        call: Any,
        waiting: queue.Queue[RequestT | None],
        transport: SyncTransport,
        connection: Connection,
    ) -> None:
        self._call = call
        self._waiting = waiting
        self._transport = transport
        self._connection: Connection | None = connection
        self._target = transport.target

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
            error = from_rpc(raised, self._target)
            if is_draining(error) and self._connection is not None:
                self._transport._renew(self._connection)  # pyright: ignore[reportPrivateUsage]
            raise error from None

    def close(self) -> None:
        """End the call, unless it is over, and the thread that waits for its requests."""
        self._call.cancel()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._end_requests()
        self._transport._leave(connection)  # pyright: ignore[reportPrivateUsage]

    def _end_requests(self) -> None:
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
