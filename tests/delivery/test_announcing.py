"""What is sent is what the seeds' schemas promise, and what their own examples assert."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from jsonschema import FormatChecker

from enhanced_prompt_service.delivery import Announcements, bodies
from enhanced_prompt_service.domain.answers import ResponseType
from enhanced_prompt_service.domain.conversations import Conversation
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import Insight, InsightStatus, Seen, Severity, settled
from enhanced_prompt_service.domain.outbox import Entry, OutboxState, Outgoing
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.storage import Stores
from tests.gateway.seeds import PROACTIVE_INSIGHT, PROMPT_RESPONSE
from tests.storage.makers import ME, at, begin, response
from tests.storage.test_insights import draft

from .kit import EPOCH, destination

ARCHIVE = destination()
BELL = destination("bell", kind="notifier", url="ws://127.0.0.1:9")
HISTORY: dict[str, Any] = {
    "type": "object",
    "required": [
        *("conversation_id", "user_id", "conversation_created", "total_messages", "messages"),
        *("user_queries", "ai_responses", "average_confidence", "evidence_items_total"),
        "last_activity",
    ],
    "properties": {
        "conversation_created": {"type": "string", "format": "date-time"},
        "last_activity": {"type": "string", "format": "date-time"},
        "total_messages": {"type": "integer", "minimum": 0},
        "conversation_duration_minutes": {"type": "integer", "minimum": 0},
        "average_confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "conversation_topics": {"type": "array", "items": {"type": "string"}},
        "cameras_discussed": {"type": "array", "items": {"type": "string"}},
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["role", "content", "timestamp"],
                "properties": {
                    "role": {"enum": ["user", "assistant"]},
                    "content": {"type": "string"},
                    "timestamp": {"type": "string", "format": "date-time"},
                },
            },
        },
    },
}


def sent(message: Outgoing) -> dict[str, Any]:
    """The body of its request."""
    one = Entry(1, message, OutboxState.PENDING, 0, EPOCH, EPOCH)
    return json.loads(bodies.single(one, html=False))


def valid(document: object, schema: dict[str, Any]) -> None:
    jsonschema.validate(document, schema, format_checker=FormatChecker())


def insight(severity: Severity = Severity.HIGH, **fields: Any) -> Insight:
    content = settled(draft("a", severity=severity), repeated=False)
    return Insight(
        **{
            "insight_id": "insight_1",
            "content": content,
            "status": InsightStatus.OPEN,
            "revision": 1,
            "created_at": EPOCH,
            "updated_at": EPOCH,
            **fields,
        }
    )


async def answered(stores: Stores, text: str = "3 events.", **fields: Any):  # type: ignore[no-untyped-def]
    turn = await begin(stores, "t1")
    found = response(turn, text)
    return replace(found, answer=replace(found.answer, **fields))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestAnswers:
    async def test_an_answer_is_the_payload_with_the_ingest_fields(self, stores: Stores) -> None:
        found = await answered(stores)
        (message,) = Announcements([ARCHIVE]).turn_ended(ME, TurnState.COMPLETED, 2, found, EPOCH)
        body = sent(message)
        valid(body, PROMPT_RESPONSE)
        assert body["service_name"] == body["source_service"] == "enhanced_prompt_service"
        assert (body["data_type"], body["confidence_score"]) == ("prompt_response", 0.9)
        assert body["ingest_timestamp"] == EPOCH.isoformat()
        assert message.key == "prompt_response:t1:r2"

    @pytest.mark.parametrize(
        ("confidence", "kind", "state", "heard"),
        [
            (0.8, ResponseType.ANSWER, TurnState.COMPLETED, True),
            (0.79, ResponseType.ANSWER, TurnState.COMPLETED, False),
            (0.1, ResponseType.PROACTIVE_INSIGHT, TurnState.COMPLETED, True),
            (1.0, ResponseType.ANSWER, TurnState.CANCELLED, False),
        ],
    )
    async def test_a_notifier_hears_of_what_is_sure_or_proactive(
        self,
        confidence: float,
        kind: ResponseType,
        state: TurnState,
        heard: bool,
        stores: Stores,
    ) -> None:
        found = await answered(stores, confidence_score=confidence, response_type=kind)
        messages = Announcements([BELL]).turn_ended(ME, state, 1, found, EPOCH)
        assert bool(messages) is heard

    @pytest.mark.parametrize(("length", "shown"), [(200, 200), (201, 203), (500, 203)])
    async def test_a_notification_of_an_answer_has_the_seeds_form(
        self, length: int, shown: int, stores: Stores
    ) -> None:
        found = await answered(stores, "x" * length)
        (message,) = Announcements([BELL]).turn_ended(ME, TurnState.COMPLETED, 1, found, EPOCH)
        said = json.loads(message.payload)
        assert said["type"] == "prompt_response"
        assert set(said["data"]) == {
            *("conversation_id", "user_id", "response_type", "confidence_score"),
            *("evidence_count", "summary"),
        }
        assert len(said["data"]["summary"]) == shown
        assert said["data"]["summary"].endswith("...") is (length > 200)
        assert said["metadata"]["notification_id"] == "notif_talk_1" == message.notification_id
        assert not message.acknowledged

    async def test_what_the_schema_does_not_allow_is_refused_without_its_content(
        self, stores: Stores
    ) -> None:
        found = await answered(stores, "a secret", confidence_score=7.0)
        (message,) = Announcements([ARCHIVE]).turn_ended(ME, TurnState.COMPLETED, 1, found, EPOCH)
        assert (message.payload, "confidence_score" in message.refused) == ("", True)
        assert "secret" not in message.refused

    async def test_what_is_too_large_is_refused_and_not_kept(self, stores: Stores) -> None:
        found = await answered(stores, "é" * 2000)
        small = destination(max_bytes=2048, warn_bytes=1024)
        (message,) = Announcements([small]).turn_ended(ME, TurnState.COMPLETED, 1, found, EPOCH)
        assert message.payload == ""
        assert message.refused.startswith("too large")

    async def test_half_of_a_character_is_no_reason_to_lose_an_answer(self, stores: Stores) -> None:
        found = await answered(stores, "half \ud83d, whole \U0001f600")
        (message,) = Announcements([ARCHIVE]).turn_ended(ME, TurnState.COMPLETED, 1, found, EPOCH)
        assert not message.refused
        assert sent(message)["response"] == "half \ufffd, whole \U0001f600"

    async def test_a_history_is_the_payload(self, stores: Stores) -> None:
        found = await answered(stores)
        await stores.turns.finish(
            ME, turn_id="t1", attempt=1, state=TurnState.COMPLETED, now=at(1), response=found
        )
        talk: Conversation = await stores.conversations.get_conversation(ME, "talk")
        now = datetime.now(UTC)
        (message,) = Announcements([ARCHIVE, BELL]).conversation_rested(ME, talk, now)
        body = sent(message)
        valid(body, HISTORY)
        assert (body["total_messages"], body["user_queries"], body["ai_responses"]) == (2, 1, 1)
        assert body["average_confidence"] == 0.9
        assert body["cameras_discussed"] == ["G1"]
        assert body["data_type"] == "conversation_history"


def test_insights_are_the_payload_and_the_notification() -> None:
    to = [ARCHIVE, BELL]
    archived, told = Announcements(to).insight_said("default", insight(), None, EPOCH)
    valid(json.loads(archived.payload), PROACTIVE_INSIGHT)
    said = json.loads(told.payload)
    assert said["type"] == "proactive_insight"
    assert set(said["data"]) == {
        *("insight_id", "insight_type", "severity", "title", "message", "confidence_score"),
        *("affected_cameras", "priority_level", "suggested_actions"),
    }
    assert said["metadata"]["notification_id"] == "notif_insight_1"
    assert said["metadata"]["source"] == "enhanced_prompt_service"


@pytest.mark.parametrize("severity", list(Severity))
def test_high_and_critical_ask_for_an_acknowledgement(severity: Severity) -> None:
    (told,) = Announcements([BELL]).insight_said("default", insight(severity), None, EPOCH)
    urgent = severity in (Severity.HIGH, Severity.CRITICAL)
    assert told.acknowledged is urgent
    assert json.loads(told.payload)["metadata"]["requires_acknowledgment"] is urgent


def test_a_rise_has_a_key_and_a_name_of_its_own() -> None:
    before = Seen(Severity.LOW, 1, 1)
    worse = insight(revision=3)
    (told,) = Announcements([BELL]).insight_said("default", worse, before, EPOCH)
    assert told.key == "proactive_insight:insight_1:r3"
    assert told.notification_id == "notif_insight_1_r3"


def test_filters_choose_by_severity_type_and_tenant() -> None:
    def told(**fields: Any) -> int:
        to = destination(**fields)
        return len(Announcements([to]).insight_said("acme", insight(), None, EPOCH))

    assert told() == 1
    assert told(min_severity="critical") == 0
    assert told(insight_types=("prediction",)) == 0
    assert told(insight_types=("activity_spike",)) == 1
    assert told(tenants=("other",)) == 0
    assert told(tenants=("acme",)) == 1


def test_conversations_of_others_have_other_lanes() -> None:
    to = [destination(types=("conversation_deleted",))]
    (mine,) = Announcements(to).conversation_deleted(ME, "talk", 1, EPOCH)
    other = Caller("default", "somebody")
    (theirs,) = Announcements(to).conversation_deleted(other, "talk", 1, EPOCH)
    assert mine.lane != theirs.lane
    assert mine.key != theirs.key
