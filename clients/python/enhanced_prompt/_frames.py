"""A turn's frames as types of their own, so that `match` and type checkers can tell them apart.

Each holds the `TurnFrame` that it came from as `message`: nothing of the wire is lost, and fields
that a newer server adds are reached there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from ._status import from_status
from .errors import EnhancedPromptError
from .v1.answers_pb2 import Evidence, PromptResponse, Usage
from .v1.turns_pb2 import TurnFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyFrame:
    """What all frames have. `kind` is the name in the contract's oneof."""

    kind: ClassVar[str] = ""
    message: TurnFrame = field(repr=False)

    @property
    def turn_id(self) -> str:
        """The turn's id."""
        return self.message.turn_id

    @property
    def attempt(self) -> int:
        """The attempt, from 1."""
        return self.message.attempt

    @property
    def sequence(self) -> int:
        """Position in the attempt's log, from 1; 0 where the frame is no part of it."""
        return self.message.sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(AnyFrame):
    """A new attempt begins: what earlier ones showed is withdrawn."""

    kind: ClassVar[str] = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(AnyFrame):
    """The turn runs."""

    kind: ClassVar[str] = "started"
    conversation_id: str
    conversation_turn: int
    message_id: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted(AnyFrame):
    """A part of the agent began."""

    kind: ClassVar[str] = "agent_started"
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking(AnyFrame):
    """Reasoning text, as it happens."""

    kind: ClassVar[str] = "thinking"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted(AnyFrame):
    """A tool was called; the arguments are JSON, cut."""

    kind: ClassVar[str] = "tool_started"
    tool: str
    call_id: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished(AnyFrame):
    """A tool answered; `ok` is False where it failed, `result` then says why."""

    kind: ClassVar[str] = "tool_finished"
    tool: str
    call_id: str
    result: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta(AnyFrame):
    """More of the answer's text."""

    kind: ClassVar[str] = "text_delta"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWithdrawn(AnyFrame):
    """Forget the text so far: another model begins anew."""

    kind: ClassVar[str] = "text_withdrawn"
    failed_model: str
    next_model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFound(AnyFrame):
    """Evidence, before the text that rests on it; `total_matches` counts all that matches."""

    kind: ClassVar[str] = "evidence"
    evidence: tuple[Evidence, ...]
    total_matches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(AnyFrame):
    """Closing: the whole answer. `replayed` says that it came from storage, alone."""

    kind: ClassVar[str] = "completed"
    response: PromptResponse

    @property
    def replayed(self) -> bool:
        """Whether the stored answer stands in for a log that is gone."""
        return self.message.replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(AnyFrame):
    """Closing: no answer. Iterating further raises `error`."""

    kind: ClassVar[str] = "failed"
    error: EnhancedPromptError
    retryable: bool
    partial_kept: bool
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(AnyFrame):
    """Closing: somebody stopped the turn; `response` is the answer so far."""

    kind: ClassVar[str] = "cancelled"
    response: PromptResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFrame(AnyFrame):
    """A kind that this version does not know. Safe to pass over."""

    kind: ClassVar[str] = ""


Frame: TypeAlias = (
    Reset
    | Started
    | AgentStarted
    | Thinking
    | ToolStarted
    | ToolFinished
    | TextDelta
    | TextWithdrawn
    | EvidenceFound
    | Completed
    | Failed
    | Cancelled
    | UnknownFrame
)
ClosingFrame: TypeAlias = Completed | Failed | Cancelled


def _reset(message: TurnFrame) -> Frame:
    return Reset(message=message)


def _started(message: TurnFrame) -> Frame:
    one = message.started
    return Started(
        message=message,
        conversation_id=one.conversation_id,
        conversation_turn=one.conversation_turn,
        message_id=one.message_id,
        model=one.model,
    )


def _agent_started(message: TurnFrame) -> Frame:
    return AgentStarted(message=message, agent=message.agent_started.agent)


def _thinking(message: TurnFrame) -> Frame:
    return Thinking(message=message, text=message.thinking.text)


def _tool_started(message: TurnFrame) -> Frame:
    one = message.tool_started
    return ToolStarted(message=message, tool=one.tool, call_id=one.call_id, arguments=one.arguments)


def _tool_finished(message: TurnFrame) -> Frame:
    one = message.tool_finished
    return ToolFinished(
        message=message, tool=one.tool, call_id=one.call_id, result=one.result, ok=one.ok
    )


def _text_delta(message: TurnFrame) -> Frame:
    return TextDelta(message=message, text=message.text_delta.text)


def _text_withdrawn(message: TurnFrame) -> Frame:
    one = message.text_withdrawn
    return TextWithdrawn(message=message, failed_model=one.failed_model, next_model=one.next_model)


def _evidence(message: TurnFrame) -> Frame:
    one = message.evidence
    return EvidenceFound(
        message=message, evidence=tuple(one.evidence), total_matches=one.total_matches
    )


def _completed(message: TurnFrame) -> Frame:
    return Completed(message=message, response=message.completed.response)


def _failed(message: TurnFrame) -> Frame:
    one = message.failed
    return Failed(
        message=message,
        error=from_status(one.status),
        retryable=one.retryable,
        partial_kept=one.partial_kept,
        usage=one.usage,
    )


def _cancelled(message: TurnFrame) -> Frame:
    return Cancelled(message=message, response=message.cancelled.response)


_MAKE: Mapping[str, Callable[[TurnFrame], Frame]] = {
    "reset": _reset,
    "started": _started,
    "agent_started": _agent_started,
    "thinking": _thinking,
    "tool_started": _tool_started,
    "tool_finished": _tool_finished,
    "text_delta": _text_delta,
    "text_withdrawn": _text_withdrawn,
    "evidence": _evidence,
    "completed": _completed,
    "failed": _failed,
    "cancelled": _cancelled,
}


def frame_of(message: TurnFrame) -> Frame:
    """The typed frame of a `TurnFrame`."""
    make = _MAKE.get(message.WhichOneof("payload") or "")
    return make(message) if make is not None else UnknownFrame(message=message)
