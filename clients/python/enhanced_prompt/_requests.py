"""From keyword arguments to request messages. Instants must be aware datetimes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from google.protobuf.timestamp_pb2 import Timestamp

from .v1.answers_pb2 import ResponseType
from .v1.chat_pb2 import ChatPrompt, ChatSetup, MultitaskPolicy
from .v1.common_pb2 import TimeRange
from .v1.event_service_pb2 import (
    CountEventsRequest,
    ListCamerasRequest,
    ListCoverageRequest,
    ListEventsRequest,
)
from .v1.events_pb2 import EventFilter, EventGroupBy, EventOrder
from .v1.history_service_pb2 import (
    AnalyticsBucket,
    GetPromptAnalyticsRequest,
    ListConversationsRequest,
    ListPromptResponsesRequest,
    MessageRole,
    SearchMessagesRequest,
)
from .v1.prompt_service_pb2 import AnswerRequest, AskRequest
from .v1.turns_pb2 import Detail, FrameKind, OnDisconnect, QuestionFilter

DetailName = Literal["answer", "reasoning"]
OnDisconnectName = Literal["continue", "cancel"]
FrameKindName = Literal[
    "reset",
    "started",
    "agent_started",
    "thinking",
    "tool_started",
    "tool_finished",
    "text_delta",
    "text_withdrawn",
    "evidence",
    "completed",
    "failed",
    "cancelled",
]
PolicyName = Literal["enqueue", "interrupt", "reject"]
ResponseTypeName = Literal["answer", "clarification", "proactive_insight"]
BucketName = Literal["hour", "day", "week"]
RoleName = Literal["user", "assistant"]
OrderName = Literal["oldest", "newest", "longest", "best_match"]
GroupByName = Literal[
    "camera",
    "site",
    "zone",
    "event_type",
    "label",
    "sub_label",
    "local_hour",
    "local_date",
    "hour_of_day",
    "weekday",
]


class AnswerOptions(TypedDict, total=False):
    """What a question may carry besides its text. All of it narrows or places the question."""

    conversation_id: str
    """Continue this conversation, or begin it under this id. Default: a new one."""

    cameras: Sequence[str]
    """Only these camera ids."""

    sites: Sequence[str]
    """Only these site ids."""

    event_types: Sequence[str]
    """Only these event types."""

    since: datetime
    """Only events that begin at or after this instant."""

    until: datetime
    """Only events that begin before this instant."""

    min_confidence: float
    """Only events that are at least this certain, 0 to 1."""

    time_zone: str
    """IANA zone in which "today" and clock times are meant. Default: that of the cameras."""

    as_of: datetime
    """The present that the question is asked from. Default: now on the site's clock."""

    model: str
    """One of the server's configured models. Default: the configured order."""

    on_disconnect: OnDisconnectName
    """What losing this reader means for the turn. Default: "continue"."""

    request_id: str
    """Makes the question idempotent for 24 hours. Default: a new UUID."""

    timeout: float | None
    """Seconds for the whole call, None for no deadline. Default: the client's."""


class AskOptions(AnswerOptions, total=False):
    """What a streamed question may carry."""

    detail: DetailName
    """"answer" (the default): text and evidence. "reasoning": agent, tools and thinking too."""

    frame_kinds: Sequence[FrameKindName]
    """Exactly these kinds of frames, instead of a detail. Closing frames come always."""


class PromptOptions(TypedDict, total=False):
    """What a question of a chat may carry besides its text."""

    cameras: Sequence[str]
    """Only these camera ids."""

    sites: Sequence[str]
    """Only these site ids."""

    event_types: Sequence[str]
    """Only these event types."""

    since: datetime
    """Only events that begin at or after this instant."""

    until: datetime
    """Only events that begin before this instant."""

    min_confidence: float
    """Only events that are at least this certain, 0 to 1."""

    time_zone: str
    """IANA zone in which "today" and clock times are meant. Default: that of the chat."""

    as_of: datetime
    """The present that the question is asked from. Default: now on the site's clock."""

    model: str
    """One of the server's configured models. Default: the configured order."""

    message_id: str
    """Makes the question idempotent for 24 hours. Default: a new UUID."""


class ChatOptions(TypedDict, total=False):
    """What a chat may carry, for all of its questions."""

    conversation_id: str
    """Continue this conversation, or begin it under this id. Default: a new one."""

    policy: PolicyName
    """What becomes of a question that is sent while another one is answered: "enqueue" (the
    default) lets it wait, "interrupt" cancels the running turn, "reject" refuses the new one."""

    detail: DetailName
    """"answer" (the default): text and evidence. "reasoning": agent, tools and thinking too."""

    frame_kinds: Sequence[FrameKindName]
    """Exactly these kinds of frames, instead of a detail. Closing frames come always."""

    on_disconnect: OnDisconnectName
    """What losing this chat means for its turns. Default: "continue"."""

    time_zone: str
    """IANA zone in which "today" and clock times are meant. Default: that of the cameras."""


class EventQuery(TypedDict, total=False):
    """Which events are meant. What is left out narrows nothing; lists are alternatives."""

    since: datetime
    """Began at or after this instant."""

    until: datetime
    """Began before this instant."""

    cameras: Sequence[str]
    """Camera ids."""

    sites: Sequence[str]
    """Site ids."""

    zones: Sequence[str]
    """Zone ids, of which an event must touch one."""

    event_types: Sequence[str]
    """Event types."""

    labels: Sequence[str]
    """Labels."""

    text: str
    """Words to find in descriptions, labels and types."""

    min_confidence: float
    """At least this certain, 0 to 1."""

    min_duration: float
    """At least this long, seconds."""

    max_duration: float
    """At most this long, seconds."""

    as_of: datetime
    """Nothing that began at or after this instant."""


def timestamp(instant: datetime) -> Timestamp:
    """A datetime on the wire. Raises ValueError for a naive one: it could mean any zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; an aware datetime is needed")
    found = Timestamp()
    found.FromDatetime(instant)
    return found


def time_range(since: datetime | None, until: datetime | None) -> TimeRange | None:
    """A range, open on the sides that are None; None where both are."""
    if since is None and until is None:
        return None
    return TimeRange(
        start_time=None if since is None else timestamp(since),
        end_time=None if until is None else timestamp(until),
    )


def ask_request(query: str, request_id: str, options: AskOptions) -> AskRequest:
    """Ask's request."""
    return AskRequest(
        query=query,
        conversation_id=options.get("conversation_id", ""),
        request_id=request_id,
        detail=Detail.Value(f"DETAIL_{options.get('detail', 'unspecified').upper()}"),
        frame_kinds=[
            FrameKind.Value(f"FRAME_KIND_{kind.upper()}") for kind in options.get("frame_kinds", ())
        ],
        on_disconnect=_on_disconnect(options),
        filter=_question_filter(options),
        time_zone=options.get("time_zone", ""),
        as_of=_optional(options.get("as_of")),
        model=options.get("model", ""),
    )


def answer_request(query: str, request_id: str, options: AnswerOptions) -> AnswerRequest:
    """Answer's request."""
    return AnswerRequest(
        query=query,
        conversation_id=options.get("conversation_id", ""),
        request_id=request_id,
        on_disconnect=_on_disconnect(options),
        filter=_question_filter(options),
        time_zone=options.get("time_zone", ""),
        as_of=_optional(options.get("as_of")),
        model=options.get("model", ""),
    )


def chat_setup(options: ChatOptions) -> ChatSetup:
    """A chat's setup. Where it has no conversation the id is made here, so that a stream that
    breaks before its first answer is continued in the same one."""
    name = options.get("on_disconnect", "unspecified")
    return ChatSetup(
        conversation_id=options.get("conversation_id") or f"conv_{uuid.uuid4().hex}",
        detail=Detail.Value(f"DETAIL_{options.get('detail', 'unspecified').upper()}"),
        frame_kinds=[
            FrameKind.Value(f"FRAME_KIND_{kind.upper()}") for kind in options.get("frame_kinds", ())
        ],
        multitask_policy=MultitaskPolicy.Value(
            f"MULTITASK_POLICY_{options.get('policy', 'unspecified').upper()}"
        ),
        on_disconnect=OnDisconnect.Value(f"ON_DISCONNECT_{name.upper()}"),
        time_zone=options.get("time_zone", ""),
    )


def chat_prompt(query: str, message_id: str, options: PromptOptions) -> ChatPrompt:
    """A question of a chat."""
    return ChatPrompt(
        message_id=message_id,
        query=query,
        filter=_question_filter(options),
        time_zone=options.get("time_zone", ""),
        as_of=_optional(options.get("as_of")),
        model=options.get("model", ""),
    )


def chat_question(prompt: ChatPrompt, setup: ChatSetup) -> AskRequest:
    """The same question as Ask's: for the service the two are one request."""
    return AskRequest(
        query=prompt.query,
        conversation_id=setup.conversation_id,
        request_id=prompt.message_id,
        detail=setup.detail,
        frame_kinds=setup.frame_kinds,
        on_disconnect=setup.on_disconnect,
        filter=prompt.filter if prompt.HasField("filter") else None,
        time_zone=prompt.time_zone or setup.time_zone,
        as_of=prompt.as_of if prompt.HasField("as_of") else None,
        model=prompt.model,
    )


def list_events_request(
    query: EventQuery, order: OrderName | None, page_size: int
) -> ListEventsRequest:
    """The first page of ListEvents."""
    return ListEventsRequest(
        filter=_event_filter(query),
        order=EventOrder.Value(f"EVENT_ORDER_{(order or 'unspecified').upper()}"),
        page_size=page_size,
    )


def count_events_request(
    query: EventQuery, group_by: Sequence[GroupByName], limit: int
) -> CountEventsRequest:
    """CountEvents' request."""
    return CountEventsRequest(
        filter=_event_filter(query),
        group_by=[EventGroupBy.Value(f"EVENT_GROUP_BY_{key.upper()}") for key in group_by],
        limit=limit,
    )


def list_cameras_request(
    sites: Sequence[str], as_of: datetime | None, page_size: int
) -> ListCamerasRequest:
    """The first page of ListCameras."""
    return ListCamerasRequest(sites=sites, as_of=_optional(as_of), page_size=page_size)


def list_coverage_request(
    since: datetime,
    until: datetime,
    cameras: Sequence[str],
    sites: Sequence[str],
    page_size: int,
) -> ListCoverageRequest:
    """The first page of ListCoverage."""
    return ListCoverageRequest(
        time_range=time_range(since, until), cameras=cameras, sites=sites, page_size=page_size
    )


def list_conversations_request(
    active_since: datetime | None, active_until: datetime | None, page_size: int
) -> ListConversationsRequest:
    """The first page of ListConversations."""
    return ListConversationsRequest(
        active_range=time_range(active_since, active_until), page_size=page_size
    )


def list_prompt_responses_request(
    conversation_id: str,
    since: datetime | None,
    until: datetime | None,
    response_type: ResponseTypeName | None,
    page_size: int,
) -> ListPromptResponsesRequest:
    """The first page of ListPromptResponses."""
    name = response_type or "unspecified"
    return ListPromptResponsesRequest(
        conversation_id=conversation_id,
        time_range=time_range(since, until),
        response_type=ResponseType.Value(f"RESPONSE_TYPE_{name.upper()}"),
        page_size=page_size,
    )


def search_messages_request(
    query: str,
    conversation_id: str,
    role: RoleName | None,
    since: datetime | None,
    until: datetime | None,
    page_size: int,
) -> SearchMessagesRequest:
    """The first page of SearchMessages."""
    return SearchMessagesRequest(
        query=query,
        conversation_id=conversation_id,
        role=MessageRole.Value(f"MESSAGE_ROLE_{(role or 'unspecified').upper()}"),
        time_range=time_range(since, until),
        page_size=page_size,
    )


def prompt_analytics_request(
    since: datetime | None,
    until: datetime | None,
    bucket: BucketName | None,
    time_zone: str,
    whole_tenant: bool,
) -> GetPromptAnalyticsRequest:
    """GetPromptAnalytics."""
    return GetPromptAnalyticsRequest(
        time_range=time_range(since, until),
        bucket=AnalyticsBucket.Value(f"ANALYTICS_BUCKET_{(bucket or 'unspecified').upper()}"),
        time_zone=time_zone,
        whole_tenant=whole_tenant,
    )


def _on_disconnect(options: AnswerOptions) -> OnDisconnect.ValueType:
    name = options.get("on_disconnect", "unspecified")
    return OnDisconnect.Value(f"ON_DISCONNECT_{name.upper()}")


def _question_filter(options: AnswerOptions | PromptOptions) -> QuestionFilter | None:
    found = QuestionFilter(
        cameras=options.get("cameras", ()),
        sites=options.get("sites", ()),
        event_types=options.get("event_types", ()),
        time_range=time_range(options.get("since"), options.get("until")),
        min_confidence=options.get("min_confidence"),
    )
    return found if found.ByteSize() else None


def _event_filter(query: EventQuery) -> EventFilter | None:
    window = time_range(query.get("since"), query.get("until"))
    found = EventFilter(
        windows=[] if window is None else [window],
        cameras=query.get("cameras", ()),
        sites=query.get("sites", ()),
        zones=query.get("zones", ()),
        event_types=query.get("event_types", ()),
        labels=query.get("labels", ()),
        text=query.get("text", ""),
        min_confidence=query.get("min_confidence"),
        min_duration_seconds=query.get("min_duration"),
        max_duration_seconds=query.get("max_duration"),
        as_of=_optional(query.get("as_of")),
    )
    return found if found.ByteSize() else None


def _optional(instant: datetime | None) -> Timestamp | None:
    return None if instant is None else timestamp(instant)
