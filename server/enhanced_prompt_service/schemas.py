"""The three payloads that downstream services know, as Pydantic models.

Names, enum spellings, defaults and limits are those the system was asked for in; what we add
(`turn_id`, `facts`, …) is optional, so that a payload without it stays valid. Times are aware;
a naive one is read as UTC. Unknown fields are refused by nobody and kept by nobody: receivers
may add to what they echo.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AnyUrl, BaseModel, ConfigDict, Field, JsonValue

SERVICE_NAME = "enhanced_prompt_service"

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _uri(text: str) -> str:
    AnyUrl(text)  # raises for what is no address; the text itself is kept as it came
    return text


Instant = Annotated[datetime, AfterValidator(_utc)]
Uri = Annotated[str, AfterValidator(_uri), Field(json_schema_extra={"format": "uri"})]


def _now() -> datetime:
    return datetime.now(UTC)


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Evidence(_Payload):
    """One event that supports an answer or insight."""

    event_id: str = Field(description="Unique identifier of the event")
    timestamp: Instant = Field(description="Start of the event, ISO 8601")
    camera_id: str = Field(description="Camera that captured the event")
    event_type: str = Field(description="Type of event, such as person_detected")
    confidence: Share = Field(description="Confidence from 0.0 to 1.0")
    description: str = Field(description="What happened, for people")
    end_time: Instant | None = Field(None, description="End of the event where it is known")
    site: str = Field("", description="Site of the camera")
    zones: list[str] = Field(default_factory=list[str], description="Zones that the event touched")
    label: str = Field("", description="What was seen, such as person or car")
    participants: int = Field(1, ge=1, description="How many people or vehicles took part")
    clip_url: str = Field("", description="Address of its video clip, empty where there is none")
    snapshot_url: str = Field("", description="Address of its still, empty where there is none")


class Fact(_Payload):
    """One number of an answer; docs/answers.md has the vocabulary."""

    name: str
    value: float
    unit: str
    group: str = ""
    text: str = ""


class Citation(_Payload):
    """Which event supports which span of the response: code points, half-open."""

    event_id: str
    start: Count
    end: Count


class TimeRange(_Payload):
    """Half-open span of time, read in an IANA zone."""

    start: Instant
    end: Instant
    time_zone: str = "UTC"


class DailyRange(_Payload):
    """Local minutes of day, half-open; a start after its end runs over midnight."""

    start_minute: Annotated[int, Field(ge=0, le=1439)]
    end_minute: Annotated[int, Field(ge=1, le=1440)]


class RecurringMask(_Payload):
    """Parts of the local day that repeat; weekdays are ISO, 1 Monday to 7 Sunday."""

    ranges: list[DailyRange] = Field(default_factory=list[DailyRange])
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default_factory=list[int])


class Interpretation(_Payload):
    """How the question was understood."""

    question_type: str
    time_range: TimeRange | None = None
    comparison_range: TimeRange | None = None
    recurring: RecurringMask | None = None
    cameras: list[str] = Field(default_factory=list[str])
    sites: list[str] = Field(default_factory=list[str])
    zones: list[str] = Field(default_factory=list[str])
    event_types: list[str] = Field(default_factory=list[str])
    labels: list[str] = Field(default_factory=list[str])
    text: str = ""
    min_confidence: Share | None = None
    group_by: str = ""
    order: str = ""
    limit: Count = 0
    assumptions: list[str] = Field(default_factory=list[str])
    rendered: str = ""


class Coverage(_Payload):
    """How much of what was asked about was recorded; `share` is None where that is unknown."""

    share: Share | None = None
    recorded_seconds: Annotated[float, Field(ge=0)] = 0.0
    window_seconds: Annotated[float, Field(ge=0)] = 0.0
    cameras_known: Count = 0
    cameras_unknown: Count = 0
    recorded: list[TimeRange] = Field(default_factory=list[TimeRange])


class ModelUsage(_Payload):
    """What one model call used; None is "not said", never zero."""

    model: str
    source: Literal["provider", "estimated"]
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cached_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    cost: Annotated[float, Field(ge=0)] | None = None
    currency: str = "USD"


class TemplateSuggestion(_Payload):
    """A template that would serve questions like this one."""

    title: str
    description: str
    category: str
    confidence: Share
    reasoning: str
    body: str


class PromptResponsePayload(_Payload):
    """One answered question."""

    service_name: str = Field(SERVICE_NAME, description="Source service identifier")
    timestamp: Instant = Field(default_factory=_now, description="When the response was made")
    conversation_id: str = Field(description="Unique conversation identifier")
    user_id: str = Field(description="User who asked")
    query: str = Field(description="Original user query")
    response: str = Field(description="The answer's text")
    response_type: Literal["answer", "clarification", "proactive_insight"] = Field(
        description="Type of response"
    )
    confidence_score: Share = Field(description="Confidence of the response")
    evidence_count: Count = Field(description="Number of evidence items")
    evidence: list[Evidence] = Field(default_factory=list[Evidence], description="Evidence")
    clip_links: list[Uri] = Field(default_factory=list[Uri], description="Video clip addresses")
    follow_up_questions: list[str] = Field(
        default_factory=list[str], description="Questions to go on with"
    )
    conversation_turn: int = Field(ge=1, description="Turn number in the conversation")
    processing_time_ms: Count = Field(description="Processing time, milliseconds")
    metadata: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue], description="Additional system metadata"
    )
    turn_id: str = ""
    message_id: str = ""
    total_matches: Count = 0
    interpretation: Interpretation | None = None
    facts: list[Fact] = Field(default_factory=list[Fact])
    coverage: Coverage | None = None
    citations: list[Citation] = Field(default_factory=list[Citation])
    usage: list[ModelUsage] = Field(default_factory=list[ModelUsage])
    template_suggestions: list[TemplateSuggestion] = Field(default_factory=list[TemplateSuggestion])


class ConversationMessage(_Payload):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    content: str
    timestamp: Instant
    metadata: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class HistoryRetrievalPayload(_Payload):
    """A conversation with its analytics."""

    service_name: str = SERVICE_NAME
    timestamp: Instant = Field(default_factory=_now)
    conversation_id: str
    user_id: str
    conversation_created: Instant
    total_messages: Count
    conversation_duration_minutes: Count = 0
    messages: list[ConversationMessage]
    user_queries: Count
    ai_responses: Count
    average_confidence: Share
    evidence_items_total: Count
    conversation_topics: list[str] = Field(default_factory=list[str])
    cameras_discussed: list[str] = Field(default_factory=list[str])
    last_activity: Instant
    metadata: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class ProactiveInsightPayload(_Payload):
    """Something unusual that the service says by itself."""

    service_name: str = SERVICE_NAME
    timestamp: Instant = Field(default_factory=_now)
    insight_id: str
    insight_type: Literal["activity_spike", "camera_performance", "security_anomaly", "prediction"]
    severity: Literal["low", "medium", "high", "critical"]
    title: str
    message: str
    confidence_score: Share
    analysis_period: str
    affected_cameras: list[str] = Field(default_factory=list[str])
    event_count: Count
    suggested_actions: list[str] = Field(default_factory=list[str])
    priority_level: Annotated[int, Field(ge=1, le=5)]
    evidence: list[Evidence] = Field(default_factory=list[Evidence])
    clip_links: list[Uri] = Field(default_factory=list[Uri])
    related_insights: list[str] = Field(default_factory=list[str])
    metadata: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


__all__ = [
    "Citation",
    "ConversationMessage",
    "Coverage",
    "DailyRange",
    "Evidence",
    "Fact",
    "HistoryRetrievalPayload",
    "Interpretation",
    "ModelUsage",
    "ProactiveInsightPayload",
    "PromptResponsePayload",
    "RecurringMask",
    "TimeRange",
]
