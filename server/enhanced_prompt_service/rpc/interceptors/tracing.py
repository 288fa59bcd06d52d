"""A span for each call, around everything that it does."""

from __future__ import annotations

from ...domain.tracing import Span, Tracing
from ..call import Call
from ..live import UNCOUNTED
from ._base import CallInterceptor
from .logging import outcome

_OK = frozenset({"OK", "CANCELLED"})


class TracingInterceptor(CallInterceptor):
    """Begins a span under the caller's, where it sent a `traceparent`. Attributes are those of
    OpenTelemetry's conventions for RPCs; probes are left out."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._spans: dict[Call, Span] = {}

    async def on_start(self, call: Call) -> None:
        """The span begins."""
        if call.method.startswith(UNCOUNTED):
            return
        service, _, method = call.method.strip("/").rpartition("/")
        self._spans[call] = self._tracing.begin(
            f"{service}/{method}",
            {
                "rpc.system": "grpc",
                "rpc.service": service,
                "rpc.method": method,
                "eps.request_id": call.request_id,
            },
            kind="server",
            parent=call.header("traceparent") or "",
        )

    async def on_end(self, call: Call, error: BaseException | None) -> None:
        """It ends."""
        span = self._spans.pop(call, None)
        if span is None:
            return
        code = outcome(call, error)
        number = code.value[0]
        span.set({"rpc.grpc.status_code": number, "eps.frames": call.frames})
        if turn_id := call.noted.get("turn_id"):
            span.set({"eps.turn_id": str(turn_id)})
        span.end("" if code.name in _OK else code.name)
