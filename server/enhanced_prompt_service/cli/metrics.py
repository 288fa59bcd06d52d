"""`eps metrics`: how the service is doing, once or as it changes."""

from __future__ import annotations

from typing import Annotated

import typer

from enhanced_prompt import Metrics, MetricsSnapshot
from enhanced_prompt.v1.metrics_service_pb2 import ErrorRecord, ModelMetrics, RequestRecord

from . import terminal
from .browsing import Output, OutputOption
from .session import ServerOption, connected

_ROWS = 10

WatchOption = Annotated[
    bool, typer.Option("--watch", "-w", help="Go on: a line each second, and what happens.")
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="Only requests, errors and numbers of this model."),
]


def metrics(
    watch: WatchOption = False,
    model: ModelOption = None,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say how the service is doing, summed over its replicas. With --watch, until Ctrl-C."""
    as_json = output is Output.JSON
    with connected(server) as client:
        if not watch:
            found = client.get_metrics(models=model or (), max_recent=_ROWS)
            if as_json:
                terminal.raw(terminal.json_line(found))
            else:
                _show(found)
            return
        for message in client.metrics(models=model or (), max_recent=_ROWS):
            if as_json:
                terminal.write(f"{terminal.json_line(message)}\n")
                continue
            match message.WhichOneof("frame"):
                case "snapshot":
                    _show(message.snapshot)
                case "update":
                    terminal.line(_brief(message.update))
                case "request":
                    terminal.line(_request(message.request))
                case "error":
                    terminal.line(_error(message.error))
                case _:
                    pass


def _show(found: MetricsSnapshot) -> None:
    metrics = found.metrics
    terminal.line(_brief(metrics))
    terminal.line(
        f"  {metrics.total_requests:,} requests, {metrics.total_tokens:,} tokens, "
        f"${metrics.total_cost:,.4f} in all; {metrics.replicas} replicas"
    )
    for model in found.models:
        terminal.line(_model(model))
    for request in found.recent_requests:
        terminal.line(_request(request))
    for error in found.recent_errors:
        terminal.line(_error(error))


def _brief(found: Metrics) -> str:
    parts = [
        f"{found.requests_per_second:.1f} requests/s",
        f"{found.avg_latency_ms:,.0f} ms",
        f"{found.error_rate:.1%} errors",
        f"{found.tokens_per_second:,.0f} tokens/s",
        f"{found.running_turns} turns",
        f"{found.active_connections} open",
    ]
    if found.HasField("time_to_first_token_p95_ms"):
        parts.append(f"first token p95 {found.time_to_first_token_p95_ms:,.0f} ms")
    if found.degraded:
        parts.append("degraded")
    return ", ".join(parts)


def _model(found: ModelMetrics) -> str:
    return (
        f"  {found.model}: {found.request_count:,} calls, {found.avg_latency_ms:,.0f} ms, "
        f"{found.total_tokens:,} tokens, ${found.total_cost:,.4f}, {found.error_count:,} errors"
    )


def _request(found: RequestRecord) -> str:
    at = terminal.moment(found.time)
    model = f" {found.model}" if found.model else ""
    return f"  {at} {found.method} {found.code} {found.latency_ms:,.0f} ms{model}"


def _error(found: ErrorRecord) -> str:
    at = terminal.moment(found.time)
    return f"  {at} {found.error_type}: {found.error_message}"
