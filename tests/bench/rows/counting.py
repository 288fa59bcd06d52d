"""What it costs to count: the records of a call, a turn, a model's call and a token, and a second's
note for the other replicas."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from enhanced_prompt_service.domain.answers import ModelUsage
from enhanced_prompt_service.domain.dependencies import Dependencies
from enhanced_prompt_service.domain.health import Health, ReplicaHealth, SystemHealth
from enhanced_prompt_service.domain.metrics import EndedCall, EndedModelCall, EndedTurn
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.metrics import Recorder, notes
from enhanced_prompt_service.metrics.counts import Counts

from ..figures import Figure, figure
from ..plan import Plan

_ASK = "/enhanced_prompt.v1.PromptService/Ask"
_USED = ModelUsage("openai:a", "provider", input_tokens=900, output_tokens=120, cost=0.01)
_MODEL = EndedModelCall("openai:a", 1.2, 0.3, _USED)


def _now() -> datetime:
    return datetime.now(UTC)


async def measure(plan: Plan) -> list[Figure]:
    """Microseconds each, the record made included."""
    found: dict[str, list[float]] = {}
    for _ in range(plan.runs):
        counts = Counts(time.monotonic, _now)
        recorder = Recorder(
            replica="0-a", version="1", dependencies=Dependencies(_now, time.monotonic)
        )
        times = plan.scaled(100_000, 2_000)

        def call(counts: Counts = counts) -> None:
            counts.call_ended(EndedCall(_ASK, "OK", 0.12, "r", "acme", "ann", True, 0.02, "turn_1"))

        def read(recorder: Recorder = recorder) -> None:
            recorder.call_ended(EndedCall(_ASK, "OK", 0.12))

        def turn(counts: Counts = counts) -> None:
            counts.turn_asked(streamed=True)
            counts.turn_spoke(0.02)
            counts.turn_ended(EndedTurn("t", TurnState.COMPLETED, 0.1, 0.02, "grounded"))

        def token(counts: Counts = counts) -> None:
            counts.delivered.pieces += 1

        def model(counts: Counts = counts, recorder: Recorder = recorder) -> None:
            counts.model_ended(_MODEL, "r")
            recorder.model_ended(_MODEL)

        health = _health()

        def note(counts: Counts = counts, health: SystemHealth = health) -> None:
            counts.tick(1, 1)
            notes.dump(
                notes.note_of(
                    counts, health, running_turns=1, subscriptions=1, prewarm_s=0.1, degraded=False
                )
            )

        for name, work, share in (
            ("a call, live", call, 1.0),
            ("a call, for Prometheus", read, 1.0),
            ("a turn, live", turn, 1.0),
            ("a model's call, both", model, 1.0),
            ("a token", token, 1.0),
            ("a second's note", note, 0.05),
        ):
            found.setdefault(name, []).append(_each(work, round(times * share)))
    return [figure(f"counting {name}", "µs", took) for name, took in found.items()]


def _each(work: Callable[[], None], times: int) -> float:
    """Microseconds of the processor for one of so many."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e6


def _health() -> SystemHealth:
    now = _now()
    replica = ReplicaHealth("0-a", Health.HEALTHY, False, now, 2, 30.0, 40)
    return SystemHealth(Health.HEALTHY, now, "1", "a", True, 1.0, 2.0, 3, (), (), (replica,))
