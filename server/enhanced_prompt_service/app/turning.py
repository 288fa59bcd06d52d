"""The turns of a process: what runs them, what they remember, who shares them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ..domain.bus import Bus
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
from .metering import memory_readings

if TYPE_CHECKING:
    from ..metrics import Recorder


def turns(base: Base, agent: Agent, models: tuple[str, ...], recorder: Recorder | None) -> Turns:
    """Turns that this agent answers. `models` is what a question may choose among."""
    settings = base.settings
    memory = _memory(settings.hot_memory_s, base.bus)
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
    )
    if recorder is not None:
        parts = replace(parts, ended=recorder.turn_ended)
        if memory is not None:
            recorder.show(*memory_readings(memory))
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


def _memory(keep_s: float, bus: Bus) -> HotMemory | None:
    if not keep_s:
        return None
    return HotMemory(bus, MemoryConfig(codec.dump_response, codec.load_response, keep_s))
