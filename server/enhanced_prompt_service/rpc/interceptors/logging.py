"""Exactly one pair of lines a call: `started`, and `ended` with what it took and how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import grpc
import grpc.aio
import structlog

from ..call import Call, ClientGone
from ..errors import code_of, status_of
from ..guard import being_cancelled, public_status
from ..live import UNCOUNTED
from ._base import CallInterceptor


class LoggingInterceptor(CallInterceptor):
    """`ended` has: outcome (a status code's name), duration_ms, frames (responses written), and
    ttft_ms where there were any: to the first token where the stream has tokens, else to the first
    frame, both since the call's start. Exceptions are logged by the guard, with their incident.
    Probes come every few seconds: their pairs are written at level debug.
    """

    def __init__(
        self, log: structlog.typing.FilteringBoundLogger, quiet: Iterable[str] = UNCOUNTED
    ) -> None:
        self._log = log
        self._quiet = tuple(quiet)

    async def on_start(self, call: Call) -> None:
        """The first line."""
        write = self._log.debug if call.method.startswith(self._quiet) else self._log.info
        write("started", method=call.method, request_id=call.request_id)

    async def on_end(self, call: Call, error: BaseException | None) -> None:
        """The second line."""
        now = call.monotonic()
        fields: dict[str, object] = {
            "method": call.method,
            "request_id": call.request_id,
            "outcome": outcome(call, error).name,
            "duration_ms": _milliseconds(now - call.started_at),
        }
        if call.response_streaming:
            fields["frames"] = call.frames
            first = call.first_frame_at if call.first_token_at is None else call.first_token_at
            if first is not None:
                fields["ttft_ms"] = _milliseconds(first - call.started_at)
        fields.update(call.noted)
        write = self._log.debug if call.method.startswith(self._quiet) else self._log.info
        write("ended", **fields)


def outcome(call: Call, error: BaseException | None) -> grpc.StatusCode:
    """The code that a call ends with, as the guard will send it or the client has made it."""
    if error is None or isinstance(error, grpc.aio.AbortError):
        return call.code() or grpc.StatusCode.OK
    cancelled = isinstance(error, asyncio.CancelledError)
    if cancelled and call.ending is not None:
        return code_of(status_of(call.ending))
    if isinstance(error, ClientGone) or (cancelled and being_cancelled()):
        if call.deadline_passed():
            return grpc.StatusCode.DEADLINE_EXCEEDED
        return grpc.StatusCode.CANCELLED
    if cancelled:
        return grpc.StatusCode.ABORTED
    if isinstance(error, TimeoutError):
        return grpc.StatusCode.ABORTED
    status = public_status(error)
    return grpc.StatusCode.INTERNAL if status is None else code_of(status)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
