"""Tells of each call when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from google.rpc.error_details_pb2 import ErrorInfo

from ...domain.errors import Reason
from ...domain.metrics import EndedCall
from ..call import Call, ClientGone
from ..errors import status_of
from ..guard import being_cancelled, public_status
from ._base import CallInterceptor
from .logging import outcome


class CountsCalls(Protocol):
    """Hears of calls."""

    def call_ended(self, call: EndedCall) -> None:
        """A call has ended."""
        ...

    def turn_asked(self, *, streamed: bool) -> None:
        """A turn was asked for."""
        ...


class MeteringInterceptor(CallInterceptor):
    """Tells `counts`. Paths that no method has are all called "unknown".

    `identified` says that callers are asked who they are: one who was not known has no tenant.
    """

    def __init__(
        self, counts: CountsCalls, new_incident: Callable[[], str], *, identified: bool = False
    ) -> None:
        self._counts = counts
        self._new_incident = new_incident
        self._identified = identified

    async def on_start(self, call: Call) -> None:
        """Whoever begins a turn for the call says so."""
        call.asked = self._asked

    async def on_end(self, call: Call, error: BaseException | None) -> None:
        """Once a call, however it ended."""
        known = not self._identified or call.identity is not None
        reason, message = ("", "") if error is None else self._failure(call, error)
        first = call.first_token_at
        self._counts.call_ended(
            EndedCall(
                method=call.method,
                code=outcome(call, error).name,
                seconds=call.monotonic() - call.started_at,
                request_id=call.request_id,
                tenant=call.caller.tenant if known else "",
                user=call.caller.user if known else "",
                streamed=call.response_streaming,
                first_token_s=None if first is None else first - call.started_at,
                turn_id=str(call.noted.get("turn_id", "")),
                began=call.began,
                reason=reason,
                message=message,
                incident_id=call.incident_id,
            )
        )

    def _asked(self, streamed: bool) -> None:
        self._counts.turn_asked(streamed=streamed)

    def _failure(self, call: Call, error: BaseException) -> tuple[str, str]:
        """The reason and text that the caller gets; nothing where it went away itself."""
        cancelled = isinstance(error, asyncio.CancelledError)
        if isinstance(error, ClientGone) or (
            cancelled and call.ending is None and being_cancelled() and not call.live.interrupted()
        ):
            return "", ""
        status = public_status(error)
        if status is None and cancelled:
            if call.ending is None:
                return Reason.CANCELLED, "the server gave up this call; it may be repeated"
            status = status_of(call.ending)
        if status is None:
            call.incident_id = self._new_incident()
            reason = Reason.CANCELLED if isinstance(error, TimeoutError) else Reason.INTERNAL
            return reason, f"internal error, incident {call.incident_id}"
        info = ErrorInfo()
        for detail in status.details:
            if detail.Unpack(info):
                break
        call.incident_id = info.metadata.get("incident_id", "")
        return info.reason or outcome(call, error).name, status.message
