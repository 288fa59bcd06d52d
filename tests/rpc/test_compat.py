"""CompatService over TCP: what goes wrong under way, levels, health, and live numbers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt.v1 import compat_service_pb2 as pb
from enhanced_prompt.v1 import prompt_service_pb2
from enhanced_prompt_service.domain.conversations import ResponseFilter
from enhanced_prompt_service.domain.health import Health
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import Severity
from enhanced_prompt_service.domain.metrics import (
    ErrorRow,
    Looker,
    Message,
    Metrics,
    ModelMetrics,
    RequestRow,
    Selection,
    Snapshot,
    Told,
)
from enhanced_prompt_service.rpc.services import compat
from enhanced_prompt_service.turns import Turn

from . import kit
from .stack import NOW, Healthy, Stack, running

STREAM = (("x-stream", "true"),)
ALL = (*STREAM, ("x-stream-events", "L2"))


def ask(stack: Stack, question: str = "how many?", metadata: Any = STREAM, **fields: Any) -> Any:
    return stack.compat.AskStream(
        pb.AskStreamRequest(question=question, **fields), metadata=metadata
    )


async def read(call: Any) -> list[dict[str, Any]]:
    """The events of a stream that ends; comments are passed over."""
    found: list[dict[str, Any]] = []
    while (body := await call.read()) is not grpc.aio.EOF:
        assert body.content_type == "text/event-stream"
        found += events(body.data)
    return found


def events(data: bytes) -> list[dict[str, Any]]:
    text = data.decode()
    assert text.endswith("\n\n")
    blocks = [one for one in text.split("\n\n") if one]
    return [json.loads(one[6:]) for one in blocks if one.startswith("data: ")]


# ---- turns --------------------------------------------------------------------------------------


async def test_a_turn_is_the_same_as_that_of_ask(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        found = await read(ask(stack, conversation_id="c"))
        assert "".join(one["content"] for one in found[:-1]) == "two cars"
        assert found[-1] == {"type": "complete"}
        request = prompt_service_pb2.AskRequest(query="and now?", conversation_id="c")
        turns = [one.turn async for one in stack.prompts.Ask(request)]
        assert turns[-1].completed.response.conversation_turn == 2


async def test_text_that_no_utf8_can_spell_is_sent_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:

        async def play(turn: Turn) -> None:
            turn.writer.text("a\ud800b\u2028c\n\ndata: d")

        stack.agent.play = play
        found = await read(ask(stack))
        assert [one["type"] for one in found] == ["token", "complete"]
        assert found[0]["content"] == "a?b\u2028c\n\ndata: d"


async def test_an_error_that_nobody_foresaw_is_an_event_without_its_text(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:

        async def play(turn: Turn) -> None:
            turn.writer.text("so far")
            raise RuntimeError("secret")

        stack.agent.play = play
        call = ask(stack)
        found: list[dict[str, Any]] = []
        for _ in range(2):
            found += events((await call.read()).data)
        assert [one["type"] for one in found] == ["token", "error"]
        error = await kit.refused(call.read())
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in json.dumps(found) + str(error)


async def test_an_error_of_the_stream_itself_is_an_event_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as stack:

        async def play(turn: Turn) -> None:
            turn.writer.text("so far")
            await asyncio.Event().wait()

        stack.agent.play = play
        monkeypatch.setattr(
            "enhanced_prompt_service.rpc.services._compat_turn._token", _once_then_broken()
        )
        call = ask(stack)
        first = events((await call.read()).data)
        stack.agent.turns[0].writer.text("more")
        second = events((await call.read()).data)
        assert (first[0]["type"], second) == (
            "token",
            [{"type": "error", "message": "internal error"}],
        )
        error = await kit.refused(call.read())
        assert error.code() is grpc.StatusCode.INTERNAL


def _once_then_broken() -> Any:
    from enhanced_prompt_service.rpc.services._sse import event

    said: list[str] = []

    def token(text: str) -> bytes:
        if said:
            raise RuntimeError("broken")
        said.append(text)
        return event({"type": "token", "content": text})

    return token


async def test_a_turn_that_somebody_stops_ends_with_an_error_event(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:

        async def play(turn: Turn) -> None:
            turn.writer.text("so far")
            await asyncio.Event().wait()

        stack.agent.play = play
        call = ask(stack)
        await call.read()
        turn_id = stack.agent.turns[0].turn_id
        await stack.prompts.CancelTurn(prompt_service_pb2.CancelTurnRequest(turn_id=turn_id))
        assert events((await call.read()).data) == [
            {"type": "error", "message": "the answer was stopped"}
        ]
        assert await call.read() is grpc.aio.EOF


async def test_silence_is_a_comment(tmp_path: Path) -> None:
    async with running(tmp_path, heartbeat_s=0.01) as stack:
        go = asyncio.Event()

        async def play(turn: Turn) -> None:
            await go.wait()
            turn.writer.text("late")

        stack.agent.play = play
        call = ask(stack)
        body = await call.read()
        assert body.content_type == "text/event-stream"
        assert body.data.startswith(b": ")
        assert body.data.endswith(b"\n\n")
        go.set()
        assert (await read(call))[-1] == {"type": "complete"}


async def test_who_leaves_cancels_the_turn_and_the_part_is_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        began, stopped = asyncio.Event(), asyncio.Event()

        async def play(turn: Turn) -> None:
            turn.writer.text("so far")
            if len(stack.agent.turns) == 2:
                began.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        stack.agent.play = play
        call = ask(stack, conversation_id="left")
        await call.read()
        call.cancel()
        await stopped.wait()
        call = ask(stack, metadata=(), conversation_id="left-too")
        stopped.clear()
        waiting = asyncio.create_task(call.read())
        await began.wait()
        call.cancel()
        await stopped.wait()
        await asyncio.wait({waiting})
        chosen = ResponseFilter(conversation_id="left")
        while not (kept := await stack.stores.conversations.list_responses(Caller(), chosen)).items:
            pass  # it is being stored
        assert kept.items[0].answer.response == "so far"


@pytest.mark.parametrize("value", ["true", "TRUE", " True "])
async def test_the_header_is_read_as_people_write_it(tmp_path: Path, value: str) -> None:
    async with running(tmp_path) as stack:
        body = await ask(stack, metadata=(("x-stream", value),)).read()
        assert body.content_type == "text/event-stream"


@pytest.mark.parametrize("value", ["false", "", "1", "yes"])
async def test_anything_else_asks_for_a_document(tmp_path: Path, value: str) -> None:
    async with running(tmp_path) as stack:
        body = await ask(stack, metadata=(("x-stream", value),), conversation_id="c").read()
        assert body.content_type == "application/json"
        assert json.loads(body.data) == {"answer": "two cars", "conversation_id": "c"}


async def test_a_model_that_is_not_there_is_no_reason_to_refuse(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        for model in ("playing", "gpt-9"):
            request = pb.CreateChatCompletionRequest(query="how many?", model=model)
            found = await read(stack.compat.CreateChatCompletion(request))
            assert found[-1] == {"type": "complete"}
        assert [one.request.model for one in stack.agent.turns] == ["playing", ""]


async def test_a_refused_question_begins_no_turn(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(ask(stack, question="").read())
        assert kit.violations(error) == ["question"]
        metadata = (*STREAM, ("x-stream-events", "tea"))
        error = await kit.refused(ask(stack, metadata=metadata).read())
        assert kit.violations(error) == ["x-stream-events"]
        assert not stack.agent.turns


# ---- warmth and health --------------------------------------------------------------------------


async def test_prewarming_begins_at_once_and_is_ready_later(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        said: dict[str, Any] = {}
        while said.get("status") != "ready":
            body = await stack.compat.GetChatbotPrewarm(pb.GetChatbotPrewarmRequest())
            said = json.loads(body.data)
            assert said["status"] in ("initializing", "ready")
            assert said["initialized"] is (said["status"] == "ready")
        assert said == {"status": "ready", "agent_id": "agent-1", "initialized": True}


async def test_health_tells_states_and_no_secrets_and_is_looked_at_once_a_second(
    tmp_path: Path,
) -> None:
    healthy, clock = Healthy(), [0.0]
    async with running(tmp_path, live=healthy, monotonic=lambda: clock[0]) as stack:

        async def health() -> Any:
            return await stack.compat.GetChatbotHealth(pb.GetChatbotHealthRequest())

        bodies = await asyncio.gather(*(health() for _ in range(5)))
        assert healthy.looks == 1
        assert json.loads(bodies[0].data) == {
            "status": "healthy",
            "agent_initialized": True,
            "agent_id": "agent-1",
            "timestamp": "2026-01-02T03:04:05.678901+00:00",
            "providers": {"openai:gpt": "degraded"},
            "stores": {"storage": "healthy", "bus": "healthy"},
        }
        healthy.status = Health.UNHEALTHY
        clock[0] += 1.1
        assert json.loads((await health()).data)["status"] == "unhealthy"


# ---- dashboards ---------------------------------------------------------------------------------


async def test_an_array_that_would_be_too_large_ends_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "MOST_BYTES", 2000)
    async with running(tmp_path) as stack:
        for number in range(4):
            await read(ask(stack, question=f"number {number}?"))
            stack.clock.at += timedelta(seconds=1)
        request = pb.ListDashboardPromptResponsesRequest()
        body = await stack.compat.ListDashboardPromptResponses(request)
        assert body.content_type == "application/json"
        found = json.loads(body.data)
        assert 1 <= len(found) < 4
        assert found[0]["query"] == "number 3?"


async def test_what_nobody_asked_or_noticed_is_an_empty_array(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        responses = await stack.compat.ListDashboardPromptResponses(
            pb.ListDashboardPromptResponsesRequest()
        )
        insights = await stack.compat.ListDashboardProactiveInsights(
            pb.ListDashboardProactiveInsightsRequest()
        )
        assert (responses.data, insights.data) == (b"[]", b"[]")


# ---- live numbers -------------------------------------------------------------------------------

METRICS = Metrics(
    total_requests=2**40,
    total_tokens=1234,
    total_cost=0.5,
    avg_latency_s=0.25,
    error_rate=0.02,
    streaming_share=0.75,
    requests_per_second=1.5,
    tokens_per_second=30.0,
    active_connections=7,
    first_token_p50_s=None,
    first_token_p95_s=0.2,
    prewarm_s=1.0,
    hot_memory_hit_rate=None,
    degraded=False,
    running_turns=1,
    active_subscriptions=2,
    latency_p95_s=None,
    since=NOW,
    replicas=1,
)
MODEL = ModelMetrics("openai:gpt", 3, 0.5, 100, 0.01, 1)


def a_request(number: int) -> RequestRow:
    return RequestRow(
        time=NOW,
        request_id=f"r{number}",
        method="PromptService/Ask",
        model="grounded",
        seconds=0.1,
        code="OK",
        streamed=True,
        tenant="default",
        user="mia",
        tokens=5,
    )


FAILURE = ErrorRow(
    time=NOW,
    reason="RUNNER_LOST",
    message="lost",
    severity=Severity.CRITICAL,
    code="UNAVAILABLE",
    method="PromptService/Ask",
    model="",
    request_id="r1",
    incident_id="",
    tenant="default",
    user="mia",
)


class Live(Healthy):
    """Tells what the test put in; a pair is a message and how many were left out before it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: asyncio.Queue[tuple[Told, int]] = asyncio.Queue()
        self.left = asyncio.Event()
        self.sequence = 0

    @asynccontextmanager
    async def subscribe(self, looker: Looker, selection: Selection) -> AsyncGenerator[Live]:
        assert not selection.kinds
        try:
            yield self
        finally:
            self.left.set()

    async def take(self, timeout_s: float) -> Message | None:
        try:
            async with asyncio.timeout(timeout_s):
                told, missed = await self.told.get()
        except TimeoutError:
            return None
        self.sequence += 1 + missed
        return Message(self.sequence, NOW + timedelta(seconds=self.sequence), told)

    def nudge(self) -> None:
        """Nobody waits long here."""


async def test_a_snapshot_becomes_events_in_the_names_of_the_seed(tmp_path: Path) -> None:
    live = Live()
    async with running(tmp_path, live=live) as stack:
        health = replace(await live.system_health(), gpu=None)
        live.told.put_nowait(
            (Snapshot(METRICS, (MODEL,), (a_request(2), a_request(1)), (FAILURE,), health, NOW), 0)
        )
        live.told.put_nowait((METRICS, 3))
        call = stack.compat.StreamMetrics(pb.StreamMetricsRequest())
        found = [events((await call.read()).data)[0] for _ in range(7)]
        assert [(one["type"], one["sequence"]) for one in found] == [
            ("metrics_update", 0),
            ("model_metrics", 1),
            ("request", 2),
            ("request", 3),
            ("error", 4),
            ("system_health", 5),
            ("metrics_update", 9),  # three were left out
        ]
        assert all(set(one) == {"type", "timestamp", "sequence", "data"} for one in found)
        assert found[0]["timestamp"] == round(NOW.timestamp() * 1000) + 1000
        told = found[0]["data"]
        assert {name: told[name] for name in list(told)[:9]} == {
            "total_requests": 2**40,
            "total_tokens": 1234,
            "total_cost": 0.5,
            "avg_latency_ms": 250.0,
            "error_rate": 0.02,
            "streaming_percentage": 75.0,
            "requests_per_second": 1.5,
            "tokens_per_second": 30.0,
            "active_connections": 7,
        }
        assert "time_to_first_token_p50_ms" not in told  # unknown is not zero
        model = found[1]["data"]
        assert (model["model"], model["request_count"], model["avg_latency_ms"]) == (
            "openai:gpt",
            3,
            500.0,
        )
        assert (model["total_tokens"], model["total_cost"]) == (100, 0.01)
        rows = [one["data"] for one in found[2:4]]
        assert [one["request_id"] for one in rows] == ["r1", "r2"]  # the newest last
        assert rows[0]["user_id"] == ""  # whose it was is for auditors
        failed = found[4]["data"]
        assert (failed["error_type"], failed["error_message"], failed["severity"]) == (
            "RUNNER_LOST",
            "lost",
            "critical",
        )
        system = found[5]["data"]
        assert (system["cpu_usage"], system["memory_usage"], system["queue_size"]) == (1.0, 2.0, 0)
        assert "gpu_usage" not in system
        assert system["status"] == "healthy"
        call.cancel()
        await live.left.wait()


async def test_a_stream_without_news_is_kept_alive_by_comments(tmp_path: Path) -> None:
    async with running(tmp_path, live=Live(), heartbeat_s=0.01) as stack:
        call = stack.compat.StreamMetrics(pb.StreamMetricsRequest())
        assert (await call.read()).data.startswith(b": ")
        call.cancel()
