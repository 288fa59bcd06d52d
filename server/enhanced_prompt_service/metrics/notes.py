"""What a replica says of itself once a second, and all replicas put together.

A note is JSON, so that replicas of two versions understand each other while one takes the place of
the other: what a note does not say counts as nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..domain.bus import SINCE
from ..domain.health import Health, ReplicaHealth, SystemHealth
from ..domain.metrics import Metrics, ModelMetrics
from . import sketch
from .counts import Counts
from .window import Spread, Sum

Sketch = dict[int, int]


@dataclass(slots=True)
class Note:
    """One replica now. `sums` are over its window of `covered_s` seconds, by `Sum`'s names."""

    replica: ReplicaHealth
    covered_s: float
    sums: dict[str, float]
    latency: Sketch
    first_token: Sketch
    models: dict[str, Sketch]
    running_turns: int = 0
    subscriptions: int = 0
    prewarm_s: float | None = None
    degraded: bool = False
    machine_cpu: float = 0.0
    machine_memory: float = 0.0
    gpu: float | None = None
    queue_size: int = 0


def note_of(
    counts: Counts,
    health: SystemHealth,
    *,
    running_turns: int,
    subscriptions: int,
    prewarm_s: float | None,
    degraded: bool,
) -> Note:
    """What this process says of itself now. `health` is its own."""
    window = counts.window
    window.turn()
    for model in counts.models.values():
        model.window.turn()
    return Note(
        replica=health.replicas[0],
        covered_s=window.covered_s,
        sums={which.name: window.sums[which] for which in Sum},
        latency=dict(window.sketches[Spread.LATENCY]),
        first_token=dict(window.sketches[Spread.FIRST_TOKEN]),
        models={
            name: dict(model.window.sketches[Spread.FIRST_TOKEN])
            for name, model in counts.models.items()
            if model.window.sketches[Spread.FIRST_TOKEN]
        },
        running_turns=running_turns,
        subscriptions=subscriptions,
        prewarm_s=prewarm_s,
        degraded=degraded,
        machine_cpu=health.machine_cpu,
        machine_memory=health.machine_memory,
        gpu=health.gpu,
        queue_size=health.queue_size,
    )


def dump(note: Note) -> bytes:
    """As it is pinned."""
    replica = note.replica
    return json.dumps(
        {
            "name": replica.name,
            "status": int(replica.status),
            "draining": replica.draining,
            "started": replica.start_time.timestamp(),
            "connections": replica.active_connections,
            "cpu": replica.cpu_percent,
            "memory": replica.memory_bytes,
            "covered": note.covered_s,
            "sums": note.sums,
            "latency": note.latency,
            "first": note.first_token,
            "models": note.models,
            "turns": note.running_turns,
            "subscriptions": note.subscriptions,
            "prewarm": note.prewarm_s,
            "degraded": note.degraded,
            "machine_cpu": note.machine_cpu,
            "machine_memory": note.machine_memory,
            "gpu": note.gpu,
            "queue": note.queue_size,
        },
        separators=(",", ":"),
    ).encode()


def load(encoded: bytes) -> Note | None:
    """A note that was pinned; None for one that this version does not understand."""
    try:
        said: dict[str, Any] = json.loads(encoded)
        return Note(
            replica=ReplicaHealth(
                name=said["name"],
                status=Health(said["status"]),
                draining=said["draining"],
                start_time=datetime.fromtimestamp(said["started"], UTC),
                active_connections=said["connections"],
                cpu_percent=said["cpu"],
                memory_bytes=said["memory"],
            ),
            covered_s=said["covered"],
            sums=said["sums"],
            latency=_sketch(said.get("latency", {})),
            first_token=_sketch(said.get("first", {})),
            models={name: _sketch(one) for name, one in said.get("models", {}).items()},
            running_turns=said.get("turns", 0),
            subscriptions=said.get("subscriptions", 0),
            prewarm_s=said.get("prewarm"),
            degraded=said.get("degraded", False),
            machine_cpu=said.get("machine_cpu", 0.0),
            machine_memory=said.get("machine_memory", 0.0),
            gpu=said.get("gpu"),
            queue_size=said.get("queue", 0),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def totals(counts: Counts) -> dict[str, float]:
    """What this process counted since it began, as the ledger names it."""
    found = {
        "requests": float(counts.requests),
        "tokens": float(counts.tokens),
        "cost": counts.cost,
    }
    for name, model in counts.models.items():
        found[f"calls {name}"] = model.calls
        found[f"seconds {name}"] = model.seconds
        found[f"tokens {name}"] = model.tokens
        found[f"cost {name}"] = model.cost
        found[f"errors {name}"] = model.errors
    return found


def metrics_of(notes: Iterable[Note], sums: Mapping[str, float], *, degraded: bool) -> Metrics:
    """Numbers of all these replicas. `sums` are the ledger's: since its `SINCE`."""
    found = list(notes)
    latency: Sketch = {}
    first: Sketch = {}
    for note in found:
        sketch.add(latency, note.latency)
        sketch.add(first, note.first_token)

    def total(which: Sum) -> float:
        return sum(note.sums.get(which.name, 0.0) for note in found)

    def rate(which: Sum) -> float:
        return sum(note.sums.get(which.name, 0.0) / max(1.0, note.covered_s) for note in found)

    calls, timed, turns = total(Sum.CALLS), total(Sum.TIMED), total(Sum.TURNS)
    reads = total(Sum.MEMORY_READS)
    warm = [note.prewarm_s for note in found if note.prewarm_s is not None]
    return Metrics(
        total_requests=round(sums.get("requests", 0)),
        total_tokens=round(sums.get("tokens", 0)),
        total_cost=sums.get("cost", 0.0),
        avg_latency_s=total(Sum.SECONDS) / timed if timed else 0.0,
        error_rate=total(Sum.FAULTS) / calls if calls else 0.0,
        streaming_share=total(Sum.STREAMED) / turns if turns else 0.0,
        requests_per_second=rate(Sum.CALLS),
        tokens_per_second=rate(Sum.PIECES),
        active_connections=sum(note.replica.active_connections for note in found),
        first_token_p50_s=sketch.quantile(first, 0.5),
        first_token_p95_s=sketch.quantile(first, 0.95),
        prewarm_s=max(warm, default=None),
        hot_memory_hit_rate=total(Sum.MEMORY_HITS) / reads if reads else None,
        degraded=degraded or any(note.degraded for note in found),
        running_turns=sum(note.running_turns for note in found),
        active_subscriptions=sum(note.subscriptions for note in found),
        latency_p95_s=sketch.quantile(latency, 0.95),
        since=datetime.fromtimestamp(sums.get(SINCE, 0.0), UTC),
        replicas=len(found),
    )


def models_of(notes: Iterable[Note], sums: Mapping[str, float]) -> tuple[ModelMetrics, ...]:
    """Numbers of all models that were called, by name."""
    first: dict[str, Sketch] = {}
    for note in notes:
        for name, one in note.models.items():
            sketch.add(first.setdefault(name, {}), one)
    names = sorted(name.removeprefix("calls ") for name in sums if name.startswith("calls "))
    found: list[ModelMetrics] = []
    for name in names:
        calls = round(sums[f"calls {name}"])
        found.append(
            ModelMetrics(
                model=name,
                request_count=calls,
                avg_latency_s=sums.get(f"seconds {name}", 0.0) / calls if calls else 0.0,
                total_tokens=round(sums.get(f"tokens {name}", 0)),
                total_cost=sums.get(f"cost {name}", 0.0),
                error_count=round(sums.get(f"errors {name}", 0)),
                first_token_p50_s=sketch.quantile(first.get(name, {}), 0.5),
                first_token_p95_s=sketch.quantile(first.get(name, {}), 0.95),
            )
        )
    return tuple(found)


def health_of(own: SystemHealth, notes: Iterable[Note]) -> SystemHealth:
    """The whole: what this replica knows of the parts, and every replica of itself.

    Another replica that does not work leaves the service working, with something missing.
    """
    others = [note for note in notes if note.replica.name != own.replicas[0].name]
    status = own.status
    for note in others:
        status = max(status, min(note.replica.status, Health.DEGRADED))
    gpus = [one for one in (own.gpu, *(note.gpu for note in others)) if one is not None]
    replicas = sorted((*own.replicas, *(note.replica for note in others)), key=lambda one: one.name)
    return replace(
        own,
        status=status,
        machine_cpu=max(own.machine_cpu, *(note.machine_cpu for note in others), 0.0),
        machine_memory=max(own.machine_memory, *(note.machine_memory for note in others), 0.0),
        queue_size=own.queue_size + sum(note.queue_size for note in others),
        replicas=tuple(replicas),
        gpu=max(gpus, default=None),
    )


def _sketch(said: Mapping[str, int]) -> Sketch:
    return {int(bucket): count for bucket, count in said.items()}
