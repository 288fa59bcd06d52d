"""Conversations and their messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .answers import Answer, JsonValue, PromptResponse, ResponseType
from .identity import Caller
from .times import Interval


class Role(StrEnum):
    """The seeds' two roles."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, with what its turn stored beside it.

    `message_id` is an answer's own; a question's is the request_id it came with, perhaps "".
    """

    role: Role
    content: str
    timestamp: datetime
    turn_id: str = ""
    conversation_turn: int = 0
    metadata: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    message_id: str = ""


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
    """A conversation with its stored turns, oldest first: the seeds' HistoryRetrievalPayload.

    `running_turn_id` is the turn that runs now, "" where none does.
    """

    summary: ConversationSummary
    messages: tuple[Message, ...]
    responses: tuple[PromptResponse, ...]
    running_turn_id: str = ""


@dataclass(frozen=True, slots=True)
class ResponseFilter:
    """Which stored responses are meant; empty fields narrow nothing. Times are when they ended."""

    conversation_id: str = ""
    time_range: Interval | None = None
    response_type: ResponseType | None = None


@dataclass(frozen=True, slots=True)
class MessageSearch:
    """Words to find in messages, all of them; empty fields narrow nothing."""

    text: str
    conversation_id: str = ""
    role: Role | None = None
    time_range: Interval | None = None


@dataclass(frozen=True, slots=True)
class MessageMatch:
    """A message that was found.

    `highlights` are the matching words in its content, in order: code points, half-open. `score`
    is larger where the match is better, and comparable within one search only.
    """

    conversation: ConversationSummary
    message: Message
    highlights: tuple[tuple[int, int], ...]
    score: float


@dataclass(frozen=True, slots=True)
class ConversationStamp:
    """Which answers of a conversation are stored, at one moment. Equal stamps, equal answers.

    Numbers of turns would not do: one that failed may run again after later ones were answered,
    and a conversation that was deleted may begin anew under its id. `stored_turns` grows with each
    answer that is stored and never shrinks; `created_at` tells conversations of one id apart.
    """

    created_at: datetime
    stored_turns: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A conversation that was deleted, and what may be left of it outside of SQL.

    `running` is the turn that ran in it, "" for none, and `runner` what ran that.
    """

    owner: Caller
    conversation_id: str
    turn_ids: tuple[str, ...] = ()
    running: str = ""
    runner: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion removed: how many turns in all, and what is left to forget."""

    turns: int
    gone: Gone

    @property
    def turn_ids(self) -> tuple[str, ...]:
        """Ids of the turns, where it was this call that removed them."""
        return self.gone.turn_ids


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Which conversations to export: the caller's own, or all users'; by their last activity."""

    active_range: Interval | None = None
    whole_tenant: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """One conversation of an export, whole, and the place behind it."""

    conversation: Conversation
    resume_token: str


def cameras_of(answer: Answer) -> frozenset[str]:
    """Ids of the cameras that a question or its evidence named."""
    found = {*answer.interpretation.cameras, *(one.camera_id for one in answer.evidence)}
    return frozenset(one for one in found if one)


def topics_of(answer: Answer) -> frozenset[str]:
    """What an answer was about: its question type, and the event types and labels asked for."""
    read = answer.interpretation
    found = {read.question_type.value, *read.event_types, *read.labels}
    return frozenset(one for one in found if one)
