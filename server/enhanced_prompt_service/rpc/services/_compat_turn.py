"""A turn as the events that the seeds' chat clients read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enhanced_prompt.v1.turns_pb2 import TurnFrame

from ...domain.errors import ServiceError
from ...domain.levels import FRAME_OF, StreamEvent
from ...domain.turns import CLOSING, Failed, FrameKind
from ..call import Call, ClientGone
from ..errors import status_of_turn
from ..guard import Rejected
from ..stream import Frames
from ._sse import HEARTBEAT, event

WITHDRAWN = "\n\n[What stands above is withdrawn; the answer begins again.]\n\n"
"""Stands between two beginnings: these clients can only append."""

_AGAIN = frozenset({FrameKind.TEXT_WITHDRAWN, FrameKind.RESET})


def kinds_of(shown: frozenset[StreamEvent]) -> frozenset[FrameKind]:
    """Frames that a stream of these events is made of."""
    return frozenset(FRAME_OF[one] for one in shown) | _AGAIN | CLOSING


async def write_events(
    call: Call, cursor: Frames, shown: frozenset[StreamEvent], *, heartbeat_s: float
) -> None:
    """Write a turn's frames as events until its end; silence of `heartbeat_s` becomes a comment.

    What fails under way is an `error` event, and raised after it, so that it is counted as what
    it is. Losing the client ends it by cancellation or ClientGone.
    """
    try:
        await _write(call, cursor, shown, heartbeat_s)
    except (ClientGone, Rejected):
        raise
    except Exception as error:
        if call.frames and call.ending is None:
            said = error.message if isinstance(error, ServiceError) else "internal error"
            await call.write(_error(said))
        raise


async def _write(
    call: Call, cursor: Frames, shown: frozenset[StreamEvent], heartbeat_s: float
) -> None:
    said: list[str] = []
    while True:
        try:
            taken = await cursor.take(heartbeat_s)
        except StopAsyncIteration:
            return
        if taken is None:
            await call.write(HEARTBEAT)
            continue
        frame = TurnFrame.FromString(taken.encoded)
        match taken.kind:
            case FrameKind.TEXT_DELTA:
                said.append(frame.text_delta.text)
                await call.write(_token(frame.text_delta.text))
                if call.first_token_at is None:
                    call.first_token_at = call.monotonic()
            case FrameKind.TEXT_WITHDRAWN | FrameKind.RESET:
                if said:
                    said.clear()
                    await call.write(_token(WITHDRAWN))
            case FrameKind.COMPLETED:
                whole = frame.completed.response.response
                if StreamEvent.TOKEN in shown and (rest := _rest(whole, "".join(said))):
                    await call.write(_token(rest))
                await call.write(event({"type": "complete"}))
                return
            case FrameKind.CANCELLED:
                await call.write(_error("the answer was stopped"))
                return
            case FrameKind.FAILED:
                await call.write(_error(frame.failed.status.message))
                assert isinstance(taken.payload, Failed)
                raise Rejected(status_of_turn(taken.payload.error))
            case _:
                await call.write(event(_work(frame)))


def _rest(whole: str, said: str) -> str:
    """What of the answer was not said: all of it where a stored answer stands for its stream."""
    return whole[len(said) :] if whole.startswith(said) else ""


def _token(text: str) -> bytes:
    return event({"type": "token", "content": text})


def _error(message: str) -> bytes:
    return event({"type": "error", "message": message})


def _work(frame: TurnFrame) -> Mapping[str, Any]:
    """What the agent does: the frames have the seeds' lengths already."""
    match frame.WhichOneof("payload"):
        case "tool_started":
            began = frame.tool_started
            return {"type": "tool_start", "tool": began.tool, "input": began.arguments}
        case "tool_finished":
            ended = frame.tool_finished
            return {"type": "tool_end", "tool": ended.tool, "result": ended.result}
        case "agent_started":
            return {"type": "agent_start", "agent": frame.agent_started.agent}
        case _:
            return {"type": "thinking", "message": frame.thinking.text}
