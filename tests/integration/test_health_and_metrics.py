"""GetSystemHealth and /metrics of the real application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from enhanced_prompt import AsyncClient, HealthStatus, SystemHealth
from enhanced_prompt.errors import EnhancedPromptError
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.errors import Unavailable
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.metrics.test_metrics import get


def components(found: SystemHealth) -> dict[str, int]:
    return {one.name: one.status for one in found.components}


async def numbers(app: App) -> dict[str, float]:
    """All samples that the endpoint shows, by name and labels as written."""
    assert app.metrics_port is not None
    status, text = await asyncio.to_thread(get, app.metrics_port)
    assert status == 200
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_a_service_that_has_all_it_needs_says_so(start: Start) -> None:
    async with start() as app, AsyncClient(app.address) as client:
        found = await client.get_system_health()
    assert found.status == pb.HEALTH_STATUS_HEALTHY
    assert components(found) == dict.fromkeys(("storage", "bus", "agent"), pb.HEALTH_STATUS_HEALTHY)
    assert found.agent_initialized
    assert found.agent_id
    assert found.version
    assert [one.model for one in found.providers] == ["grounded"]
    (replica,) = found.replicas
    assert (replica.name, replica.draining) == (app.replica, False)
    assert replica.active_connections == 1  # the one that asks
    assert replica.memory_bytes > 10 * 2**20
    assert 0 < found.memory_usage <= 100


async def test_a_database_that_is_away_is_said_and_found_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as app, AsyncClient(app.address) as client:
        backend: Any = app.stores.database._backend  # pyright: ignore[reportPrivateUsage]

        async def away(*_: Any) -> Any:
            raise OSError("secret address")

        with monkeypatch.context() as patch:
            patch.setattr(backend, "read", away)
            patch.setattr(backend, "write", away)
            with pytest.raises(Unavailable):
                await app.stores.database.ping()
            lost = await client.get_system_health()
            assert await client.health() is HealthStatus.SERVING
        back = await client.get_system_health()
    assert lost.status == pb.HEALTH_STATUS_UNHEALTHY
    assert components(lost)["storage"] == pb.HEALTH_STATUS_UNHEALTHY
    assert "secret" not in str(lost)
    assert back.status == pb.HEALTH_STATUS_HEALTHY
    assert back.components[0].degraded_duration.ToNanoseconds() > 0


async def test_calls_and_turns_are_counted_once_however_they_end(start: Start) -> None:
    agent = HeldAgent()
    agent.allow(6)
    async with start(agent, metrics_port=0) as app, AsyncClient(app.address) as client:
        for _ in range(3):
            await client.answer("one two", conversation_id="c")
        with pytest.raises(EnhancedPromptError):
            await client.get_conversation("never")
        found = await numbers(app)
    prompt, history = "/enhanced_prompt.v1.PromptService", "/enhanced_prompt.v1.HistoryService"
    assert found[f'eps_rpc_handled_total{{code="OK",method="{prompt}/Answer"}}'] == 3
    ended = f'eps_rpc_handled_total{{code="NOT_FOUND",method="{history}/GetConversation"}}'
    assert found[ended] == 1
    assert found[f'eps_rpc_duration_seconds_count{{method="{prompt}/Answer"}}'] == 3
    assert found['eps_turns_ended_total{state="completed"}'] == 3
    assert found["eps_turn_first_text_seconds_count"] == 3
    assert (found["eps_hot_memory_hits_total"], found["eps_hot_memory_misses_total"]) == (2, 0)
    assert (found["eps_turns_running"], found["eps_calls_open"]) == (0, 0)
    assert found["eps_turn_log_bytes"] > 0
    assert found['eps_dependency_up{name="storage"}'] == 1
    assert found['eps_degraded_seconds_total{name="bus"}'] == 0


async def test_without_a_port_there_are_no_metrics_and_the_service_serves(start: Start) -> None:
    async with start(metrics_port="off") as app, AsyncClient(app.address) as client:
        assert app.metrics_port is None
        assert (await client.get_system_health()).status == pb.HEALTH_STATUS_HEALTHY
