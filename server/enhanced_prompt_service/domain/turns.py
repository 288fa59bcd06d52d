"""One question and its answer: the request, the stored row, and the frames that readers see."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

from .answers import Evidence, PromptResponse, Usage
from .conversations import ConversationStamp
from .times import Interval

MAX_ARGUMENTS = 100  # characters of a tool's arguments in a frame (design 3, rule 4)
MAX_RESULT = 200  # characters of a tool's result in a frame


class OnDisconnect(StrEnum):
    """What losing the asking reader means for its turn."""

    CONTINUE = "continue"
    CANCEL = "cancel"


class Detail(StrEnum):
    """The seeds' levels: L1 text and evidence, L2 agent, tool and thinking frames as well."""

    ANSWER = "answer"
    REASONING = "reasoning"


@dataclass(frozen=True, slots=True)
class QuestionFilter:
    """Narrows whatever the question says; empty fields narrow nothing."""

    cameras: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    time_range: Interval | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What is asked. Everything but request_id, detail and on_disconnect is part of its hash.

    `time_zone` is an IANA name or "" (then the matched cameras', else the tenant's). `as_of` is
    the question's present, None for the site clock's now.
    """

    query: str
    conversation_id: str = ""
    request_id: str = ""
    on_disconnect: OnDisconnect = OnDisconnect.CONTINUE
    filter: QuestionFilter = field(default_factory=QuestionFilter)
    time_zone: str = ""
    as_of: datetime | None = None
    model: str = ""


class TurnState(StrEnum):
    """Of the newest attempt. All but RUNNING are final, save that a retryable FAILED may run on."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether a closing frame stands for this state."""
        return self is not TurnState.RUNNING


@dataclass(frozen=True, slots=True)
class TurnError:
    """Why a turn failed, as its readers may know it. `reason` is a `domain.errors.Reason`."""

    reason: str
    message: str
    retryable: bool
    partial_kept: bool = False
    incident_id: str = ""


@dataclass(frozen=True, slots=True)
class TurnRow:
    """The stored turn (rule 9). Times are UTC, real time; `conversation_turn` counts from 1."""

    turn_id: str
    tenant: str
    user: str
    conversation_id: str
    conversation_turn: int
    message_id: str
    request_id: str
    request_hash: str
    attempt: int
    runner: str
    state: TurnState
    query: str
    created_at: datetime
    ended_at: datetime | None = None
    response: PromptResponse | None = None  # on completed and cancelled turns
    error: TurnError | None = None
    usage: Usage = Usage()
    # Where `begin` made the row run: what its conversation held then.
    stamp: ConversationStamp | None = field(default=None, compare=False)


# ---- frames -------------------------------------------------------------------------------------


class FrameKind(Enum):
    """Kinds of frames; `value` is the name in the contract's oneof."""

    RESET = "reset"
    STARTED = "started"
    AGENT_STARTED = "agent_started"
    THINKING = "thinking"
    TOOL_STARTED = "tool_started"
    TOOL_FINISHED = "tool_finished"
    TEXT_DELTA = "text_delta"
    TEXT_WITHDRAWN = "text_withdrawn"
    EVIDENCE = "evidence"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


CLOSING = frozenset({FrameKind.COMPLETED, FrameKind.FAILED, FrameKind.CANCELLED})
REASONING_ONLY = frozenset(
    {
        FrameKind.AGENT_STARTED,
        FrameKind.THINKING,
        FrameKind.TOOL_STARTED,
        FrameKind.TOOL_FINISHED,
    }
)


@dataclass(frozen=True, slots=True)
class Reset:
    """First frame of every attempt after the first: what was shown before is withdrawn."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Started:
    """The turn runs."""

    conversation_id: str
    conversation_turn: int
    message_id: str
    model: str


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """A part of the agent began."""

    agent: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning text, as it happens."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool was called; arguments are cut to MAX_ARGUMENTS characters."""

    tool: str
    call_id: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool answered; the result is cut to MAX_RESULT characters."""

    tool: str
    call_id: str
    result: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class TextWithdrawn:
    """Forget the text so far: a model failed after its first token, `next_model` begins."""

    failed_model: str
    next_model: str


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """Evidence, before the text that rests on it."""

    evidence: tuple[Evidence, ...]
    total_matches: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The whole answer."""

    response: PromptResponse


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn ended without an answer."""

    error: TurnError
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody stopped it: the answer so far."""

    response: PromptResponse


Payload = (
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
)

KIND_OF: dict[type[Payload], FrameKind] = {
    Reset: FrameKind.RESET,
    Started: FrameKind.STARTED,
    AgentStarted: FrameKind.AGENT_STARTED,
    Thinking: FrameKind.THINKING,
    ToolStarted: FrameKind.TOOL_STARTED,
    ToolFinished: FrameKind.TOOL_FINISHED,
    TextDelta: FrameKind.TEXT_DELTA,
    TextWithdrawn: FrameKind.TEXT_WITHDRAWN,
    EvidenceFound: FrameKind.EVIDENCE,
    Completed: FrameKind.COMPLETED,
    Failed: FrameKind.FAILED,
    Cancelled: FrameKind.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a turn's log, as every reader sees it.

    `sequence` counts from 1 in each attempt; 0 marks a frame that is no part of the log (a lost
    runner, a replayed answer whose log is gone).
    """

    turn_id: str
    attempt: int
    sequence: int
    payload: Payload

    @property
    def kind(self) -> FrameKind:
        """The payload's kind."""
        return KIND_OF[type(self.payload)]
