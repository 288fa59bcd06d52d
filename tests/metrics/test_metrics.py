"""What Prometheus reads."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection

import pytest

from enhanced_prompt_service.domain.dependencies import Dependencies
from enhanced_prompt_service.domain.metrics import EndedCall, EndedTurn
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.metrics import Endpoint, Reading, Recorder


def recorder() -> Recorder:
    parts = Dependencies(lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: 0.0)
    parts.add("storage")
    parts.add("bus").note(False)
    return Recorder(replica="0-abc", version="1.2", dependencies=parts)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint(recorder().registry, "127.0.0.1", 0, 0)
    made.start()
    yield made
    made.stop()


def get(port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_counts_and_readings_come_out_under_their_names() -> None:
    counted = recorder()
    counted.call_ended(EndedCall("/a.B/C", "OK", 0.2))
    counted.turn_ended(EndedTurn("t", TurnState.COMPLETED, 0.5, 0.01))
    counted.turn_ended(EndedTurn("u", TurnState.FAILED, 0.5, None))
    counted.show(Reading("eps_turns_running", "Now.", lambda: 7))
    counted.show(Reading("eps_hot_memory_hits", "So far.", lambda: 5, counts=True))
    sample = counted.registry.get_sample_value
    call = {"method": "/a.B/C"}
    assert sample("eps_rpc_handled_total", call | {"code": "OK"}) == 1
    assert sample("eps_rpc_duration_seconds_sum", call) == 0.2
    states = {
        one: sample("eps_turns_ended_total", {"state": one}) for one in TurnState if one.ended
    }
    assert states == {"completed": 1, "failed": 1, "cancelled": 0}
    assert sample("eps_turn_first_text_seconds_count") == 1
    assert sample("eps_turns_running") == 7
    assert sample("eps_hot_memory_hits_total") == 5
    assert sample("eps_replica_info", {"name": "0-abc", "version": "1.2"}) == 1
    assert sample("eps_dependency_up", {"name": "storage"}) == 1
    assert sample("eps_dependency_up", {"name": "bus"}) == 0
    assert sample("eps_degraded_seconds_total", {"name": "bus"}) == 0


def test_metrics_are_served_and_nothing_else(endpoint: Endpoint) -> None:
    status, text = get(endpoint.port)
    assert status == 200
    assert 'eps_dependency_up{name="bus"} 0.0' in text
    assert get(endpoint.port, "/")[0] == 404
    assert get(endpoint.port, method="POST")[0] == 501


def test_a_taken_port_moves_to_the_next_free_one(endpoint: Endpoint) -> None:
    other = Endpoint(recorder().registry, "127.0.0.1", endpoint.port, 20)
    other.start()
    try:
        assert endpoint.port < other.port <= endpoint.port + 20
        assert get(other.port)[0] == 200
    finally:
        other.stop()
    with pytest.raises(OSError, match="in use"):
        Endpoint(recorder().registry, "127.0.0.1", endpoint.port, 0).start()


def test_a_client_that_says_nothing_holds_up_nobody(endpoint: Endpoint) -> None:
    with socket.create_connection(("127.0.0.1", endpoint.port)):
        assert get(endpoint.port)[0] == 200
