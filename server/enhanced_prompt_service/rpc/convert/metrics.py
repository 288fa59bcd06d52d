"""The service's own numbers and health, as the contract says them."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration

from enhanced_prompt.v1 import errors_pb2
from enhanced_prompt.v1 import metrics_service_pb2 as pb

from ...domain.health import Health, SystemHealth
from ...domain.metrics import (
    RECENT_ERRORS,
    RECENT_REQUESTS,
    ErrorRow,
    Kind,
    Looker,
    Message,
    Metrics,
    ModelMetrics,
    RequestRow,
    Selection,
    Snapshot,
)
from .insights import SEVERITIES
from .times import timestamp

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
_REASONS = dict(errors_pb2.ErrorReason.items())
_KINDS = {
    pb.METRICS_KIND_UPDATE: Kind.UPDATE,
    pb.METRICS_KIND_REQUEST: Kind.REQUEST,
    pb.METRICS_KIND_ERROR: Kind.ERROR,
    pb.METRICS_KIND_HEALTH: Kind.HEALTH,
    pb.METRICS_KIND_MODELS: Kind.MODELS,
}


def selection(
    models: Iterable[str], max_recent: int, kinds: Iterable[pb.MetricsKind.ValueType] = ()
) -> Selection:
    """What a request wants. Kinds that this version does not know are ignored."""
    return Selection(
        kinds=frozenset(_KINDS[one] for one in kinds if one in _KINDS),
        models=frozenset(models),
        requests=max_recent or RECENT_REQUESTS,
        errors=min(max_recent or RECENT_ERRORS, RECENT_ERRORS),
    )


def snapshot_message(found: Snapshot, looker: Looker) -> pb.MetricsSnapshot:
    """Everything at one moment, as `looker` may see it."""
    return pb.MetricsSnapshot(
        metrics=metrics_message(found.metrics),
        models=[model_message(one) for one in found.models],
        recent_requests=[request_message(one, looker) for one in found.requests],
        recent_errors=[error_message(one) for one in found.errors],
        health=system_health_message(found.health),
        time=timestamp(found.time),
    )


def told_message(message: Message, looker: Looker) -> pb.SubscribeMetricsResponse:
    """One message of a subscription."""
    response = pb.SubscribeMetricsResponse(time=timestamp(message.time), sequence=message.sequence)
    match message.told:
        case Snapshot() as snapshot:
            response.snapshot.CopyFrom(snapshot_message(snapshot, looker))
        case Metrics() as metrics:
            response.update.CopyFrom(metrics_message(metrics))
        case RequestRow() as row:
            response.request.CopyFrom(request_message(row, looker))
        case ErrorRow() as row:
            response.error.CopyFrom(error_message(row))
        case SystemHealth() as health:
            response.health.CopyFrom(system_health_message(health))
        case models:
            response.models.models.extend(model_message(one) for one in models)
    return response


def metrics_message(found: Metrics) -> pb.Metrics:
    """Seconds become milliseconds, the share of streams percent."""
    return pb.Metrics(
        total_requests=found.total_requests,
        total_tokens=found.total_tokens,
        total_cost=found.total_cost,
        avg_latency_ms=found.avg_latency_s * 1000,
        error_rate=found.error_rate,
        streaming_percentage=found.streaming_share * 100,
        requests_per_second=found.requests_per_second,
        tokens_per_second=found.tokens_per_second,
        active_connections=found.active_connections,
        time_to_first_token_p50_ms=_ms(found.first_token_p50_s),
        time_to_first_token_p95_ms=_ms(found.first_token_p95_s),
        prewarm_time_ms=_ms(found.prewarm_s),
        hot_memory_hit_rate=found.hot_memory_hit_rate,
        degraded=found.degraded,
        running_turns=found.running_turns,
        active_subscriptions=found.active_subscriptions,
        latency_p95_ms=_ms(found.latency_p95_s),
        since=timestamp(found.since),
        replicas=found.replicas,
    )


def model_message(found: ModelMetrics) -> pb.ModelMetrics:
    """Seconds become milliseconds."""
    return pb.ModelMetrics(
        model=found.model,
        request_count=found.request_count,
        avg_latency_ms=found.avg_latency_s * 1000,
        total_tokens=found.total_tokens,
        total_cost=found.total_cost,
        error_count=found.error_count,
        time_to_first_token_p50_ms=_ms(found.first_token_p50_s),
        time_to_first_token_p95_ms=_ms(found.first_token_p95_s),
    )


def request_message(row: RequestRow, looker: Looker) -> pb.RequestRecord:
    """A call that ended; its user only where the looker may know."""
    return pb.RequestRecord(
        request_id=row.request_id,
        time=timestamp(row.time),
        method=row.method,
        model=row.model,
        latency_ms=row.seconds * 1000,
        tokens=row.tokens,
        cost=row.cost,
        code=row.code,
        streamed=row.streamed,
        time_to_first_token_ms=_ms(row.first_token_s),
        user_id=row.user if looker.names_users else "",
        turn_id=row.turn_id,
    )


def error_message(row: ErrorRow) -> pb.ErrorRecord:
    """A failure."""
    return pb.ErrorRecord(
        error_type=row.reason,
        error_message=row.message,
        severity=SEVERITIES[row.severity],
        time=timestamp(row.time),
        reason=_REASONS.get(f"ERROR_REASON_{row.reason}", errors_pb2.ERROR_REASON_UNSPECIFIED),
        code=row.code,
        method=row.method,
        model=row.model,
        request_id=row.request_id,
        incident_id=row.incident_id,
    )


def system_health_message(found: SystemHealth) -> pb.SystemHealth:
    """The state of the service."""
    return pb.SystemHealth(
        status=_STATUSES[found.status],
        cpu_usage=found.machine_cpu,
        memory_usage=found.machine_memory,
        gpu_usage=found.gpu,
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


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _duration(seconds: float) -> Duration:
    found = Duration()
    found.FromNanoseconds(round(seconds * 1e9))
    return found
