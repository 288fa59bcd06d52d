"""What a notifier hears: the seeds' two forms of message, made small enough to be looked at.

The key and the revision stand in `metadata` beside what the seeds have there.
"""

from __future__ import annotations

from typing import Any

from ..domain.insights import Severity
from ..schemas import SERVICE_NAME, ProactiveInsightPayload, PromptResponsePayload

SUMMARY = 200
"""Characters of an answer before "..."."""
_URGENT = (Severity.HIGH.word, Severity.CRITICAL.word)


def insight_notification(
    payload: ProactiveInsightPayload, notification_id: str, key: str
) -> dict[str, Any]:
    """A message of the type `proactive_insight`."""
    return {
        "type": "proactive_insight",
        "timestamp": _instant(payload),
        "data": {
            "insight_id": payload.insight_id,
            "insight_type": payload.insight_type,
            "severity": payload.severity,
            "title": payload.title,
            "message": payload.message,
            "confidence_score": payload.confidence_score,
            "affected_cameras": payload.affected_cameras,
            "priority_level": payload.priority_level,
            "suggested_actions": payload.suggested_actions,
        },
        "metadata": {
            "source": SERVICE_NAME,
            "notification_id": notification_id,
            "requires_acknowledgment": requires_acknowledgment(payload),
            "idempotency_key": key,
        },
    }


def response_notification(
    payload: PromptResponsePayload, notification_id: str, key: str
) -> dict[str, Any]:
    """A message of the type `prompt_response`."""
    return {
        "type": "prompt_response",
        "timestamp": _instant(payload),
        "data": {
            "conversation_id": payload.conversation_id,
            "user_id": payload.user_id,
            "response_type": payload.response_type,
            "confidence_score": payload.confidence_score,
            "evidence_count": payload.evidence_count,
            "summary": summary(payload.response),
        },
        "metadata": {
            "source": SERVICE_NAME,
            "notification_id": notification_id,
            "idempotency_key": key,
        },
    }


def summary(response: str) -> str:
    """An answer, cut where it is longer than SUMMARY characters."""
    return response if len(response) <= SUMMARY else response[:SUMMARY] + "..."


def requires_acknowledgment(payload: ProactiveInsightPayload) -> bool:
    """Whether somebody has to take note: insights of high and critical severity."""
    return payload.severity in _URGENT


def worth_notifying(payload: PromptResponsePayload, min_confidence: float) -> bool:
    """Answers that are sure enough, and proactive ones always."""
    return (
        payload.confidence_score >= min_confidence or payload.response_type == "proactive_insight"
    )


def _instant(payload: ProactiveInsightPayload | PromptResponsePayload) -> str:
    return payload.timestamp.isoformat()
