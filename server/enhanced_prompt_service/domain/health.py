"""How the service is: the worst of what it cannot do without, and each part for itself.

`Reporter` asks the parts when it is asked; nobody waits longer for it than for the slowest probe.
Times are UTC, real time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Protocol

from .dependencies import Dependency, Probe, probe
from .warming import WarmStatus, Warmth

ASK_S = 1.0
"""How long a part may take to answer a question about the service's health."""


class Health(IntEnum):
    """How well something works; a larger one is worse."""

    HEALTHY = 1
    DEGRADED = 2
    UNHEALTHY = 3


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One part: `detail` says for people what is missing and what that means."""

    name: str
    status: Health
    detail: str
    since: datetime
    degraded_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """One link of the model chain. `circuit` is "" for one that has none, the embedded engine;
    `max_calls` 0 means no limit."""

    model: str
    status: Health
    running_calls: int
    circuit: str = ""  # "closed", "open", "half_open"
    max_calls: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What the machine and this process use. Shares are percent: the machine's of all its cores
    and its memory, the process's of one core. `memory_bytes` is the process's, resident. `gpu` is
    the busiest GPU's share, None where there is none."""

    machine_cpu: float
    machine_memory: float
    process_cpu: float
    memory_bytes: int
    gpu: float | None = None


@dataclass(frozen=True, slots=True)
class ReplicaHealth:
    """One process of the service."""

    name: str
    status: Health
    draining: bool
    start_time: datetime
    active_connections: int
    cpu_percent: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """The whole."""

    status: Health
    time: datetime
    version: str
    agent_id: str
    agent_initialized: bool
    machine_cpu: float
    machine_memory: float
    queue_size: int
    components: tuple[ComponentHealth, ...]
    providers: tuple[ProviderHealth, ...]
    replicas: tuple[ReplicaHealth, ...]
    gpu: float | None = None


class ReportsHealth(Protocol):
    """Says how the service is."""

    async def system_health(self) -> SystemHealth:
        """The state of now."""
        ...


Says = str | Callable[[], str]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that the service depends on.

    `missing` says for people what its absence means, `there` what is there; functions are asked
    when somebody wants to know. Without a `required`
    part the service does not work; without another one it works with something missing.
    """

    dependency: Dependency
    ask: Probe
    there: Says
    missing: Says
    required: bool


@dataclass(frozen=True, slots=True)
class Replica:
    """This process: its name and start, and what can be read off it."""

    name: str
    version: str
    started: datetime
    draining: Callable[[], bool]
    connections: Callable[[], int]
    waiting: Callable[[], int]
    load: Callable[[], Load]


class Reporter:
    """`ReportsHealth` of one process."""

    def __init__(
        self,
        replica: Replica,
        parts: Sequence[Part],
        *,
        now: Callable[[], datetime],
        warmth: Callable[[], Warmth],
        providers: Callable[[], Sequence[ProviderHealth]],
    ) -> None:
        self._replica = replica
        self._parts = tuple(parts)
        self._now = now
        self._warmth = warmth
        self._providers = providers

    async def system_health(self) -> SystemHealth:
        """Ask all parts at once, each for at most ASK_S seconds."""
        await asyncio.gather(*(probe(one.dependency, one.ask, ASK_S) for one in self._parts))
        return self.look()

    def look(self) -> SystemHealth:
        """What is known now; asks nobody."""
        replica, warmth, load = self._replica, self._warmth(), self._replica.load()
        agent = _agent(warmth, replica.started)
        parts = [(_component(one), one.required) for one in self._parts]
        status = max(
            Health.HEALTHY,
            min(agent.status, Health.DEGRADED),
            *(
                one.status if required else min(one.status, Health.DEGRADED)
                for one, required in parts
            ),
        )
        return SystemHealth(
            status=status,
            time=self._now(),
            version=replica.version,
            agent_id=warmth.agent_id,
            agent_initialized=warmth.initialized,
            machine_cpu=load.machine_cpu,
            machine_memory=load.machine_memory,
            queue_size=replica.waiting(),
            components=(*(one for one, _ in parts), agent),
            providers=tuple(self._providers()),
            replicas=(
                ReplicaHealth(
                    name=replica.name,
                    status=status,
                    draining=replica.draining(),
                    start_time=replica.started,
                    active_connections=replica.connections(),
                    cpu_percent=load.process_cpu,
                    memory_bytes=load.memory_bytes,
                ),
            ),
            gpu=load.gpu,
        )


def _component(part: Part) -> ComponentHealth:
    state = part.dependency.state
    status = Health.HEALTHY if state.up else Health.UNHEALTHY
    said = part.there if state.up else part.missing
    detail = said if isinstance(said, str) else said()
    return ComponentHealth(state.name, status, detail, state.since, state.degraded_s)


def _agent(warmth: Warmth, started: datetime) -> ComponentHealth:
    match warmth.status:
        case WarmStatus.READY:
            status, detail = Health.HEALTHY, "ready"
        case WarmStatus.INITIALIZING:
            status, detail = Health.DEGRADED, "is being made ready: a question asked now may wait"
        case WarmStatus.DEGRADED:
            cold = ", ".join(part.name for part in warmth.parts if not part.ready)
            status, detail = Health.DEGRADED, f"not ready: {cold}; the next question tries again"
    return ComponentHealth("agent", status, detail, started)
