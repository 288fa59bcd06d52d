"""The contract through a real Envoy: REST, Server-Sent Events, grpc-web, and gRPC itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from enhanced_prompt import AsyncClient, ClientOptions, Retry
from enhanced_prompt.v1 import history_service_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb
from gateway.check import complaints
from gateway.descriptors import service_names
from gateway.envoy import configuration
from gateway.launch import Gateway, prepare, validate
from gateway.options import Endpoint, GatewayOptions
from tests.bench.models import TOKENS
from tests.gateway import web
from tests.gateway.conftest import ORIGIN
from tests.support.binaries import ROOT
from tests.workers.service import Workers, until

pytestmark = pytest.mark.redis
WHOLE = "".join(TOKENS)
QUESTION = {"query": "what happened?"}


def events(text: str) -> list[dict[str, Any]]:
    """The data of Server-Sent Events."""
    blocks = [one for one in text.split("\n\n") if one]
    assert all(one.startswith("data: ") for one in blocks)
    return [json.loads(one.removeprefix("data: ")) for one in blocks]


async def test_a_question_over_rest_is_answered_in_the_names_of_the_contract(
    http: httpx.AsyncClient,
) -> None:
    answered = await http.post("/v1/answer", json=QUESTION)
    assert answered.status_code == 200
    response = answered.json()["turn"]["completed"]["response"]
    assert response["response"] == WHOLE
    assert response["conversation_turn"] == 1
    assert response["follow_up_questions"] == []  # what is empty is there as well


CLOUD_EVENT = {
    "specversion": "1.0", "id": "7", "source": "nvr", "type": "com.acme.person_detected",
    "subject": "cam-1", "time": "2026-03-01T12:00:00Z", "data": {"label": "person"},
}  # fmt: skip


async def test_cloud_events_are_taken_in_each_of_their_modes(http: httpx.AsyncClient) -> None:
    one = json.dumps(CLOUD_EVENT)
    structured = {"content-type": "application/cloudevents+json"}
    batched = {"content-type": "application/cloudevents-batch+json"}
    binary = {f"ce-{key}": str(value) for key, value in CLOUD_EVENT.items() if key != "data"}
    binary["content-type"] = "application/json"
    path = "/v1/cloudevents?site=home"
    first = await http.post(path, content=one, headers=structured)
    again = await http.post(path, content=f"[{one}]", headers=batched)
    third = await http.post(path, content='{"label": "person"}', headers=binary)
    stored = await http.get("/v1/events/nvr%237")
    bad = await http.post(path, content=json.dumps({**CLOUD_EVENT, "time": 3}), headers=structured)
    counts = [(one.status_code, one.json()["created"]) for one in (first, again, third)]
    assert counts == [(200, "1"), (200, "0"), (200, "0")]
    assert third.json()["duplicates"] == "1"
    event = stored.json()["event"]
    assert (event["camera_id"], event["event_type"], event["site"]) == (
        "cam-1", "person_detected", "home",
    )  # fmt: skip
    assert bad.status_code == 400
    assert "start_time" in bad.text


async def test_a_question_is_streamed_as_server_sent_events(http: httpx.AsyncClient) -> None:
    async with http.stream("POST", "/v1/ask", json=QUESTION) as answered:
        assert answered.headers["content-type"] == "text/event-stream"
        assert answered.headers["x-replica"]
        pieces = [piece async for piece in answered.aiter_text()]
    frames = [one["turn"] for one in events("".join(pieces)) if "turn" in one]
    assert "".join(one["text_delta"]["text"] for one in frames if "text_delta" in one) == WHOLE
    assert frames[-1]["completed"]["response"]["response"] == WHOLE
    assert len(pieces) > 10  # as they came, not all at once


async def test_a_turn_is_watched_over_rest_after_its_stream_was_left(
    http: httpx.AsyncClient,
) -> None:
    async with http.stream("POST", "/v1/ask", json=QUESTION) as answered:
        first = events(await anext(answered.aiter_text()))[0]["turn"]
    path = f"/v1/turns/{first['turn_id']}:watch"
    again = await http.get(path, params={"attempt": 1, "after_sequence": first["sequence"]})
    frames = [one["turn"] for one in events(again.text) if "turn" in one]
    assert frames[0]["previous_sequence"] == first["sequence"]
    assert frames[-1]["completed"]["response"]["response"] == WHOLE


async def test_bad_input_is_a_400_that_names_the_field(http: httpx.AsyncClient) -> None:
    refused = await http.post("/v1/answer", json={"query": ""})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/json"
    bad = [one for one in refused.json()["details"] if one["@type"].endswith("BadRequest")]
    assert bad[0]["field_violations"][0]["field"] == "query"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/answer", '{"query": ', 400),
        ("POST", "/v1/answer", '{"query": "x", "time_zone": 3}', 400),
        ("GET", "/v1/cameras?nonsense=1", "", 400),
        ("GET", "/v1/events/none", "", 404),
        ("DELETE", "/v1/answer", "", 404),
        ("GET", "/v1/nothing", "", 404),
        ("GET", "/nothing", "", 404),
        ("GET", "/v1/..%2fadmin", "", 400),
    ],
)
async def test_what_is_refused_is_refused_with_a_status_and_json(
    http: httpx.AsyncClient, method: str, path: str, body: str, status: int
) -> None:
    headers = {"content-type": "application/json"}
    refused = await http.request(method, path, content=body, headers=headers)
    assert refused.status_code == status
    said = refused.json()
    assert said["message"] or said["reason"]
    assert "Traceback" not in refused.text


async def test_grpc_web_streams_a_turn(http: httpx.AsyncClient) -> None:
    request = pb.AskRequest(query="what happened?")
    said = [one async for one in web.call(http, "PromptService/Ask", request, pb.AskResponse)]
    assert said[-1]["grpc-status"] == "0"
    assert "".join(one.turn.text_delta.text for one in said[:-1]) == WHOLE


async def test_grpc_web_says_why_a_call_failed(http: httpx.AsyncClient) -> None:
    request = history_service_pb2.GetConversationRequest(conversation_id="none")
    answer = history_service_pb2.GetConversationResponse
    said = [one async for one in web.call(http, "HistoryService/GetConversation", request, answer)]
    assert said[-1]["grpc-status"] == "5"
    assert said[-1]["grpc-status-details-bin"]


async def test_our_own_client_goes_through(gateway: Gateway) -> None:
    async with AsyncClient(gateway.address) as client, client.ask("what happened?") as turn:
        assert (await turn.result()).response == WHOLE


async def test_health_is_answered_by_a_worker(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answered = await stub.Check(health_pb2.HealthCheckRequest())
    assert answered.status == health_pb2.HealthCheckResponse.SERVING


async def test_requests_go_to_both_workers(http: httpx.AsyncClient, service: Workers) -> None:
    seen: set[str] = set()
    for _ in range(40):
        async with http.stream("POST", "/v1/ask", json=QUESTION) as answered:
            seen.add(answered.headers["x-replica"])
    assert seen == {one["replica"] for one in service.record["workers"]}


async def test_only_origins_that_were_named_may_call(http: httpx.AsyncClient) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-stream"}
    ours = await http.options("/v1/ask", headers=asked | {"origin": ORIGIN})
    assert ours.headers["access-control-allow-origin"] == ORIGIN
    theirs = await http.options("/v1/ask", headers=asked | {"origin": "https://else.example"})
    assert "access-control-allow-origin" not in theirs.headers


async def test_answers_say_what_browsers_may_do_with_them(http: httpx.AsyncClient) -> None:
    answered = await http.get("/v1/cameras")
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["x-frame-options"] == "DENY"
    assert answered.headers["server"] == "enhanced-prompt-service"
    assert "x-envoy-upstream-service-time" not in answered.headers


async def test_a_callers_request_id_comes_back(http: httpx.AsyncClient) -> None:
    answered = await http.get("/v1/cameras", headers={"x-request-id": "mine-1"})
    assert answered.headers["x-request-id"] == "mine-1"


async def test_large_answers_are_compressed_and_streams_are_not(http: httpx.AsyncClient) -> None:
    large = await http.post("/v1/answer", json=QUESTION, headers={"accept-encoding": "gzip"})
    assert large.headers["content-encoding"] == "gzip"
    stream = await http.post("/v1/ask", json=QUESTION, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in stream.headers


async def test_the_log_of_requests_holds_no_questions(
    http: httpx.AsyncClient, gateway: Gateway
) -> None:
    await http.get("/v1/messages:search", params={"query": "secret-word"})
    written = (gateway.folder / "log").read_text
    await asyncio.to_thread(until, lambda: "SearchMessages" in written())
    assert "secret-word" not in written()


async def test_a_worker_that_is_killed_costs_nobody_an_answer(
    gateway: Gateway, service: Workers
) -> None:
    patient = ClientOptions(reattach=Retry(attempts=60, first=0.1, longest=2.0))
    async with (
        AsyncClient(gateway.address, options=patient) as client,
        client.ask("what happened?") as turn,
    ):
        frames = aiter(turn)
        await anext(frames)
        pids = [service.kill(0), service.kill(1)]
        assert (await turn.result()).response == WHOLE
    for index, pid in enumerate(pids):
        service.replaced(index, pid)


def options(**more: Any) -> GatewayOptions:
    fields: dict[str, Any] = {
        "listen": Endpoint("0.0.0.0", 8080),
        "upstreams": (Endpoint("server", 50051),),
    }
    return GatewayOptions(**fields | more)


def test_envoy_itself_accepts_every_variant() -> None:
    assert complaints() == []


def test_a_configuration_that_envoy_refuses_is_complained_about(tmp_path: Path) -> None:
    config = prepare(options(), tmp_path)
    config.write_text(config.read_text().replace("LEAST_REQUEST", "BEST_GUESS"))
    assert "BEST_GUESS" in (validate(config) or "")


def test_every_service_of_the_contract_is_transcoded() -> None:
    text = json.dumps(configuration(options()))
    written = {one.stem for one in (ROOT / "protos/enhanced_prompt/v1").glob("*_service.proto")}
    assert len(service_names()) == len(written) >= 8
    assert all(f'"{name}"' in text for name in service_names())


def test_streams_have_no_time_limit_but_one_for_silence_above_the_heartbeat() -> None:
    made = configuration(options())
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    hosts = manager["typed_config"]["route_config"]["virtual_hosts"]
    routes = [one["route"] for one in hosts[0]["routes"] if "route" in one]
    assert routes
    assert {one["timeout"] for one in routes} == {"0s"}
    assert all(float(one["idle_timeout"].rstrip("s")) > 15 for one in routes)
