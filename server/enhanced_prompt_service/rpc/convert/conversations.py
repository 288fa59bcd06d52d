"""Conversations with their analytics."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from enhanced_prompt.v1 import history_service_pb2

from ...domain.conversations import Conversation, ConversationSummary, Message, Role
from .answers import struct
from .times import timestamp

MOST_MESSAGES = 1000
SERVICE_NAME = "enhanced_prompt_service"

_ROLES = {
    Role.USER: history_service_pb2.MESSAGE_ROLE_USER,
    Role.ASSISTANT: history_service_pb2.MESSAGE_ROLE_ASSISTANT,
}


def conversation_message(
    found: Conversation, now: datetime, *, running_turn_id: str = ""
) -> history_service_pb2.Conversation:
    """The whole conversation; `now` is when this message is made, real time.

    Counts are over all messages, whatever the page of them that is sent.
    """
    summary, messages, responses = found.summary, found.messages, found.responses
    answers = [one.answer for one in responses]
    ids = {one.turn_id: one.message_id for one in responses}
    queries = sum(1 for one in messages if one.role is Role.USER)
    confidence = sum(one.confidence_score for one in answers) / len(answers) if answers else 0.0
    minutes = 0
    if messages:
        minutes = int((messages[-1].timestamp - messages[0].timestamp).total_seconds() // 60)
    return history_service_pb2.Conversation(
        service_name=SERVICE_NAME,
        timestamp=timestamp(now),
        conversation_id=summary.conversation_id,
        user_id=summary.user,
        conversation_created=timestamp(summary.created_at),
        total_messages=len(messages),
        conversation_duration_minutes=max(0, minutes),
        messages=[_message(one, ids) for one in messages[-MOST_MESSAGES:]],
        user_queries=queries,
        ai_responses=len(messages) - queries,
        average_confidence=confidence,
        evidence_items_total=sum(len(one.evidence) for one in answers),
        conversation_topics=_topics(found),
        cameras_discussed=sorted(
            {camera for one in answers for camera in one.interpretation.cameras}
            | {item.camera_id for one in answers for item in one.evidence}
        ),
        last_activity=timestamp(summary.last_activity),
        title=summary.title,
        running_turn_id=running_turn_id,
    )


def summary_message(found: ConversationSummary) -> history_service_pb2.ConversationSummary:
    """A conversation as a list shows it."""
    return history_service_pb2.ConversationSummary(
        conversation_id=found.conversation_id,
        user_id=found.user,
        title=found.title,
        conversation_created=timestamp(found.created_at),
        last_activity=timestamp(found.last_activity),
        turns=found.turns,
    )


def _message(found: Message, ids: dict[str, str]) -> history_service_pb2.ConversationMessage:
    answered = found.role is Role.ASSISTANT
    return history_service_pb2.ConversationMessage(
        role=_ROLES[found.role],
        content=found.content,
        timestamp=timestamp(found.timestamp),
        metadata=struct(found.metadata),
        turn_id=found.turn_id,
        conversation_turn=found.conversation_turn,
        message_id=ids.get(found.turn_id, "") if answered else f"{found.turn_id}.query",
    )


def _topics(found: Conversation) -> list[str]:
    """Question types, event types and labels that answers were about, most frequent first."""
    counts: Counter[str] = Counter()
    for one in found.responses:
        read = one.answer.interpretation
        counts.update({read.question_type.value, *read.event_types, *read.labels})
    return [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
