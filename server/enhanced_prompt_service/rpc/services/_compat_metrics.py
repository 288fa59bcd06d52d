"""Live numbers as the events that the seeds' dashboards read.

The names of the numbers are the contract's, which took them from there. A snapshot becomes several
events, so that such a client, which knows no snapshots, has everything after its first second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message as Proto

from ...domain.health import SystemHealth
from ...domain.metrics import (
    ErrorRow,
    Looker,
    Message,
    Metrics,
    MetricsSubscription,
    ModelMetrics,
    RequestRow,
    Snapshot,
    Told,
)
from ..call import Call
from ..convert.metrics import (
    error_message,
    metrics_message,
    model_message,
    request_message,
    system_health_message,
)
from ..leaving import Leaving, LeavingOptions
from ._sse import HEARTBEAT, event

_TIMESTAMP = "google.protobuf.Timestamp"
Event = tuple[str, dict[str, Any]]


async def write_metrics(
    call: Call,
    subscription: MetricsSubscription,
    looker: Looker,
    *,
    heartbeat_s: float,
    leaving: LeavingOptions,
) -> None:
    """Write what is told until the caller goes; at the stream's age, and when the server drains, it
    ends, and such a client connects again.

    `sequence` counts from 0; what a slow reader missed leaves a gap.
    """
    sequence, seen = 0, 0
    with Leaving(call, leaving, subscription.nudge) as leave:
        while not leave.due:
            message = await subscription.take(heartbeat_s)
            if message is None:
                if not leave.due:
                    await call.write(HEARTBEAT)
                continue
            sequence += message.sequence - seen - 1
            seen = message.sequence
            for kind, data in events_of(message.told, looker):
                await call.write(event(_framed(kind, message, sequence, data)))
                sequence += 1


def _framed(kind: str, message: Message, sequence: int, data: dict[str, Any]) -> dict[str, Any]:
    at = round(message.time.timestamp() * 1000)
    return {"type": kind, "timestamp": at, "sequence": sequence, "data": data}


def events_of(told: Told, looker: Looker) -> Iterator[Event]:
    """Types and data. Rows come oldest first: such clients put each in front of those before it."""
    match told:
        case Snapshot():
            yield _metrics(told.metrics)
            yield from _models(told.models)
            for row in reversed(told.requests):
                yield _request(row, looker)
            for failure in reversed(told.errors):
                yield _error(failure)
            yield _health(told.health)
        case Metrics():
            yield _metrics(told)
        case RequestRow():
            yield _request(told, looker)
        case ErrorRow():
            yield _error(told)
        case SystemHealth():
            yield _health(told)
        case models:
            yield from _models(models)


def _metrics(found: Metrics) -> Event:
    return "metrics_update", plain(metrics_message(found))


def _models(found: tuple[ModelMetrics, ...]) -> Iterator[Event]:
    for one in found:
        yield "model_metrics", plain(model_message(one))


def _request(row: RequestRow, looker: Looker) -> Event:
    return "request", plain(request_message(row, looker))


def _error(row: ErrorRow) -> Event:
    return "error", plain(error_message(row))


def _health(found: SystemHealth) -> Event:
    return "system_health", plain(system_health_message(found))


def plain(message: Proto) -> dict[str, Any]:
    """The numbers and texts of a message: integers as numbers, times in milliseconds since 1970,
    enums as their words; what is unset, nested or repeated is left out."""
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated or (field.has_presence and not message.HasField(field.name)):
            continue
        value: Any = getattr(message, field.name)
        if field.enum_type is not None:
            names = field.enum_type.values_by_number
            shared = names[0].name.removesuffix("UNSPECIFIED")
            value = names[value].name.removeprefix(shared).lower()
        elif field.message_type is not None:
            if field.message_type.full_name != _TIMESTAMP:
                continue
            value = value.ToMilliseconds()
        found[field.name] = value
    return found
