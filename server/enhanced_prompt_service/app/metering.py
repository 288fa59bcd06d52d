"""Numbers for Prometheus: counted only where somebody may read them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from enhanced_prompt import __version__

from ..rpc.server import RpcServer
from ..turns import HotMemory, Turns
from .base import Base

if TYPE_CHECKING:
    from ..config import Settings
    from ..metrics import Reading, Recorder

_log = structlog.get_logger("eps")


def recorder(base: Base) -> Recorder | None:
    """Counts what happens; None where nobody reads it."""
    if base.settings.metrics_port is None:
        return None
    # Prometheus's client is imported only where somebody may read the numbers.
    from ..metrics import Recorder

    return Recorder(replica=base.replica, version=__version__, dependencies=base.dependencies)


def memory_readings(memory: HotMemory) -> tuple[Reading, ...]:
    """How often hot memory had what was asked for."""
    from ..metrics import Reading

    return (
        Reading("eps_hot_memory_hits", "Reads it served.", lambda: memory.hits, counts=True),
        Reading("eps_hot_memory_misses", "Reads left to SQL.", lambda: memory.misses, counts=True),
    )


@contextmanager
def endpoint(
    settings: Settings, recorder: Recorder, server: RpcServer, turns: Turns
) -> Generator[int | None]:
    """Where the numbers can be read, until the block is left. A service without it still serves."""
    from ..metrics import Endpoint, Reading

    recorder.show(
        Reading("eps_turns_running", "Turns that run here now.", lambda: turns.running),
        Reading("eps_turn_log_bytes", "Memory that turn logs take.", lambda: turns.log_bytes),
        Reading("eps_calls_open", "Calls and streams under way.", lambda: server.live.count),
    )
    port = settings.metrics_port or 0
    served = Endpoint(recorder.registry, settings.metrics_host, port, settings.port_search)
    try:
        served.start()
    except OSError as error:
        _log.error("no port for metrics", host=settings.metrics_host, port=port, error=str(error))
        yield None
        return
    try:
        yield served.port
    finally:
        served.stop()
