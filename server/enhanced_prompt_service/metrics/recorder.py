"""What is counted: once a call and once a turn, never once a frame. All else is read when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ..domain.dependencies import Dependencies
from ..domain.metrics import EndedCall, EndedTurn
from ..domain.turns import TurnState

_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_FIRST_TEXT = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that is read when somebody asks, in another thread: a plain look at one value.

    `counts` says that it only grows.
    """

    name: str
    help: str
    read: Callable[[], float]
    counts: bool = False


class Recorder:
    """All metrics of one process."""

    def __init__(self, *, replica: str, version: str, dependencies: Dependencies) -> None:
        self.registry = CollectorRegistry()
        at: dict[str, Any] = {"registry": self.registry}
        self._handled = Counter(
            "eps_rpc_handled", "Calls that ended, by status code.", ["method", "code"], **at
        )
        self._durations = Histogram(
            "eps_rpc_duration_seconds",
            "From a call's start to its end; streams last as long as they are read.",
            ["method"],
            buckets=_DURATIONS,
            **at,
        )
        self._turns = Counter(
            "eps_turns_ended", "Attempts of turns, by how they ended.", ["state"], **at
        )
        for state in TurnState:
            if state.ended:
                self._turns.labels(state.value)
        self._first_text = Histogram(
            "eps_turn_first_text_seconds",
            "From the beginning of a turn's attempt to its first text.",
            buckets=_FIRST_TEXT,
            **at,
        )
        info = Gauge("eps_replica_info", "This process; always 1.", ["name", "version"], **at)
        info.labels(replica, version).set(1)
        self._read = _Readings(dependencies)
        self.registry.register(self._read)

    def call_ended(self, call: EndedCall) -> None:
        """A call has ended."""
        self._handled.labels(call.method, call.code).inc()
        self._durations.labels(call.method).observe(call.seconds)

    def turn_ended(self, turn: EndedTurn) -> None:
        """An attempt of a turn was closed."""
        self._turns.labels(turn.state.value).inc()
        if turn.first_text_s is not None:
            self._first_text.observe(turn.first_text_s)

    def show(self, *readings: Reading) -> None:
        """Show these numbers as well."""
        self._read.readings = (*self._read.readings, *readings)


class _Readings:
    """Read at each look, by the endpoint's thread."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self.readings: Sequence[Reading] = ()

    def describe(self) -> list[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "eps_dependency_up", "Whether a part is there: 1 or 0.", labels=["name"]
        )
        away = CounterMetricFamily(
            "eps_degraded_seconds", "How long a part was away, in all.", labels=["name"]
        )
        for part in tuple(self._dependencies):
            up.add_metric([part.name], float(part.up))
            away.add_metric([part.name], part.degraded_s)
        yield up
        yield away
        for one in self.readings:
            family = CounterMetricFamily if one.counts else GaugeMetricFamily
            yield family(one.name, one.help, value=one.read())
