"""The JSON schemas that downstream services were promised (draft 07), written down from their
specification, so that what the gateway gives is held to something that our own models did not make.
"""

from __future__ import annotations

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_SHARE: dict[str, Any] = {"type": "number", "minimum": 0.0, "maximum": 1.0}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_LINKS: dict[str, Any] = {"type": "array", "items": {"type": "string", "format": "uri"}}
_OBJECT: dict[str, Any] = {"type": "object"}
_DRAFT = "http://json-schema.org/draft-07/schema#"

EVIDENCE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "event_id": _TEXT,
        "timestamp": _TIME,
        "camera_id": _TEXT,
        "event_type": _TEXT,
        "confidence": _SHARE,
        "description": _TEXT,
    },
    "required": ["event_id", "timestamp", "camera_id", "event_type", "confidence", "description"],
}

PROMPT_RESPONSE: dict[str, Any] = {
    "$schema": _DRAFT,
    "type": "object",
    "properties": {
        "service_name": _TEXT,
        "timestamp": _TIME,
        "conversation_id": _TEXT,
        "user_id": _TEXT,
        "query": _TEXT,
        "response": _TEXT,
        "response_type": {
            "type": "string",
            "enum": ["answer", "clarification", "proactive_insight"],
        },
        "confidence_score": _SHARE,
        "evidence_count": _COUNT,
        "evidence": {"type": "array", "items": {"$ref": "#/definitions/Evidence"}},
        "clip_links": _LINKS,
        "follow_up_questions": _TEXTS,
        "conversation_turn": {"type": "integer", "minimum": 1},
        "processing_time_ms": _COUNT,
        "metadata": _OBJECT,
    },
    "required": [
        "conversation_id",
        "user_id",
        "query",
        "response",
        "response_type",
        "confidence_score",
        "evidence_count",
        "conversation_turn",
        "processing_time_ms",
    ],
    "definitions": {"Evidence": EVIDENCE},
}

PROACTIVE_INSIGHT: dict[str, Any] = {
    "$schema": _DRAFT,
    "type": "object",
    "properties": {
        "service_name": _TEXT,
        "timestamp": _TIME,
        "insight_id": _TEXT,
        "insight_type": {
            "type": "string",
            "enum": ["activity_spike", "camera_performance", "security_anomaly", "prediction"],
        },
        "severity": {"type": "string", "enum": ["low", "medium", "high", "critical"]},
        "title": _TEXT,
        "message": _TEXT,
        "confidence_score": _SHARE,
        "analysis_period": _TEXT,
        "affected_cameras": _TEXTS,
        "event_count": _COUNT,
        "suggested_actions": _TEXTS,
        "priority_level": {"type": "integer", "minimum": 1, "maximum": 5},
        "evidence": {"type": "array", "items": {"$ref": "#/definitions/Evidence"}},
        "clip_links": _LINKS,
        "related_insights": _TEXTS,
        "metadata": _OBJECT,
    },
    "required": [
        "insight_id",
        "insight_type",
        "severity",
        "title",
        "message",
        "confidence_score",
        "analysis_period",
        "event_count",
        "priority_level",
    ],
    "definitions": {"Evidence": EVIDENCE},
}
