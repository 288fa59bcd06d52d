"""Frames as bytes: serialised once a frame, whatever the number of its readers (design 3, rule 3).

Every response that carries frames has the TurnFrame as field 1, so a response is a tag, a length
and the frame's bytes; what belongs to one reader alone is appended to them, which Protobuf reads
as more fields of the same message.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from google.rpc.error_details_pb2 import ErrorInfo

from enhanced_prompt.v1 import common_pb2, prompt_service_pb2, turns_pb2

from ..domain.turns import Failed, Frame, TurnError
from ..turns import TakenFrame
from .convert.times import timestamp
from .convert.turns import turn_frame

_VARINT = 0
_FRAME_TAG = bytes([1 << 3 | 2])  # field 1 of the response, length-delimited
_PREVIOUS_TAG = bytes([turns_pb2.TurnFrame.PREVIOUS_SEQUENCE_FIELD_NUMBER << 3 | _VARINT])
_REPLAYED = bytes([turns_pb2.TurnFrame.REPLAYED_FIELD_NUMBER << 3 | _VARINT, 1])


def encode(frame: Frame) -> bytes:
    """A serialised TurnFrame, without `previous_sequence` and `replayed`.

    Text that is no valid Unicode (halves of surrogate pairs, which a model may say and JSON may
    spell) is sent with question marks in its place, rather than not at all.
    """
    try:
        return turn_frame(frame).SerializeToString()
    except UnicodeEncodeError:
        return turn_frame(_scrubbed(frame)).SerializeToString()


def wrap(taken: TakenFrame) -> bytes:
    """The response message (of Ask, WatchTurn or Chat) that holds a frame for one reader."""
    body = taken.encoded
    if taken.previous_sequence:
        body += _PREVIOUS_TAG + varint(taken.previous_sequence)
    if taken.replayed:
        body += _REPLAYED
    return _FRAME_TAG + varint(len(body)) + body


def heartbeat(last_sequence: int, now: datetime) -> bytes:
    """The response message that says that the stream is alive."""
    message = prompt_service_pb2.AskResponse()
    message.heartbeat.last_sequence = last_sequence
    message.heartbeat.time.CopyFrom(timestamp(now))
    return message.SerializeToString()


def heartbeat_message(now: datetime) -> common_pb2.Heartbeat:
    """The same for a stream of another kind, which has no sequences."""
    return common_pb2.Heartbeat(time=timestamp(now))


def turn_frame_of(taken: TakenFrame) -> turns_pb2.TurnFrame:
    """The frame as a message, for answers that are no stream."""
    message = turns_pb2.TurnFrame.FromString(taken.encoded)
    message.previous_sequence = taken.previous_sequence
    message.replayed = taken.replayed
    return message


def decode(encoded: bytes) -> Failed:
    """What a serialised `failed` frame says, without its usage: another replica made it."""
    message = turns_pb2.TurnFrame.FromString(encoded).failed
    info = ErrorInfo()
    for detail in message.status.details:
        detail.Unpack(info)  # leaves it alone where the detail is something else
    error = TurnError(
        reason=info.reason,
        message=message.status.message,
        retryable=message.retryable,
        partial_kept=message.partial_kept,
        incident_id=info.metadata.get("incident_id", ""),
    )
    return Failed(error)


def varint(number: int) -> bytes:
    """Protobuf's variable-length form of a number that is not negative."""
    if number < 0x80:
        return _SMALL[number]
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


_SMALL = [bytes([number]) for number in range(0x80)]


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value,
            **{one.name: _scrubbed(getattr(value, one.name)) for one in dataclasses.fields(value)},
        )
    if isinstance(value, tuple | list):
        items = cast("list[Any]", value)
        return type(items)(_scrubbed(one) for one in items)
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {_scrubbed(key): _scrubbed(one) for key, one in entries.items()}
    return value
