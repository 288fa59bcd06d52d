"""The OpenAPI document is valid, whole, and true: what the gateway answers is what it says."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import validate

from gateway.descriptors import methods
from gateway.launch import OPENAPI, prepare
from gateway.openapi import EVENT
from gateway.places import in_a_container

pytestmark = pytest.mark.redis
DOCUMENT: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))


def closed() -> dict[str, Any]:
    """The document, its messages without room for fields that it does not name."""
    made = deepcopy(DOCUMENT)
    for schema in made["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return made


CLOSED = closed()
ERROR = {"$ref": "#/components/schemas/Error"}


def valid(answer: object, schema: dict[str, Any]) -> None:
    """Raises ValidationError."""
    root = {**CLOSED, "$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(root, format_checker=checker).validate(answer)


def answers(verb: str, path: str) -> dict[str, Any]:
    """Media types of an operation's answer."""
    return DOCUMENT["paths"][path][verb.lower()]["responses"]["200"]["content"]


def whole(verb: str, path: str) -> dict[str, Any]:
    """The schema of an answer that comes at once."""
    return answers(verb, path)["application/json"]["schema"]


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_request_that_the_contract_names_is_in_it_and_no_other() -> None:
    named = {(binding.path, binding.verb.lower()) for one in methods() for binding in one.bindings}
    described = {(path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs}
    assert described == named


def test_everything_in_it_is_explained() -> None:
    for path, verbs in DOCUMENT["paths"].items():
        for verb, operation in verbs.items():
            assert operation["summary"], (verb, path)
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], (verb, path, parameter["name"])
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema.get("description"), name


READABLE = sorted(
    path
    for path, verbs in DOCUMENT["paths"].items()
    if path.startswith("/v1/")
    and "{" not in path
    and "application/json"
    in verbs.get("get", {"responses": {"200": {"content": {}}}})["responses"]["200"]["content"]
)


ASKED = {
    "/v1/coverage": {
        "time_range.start_time": "2026-11-20T00:00:00Z",
        "time_range.end_time": "2026-11-21T00:00:00Z",
    }
}
"""What a path needs beside single required fields, for which any text does."""


@pytest.mark.parametrize("path", READABLE)
async def test_what_can_be_read_is_as_described(http: httpx.AsyncClient, path: str) -> None:
    required = {
        one["name"]: "x"
        for one in DOCUMENT["paths"][path]["get"].get("parameters", ())
        if one.get("required")
    }
    answered = await http.get(path, params={**required, **ASKED.get(path, {})})
    if answered.status_code == 501:  # not built yet
        valid(answered.json(), ERROR)
    else:
        assert answered.status_code == 200, answered.text
        valid(answered.json(), whole("get", path))


async def test_a_question_its_conversation_and_its_history_are_as_described(
    http: httpx.AsyncClient,
) -> None:
    body = {"query": "what happened?", "conversation_id": "described"}
    answered = await http.post("/v1/answer", json=body)
    valid(answered.json(), whole("post", "/v1/answer"))
    read = await http.get("/v1/conversations/described")
    valid(read.json(), whole("get", "/v1/conversations/{conversation_id}"))
    listed = await http.get("/v1/conversations/described/messages")
    assert len(listed.json()["messages"]) == 2
    valid(listed.json(), whole("get", "/v1/conversations/{conversation_id}/messages"))
    found = await http.get("/v1/messages:search", params={"query": "happened"})
    assert found.json()["matches"]
    valid(found.json(), whole("get", "/v1/messages:search"))


async def test_each_event_of_a_stream_is_as_described(http: httpx.AsyncClient) -> None:
    body = {"query": "what happened?", "detail": "DETAIL_REASONING"}
    streamed = await http.post("/v1/ask", json=body)
    media = answers("post", "/v1/ask")
    assert streamed.headers["content-type"] in media
    events = [json.loads(one.removeprefix("data: ")) for one in streamed.text.split("\n\n") if one]
    assert len(events) > 3
    for event in events:
        valid(event, media["text/event-stream"][EVENT])
    with pytest.raises(ValidationError):
        valid({**events[0], "heartbeat": {"last_sequence": "1"}}, media["text/event-stream"][EVENT])


async def test_events_that_were_sent_are_read_as_described(http: httpx.AsyncClient) -> None:
    event = {
        "event_id": "e-1",
        "start_time": "2018-03-15T14:00:00.123456Z",
        "end_time": "2018-03-15T14:00:05Z",
        "site": "described",
        "camera_id": "cam-1",
        "zones": ["gate"],
        "event_type": "person_detected",
        "label": "person",
        "confidence": 0.5,
        "participants": 2,
        "attributes": {"colour": "red"},
    }
    valid(event, {"$ref": "#/components/schemas/Event"})
    path = "/v1/events:batchIngest"
    sent = await http.post(path, json={"events": {"events": [event]}})
    assert sent.status_code == 200, sent.text
    valid(sent.json(), whole("post", path))
    read = await http.get("/v1/events/e-1")
    valid(read.json(), whole("get", "/v1/events/{event_id}"))
    chosen = {"filter.cameras": "cam-1", "page_size": "3"}
    assert chosen.keys() <= {
        one["name"] for one in DOCUMENT["paths"]["/v1/events"]["get"]["parameters"]
    }
    listed = await http.get("/v1/events", params=chosen)
    assert listed.status_code == 200, listed.text
    valid(listed.json(), whole("get", "/v1/events"))


async def test_refusals_are_as_described(http: httpx.AsyncClient) -> None:
    for answered in (
        await http.post("/v1/answer", json={"query": ""}),
        await http.post("/v1/answer", content="{"),
        await http.get("/v1/events/none"),
        await http.get("/v1/nothing"),
    ):
        assert answered.status_code >= 400
        valid(answered.json(), ERROR)


def test_the_gateway_hands_out_the_committed_document(tmp_path: Path) -> None:
    copied = tmp_path / "made"
    prepare(in_a_container(), copied)
    assert json.loads((copied / "openapi.json").read_text()) == DOCUMENT
