"""Numbers about the service itself: live ones always, Prometheus's where it may read them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import structlog

from enhanced_prompt import __version__

from ..domain.metrics import EndedCall, EndedModelCall, EndedTurn
from ..domain.tracing import Tracing
from ..health import ServiceHealth
from ..metrics.counts import Counts
from ..metrics.live import LiveMetrics, Readings
from ..rpc.server import RpcServer
from ..rpc.services.insights import InsightService
from ..turns import HotMemory, Turns
from .base import Base

if TYPE_CHECKING:
    from ..config import Settings
    from ..metrics import Reading, Recorder

_log = structlog.get_logger("eps")

_LAST_SPANS_S = 5.0


class Metering:
    """Hears of everything that is counted, for callers and, where there is one, for Prometheus."""

    def __init__(self, counts: Counts, recorder: Recorder | None) -> None:
        self.counts = counts
        self.recorder = recorder

    def call_ended(self, call: EndedCall) -> None:
        """A call has ended."""
        self.counts.call_ended(call)
        if self.recorder is not None:
            self.recorder.call_ended(call)

    def turn_asked(self, *, streamed: bool) -> None:
        """A turn was asked for."""
        self.counts.turn_asked(streamed=streamed)

    def turn_ended(self, turn: EndedTurn) -> None:
        """An attempt of a turn was closed."""
        self.counts.turn_ended(turn)
        if self.recorder is not None:
            self.recorder.turn_ended(turn)

    def model_ended(self, call: EndedModelCall) -> None:
        """A call of a language model has ended."""
        request_id = structlog.contextvars.get_contextvars().get("request_id", "")
        self.counts.model_ended(call, str(request_id))
        if self.recorder is not None:
            self.recorder.model_ended(call)


def metering(base: Base) -> Metering:
    """Counts what happens."""
    counts = Counts(time.monotonic, base.real_clock.now)
    if base.settings.metrics_port is None:
        return Metering(counts, None)
    # Prometheus's client is imported only where somebody may read the numbers.
    from ..metrics import Recorder

    return Metering(
        counts,
        Recorder(replica=base.replica, version=__version__, dependencies=base.dependencies),
    )


@asynccontextmanager
async def tracing(base: Base) -> AsyncGenerator[Tracing | None]:
    """Sends traces, as long as the block lasts; None where nobody collects them.

    Raises SystemExit with one line where they are wanted and OpenTelemetry is not installed.
    """
    if not base.settings.traced:
        yield None
        return
    # OpenTelemetry is imported only where somebody collects traces.
    try:
        from ..tracing import OtlpTracing
    except ImportError as missing:
        raise SystemExit(
            f"Traces need the extra `otel`: pip install 'enhanced-prompt-service[otel]' ({missing})"
        ) from missing

    made = OtlpTracing(base.settings.otlp_endpoint, replica=base.replica, version=__version__)
    try:
        yield made
    finally:
        try:
            async with asyncio.timeout(_LAST_SPANS_S):
                await asyncio.to_thread(made.close)
        except TimeoutError:
            _log.warning("the last traces were not sent in time")


def live_metrics(
    base: Base,
    counts: Counts,
    health: ServiceHealth,
    turns: Turns,
    memory: HotMemory | None,
    insights: InsightService,
) -> LiveMetrics:
    """The numbers of the whole service."""

    def reads() -> tuple[int, int]:
        return (0, 0) if memory is None else (memory.hits, memory.hits + memory.misses)

    readings = Readings(
        running_turns=lambda: turns.running,
        subscriptions=lambda: insights.subscribers,
        memory=reads,
    )
    return LiveMetrics(
        counts, base.bus, health, readings, name=base.replica, now=base.real_clock.now
    )


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
