"""What is counted when something ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from enhanced_prompt_service.domain.answers import ModelUsage
from enhanced_prompt_service.domain.errors import Reason
from enhanced_prompt_service.domain.health import Health, ReplicaHealth, SystemHealth
from enhanced_prompt_service.domain.insights import Severity
from enhanced_prompt_service.domain.metrics import (
    SCOPE,
    EndedCall,
    EndedModelCall,
    EndedTurn,
    Metrics,
    Scope,
    is_fault,
    severity_of,
)
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.metrics import notes
from enhanced_prompt_service.metrics.counts import MODELS, Counts
from enhanced_prompt_service.metrics.rows import TENANTS

from .test_window import Clock

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PACKAGE = "/enhanced_prompt.v1."
ASK = f"{PACKAGE}PromptService/Ask"


def counts(clock: Clock | None = None) -> Counts:
    return Counts(clock or Clock(), lambda: NOW)


def health(name: str = "0-a") -> SystemHealth:
    replica = ReplicaHealth(name, Health.HEALTHY, False, NOW, 2, 30.0, 40)
    return SystemHealth(Health.HEALTHY, NOW, "1", "agent", True, 10.0, 20.0, 3, (), (), (replica,))


def metrics(*made: Counts) -> Metrics:
    found = [
        notes.note_of(
            one,
            health(f"{number}-a"),
            running_turns=1,
            subscriptions=2,
            prewarm_s=0.5 + number,
            degraded=False,
        )
        for number, one in enumerate(made)
    ]
    return notes.metrics_of(found, notes.totals(made[0]), degraded=False)


def test_averages_and_rates_are_of_the_window() -> None:
    clock = Clock()
    made = counts(clock)
    for seconds in (0.1, 0.3):
        made.call_ended(EndedCall(ASK, "OK", seconds))
    clock.at += 20
    found = metrics(made)
    assert found.avg_latency_s == pytest.approx(0.2)
    assert found.requests_per_second == pytest.approx(0.1)
    assert found.latency_p95_s == pytest.approx(0.1, rel=0.02)
    clock.at += 60
    found = metrics(made)
    assert (found.avg_latency_s, found.latency_p95_s, found.requests_per_second) == (0, None, 0)
    assert found.total_requests == 2


@pytest.mark.parametrize(
    "method", ["InsightService/SubscribeInsights", "MetricsService/SubscribeMetrics"]
)
def test_how_long_a_subscription_lasted_is_no_latency(method: str) -> None:
    made = counts()
    made.call_ended(EndedCall(PACKAGE + method, "OK", 1000.0))
    found = metrics(made)
    assert (found.total_requests, found.avg_latency_s, found.latency_p95_s) == (1, 0.0, None)


@pytest.mark.parametrize(
    "method", ["/grpc.health.v1.Health/Check", "/grpc.reflection.v1alpha.ServerReflection/X"]
)
def test_probes_are_no_requests(method: str) -> None:
    made = counts()
    made.call_ended(EndedCall(method, "OK", 0.1))
    assert metrics(made).total_requests == 0
    assert not made.rows.of("").requests


def test_only_the_services_own_faults_are_in_the_error_rate() -> None:
    made = counts()
    for reason in (Reason.INTERNAL, Reason.RATE_LIMITED, Reason.LIMIT_EXCEEDED, ""):
        made.call_ended(EndedCall(ASK, "X", 0.1, reason=reason))
    assert metrics(made).error_rate == 0.25
    assert [one.severity for one in made.rows.of("").errors] == [
        Severity.CRITICAL,
        Severity.MEDIUM,
        Severity.LOW,
    ]


def test_every_reason_has_a_severity_and_faults_are_never_low() -> None:
    for reason in Reason:
        assert severity_of(reason) in Severity
        assert not (is_fault(reason) and severity_of(reason) < Severity.HIGH)


def test_tokens_cost_and_errors_of_models_are_counted_however_a_call_ended() -> None:
    made = counts()
    used = ModelUsage("openai:a", "provider", input_tokens=100, output_tokens=20, cost=0.5)
    made.model_ended(EndedModelCall("openai:a", 2.0, 0.4, used))
    made.model_ended(EndedModelCall("openai:a", 4.0, None, None, "server", "it broke"))
    unknown = ModelUsage("openai:b", "provider")
    made.model_ended(EndedModelCall("openai:b", 1.0, 0.1, unknown))
    found = metrics(made)
    assert (found.total_tokens, found.total_cost) == (120, 0.5)
    note = notes.note_of(
        made, health(), running_turns=0, subscriptions=0, prewarm_s=None, degraded=False
    )
    one, two = notes.models_of([note], notes.totals(made))
    assert (one.model, one.request_count, one.error_count) == ("openai:a", 2, 1)
    assert (one.avg_latency_s, one.total_tokens, one.total_cost) == (3.0, 120, 0.5)
    assert one.first_token_p95_s == pytest.approx(0.4, rel=0.02)
    assert (two.model, two.total_tokens, two.total_cost) == ("openai:b", 0, 0.0)


def test_a_model_that_was_passed_over_is_an_error_of_the_turns_tenant() -> None:
    made = counts()
    token = SCOPE.set(Scope("acme", "ann", "t1"))
    made.model_ended(EndedModelCall("openai:a", 1.0, None, None, "server", "it broke"), "r1")
    SCOPE.reset(token)
    (error,) = made.rows.of("acme").errors
    assert (error.model, error.reason, error.request_id) == ("openai:a", "MODEL_UNAVAILABLE", "r1")
    assert error.message == "openai:a: it broke"
    made.model_ended(EndedModelCall("openai:a", 1.0, None, None, "server"))
    assert len(made.rows.of("acme").errors) == 1  # nobody's: not shown to anybody


def test_a_request_says_what_its_turn_used() -> None:
    made = counts()
    used = ModelUsage("openai:a", "provider", input_tokens=7, output_tokens=None, cost=None)
    made.turn_ended(EndedTurn("t1", TurnState.COMPLETED, 1.0, 0.2, "openai:a", (used,)))
    made.call_ended(EndedCall(ASK, "OK", 1.1, turn_id="t1", began=True))
    made.call_ended(EndedCall(ASK, "OK", 1.1, turn_id="elsewhere", began=True))
    made.call_ended(EndedCall(f"{PACKAGE}PromptService/WatchTurn", "OK", 1.1, turn_id="t1"))
    known, unknown, watched = made.rows.of("").requests
    assert (known.model, known.tokens, known.cost) == ("openai:a", 7, None)
    assert (unknown.model, unknown.tokens, unknown.cost) == ("", None, None)
    assert (watched.turn_id, watched.model, watched.tokens) == ("t1", "", None)


def test_streams_pieces_and_memory_are_shares_and_rates() -> None:
    clock = Clock()
    made = counts(clock)
    for streamed in (True, True, True, False):
        made.turn_asked(streamed=streamed)
    made.delivered.pieces += 30
    made.tick(memory_hits=3, memory_reads=4)
    clock.at += 10
    found = metrics(made)
    assert (found.streaming_share, found.hot_memory_hit_rate) == (0.75, 0.75)
    assert found.tokens_per_second == 3.0
    made.tick(0, 0)
    assert metrics(made).tokens_per_second == 3.0
    clock.at += 60
    assert metrics(made).hot_memory_hit_rate is None


def test_replicas_add_up_and_the_slowest_decides() -> None:
    one, two = counts(), counts()
    one.call_ended(EndedCall(ASK, "OK", 0.1))
    two.call_ended(EndedCall(ASK, "INTERNAL", 0.5, reason="INTERNAL"))
    found = metrics(one, two)
    assert (found.replicas, found.active_connections, found.running_turns) == (2, 4, 2)
    assert found.active_subscriptions == 4
    assert found.avg_latency_s == pytest.approx(0.3)
    assert (found.error_rate, found.prewarm_s) == (0.5, 1.5)
    assert found.requests_per_second == 2.0


def test_nobody_pushes_out_another_tenants_rows_and_none_grow_without_bound() -> None:
    made = counts()
    made.call_ended(EndedCall(ASK, "OK", 0.1, tenant="quiet"))
    for number in range(300):
        made.call_ended(EndedCall(ASK, "X", 0.1, str(number), tenant="loud", reason="INTERNAL"))
    loud = made.rows.of("loud")
    assert (len(loud.requests), len(loud.errors)) == (100, 50)
    assert (loud.made_requests, loud.made_errors) == (300, 300)
    assert loud.requests[-1].request_id == "299"
    assert len(made.rows.of("quiet").requests) == 1
    for number in range(TENANTS + 10):
        made.call_ended(EndedCall(ASK, "OK", 0.1, tenant=f"t{number}"))
    assert len(list(made.rows)) == TENANTS
    for number in range(MODELS + 10):
        made.model_ended(EndedModelCall(f"m{number}", 1.0, None, None))
    assert len(made.models) == MODELS


def test_a_note_comes_back_as_it_was_and_a_foreign_one_is_nothing() -> None:
    made = counts()
    made.call_ended(EndedCall(ASK, "OK", 0.1))
    made.turn_spoke(0.05)
    made.model_ended(EndedModelCall("openai:a", 1.0, 0.2, None))
    note = notes.note_of(
        made, health(), running_turns=4, subscriptions=5, prewarm_s=0.5, degraded=True
    )
    assert notes.load(notes.dump(note)) == note
    for broken in (b"", b"[]", b"{}", b"\xff", b'{"name": 1}'):
        assert notes.load(broken) is None
