"""The predecessors' clients through a real Envoy: what they send works, and they can read what
comes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from jsonschema import FormatChecker

from enhanced_prompt import Client
from enhanced_prompt_service.config import Settings
from gateway.launch import Gateway
from tests.contract.servers import in_a_thread
from tests.gateway.conftest import gateway_to
from tests.gateway.older import ASK, ChatHook
from tests.gateway.seeds import PROACTIVE_INSIGHT, PROMPT_RESPONSE
from tests.support.agents import TalkativeAgent, said

BEGUN = "something wrong, "  # what the agent says first, and withdraws
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of one service, whose agent says what the question asks for."""
    settings = Settings(
        home=tmp_path_factory.mktemp("home"), port=0, metrics_port=None, drain_s=0, heartbeat_s=0.05
    )
    with (
        in_a_thread(settings, TalkativeAgent()) as address,
        gateway_to(tmp_path_factory.mktemp("compat"), [address]) as running,
    ):
        yield running


@pytest.fixture
async def older(edge: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{edge.address}", timeout=30) as client:
        yield client


async def test_a_page_that_opens_prewarms_and_streams_an_answer(older: httpx.AsyncClient) -> None:
    chat = ChatHook(older, "user-1757203200000")
    warm = await chat.mounted()
    assert warm["status"] == "ready"
    assert warm["initialized"] is True
    assert warm["agent_id"]
    assert (await chat.send("instant")).endswith(said("instant"))
    assert not chat.streaming
    assert not chat.failures
    assert {one["type"] for one in chat.events} == {"token", "complete"}
    assert chat.events[-1] == {"type": "complete"}


async def test_a_follow_up_goes_on_in_the_conversation_that_the_client_chose(
    older: httpx.AsyncClient,
) -> None:
    chat = ChatHook(older, "test-456")
    await chat.send("instant")
    await chat.send("instant 2")
    found = await older.get("/v1/conversations/test-456")
    assert found.json()["conversation"]["user_queries"] == 2


async def test_what_the_agent_does_is_shown_to_whoever_asks_for_it(
    older: httpx.AsyncClient,
) -> None:
    chat = ChatHook(older, "levels")
    await chat.send("instant", **{"x-stream-events": "L2"})
    first = {}
    for one in chat.events:
        first.setdefault(one["type"], one)
    assert list(first) == ["agent_start", "thinking", "tool_start", "tool_end", "token", "complete"]
    assert first["agent_start"] == {"type": "agent_start", "agent": "talker"}
    assert first["thinking"] == {"type": "thinking", "message": "what could that mean?"}
    tool = {"tool": "count_events"}
    assert first["tool_start"] == {"type": "tool_start", **tool, "input": '{"camera":"G421"}'}
    assert first["tool_end"] == {"type": "tool_end", **tool, "result": "3"}
    some = ChatHook(older, "levels")
    await some.send("instant", **{"x-stream-events": "token, tool_start"})
    assert {one["type"] for one in some.events} == {"tool_start", "token", "complete"}


async def test_text_that_was_withdrawn_is_said_to_be(older: httpx.AsyncClient) -> None:
    whole = await ChatHook(older, "withdrawn").send("instant")
    assert whole == f"{BEGUN}\n\n[What stands above is withdrawn; the answer begins again.]\n\n" + (
        said("instant")
    )


async def test_without_x_stream_the_answer_is_one_document(older: httpx.AsyncClient) -> None:
    body = {"question": "instant", "conversation_id": "test-123"}
    for headers in ({"x-stream": "false"}, {}):
        answered = await older.post(ASK, json=body, headers=headers)
        assert answered.status_code == 200
        assert answered.headers["content-type"] == "application/json"
        assert answered.json() == {"answer": said("instant"), "conversation_id": "test-123"}


async def test_a_new_conversation_is_named_in_the_document(older: httpx.AsyncClient) -> None:
    answered = await older.post(ASK, json={"query": "instant", "conversation_id": None})
    assert answered.json()["answer"] == said("instant")
    conversation = answered.json()["conversation_id"]
    assert (await older.get(f"/v1/conversations/{conversation}")).status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    "body",
    [
        {"question": "instant"},
        {"message": "instant", "conversation_id": "c"},
        {
            "model": "some-model",
            "stream": True,
            "messages": [
                {"role": "user", "content": "paced"},
                {"role": "assistant", "content": "yes"},
                {"role": "user", "content": "instant"},
            ],
            "temperature": 0.2,  # what nobody here knows is passed over
        },
    ],
)
async def test_the_second_version_streams_the_same_events(
    older: httpx.AsyncClient, slash: str, body: dict[str, Any]
) -> None:
    answered = await older.post(f"/api/v2/chat/completions{slash}", json=body)
    assert answered.headers["content-type"] == "text/event-stream"
    events = [json.loads(one[6:]) for one in answered.text.split("\n\n") if one[:6] == "data: "]
    text = "".join(one["content"] for one in events if one["type"] == "token")
    assert text.endswith(said("instant"))
    assert events[-1] == {"type": "complete"}


async def test_tokens_come_as_they_are_said_and_silence_is_a_comment(
    older: httpx.AsyncClient,
) -> None:
    body = {"question": "paced 2"}
    headers = {"x-stream": "true", "x-stream-events": "tool_start"}
    async with older.stream("POST", ASK, json=body, headers=headers) as answered:
        assert answered.headers["content-type"] == "text/event-stream"
        pieces = [one async for one in answered.aiter_text()]
    lines = [one for one in "".join(pieces).split("\n") if one]
    comments = [one for one in lines if one.startswith(":")]
    assert comments
    assert [json.loads(one[6:])["type"] for one in lines if not one.startswith(":")] == [
        "tool_start",
        "complete",
    ]
    chat = await older.post(ASK, json={"question": "paced"}, headers={"x-stream": "true"})
    assert chat.status_code == 200
    async with older.stream(
        "POST", ASK, json={"question": "paced"}, headers={"x-stream": "true"}
    ) as streamed:
        assert len([one async for one in streamed.aiter_raw()]) > 10


async def test_what_fails_in_mid_stream_is_an_event(older: httpx.AsyncClient) -> None:
    chat = ChatHook(older, "fails")
    await chat.send("flaky")
    assert chat.failures == ["the model is away"]
    assert chat.events[-1]["type"] == "error"
    assert not chat.streaming


async def test_what_fails_before_anything_was_said_is_a_status(older: httpx.AsyncClient) -> None:
    failed = await older.post(ASK, json={"question": "flaky"}, headers={"x-stream": "false"})
    assert failed.status_code == 503
    assert failed.json()["message"] == "the model is away"


async def test_who_leaves_stops_the_turn_and_can_ask_again(older: httpx.AsyncClient) -> None:
    body = {"question": "paced 90", "conversation_id": "leaves"}
    async with older.stream("POST", ASK, json=body, headers={"x-stream": "true"}) as answered:
        pieces = answered.aiter_raw()  # kept: dropping it would be leaving
        await anext(pieces)
        busy = await older.post(ASK, json=body)
        assert busy.status_code == 409
    while (asked := await older.post(ASK, json=body | {"question": "instant"})).status_code == 409:
        pass  # it is being stopped
    assert asked.json()["answer"] == said("instant")
    # What was said is kept.
    found = await older.get("/v1/conversations/leaves", params={"include_responses": "true"})
    responses = found.json()["responses"]
    assert responses[0]["response"].startswith("[paced 90] word00")
    assert responses[0]["response"] != said("paced 90")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (ASK, {}, "question"),
        (ASK, {"question": " ", "conversation_id": "c"}, "question"),
        (ASK, {"question": "x" * 8001}, "question"),
        (ASK, {"query": "x" * 8001}, "query"),
        (ASK, {"question": "x", "conversation_id": "no spaces"}, "conversation_id"),
        (ASK, {"question": 7}, "question"),
        (ASK, {"question": "x", "conversation_id": 5}, "conversation_id"),
        ("/api/v2/chat/completions/", {"messages": []}, "question"),
        (
            "/api/v2/chat/completions/",
            {"messages": [{"role": "user", "content": "x" * 8001}]},
            "messages",
        ),
    ],
)
@pytest.mark.parametrize("streamed", ["true", "false"])
async def test_an_invalid_body_is_a_400_whose_json_names_the_field(
    older: httpx.AsyncClient, path: str, body: dict[str, Any], field: str, streamed: str
) -> None:
    refused = await older.post(path, json=body, headers={"x-stream": streamed})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/json"
    told = refused.json()
    assert field in told["message"]
    for one in told.get("details", ()):
        if one["@type"].endswith("BadRequest"):
            assert [bad["field"] for bad in one["field_violations"]] == [field]


async def test_an_unknown_event_is_refused_by_the_name_of_its_header(
    older: httpx.AsyncClient,
) -> None:
    headers = {"x-stream": "true", "x-stream-events": "token,tea"}
    refused = await older.post(ASK, json={"question": "instant"}, headers=headers)
    assert refused.status_code == 400
    assert "x-stream-events" in refused.json()["message"]


async def test_a_stream_of_the_contract_is_refused_with_a_status_too(
    older: httpx.AsyncClient,
) -> None:
    refused = await older.post("/v1/ask", json={"query": ""})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("query")


@pytest.mark.parametrize(
    "path",
    ["/api/v1/chatbot/health", "/api/v2/chat/health", "/api/v2/chat/health/", "/health"],
)
async def test_health_is_told_under_each_of_its_paths(older: httpx.AsyncClient, path: str) -> None:
    answered = await older.get(path)
    assert answered.status_code == 200
    told = answered.json()
    assert (told["status"], told["agent_initialized"]) == ("healthy", True)
    assert told["agent_id"]
    assert datetime.fromisoformat(told["timestamp"]).tzinfo is not None
    assert told["stores"] == {"storage": "healthy", "bus": "healthy"}
    assert set(told["providers"].values()) == {"healthy"}


async def test_dashboards_get_bare_arrays_of_valid_payloads_newest_first(
    older: httpx.AsyncClient, edge: Gateway
) -> None:
    for number in range(2):
        question = f"instant 1 number {number}"
        await older.post(ASK, json={"question": question, "conversation_id": "board"})
    await older.post("/v1/insights", json=_an_insight())
    responses = (await older.get("/api/v1/dashboard/prompt-responses")).json()
    assert [one["query"] for one in responses[:2]] == ["instant 1 number 1", "instant 1 number 0"]
    assert responses[0]["response_type"] == "answer"
    assert responses[0]["evidence"][0]["event_id"] == "event-0"
    assert responses[0]["clip_links"] == []  # zeros are there too
    _valid(responses, PROMPT_RESPONSE)
    insights = (await older.get("/api/v1/dashboard/proactive-insights")).json()
    assert insights[0]["title"] == "Much going on"
    assert (insights[0]["insight_type"], insights[0]["severity"]) == ("activity_spike", "high")
    _valid(insights, PROACTIVE_INSIGHT)
    one = (await older.get("/api/v1/dashboard/prompt-responses", params={"limit": 1})).json()
    assert one == responses[:1]
    refused = await older.get("/api/v1/dashboard/prompt-responses", params={"limit": 1001})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("limit")


def _valid(found: list[Any], schema: dict[str, Any]) -> None:
    assert isinstance(found, list)
    assert found
    for one in found:
        jsonschema.validate(one, schema, format_checker=FormatChecker())


def _an_insight() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "insight_type": "INSIGHT_TYPE_ACTIVITY_SPIKE",
        "severity": "SEVERITY_HIGH",
        "title": "Much going on",
        "message": "Forty events where ten are usual.",
        "confidence_score": 0.9,
        "dedupe_key": "much",
        "window": {
            "start_time": (now - timedelta(hours=1)).isoformat(),
            "end_time": now.isoformat(),
        },
    }


async def test_live_numbers_come_each_second_in_the_dashboards_form(
    older: httpx.AsyncClient,
) -> None:
    await older.post(ASK, json={"question": "instant"})
    messages: list[dict[str, Any]] = []
    async with older.stream("GET", "/metrics/stream") as answered:
        assert answered.headers["content-type"] == "text/event-stream"
        async for line in answered.aiter_lines():
            if line.startswith("data: "):
                messages.append(json.loads(line[6:]))
            if sum(one["type"] == "metrics_update" for one in messages) == 3:
                break
    first, updates = messages[0], [one for one in messages if one["type"] == "metrics_update"]
    assert first is updates[0]
    assert set(first) == {"type", "timestamp", "sequence", "data"}
    assert [one["sequence"] for one in messages] == list(range(len(messages)))
    assert isinstance(first["timestamp"], int)
    for name in (
        "total_requests",
        "total_tokens",
        "total_cost",
        "avg_latency_ms",
        "error_rate",
        "streaming_percentage",
        "requests_per_second",
        "tokens_per_second",
        "active_connections",
    ):
        assert isinstance(first["data"][name], int | float)
    assert first["data"]["total_requests"] >= 1
    (health, *_) = (one["data"] for one in messages if one["type"] == "system_health")
    assert {"cpu_usage", "memory_usage", "queue_size"} <= set(health)
    (row, *_) = (one["data"] for one in messages if one["type"] == "request")
    assert row["method"].partition("/")[1] == "/"


def test_the_sixth_question_of_a_minute_is_a_429_that_says_when(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "home", port=0, metrics_port=None, drain_s=0, limits="on", limit_questions=5
    )
    with (
        in_a_thread(settings, TalkativeAgent()) as address,
        gateway_to(tmp_path / "edge", [address]) as running,
        httpx.Client(base_url=f"http://{running.address}", timeout=30) as client,
    ):
        for number in range(5):
            streamed = {"x-stream": "true" if number % 2 else "false"}
            assert client.post(ASK, json={"question": "instant"}, headers=streamed).is_success
        for streamed in ("true", "false"):
            refused = client.post(ASK, json={"question": "instant"}, headers={"x-stream": streamed})
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["retry-after"]) <= 120
            assert "5 questions a minute" in refused.json()["message"]
        assert client.get("/api/v1/chatbot/prewarm").is_success


def test_the_client_is_not_part_of_this(edge: Gateway) -> None:
    """The same conversations are there for clients of the contract."""
    with Client(edge.address) as client:
        assert client.answer("instant", conversation_id="both").response == said("instant")
