"""The two rings around every handler: what grpc.aio does wrong by itself, done right once.

    outer ring  `Guard.close`    makes the `Call`; every exception that leaves the handler becomes
                                 a status with details, unknown ones INTERNAL with an incident id
    (interceptors, once a call)
    inner ring  `Guard.open`     messages that do not parse or break a limit never reach a handler;
                                 async generators are turned into writers, and closed

Seen with grpcio 1.85, and tested in tests/rpc/test_guard.py on each of the four kinds of RPC:

* An exception's text reaches the client as UNKNOWN; so does `TimeoutError`.
* A message that does not parse ends in UNKNOWN with the parser's text before any handler runs, so
  deserialisers pass the failure on as a value and the inner ring raises it.
* A `CancelledError` from inside sends no status at all and the client waits for ever, unless the
  task itself is being cancelled, which grpc does when the client went.
* An async generator is not closed when the client goes. Only the inner ring iterates one.
* A write to a client that went raises grpc's own error first, and the task is cancelled later or
  not at all: `Call.write` makes `ClientGone` of it.
* Two writes at the same time break a stream; `Call.write` refuses the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import grpc.aio
import structlog
from google.rpc.status_pb2 import Status
from grpc_interceptor.exceptions import GrpcException

from ..domain.errors import InvalidArgument, Reason, ServiceError
from ._handlers import behaviour_of, like
from .call import END, Call, ClientGone
from .errors import (
    code_of,
    metadata_of,
    status_of,
    status_of_interruption,
    status_of_rejection,
    status_of_timeout,
    status_of_unexpected,
)
from .live import LiveCalls

MAX_MESSAGE_BYTES = 4 * 1024 * 1024

Check = Callable[[Any], None]
"""Raises InvalidArgument where a request breaks the contract."""


@dataclass(frozen=True, slots=True)
class Unparsable:
    """Stands where a request should be. What the parser said stays inside."""

    cause: Exception


class Rejected(Exception):
    """Carries a ready status through the interceptors to the outer ring (a `failed` frame's)."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


def parser(parse: Callable[[bytes], Any], max_bytes: int) -> Callable[[bytes], Any]:
    """A deserialiser that gives `Unparsable` instead of raising."""

    def tolerant(data: bytes) -> Any:
        if len(data) > max_bytes:
            return Unparsable(
                ServiceError(
                    f"a message has at most {max_bytes:,} bytes, this one {len(data):,}",
                    reason=Reason.MESSAGE_TOO_LARGE,
                )
            )
        try:
            return parse(data)
        except Exception as error:
            return Unparsable(error)

    return tolerant


def serialise(message: Any) -> bytes:
    """Bytes pass through: frames were serialised once, whatever the number of their readers."""
    return message if type(message) is bytes else message.SerializeToString()


class Guard:
    """Wraps handlers. `new_incident` makes ids that a person can read out; `monotonic` is seconds.

    `log` gets one entry for each exception that nobody foresaw, with its id and its traceback.
    `live` knows the calls under way.
    """

    def __init__(
        self,
        *,
        new_incident: Callable[[], str],
        monotonic: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        live: LiveCalls | None = None,
    ) -> None:
        self.live = LiveCalls() if live is None else live
        self._max_message_bytes = max_message_bytes
        self._new_incident = new_incident
        self._monotonic = monotonic
        self._log = log

    # ---- inner ring ----

    def open(self, handler: Any, check: Check | None = None) -> Any:
        """The inner ring. `check` is called with every request message that parsed."""
        inner = behaviour_of(handler)
        streaming = bool(handler.request_streaming)

        async def run(request: Any, call: Call) -> Any:
            given = _Requests(call, check) if streaming else _checked(request, check)
            return await drive(inner(given, call), call)

        parse = handler.request_deserializer
        return like(handler, run, None if parse is None else parser(parse, self._max_message_bytes))

    # ---- outer ring ----

    def close(self, method: str, handler: Any) -> Any:
        """The outer ring, around the inner one and all interceptors."""
        inner = behaviour_of(handler)
        asks, answers = bool(handler.request_streaming), bool(handler.response_streaming)

        async def run(request: Any, raw: Any) -> Any:
            call = Call(
                raw,
                method,
                monotonic=self._monotonic,
                request_streaming=asks,
                response_streaming=answers,
                live=self.live,
            )
            task = self.live.enter(call)
            try:
                return await drive(inner(request, call), call)
            except grpc.aio.AbortError:
                raise  # a foreign servicer aborted: its status was sent
            except (Exception, asyncio.CancelledError) as error:
                status = self._status(call, error)
                if status is None:
                    raise
                await _send(raw, call, status)
            finally:
                self.live.leave(task)

        return like(handler, run, handler.request_deserializer)

    def _status(self, call: Call, error: BaseException) -> Status | None:
        """The status to end a call with; None where nobody is there to read one."""
        known = public_status(error)
        if known is not None:
            return known
        if isinstance(error, ClientGone):
            return status_of_interruption()  # in case that it is there after all
        if isinstance(error, asyncio.CancelledError):
            if call.ending is not None:
                return status_of(call.ending)
            if self.live.interrupted():
                return status_of_interruption()
            if being_cancelled():
                return None
            self._log.warning("call cancelled from inside", method=call.method, exc_info=error)
            return status_of_interruption()
        incident = call.incident_id or self._new_incident()
        self._log.error(
            "unexpected exception",
            incident_id=incident,
            method=call.method,
            request_id=call.request_id,
            exc_info=error,
        )
        if isinstance(error, TimeoutError):
            return status_of_timeout(incident)
        return status_of_unexpected(incident)


async def _send(raw: Any, call: Call, status: Status) -> None:
    """End a call. Raises, as grpc wants it: AbortError, or CancelledError where the client left."""
    await call.settled()
    try:
        await raw.abort(code_of(status), status.message, (*call.trailing, metadata_of(status)))
    except grpc.aio.InternalError:
        raise asyncio.CancelledError from None  # grpc logs nothing of it


def public_status(error: BaseException) -> Status | None:
    """The status of an exception whose text is meant for the caller, else None."""
    if isinstance(error, ServiceError):
        return status_of(error)
    if isinstance(error, Rejected):
        return error.status
    if isinstance(error, GrpcException):
        return status_of_rejection(error)
    if isinstance(error, BaseExceptionGroup):
        inside: tuple[BaseException, ...] = cast(Any, error).exceptions
        return public_status(inside[0]) if len(inside) == 1 else None  # a task group's only failure
    return None


def being_cancelled() -> bool:
    """Whether somebody cancels the present task: with grpc.aio, that the client went."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def drive(result: Any, call: Call) -> Any:
    """Run what a handler gave to its end: a coroutine, or an async generator, which is closed.

    grpc-interceptor makes a generator of every streaming handler. Ours yield nothing: their frames
    go through `call.write` and never through the generators of interceptors.
    """
    if not hasattr(result, "__aiter__"):
        return await result
    async with aclosing(result) as messages:
        async for message in messages:
            await call.write(message)
    return None


class _Requests:
    """The client's messages, each one parsed and checked; ends at half-close.

    A client's cancel first looks like half-close too, so nothing may be committed at the end that
    was not committed before it.
    """

    __slots__ = ("_call", "_check", "_ended")

    def __init__(self, call: Call, check: Check | None) -> None:
        self._call = call
        self._check = check
        self._ended = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if not self._ended:
            message = await self._call.read()
            if message is not END:
                return _checked(message, self._check)
            self._ended = True
        raise StopAsyncIteration


def _checked(request: Any, check: Check | None) -> Any:
    if type(request) is Unparsable:
        if isinstance(request.cause, ServiceError):
            raise request.cause
        raise InvalidArgument(
            (),
            reason=Reason.MALFORMED_MESSAGE,
            message="the request is no valid message of this method (broken, or not UTF-8)",
        ) from request.cause
    if check is not None:
        check(request)
    return request
