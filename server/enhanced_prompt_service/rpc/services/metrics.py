"""MetricsService: how the service is doing. So far, its health, and what models used."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from enhanced_prompt.v1 import metrics_service_pb2 as pb

from ...domain.health import Health, ReportsHealth, SystemHealth
from ..call import Call
from ..convert.times import timestamp
from .usage import UsageReports

_STATUSES = {
    Health.HEALTHY: pb.HEALTH_STATUS_HEALTHY,
    Health.DEGRADED: pb.HEALTH_STATUS_DEGRADED,
    Health.UNHEALTHY: pb.HEALTH_STATUS_UNHEALTHY,
}
_CIRCUITS = {
    "": pb.CIRCUIT_STATE_UNSPECIFIED,
    "closed": pb.CIRCUIT_STATE_CLOSED,
    "open": pb.CIRCUIT_STATE_OPEN,
    "half_open": pb.CIRCUIT_STATE_HALF_OPEN,
}


class MetricsService:
    """GetSystemHealth and GetUsage. What else the contract has answers UNIMPLEMENTED."""

    def __init__(self, health: ReportsHealth, usage: UsageReports) -> None:
        self._health = health
        self._usage = usage

    async def GetSystemHealth(  # noqa: N802
        self, request: pb.GetSystemHealthRequest, call: Call
    ) -> pb.GetSystemHealthResponse:
        """The state of now. Answers also while the database is away."""
        del request, call
        return pb.GetSystemHealthResponse(
            health=system_health_message(await self._health.system_health())
        )

    async def GetUsage(self, request: pb.GetUsageRequest, call: Call) -> pb.GetUsageResponse:  # noqa: N802
        """Tokens and cost by user, model and day."""
        return await self._usage.get_usage(request, call.caller)


def system_health_message(found: SystemHealth) -> pb.SystemHealth:
    """As the contract says it. No GPU is used, so none is reported."""
    return pb.SystemHealth(
        status=_STATUSES[found.status],
        cpu_usage=found.machine_cpu,
        memory_usage=found.machine_memory,
        queue_size=found.queue_size,
        time=timestamp(found.time),
        agent_initialized=found.agent_initialized,
        agent_id=found.agent_id,
        version=found.version,
        components=[
            pb.ComponentHealth(
                name=one.name,
                status=_STATUSES[one.status],
                detail=one.detail,
                since=timestamp(one.since),
                degraded_duration=_duration(one.degraded_s),
            )
            for one in found.components
        ],
        providers=[
            pb.ProviderHealth(
                model=one.model,
                status=_STATUSES[one.status],
                circuit=_CIRCUITS[one.circuit],
                running_calls=one.running_calls,
                max_calls=one.max_calls,
                last_error=one.last_error,
                last_error_time=None if one.last_error_at is None else timestamp(one.last_error_at),
            )
            for one in found.providers
        ],
        replicas=[
            pb.ReplicaHealth(
                name=one.name,
                status=_STATUSES[one.status],
                draining=one.draining,
                start_time=timestamp(one.start_time),
                active_connections=one.active_connections,
                cpu_usage=one.cpu_percent,
                memory_bytes=one.memory_bytes,
            )
            for one in found.replicas
        ],
    )


def _duration(seconds: float) -> Duration:
    found = Duration()
    found.FromNanoseconds(round(seconds * 1e9))
    return found
