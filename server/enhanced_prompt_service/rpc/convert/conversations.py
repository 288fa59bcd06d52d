"""Conversations with their analytics."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from enhanced_prompt.v1 import history_service_pb2

from ...domain.conversations import (
    Conversation,
    ConversationSummary,
    Message,
    MessageMatch,
    Role,
    cameras_of,
    topics_of,
)
from .answers import struct
from .times import timestamp

MOST_MESSAGES = 1000
SERVICE_NAME = "enhanced_prompt_service"

ROLES = {
    Role.USER: history_service_pb2.MESSAGE_ROLE_USER,
    Role.ASSISTANT: history_service_pb2.MESSAGE_ROLE_ASSISTANT,
}


def conversation_message(
    found: Conversation, now: datetime, *, most: int = MOST_MESSAGES
) -> history_service_pb2.Conversation:
    """A conversation; `now` is when this message is made, real time.

    Counts are over all messages, however many of the newest ones are sent: `most` at most.
    """
    summary, messages, responses = found.summary, found.messages, found.responses
    answers = [one.answer for one in responses]
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
        messages=[message(one) for one in messages[-most:]],
        user_queries=queries,
        ai_responses=len(messages) - queries,
        average_confidence=confidence,
        evidence_items_total=sum(len(one.evidence) for one in answers),
        conversation_topics=_topics(found),
        cameras_discussed=sorted({camera for one in answers for camera in cameras_of(one)}),
        last_activity=timestamp(summary.last_activity),
        title=summary.title,
        running_turn_id=found.running_turn_id,
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


def message(found: Message) -> history_service_pb2.ConversationMessage:
    """One message."""
    return history_service_pb2.ConversationMessage(
        role=ROLES[found.role],
        content=found.content,
        timestamp=timestamp(found.timestamp),
        metadata=struct(found.metadata),
        turn_id=found.turn_id,
        conversation_turn=found.conversation_turn,
        message_id=found.message_id,
    )


def match_message(found: MessageMatch) -> history_service_pb2.MessageMatch:
    """A message that a search found."""
    return history_service_pb2.MessageMatch(
        conversation=summary_message(found.conversation),
        message=message(found.message),
        highlights=[
            history_service_pb2.TextSpan(start=start, end=end) for start, end in found.highlights
        ],
        score=found.score,
    )


def _topics(found: Conversation) -> list[str]:
    """Question types, event types and labels that answers were about, most frequent first."""
    counts: Counter[str] = Counter()
    for one in found.responses:
        counts.update(topics_of(one.answer))
    return [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
