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
        "insight_id",
        "message_id",
        "running_turn_id",
        "session_id",
        "source_conversation_id",
        "standing_question_id",
        "template_id",
        "turn_id",
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
        "GeneratedContent.processing_time_ms",
        "GetPromptAnalyticsResponse.time_range",
        "Heartbeat.time",
        "Insight.create_time",
        "Insight.timestamp",
        "MuteInsightsResponse.muted_until",
        "PrewarmPart.duration",
        "PrewarmPart.warmed_before",
        "PrewarmResponse.duration",
        "PromptAnalyticsPoint.time_range",
        "PromptResponse.processing_time_ms",
        "PromptResponse.timestamp",
        "PromptTotals.average_processing_time_ms",
        "PromptTotals.p95_processing_time_ms",
        "StandingQuestion.create_time",
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
        if long in TIMES or long in PROCESS:
            message.ClearField(name)
        elif long in TOKENS or name in TOKENS:
            setattr(message, name, _MARK)
        elif name in IDS and isinstance(value, str):
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
    """JSON, or server-sent events of JSON; the same fields, by their names alone."""
    lines: list[str] = []
    for line in message.data.decode().splitlines():
        head, sep, rest = line.partition("data: ")
        text = rest if sep and not head else line
        try:
            lines.append(json.dumps(_of_json(json.loads(text), ids), sort_keys=True))
        except ValueError:
            lines.append(line)
    return "\n".join(lines).encode()


_SHORT = frozenset(one.rpartition(".")[2] for one in TIMES | PROCESS)


def _of_json(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_of_json(one, ids) for one in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, one in value.items():
        if name in _SHORT:
            continue
        if name in IDS and isinstance(one, str):
            found[name] = ids.setdefault(one, f"{name} {len(ids)}")
        else:
            found[name] = _of_json(one, ids)
    return found
