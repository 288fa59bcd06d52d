"""What Prometheus reads of this process: counted when something ends, never once a frame. All else
is read when it looks.

Beside the service's own names there are those of OpenTelemetry's conventions for generative AI, as
Prometheus writes them (dots become underscores, the unit is appended): dashboards know them. There
the service is a client of models (`gen_ai_client_…`), and a server of answers (`gen_ai_server_…`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ..domain.dependencies import Dependencies
from ..domain.metrics import EndedCall, EndedModelCall, EndedTurn, is_fault
from ..domain.turns import TurnState
from .tallies import Histogram, Tally

_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_FIRST_TEXT = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

# The bounds that OpenTelemetry's conventions name.
_TOKENS = tuple(4**power for power in range(14))
_OPERATION = tuple(0.01 * 2**power for power in range(14))
_FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
_CHAT = "chat"
_PROVIDER = "enhanced_prompt_service"
"""Who gives the answers of which the service is the server."""


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
        self._handled = Tally(
            "eps_rpc_handled", "Calls that ended, by status code.", ["method", "code"]
        )
        self._durations = Histogram(
            "eps_rpc_duration_seconds",
            "From a call's start to its end; streams last as long as they are read.",
            ["method"],
            _DURATIONS,
        )
        self._errors = Tally(
            "eps_errors",
            "Calls that ended in an error, by its reason and whether it is the service's fault.",
            ["reason", "fault"],
        )
        self._turns = Tally("eps_turns_ended", "Attempts of turns, by how they ended.", ["state"])
        for state in TurnState:
            if state.ended:
                self._turns.add((state.value,), 0)
        self._first_text = Histogram(
            "eps_turn_first_text_seconds",
            "From the beginning of a turn's attempt to its first text.",
            [],
            _FIRST_TEXT,
        )
        self._cost = Tally("eps_model_cost_usd", "Cost of model calls, where known.", ["model"])
        self._model_failures = Tally(
            "eps_model_failures", "Model calls that failed, by kind of failure.", ["model", "kind"]
        )
        self._client_tokens = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of model calls, as their providers counted them.",
            [*_GEN_AI, "gen_ai_token_type"],
            _TOKENS,
        )
        self._client_durations = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "Duration of model calls.",
            [*_GEN_AI, "error_type"],
            _OPERATION,
        )
        self._client_first = Histogram(
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "From the beginning of a model call to its first token.",
            _GEN_AI,
            _OPERATION,
        )
        self._server_durations = Histogram(
            "gen_ai_server_request_duration_seconds",
            "Duration of turns, by what answered.",
            [*_GEN_AI, "error_type"],
            _OPERATION,
        )
        self._server_first = Histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "From the beginning of a turn's attempt to its first text, where it was answered.",
            _GEN_AI,
            _FIRST_TOKEN,
        )
        at: dict[str, Any] = {"registry": self.registry}
        info = Gauge("eps_replica_info", "This process; always 1.", ["name", "version"], **at)
        info.labels(replica, version).set(1)
        self._read = _Readings(
            dependencies,
            (
                self._handled,
                self._durations,
                self._errors,
                self._turns,
                self._first_text,
                self._cost,
                self._model_failures,
                self._client_tokens,
                self._client_durations,
                self._client_first,
                self._server_durations,
                self._server_first,
            ),
        )
        self.registry.register(self._read)

    def call_ended(self, call: EndedCall) -> None:
        """A call has ended."""
        self._handled.add((call.method, call.code))
        self._durations.note((call.method,), call.seconds)
        if call.reason:
            self._errors.add((call.reason, "true" if is_fault(call.reason) else "false"))

    def turn_ended(self, turn: EndedTurn) -> None:
        """An attempt of a turn was closed."""
        self._turns.add((turn.state.value,))
        failed = turn.state is TurnState.FAILED
        labels = (_CHAT, _PROVIDER, turn.model)
        self._server_durations.note((*labels, "turn_failed" if failed else ""), turn.seconds)
        if turn.first_text_s is not None:
            self._first_text.note((), turn.first_text_s)
            if not failed:
                self._server_first.note(labels, turn.first_text_s)

    def model_ended(self, call: EndedModelCall) -> None:
        """A call of a language model has ended."""
        provider, _, model = call.model.partition(":")
        labels = (_CHAT, provider, model)
        self._client_durations.note((*labels, call.failure), call.seconds)
        if call.first_token_s is not None:
            self._client_first.note(labels, call.first_token_s)
        if call.failure:
            self._model_failures.add((call.model, call.failure))
        used = call.usage
        if used is None:
            return
        if used.cost is not None and used.currency == "USD":
            self._cost.add((call.model,), used.cost)
        if used.source != "provider":
            return  # what the conventions want is counted, not estimated
        if used.input_tokens is not None:
            self._client_tokens.note((*labels, "input"), used.input_tokens)
        if used.output_tokens is not None:
            self._client_tokens.note((*labels, "output"), used.output_tokens)

    def show(self, *readings: Reading) -> None:
        """Show these numbers as well."""
        self._read.readings = (*self._read.readings, *readings)


class _Readings:
    """Read at each look, by the endpoint's thread."""

    def __init__(self, dependencies: Dependencies, made: Sequence[Tally | Histogram]) -> None:
        self._dependencies = dependencies
        self._made = made
        self.readings: Sequence[Reading] = ()

    def describe(self) -> list[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        for one in self._made:
            yield one.family()
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
