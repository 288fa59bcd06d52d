"""The turns of a process: what runs them, what they remember, who shares them."""

from __future__ import annotations

import time

from ..domain.bus import Bus
from ..domain.tracing import NO_TRACING, Tracing
from ..rpc.frames import decode, encode
from ..storage import codec
from ..turns import (
    Agent,
    HotMemory,
    MemoryConfig,
    Replicas,
    RunnerParts,
    Turns,
    TurnsConfig,
)
from .base import Base, new_id
from .metering import Metering


def turns(
    base: Base,
    agent: Agent,
    models: tuple[str, ...],
    memory: HotMemory | None,
    metering: Metering,
    tracing: Tracing | None,
) -> Turns:
    """Turns that this agent answers. `models` is what a question may choose among."""
    settings = base.settings
    parts = RunnerParts(
        agent=agent,
        turns=base.stores.turns,
        conversations=base.stores.conversations,
        real_clock=base.real_clock,
        site_clock=base.site_clock,
        monotonic=time.monotonic,
        timeout_s=settings.turn_timeout_s,
        history_turns=settings.history_turns,
        memory=memory,
        models=models,
        ended=metering.turn_ended,
        spoke=metering.counts.turn_spoke,
        delivered=metering.counts.delivered,
        tracing=tracing or NO_TRACING,
    )
    config = TurnsConfig(
        runner=base.process,
        orphan_s=settings.turn_orphan_s,
        log_budget_bytes=settings.turn_log_bytes,
        log_keep_s=settings.turn_log_keep_s,
    )
    return Turns(parts, config, encode, new_id, _replicas(base))


def _replicas(base: Base) -> Replicas | None:
    if not base.bus.shared:
        return None
    return Replicas(
        base.bus,
        base.stores.turns,
        process=base.process,
        encode=encode,
        decode=decode,
        keep_s=base.settings.turn_log_keep_s,
        now=base.real_clock.now,
    )


def hot_memory(keep_s: float, bus: Bus) -> HotMemory | None:
    """What conversations' next turns look back on; None where nothing is kept."""
    if not keep_s:
        return None
    return HotMemory(bus, MemoryConfig(codec.dump_response, codec.load_response, keep_s))
