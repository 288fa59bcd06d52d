"""Questions in, frames of their turns out."""

from __future__ import annotations

from collections.abc import Iterable

from enhanced_prompt.v1 import prompt_service_pb2, turns_pb2

from ...domain.turns import (
    REASONING_ONLY,
    AgentStarted,
    Cancelled,
    Completed,
    EvidenceFound,
    Failed,
    Frame,
    FrameKind,
    OnDisconnect,
    QuestionFilter,
    Reset,
    Started,
    TextDelta,
    TextWithdrawn,
    Thinking,
    ToolFinished,
    ToolStarted,
    TurnRequest,
    TurnRow,
    TurnState,
)
from ..errors import status_of_turn
from .answers import evidence, prompt_response, usage
from .times import instant, interval, timestamp

KINDS: dict[int, FrameKind] = {
    turns_pb2.FrameKind.Value(f"FRAME_KIND_{kind.name}"): kind for kind in FrameKind
}
STATES = {state: turns_pb2.TurnState.Value(f"TURN_STATE_{state.name}") for state in TurnState}
ANSWER_KINDS = frozenset(FrameKind) - REASONING_ONLY


def turn_request(
    message: prompt_service_pb2.AskRequest | prompt_service_pb2.AnswerRequest,
) -> TurnRequest:
    """What is asked. Raises InvalidArgument for times that cannot be meant."""
    cancels = message.on_disconnect == turns_pb2.ON_DISCONNECT_CANCEL
    as_of = instant(message.as_of, "as_of") if message.HasField("as_of") else None
    return TurnRequest(
        query=message.query,
        conversation_id=message.conversation_id,
        request_id=message.request_id,
        on_disconnect=OnDisconnect.CANCEL if cancels else OnDisconnect.CONTINUE,
        filter=question_filter(message.filter),
        time_zone=message.time_zone,
        as_of=as_of,
        model=message.model,
    )


def question_filter(message: turns_pb2.QuestionFilter, path: str = "filter") -> QuestionFilter:
    """What narrows a question. A time range without either end narrows nothing."""
    has = message.HasField
    window = None
    if has("time_range"):
        part = message.time_range
        if part.HasField("start_time") or part.HasField("end_time"):
            window = interval(part, f"{path}.time_range")
    return QuestionFilter(
        cameras=tuple(message.cameras),
        sites=tuple(message.sites),
        event_types=tuple(message.event_types),
        time_range=window,
        min_confidence=message.min_confidence if has("min_confidence") else None,
    )


def kinds_wanted(
    detail: turns_pb2.Detail.ValueType, frame_kinds: Iterable[turns_pb2.FrameKind.ValueType]
) -> frozenset[FrameKind] | None:
    """The kinds that a reader is shown, None for all; closing frames come in any case."""
    chosen = frozenset(KINDS[kind] for kind in frame_kinds if kind in KINDS)
    if chosen:
        return chosen
    return None if detail == turns_pb2.DETAIL_REASONING else ANSWER_KINDS


def turn_frame(frame: Frame) -> turns_pb2.TurnFrame:
    """A frame as the log has it: without `previous_sequence`, which is each reader's own."""
    message = turns_pb2.TurnFrame(
        turn_id=frame.turn_id, attempt=frame.attempt, sequence=frame.sequence
    )
    match frame.payload:
        case TextDelta(text):
            message.text_delta.text = text
        case Thinking(text):
            message.thinking.text = text
        case Reset(attempt):
            message.reset.attempt = attempt
        case Started(conversation_id, conversation_turn, message_id, model):
            message.started.conversation_id = conversation_id
            message.started.conversation_turn = conversation_turn
            message.started.message_id = message_id
            message.started.model = model
        case AgentStarted(agent):
            message.agent_started.agent = agent
        case ToolStarted(tool, call_id, arguments):
            message.tool_started.tool = tool
            message.tool_started.call_id = call_id
            message.tool_started.arguments = arguments
        case ToolFinished(tool, call_id, result, ok):
            message.tool_finished.tool = tool
            message.tool_finished.call_id = call_id
            message.tool_finished.result = result
            message.tool_finished.ok = ok
        case TextWithdrawn(failed_model, next_model):
            message.text_withdrawn.failed_model = failed_model
            message.text_withdrawn.next_model = next_model
        case EvidenceFound(items, total_matches):
            message.evidence.evidence.extend(evidence(one) for one in items)
            message.evidence.total_matches = total_matches
        case Completed(response):
            message.completed.response.CopyFrom(prompt_response(response))
        case Failed(error, used):
            message.failed.status.CopyFrom(status_of_turn(error))
            message.failed.retryable = error.retryable
            message.failed.partial_kept = error.partial_kept
            message.failed.usage.CopyFrom(usage(used))
        case Cancelled(response):
            message.cancelled.response.CopyFrom(prompt_response(response))
    return message


def turn_row(row: TurnRow) -> turns_pb2.Turn:
    """A turn as it is stored, without its answer."""
    message = turns_pb2.Turn(
        turn_id=row.turn_id,
        conversation_id=row.conversation_id,
        conversation_turn=row.conversation_turn,
        message_id=row.message_id,
        request_id=row.request_id,
        attempt=row.attempt,
        state=STATES[row.state],
        create_time=timestamp(row.created_at),
    )
    if row.ended_at is not None:
        message.end_time.CopyFrom(timestamp(row.ended_at))
    return message
