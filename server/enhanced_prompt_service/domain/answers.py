"""An answer and everything it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .times import Interval, RecurringMask

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class ResponseType(StrEnum):
    """The seeds' kinds of response."""

    ANSWER = "answer"
    CLARIFICATION = "clarification"
    PROACTIVE_INSIGHT = "proactive_insight"


class QuestionType(StrEnum):
    """What a question is after."""

    RECAP = "recap"
    COUNT = "count"
    EXISTENCE = "existence"
    WHEN = "when"
    RANK = "rank"
    COMPARE = "compare"
    TREND = "trend"
    DWELL = "dwell"
    SEARCH = "search"
    RECURRING = "recurring"
    MOMENT = "moment"
    ANOMALY = "anomaly"
    HEALTH = "health"
    PREDICTION = "prediction"
    CLARIFY = "clarify"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event that supports an answer.

    `timestamp` is the event's start; the description is never empty.
    """

    event_id: str
    timestamp: datetime
    camera_id: str
    event_type: str
    confidence: float
    description: str
    end_time: datetime | None = None
    site: str = ""
    zones: tuple[str, ...] = ()
    label: str = ""
    participants: int = 1
    clip_url: str = ""
    snapshot_url: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One number in an answer.

    `name` says what it counts (the vocabulary stands in docs/answers.md), `value` is exact,
    `unit` one of events, participants, cameras, hours, seconds, unix_seconds, percent, share, …,
    `group` the group it belongs to (a camera id, a type, an hour "2018-03-15T14"), `text` the
    number exactly as it stands in the response ("1,843", "2:14 pm"); "" where it does not.
    """

    name: str
    value: float
    unit: str
    group: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How a question was understood, so that a person can check it.

    `time_range` is what the answer is about, already cut at the question's present; None where a
    question has no window. `comparison_range` is the second one of a comparison. `rendered` says
    all of it in one sentence in the site's local time. `time_zone` is the IANA zone it was read in.
    """

    question_type: QuestionType
    time_range: Interval | None = None
    comparison_range: Interval | None = None
    time_zone: str = "UTC"
    recurring: RecurringMask | None = None
    cameras: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    text: str = ""
    min_confidence: float | None = None
    group_by: str = ""
    order: str = ""
    limit: int = 0
    assumptions: tuple[str, ...] = ()
    rendered: str = ""


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """Of the window and cameras asked about, how much was recorded.

    `share` = recorded / window camera-seconds over cameras whose coverage is known, None where no
    camera of them ever reported any. `recorded` are the merged spans in which at least one of the
    cameras recorded, at most 50.
    """

    share: float | None
    recorded_seconds: float
    window_seconds: float
    cameras_known: int
    cameras_unknown: int
    recorded: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """Which event supports which span of the response: Unicode code points, half-open."""

    event_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What one model call used. None is "the provider did not say", never zero."""

    model: str
    source: str  # "provider" or "estimated"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Usage:
    """Model calls of a turn, in order. The embedded engine makes none: that is a true zero."""

    calls: tuple[ModelUsage, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateSuggestion:
    """A template that would serve questions like this one; `body` has variables as `{{name}}`."""

    title: str
    description: str
    category: str
    confidence: float
    reasoning: str
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent produced, before the turn adds who, when and how long."""

    response: str
    response_type: ResponseType
    confidence_score: float
    interpretation: Interpretation
    evidence: tuple[Evidence, ...] = ()
    follow_up_questions: tuple[str, ...] = ()
    total_matches: int = 0
    facts: tuple[Fact, ...] = ()
    coverage: CoverageReport | None = None
    citations: tuple[Citation, ...] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    template_suggestions: tuple[TemplateSuggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptResponse:
    """A finished turn's answer: the seeds' PromptResponsePayload and what design 4 adds to it."""

    turn_id: str
    message_id: str
    timestamp: datetime
    conversation_id: str
    user_id: str
    query: str
    conversation_turn: int
    processing_time_ms: int
    answer: Answer
    usage: Usage = Usage()
    service_name: str = "enhanced_prompt_service"

    @property
    def clip_links(self) -> tuple[str, ...]:
        """Distinct clip addresses of the evidence, in its order."""
        return tuple(dict.fromkeys(one.clip_url for one in self.answer.evidence if one.clip_url))
