"""What may differ between two answers that have to be the same: ids, times and sealed tokens.

All of it is listed here, field by field; whatever is not listed is compared byte by byte.
"""

from __future__ import annotations

import json
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from enhanced_prompt.v1 import turns_pb2

from .wire import Told

IDS = frozenset(
    {
        "agent_id",
        "call_id",
        "conversation_id",
        "incident_id",
        "insight_id",
        "message_id",
        "running_turn_id",
        "session_id",
        "source_conversation_id",
        "standing_question_id",
        "template_id",
        "turn_id",
        "RequestRecord.request_id",
        "ErrorRecord.request_id",
    }
)
"""Fields that hold ids, which the server makes at random: only which of them are equal counts."""

TIMES = frozenset(
    {
        "Acknowledgement.time",
        "ChatPong.time",
        "ChatReady.token_expire_time",
        "Consent.update_time",
        "ConsentChange.time",
        "Conversation.conversation_created",
        "Conversation.conversation_duration_minutes",
        "Conversation.last_activity",
        "Conversation.timestamp",
        "ConversationMessage.timestamp",
        "ConversationSummary.conversation_created",
        "ConversationSummary.last_activity",
        "ErrorRecord.time",
        "GeneratedContent.processing_time_ms",
        "GetPromptAnalyticsResponse.time_range",
        "Heartbeat.time",
        "Insight.create_time",
        "Insight.timestamp",
        "MetricsSnapshot.time",
        "MuteInsightsResponse.muted_until",
        "PrewarmPart.duration",
        "PrewarmPart.warmed_before",
        "PrewarmResponse.duration",
        "PromptAnalyticsPoint.time_range",
        "PromptResponse.processing_time_ms",
        "PromptResponse.timestamp",
        "PromptTotals.average_processing_time_ms",
        "PromptTotals.p95_processing_time_ms",
        "RequestRecord.latency_ms",
        "RequestRecord.time",
        "RequestRecord.time_to_first_token_ms",
        "StandingQuestion.create_time",
        "SubscribeMetricsResponse.time",
        "Template.create_time",
        "Template.update_time",
        "Turn.create_time",
        "Turn.end_time",
    }
)
"""When something was done by the real clock, and how long it took."""

TOKENS = frozenset(
    {
        "ExportConversationsResponse.resume_token",
        "CommitSubscriptionResponse.resume_token",
        "ListInsightsResponse.resume_token",
        "RenderTemplateResponse.etag",
        "StandingQuestion.etag",  # of its content, its times among it
        "StreamCursor.resume_token",
        "SubscribeInsightsResponse.resume_token",
        "Template.etag",
        "next_page_token",
    }
)
"""Sealed or signed; that there is one counts."""

PROCESS = frozenset(
    {
        "ReplicaHealth.active_connections",
        "ReplicaHealth.cpu_usage",
        "ReplicaHealth.memory_bytes",
        "ReplicaHealth.name",
        "ReplicaHealth.start_time",
        "SystemHealth.cpu_usage",
        "SystemHealth.gpu_usage",
        "SystemHealth.memory_usage",
        "SystemHealth.queue_size",
        "SystemHealth.time",
        "ComponentHealth.since",
        "ComponentHealth.degraded_duration",
    }
)
"""Measures of the whole process (docs/security.md, not defended)."""

SERVICE = frozenset(
    {
        "MetricsSnapshot.metrics",
        "MetricsSnapshot.models",
        "SubscribeMetricsResponse.models",
        "SubscribeMetricsResponse.update",
    }
)
SERVICE_EVENTS = frozenset({"metrics_update", "model_metrics"})
"""Totals, rates and statistics of models, which are the whole service's by decision, of all
tenants (docs/security.md, not defended): as fields, and as events of `/metrics/stream`."""

DETAILS = frozenset({"earliest_resume_token", "incident_id", "resume_token", "turn_id"})
"""Keys of an ErrorInfo's metadata that hold such things."""

METADATA = frozenset({"insights"})
"""Keys of an answer's metadata that hold lists of ids."""

_MARK = "<…>"


def same(told: Told) -> bytes:
    """All that a call said, with what may differ taken out: equal bytes, equal answers."""
    ids: dict[str, str] = {}
    messages = [_plain(one, ids) for one in _joined(told.messages)]
    status = b"OK" if told.status is None else _status(told.status)
    return b"\n".join([*messages, status])


def _plain(message: Message, ids: dict[str, str]) -> bytes:
    if isinstance(message, HttpBody):
        return _body(message, ids)
    copy: Any = type(message)()
    copy.CopyFrom(message)
    _blank(copy, ids)
    return copy.SerializeToString(deterministic=True)


def _blank(message: Any, ids: dict[str, str]) -> None:
    kind = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        name = field.name
        long = f"{kind}.{name}"
        if long in TIMES or long in PROCESS or long in SERVICE:
            message.ClearField(name)
        elif long in TOKENS or name in TOKENS:
            setattr(message, name, _MARK)
        elif (name in IDS or long in IDS) and isinstance(value, str):
            setattr(message, name, ids.setdefault(value, f"{name} {len(ids)}"))
        elif isinstance(value, Struct):
            for key in METADATA & set(value.fields):
                _name_ids(value.fields[key].list_value, ids)
        elif (
            field.message_type is None
            or field.message_type.full_name.startswith("google.")
            or field.message_type.GetOptions().map_entry
        ):
            continue
        else:
            for one in value if field.is_repeated else (value,):
                _blank(one, ids)


def _name_ids(found: ListValue, ids: dict[str, str]) -> None:
    for value in found.values:
        value.string_value = ids.setdefault(value.string_value, f"id {len(ids)}")


def _joined(messages: tuple[Message, ...]) -> list[Message]:
    """Text is joined, and frames lose their numbers: how much of it was sent at a time, and with
    it the numbers of frames, is a matter of time as well."""
    found: list[Any] = []
    for message in messages:
        copy: Any = type(message)()
        copy.CopyFrom(message)
        if found and isinstance(copy, HttpBody) and isinstance(found[-1], HttpBody):
            found[-1].data += copy.data
            continue
        frame = _frame(copy)
        if frame is not None and isinstance(frame, turns_pb2.TurnFrame):
            frame.ClearField("sequence")
            frame.ClearField("previous_sequence")
        last = _frame(found[-1]) if found else None
        if _is_text(frame) and _is_text(last):
            last.text_delta.text += frame.text_delta.text
        else:
            found.append(copy)
    return found


def _frame(message: Any) -> Any:
    """What of a message may hold text: its turn's frame, or itself."""
    fields = message.DESCRIPTOR.fields_by_name
    if "turn" in fields and isinstance(message.turn, turns_pb2.TurnFrame):
        return message.turn if message.HasField("turn") else None
    return message if "text_delta" in fields else None


def _is_text(frame: Any) -> bool:
    return frame is not None and frame.HasField("text_delta")


def _status(status: Status) -> bytes:
    lines = [f"{status.code} {status.message}".encode()]
    for detail in status.details:
        info = ErrorInfo()
        if detail.Unpack(info):
            for key in DETAILS & set(info.metadata):
                info.metadata[key] = _MARK
            lines.append(info.SerializeToString(deterministic=True))
        elif not detail.Is(RetryInfo.DESCRIPTOR):
            lines.append(detail.SerializeToString(deterministic=True))
    return b"\n".join(lines)


def _body(message: HttpBody, ids: dict[str, str]) -> bytes:
    """JSON, or server-sent events of JSON without comments; the same fields, by their names alone.
    Tokens that follow each other are one."""
    found: list[Any] = []
    for line in message.data.decode().splitlines():
        if not line or line.startswith(":"):
            continue
        try:
            value = json.loads(line.removeprefix("data: "))
        except ValueError:
            found.append(line)
            continue
        if found and _is_token(value) and _is_token(found[-1]):
            found[-1]["content"] += value["content"]
        else:
            found.append(_of_json(value, ids))
    return "\n".join(json.dumps(one, sort_keys=True) for one in found).encode()


def _is_token(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "token"


_SHORT = frozenset(one.rpartition(".")[2] for one in TIMES | PROCESS)
_SHORT_IDS = frozenset(one.rpartition(".")[2] for one in IDS)


def _of_json(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_of_json(one, ids) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in SERVICE_EVENTS:
        return {**value, "data": _MARK, "timestamp": _MARK}
    found: dict[str, Any] = {}
    for name, one in value.items():
        if name in _SHORT:
            continue
        if name in METADATA and isinstance(one, list):
            found[name] = [ids.setdefault(id_, f"id {len(ids)}") for id_ in one]
        elif name in _SHORT_IDS and isinstance(one, str):
            found[name] = ids.setdefault(one, f"{name} {len(ids)}")
        else:
            found[name] = _of_json(one, ids)
    return found
