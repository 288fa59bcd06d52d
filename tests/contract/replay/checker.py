"""Whether what a reader saw, over all its pieces, is exactly its view of the turn's log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from enhanced_prompt.v1 import prompt_service_pb2, turns_pb2

CLOSING = frozenset({"completed", "failed", "cancelled"})
REASONING_ONLY = frozenset({"agent_started", "thinking", "tool_started", "tool_finished"})


class Broken(AssertionError):
    """A reader was shown something else than its view of the log."""


@dataclass
class Reading:
    """One reader: the frames of its pieces in the order they came, whatever the attempt."""

    detail: turns_pb2.Detail.ValueType
    frames: list[turns_pb2.TurnFrame] = field(default_factory=list[turns_pb2.TurnFrame])
    cuts: int = 0

    def take(self, raw: bytes) -> turns_pb2.TurnFrame | None:
        """Note a response as it came off the wire; its frame, None where it has none."""
        message = prompt_service_pb2.WatchTurnResponse.FromString(raw)
        if message.WhichOneof("frame") == "heartbeat":
            last = self.frames[-1].sequence if self.frames else 0
            if message.heartbeat.last_sequence != last:
                raise Broken(f"a heartbeat says {message.heartbeat.last_sequence} after {last}")
        if message.WhichOneof("frame") != "turn":
            return None
        self.frames.append(message.turn)
        return message.turn

    @property
    def attempt(self) -> int:
        """The attempt of the newest frame, 0 before the first."""
        return self.frames[-1].attempt if self.frames else 0

    @property
    def last_sequence(self) -> int:
        """The newest frame's sequence."""
        return self.frames[-1].sequence if self.frames else 0

    @property
    def ended(self) -> bool:
        """Whether the newest frame closes its attempt."""
        return bool(self.frames) and kind_of(self.frames[-1]) in CLOSING

    @property
    def failed(self) -> bool:
        """Whether the newest attempt seen has failed."""
        return bool(self.frames) and kind_of(self.frames[-1]) == "failed"


Log = Sequence[turns_pb2.TurnFrame]


def kind_of(frame: turns_pb2.TurnFrame) -> str:
    """Its name in the contract's oneof."""
    return str(frame.WhichOneof("payload"))


def text_of(frames: Log) -> str:
    """The text that somebody has who follows an attempt's deltas and withdrawals."""
    text = ""
    for frame in frames:
        match kind_of(frame):
            case "text_delta":
                text += frame.text_delta.text
            case "text_withdrawn" | "reset":
                text = ""
            case _:
                pass
    return text


def check_log(log: Log) -> None:
    """The whole log of an attempt, as a reader of all kinds has it. Raises Broken."""
    if not log:
        raise Broken("the log is empty")
    _equal("sequences", [one.sequence for one in log], list(range(1, len(log) + 1)))
    if len({(one.turn_id, one.attempt) for one in log}) != 1:
        raise Broken("frames of several attempts or turns in one log")
    closing = [one.sequence for one in log if kind_of(one) in CLOSING]
    _equal("closing frames", closing, [len(log)])
    resets = [one.sequence for one in log if kind_of(one) == "reset"]
    _equal("resets", resets, [1] if log[0].attempt > 1 else [])
    if kind_of(log[-1]) == "completed":
        _equal("text", text_of(log), log[-1].completed.response.response)


def check(reading: Reading, logs: Mapping[int, Log]) -> None:
    """Compare a reading with the logs of the turn's attempts. Raises Broken.

    A superseded attempt may have been left at any frame; the newest was read to its end.
    """
    attempts = [one.attempt for one in reading.frames]
    if attempts != sorted(attempts):
        raise Broken(f"attempts came in the order {attempts}")
    newest = max(logs)
    if reading.attempt != newest:
        raise Broken(f"attempt {newest} was not seen")
    for attempt in dict.fromkeys(attempts):
        seen = [one for one in reading.frames if one.attempt == attempt]
        _check_attempt(seen, _view(logs[attempt], reading.detail), whole=attempt == newest)


def _check_attempt(seen: Log, view: Log, *, whole: bool) -> None:
    replayed = [one.sequence for one in seen if one.replayed]
    _equal("frames that stand for a log that is gone", replayed, [])
    sequences = [one.sequence for one in seen]
    _equal("previous sequences", [one.previous_sequence for one in seen], [0, *sequences[:-1]])
    if not whole:
        view = view[: len(seen)]
    _equal("sequences", sequences, [one.sequence for one in view])
    for mine, theirs in zip(seen, view, strict=True):
        if _bare(mine) != _bare(theirs):
            raise Broken(f"frame {mine.sequence} is another one:\n{mine}\nin the log:\n{theirs}")
    if whole:
        _equal("closing frames", [kind_of(one) in CLOSING for one in seen].count(True), 1)
        closing = seen[-1]
        if kind_of(closing) == "completed":
            _equal("text", text_of(seen), closing.completed.response.response)


def _view(log: Log, detail: turns_pb2.Detail.ValueType) -> Log:
    hidden = REASONING_ONLY if detail == turns_pb2.DETAIL_ANSWER else frozenset[str]()
    return [one for one in log if kind_of(one) not in hidden]


def _bare(frame: turns_pb2.TurnFrame) -> bytes:
    """A frame without what belongs to one reader alone."""
    copy = turns_pb2.TurnFrame()
    copy.CopyFrom(frame)
    copy.previous_sequence = 0
    return copy.SerializeToString()


def _equal(what: str, seen: object, expected: object) -> None:
    if seen != expected:
        raise Broken(f"{what}: {seen} instead of {expected}")
