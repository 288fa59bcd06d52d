"""How much of an agent's work older clients are shown: the seeds' levels, and lists of events."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .turns import FrameKind


class StreamEvent(StrEnum):
    """Events that can be chosen; `complete` and `error` always come."""

    TOKEN = "token"  # noqa: S105 - a piece of text
    TOOL_START = "tool_start"
    TOOL_END = "tool_end"
    AGENT_START = "agent_start"
    THINKING = "thinking"


FRAME_OF: Mapping[StreamEvent, FrameKind] = {
    StreamEvent.TOKEN: FrameKind.TEXT_DELTA,
    StreamEvent.TOOL_START: FrameKind.TOOL_STARTED,
    StreamEvent.TOOL_END: FrameKind.TOOL_FINISHED,
    StreamEvent.AGENT_START: FrameKind.AGENT_STARTED,
    StreamEvent.THINKING: FrameKind.THINKING,
}
LEVELS: Mapping[str, frozenset[StreamEvent]] = {
    "L1": frozenset({StreamEvent.TOKEN}),
    "L2": frozenset(StreamEvent),
}


def stream_events(text: str) -> frozenset[StreamEvent]:
    """What `L1`, `L2` or a list with commas (`token,tool_start`) means. Raises ValueError."""
    level = LEVELS.get(text.strip().upper())
    if level is not None:
        return level
    try:
        return frozenset(StreamEvent(one.strip().lower()) for one in text.split(","))
    except ValueError:
        known = ", ".join(StreamEvent)
        raise ValueError(f"must be L1, L2, or a list with commas of {known}") from None
