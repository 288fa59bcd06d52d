"""What the domain knows, as downstream was promised it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
from hypothesis import given, settings
from jsonschema import FormatChecker

from enhanced_prompt_service import schemas
from enhanced_prompt_service.domain.answers import PromptResponse
from enhanced_prompt_service.domain.insights import (
    Insight,
    InsightDraft,
    InsightStatus,
    InsightType,
    Severity,
)
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.payloads import insight_payload, response_payload
from tests.gateway.seeds import PROACTIVE_INSIGHT, PROMPT_RESPONSE
from tests.rpc.strategies import evidence, responses

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def written(payload: Any, schema: dict[str, Any]) -> Any:
    """As it is sent, after a look at it with the promised schema."""
    sent = json.loads(payload.model_dump_json())
    jsonschema.validate(sent, schema, format_checker=FormatChecker())
    return sent


@settings(max_examples=50)
@given(responses.map(lambda one: replace(one, conversation_turn=one.conversation_turn + 1)))
def test_every_answer_is_a_valid_payload_and_nothing_is_lost(found: PromptResponse) -> None:
    payload = response_payload(found)
    sent = written(payload, PROMPT_RESPONSE)
    assert schemas.PromptResponsePayload.model_validate(sent) == payload
    assert payload.timestamp == found.timestamp
    assert payload.response == found.answer.response
    assert payload.evidence_count == len(payload.evidence) == len(found.answer.evidence)
    assert [one.value for one in payload.facts] == [one.value for one in found.answer.facts]
    assert [one.cost for one in payload.usage] == [one.cost for one in found.usage.calls]


@settings(max_examples=20)
@given(evidence)
def test_what_is_no_address_is_no_link(found: Any) -> None:
    real = replace(found, event_id="real", clip_url="https://clips.example/1.mp4")
    draft = InsightDraft(
        InsightType.SECURITY_ANOMALY,
        Severity.CRITICAL,
        "title",
        "message",
        Interval(NOW, NOW + timedelta(hours=1)),
        "key",
        priority=5,
        analysis_period="one hour",
        evidence=(replace(found, clip_url="http://["), real),
    )
    made = Insight("i", draft, InsightStatus.OPEN, 1, NOW, NOW)
    sent = written(insight_payload(made), PROACTIVE_INSIGHT)
    assert sent["clip_links"] == ["https://clips.example/1.mp4"]
    assert sent["severity"] == "critical"
    assert sent["insight_type"] == "security_anomaly"
    assert sent["timestamp"] == "2026-01-02T03:04:05.678901Z"
