"""Spans by OTLP over HTTP, through OpenTelemetry's SDK. Imported only where that is configured.

Spans are sent in batches by a thread of the SDK; where its collector is away or slow, the queue
(2,048 spans by default) drops the newest, and nothing waits. The SDK's own variables (OTEL_*) say
what else there is to say: sampling, headers, batch sizes, resource attributes.
"""

from __future__ import annotations

from contextvars import Token
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .domain.tracing import Attributes

SERVICE = "enhanced-prompt-service"
_KINDS = {
    "": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
}
_PROPAGATOR = TraceContextTextMapPropagator()


class OtlpTracing:
    """`domain.tracing.Tracing` that sends spans to a collector.

    `endpoint` is its base address, "" for what the OTEL_* variables say. Call `close` at the end:
    it waits until what is left was sent, for as long as the SDK's own time-outs allow.
    """

    def __init__(self, endpoint: str, *, replica: str, version: str) -> None:
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say stands above these.
        ours = Resource(
            {
                "service.name": SERVICE,
                "service.version": version,
                "service.instance.id": replica,
            }
        )
        self._provider = TracerProvider(
            resource=Resource.create().merge(ours).merge(_from_environment()),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE, version)

    def begin(
        self, name: str, attributes: Attributes | None = None, *, kind: str = "", parent: str = ""
    ) -> OtlpSpan:
        """See `Tracing.begin`."""
        context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
        span = self._tracer.start_span(
            name, context=context, kind=_KINDS[kind], attributes=attributes
        )
        return OtlpSpan(span, attach(trace.set_span_in_context(span, context)))

    def close(self) -> None:
        """Send what is left. Blocks."""
        self._provider.shutdown()


class OtlpSpan:
    """A span that is the present one of its task until it ends."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span, token: Token[Context]) -> None:
        self._span = span
        self._token = token

    def set(self, attributes: Attributes) -> None:
        """Say more of it."""
        self._span.set_attributes(attributes)

    def end(self, failure: str = "") -> None:
        """It has ended."""
        if failure:
            self._span.set_attribute("error.type", failure)
            self._span.set_status(trace.StatusCode.ERROR)
        detach(self._token)
        self._span.end()


def _from_environment() -> Resource:
    from opentelemetry.sdk.resources import OTELResourceDetector

    found: Any = OTELResourceDetector().detect()
    return found
