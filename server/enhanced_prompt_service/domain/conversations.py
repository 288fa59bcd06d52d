"""Conversations and their messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .answers import JsonValue, PromptResponse


class Role(StrEnum):
    """The seeds' two roles."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, with what its turn stored beside it."""

    role: Role
    content: str
    timestamp: datetime
    turn_id: str = ""
    conversation_turn: int = 0
    metadata: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A conversation as a list shows it. Times are UTC, real time."""

    conversation_id: str
    user: str
    title: str
    created_at: datetime
    last_activity: datetime
    turns: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with its stored turns, oldest first: the seeds' HistoryRetrievalPayload."""

    summary: ConversationSummary
    messages: tuple[Message, ...]
    responses: tuple[PromptResponse, ...]
