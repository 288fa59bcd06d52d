"""`eps health`: whether the service takes calls, and how it is."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Annotated

import typer
from google.protobuf import json_format

from enhanced_prompt import Client, HealthStatus, SystemHealth
from enhanced_prompt.errors import EnhancedPromptError, NotFound
from enhanced_prompt.v1 import metrics_service_pb2 as pb

from . import terminal
from .browsing import Output, OutputOption
from .session import SERVICE_ERROR, ServerOption, connected

SERVICES = (
    *("PromptService", "HistoryService", "EventService", "SiteService"),
    *("InsightService", "MetricsService"),
)
_WORDS = {
    pb.HEALTH_STATUS_HEALTHY: "healthy",
    pb.HEALTH_STATUS_DEGRADED: "degraded",
    pb.HEALTH_STATUS_UNHEALTHY: "unhealthy",
}


def health(
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    brief: Annotated[
        bool, typer.Option("--brief", help="Only whether it takes calls; needs no identity.")
    ] = False,
) -> None:
    """Say whether the service takes calls, and how it is. Exit code 0 where it takes them."""
    with connected(server) as client:
        whole = client.health()
        if brief:
            terminal.line(f"{whole.name.lower().replace('_', ' ')} at {client.target}")
            raise typer.Exit(0 if whole is HealthStatus.SERVING else SERVICE_ERROR)
        parts = [(name, _service(client, f"enhanced_prompt.v1.{name}")) for name in SERVICES]
        system = _system(client)
        if output is Output.JSON:
            terminal.raw(
                json.dumps(
                    {
                        "status": whole.name,
                        "server": client.target,
                        "services": {name: status.name for name, status in parts},
                        "system": None
                        if system is None
                        else json_format.MessageToDict(system, preserving_proto_field_name=True),
                    }
                )
            )
        else:
            terminal.line(f"{whole.name.lower().replace('_', ' ')} at {client.target}")
            for name, status in parts:
                if status is not whole:
                    terminal.line(f"  {name}: {status.name.lower().replace('_', ' ')}")
            if system is not None:
                _show(system)
    if whole is not HealthStatus.SERVING:
        raise typer.Exit(SERVICE_ERROR)


def _show(system: SystemHealth) -> None:
    terminal.line(f"{_WORDS.get(system.status, 'unknown')}, version {system.version}")
    for one in system.components:
        said = f"  {one.name}: {_WORDS.get(one.status, 'unknown')}"
        if one.status != pb.HEALTH_STATUS_HEALTHY:
            since = one.since.ToDatetime(UTC).astimezone()
            said += f" since {since:%H:%M:%S}"
        said += f", {one.detail}"
        away = one.degraded_duration.ToTimedelta().total_seconds()
        terminal.line(f"{said} (away for {away:,.1f} s in all)" if away else said)
    for one in system.replicas:
        up = system.time.ToDatetime(UTC) - one.start_time.ToDatetime(UTC)
        draining = ", draining" if one.draining else ""
        terminal.line(
            f"  replica {one.name}: up {up.total_seconds():,.0f} s, "
            f"{one.active_connections} calls open, {one.memory_bytes / 2**20:,.0f} MiB{draining}"
        )


def _system(client: Client) -> SystemHealth | None:
    """None where the server does not say, or is going away."""
    try:
        return client.get_system_health()
    except EnhancedPromptError:
        return None


def _service(client: Client, name: str) -> HealthStatus:
    try:
        return client.health(name)
    except NotFound:
        return HealthStatus.SERVICE_UNKNOWN
