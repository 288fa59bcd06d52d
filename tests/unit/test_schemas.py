"""The downstream payloads: what receivers were promised."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from enhanced_prompt_service.schemas import (
    Evidence,
    HistoryRetrievalPayload,
    ProactiveInsightPayload,
    PromptResponsePayload,
)

LEAST_RESPONSE: dict[str, Any] = {
    "conversation_id": "c",
    "user_id": "u",
    "query": "what happened?",
    "response": "nothing",
    "response_type": "answer",
    "confidence_score": 0.5,
    "evidence_count": 0,
    "conversation_turn": 1,
    "processing_time_ms": 0,
}
LEAST_INSIGHT: dict[str, Any] = {
    "insight_id": "i",
    "insight_type": "activity_spike",
    "severity": "low",
    "title": "t",
    "message": "m",
    "confidence_score": 1,
    "analysis_period": "last hour",
    "event_count": 3,
    "priority_level": 5,
}
LEAST_HISTORY: dict[str, Any] = {
    "conversation_id": "c",
    "user_id": "u",
    "conversation_created": "2026-01-02T03:04:05Z",
    "total_messages": 0,
    "messages": [],
    "user_queries": 0,
    "ai_responses": 0,
    "average_confidence": 0,
    "evidence_items_total": 0,
    "last_activity": "2026-01-02T03:04:05Z",
}
LEAST: list[tuple[Any, dict[str, Any]]] = [
    (PromptResponsePayload, LEAST_RESPONSE),
    (ProactiveInsightPayload, LEAST_INSIGHT),
    (HistoryRetrievalPayload, LEAST_HISTORY),
]


@pytest.mark.parametrize(("model", "least"), LEAST)
def test_exactly_the_required_fields_are_required(model: Any, least: dict[str, Any]) -> None:
    assert set(model.model_json_schema()["required"]) == set(least)
    for name in least:
        with pytest.raises(ValidationError):
            model.model_validate({k: v for k, v in least.items() if k != name})


@pytest.mark.parametrize(("model", "least"), LEAST)
def test_its_own_json_schema_accepts_what_it_writes(model: Any, least: dict[str, Any]) -> None:
    written = model.model_validate(least).model_dump(mode="json")
    jsonschema.validate(written, model.model_json_schema(mode="serialization"))
    assert written["service_name"] == "enhanced_prompt_service"
    assert model.model_validate(written).model_dump(mode="json") == written


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("confidence_score", 1.01),
        ("confidence_score", float("nan")),
        ("evidence_count", -1),
        ("conversation_turn", 0),
        ("response_type", "guess"),
        ("clip_links", ["not an address"]),
    ],
)
def test_a_response_outside_of_its_limits_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(ValidationError):
        PromptResponsePayload.model_validate(LEAST_RESPONSE | {field: wrong})


def test_microseconds_and_large_integers_survive_json() -> None:
    payload = PromptResponsePayload.model_validate(
        LEAST_RESPONSE
        | {
            "timestamp": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
            "total_matches": 2**53,
            "confidence_score": 0.1 + 0.2,
            "clip_links": ["https://clips.example.com/a b.mp4"],
        }
    )
    assert PromptResponsePayload.model_validate_json(payload.model_dump_json()) == payload


def test_a_naive_time_is_read_as_utc() -> None:
    evidence = Evidence.model_validate(
        {
            "event_id": "e",
            "timestamp": "2026-01-02T03:04:05",
            "camera_id": "c",
            "event_type": "t",
            "confidence": 1,
            "description": "d",
        }
    )
    assert evidence.timestamp == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
