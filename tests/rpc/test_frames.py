"""Frames as bytes: encoded once, wrapped for each reader."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt.v1 import prompt_service_pb2, turns_pb2
from enhanced_prompt_service.domain.answers import PromptResponse
from enhanced_prompt_service.domain.turns import Completed, Frame, TextDelta, Thinking
from enhanced_prompt_service.rpc.frames import encode, heartbeat, turn_frame_of, varint, wrap
from enhanced_prompt_service.turns import TakenFrame

from . import strategies
from .stack import an_answer

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def taken(frame: Frame, previous: int = 0, *, replayed: bool = False) -> TakenFrame:
    return TakenFrame(
        frame.kind, frame.sequence, previous, encode(frame), frame.payload, replayed=replayed
    )


@given(strategies.frames, st.integers(0, 2**62), st.booleans())
def test_a_wrapped_frame_is_the_response_that_the_contract_describes(
    frame: Frame, previous: int, replayed: bool
) -> None:
    one = taken(frame, previous, replayed=replayed)
    expected = turns_pb2.TurnFrame.FromString(encode(frame))
    expected.previous_sequence = previous
    expected.replayed = replayed
    for kind in (prompt_service_pb2.AskResponse, prompt_service_pb2.WatchTurnResponse):
        assert kind.FromString(wrap(one)).turn == expected
    assert turn_frame_of(one) == expected


@given(strategies.frames)
def test_an_encoded_frame_says_which_it_is(frame: Frame) -> None:
    message = turns_pb2.TurnFrame.FromString(encode(frame))
    assert (message.turn_id, message.attempt, message.sequence) == (
        frame.turn_id,
        frame.attempt,
        frame.sequence,
    )
    assert message.WhichOneof("payload") == frame.kind.value


def test_an_empty_text_is_still_a_text() -> None:
    message = turns_pb2.TurnFrame.FromString(encode(Frame("t", 1, 1, Thinking(""))))
    assert message.WhichOneof("payload") == "thinking"


def test_text_that_is_no_unicode_is_sent_with_question_marks() -> None:
    message = turns_pb2.TurnFrame.FromString(encode(Frame("t", 1, 1, TextDelta("car \ud83d!"))))
    assert message.text_delta.text == "car ?!"


def test_half_characters_deep_inside_of_an_answer_do_not_lose_it() -> None:

    answer = replace(
        an_answer("\udc00 cars"), metadata={"note \ud800": ["x\ud800", {"y": "\udfff"}]}
    )
    response = PromptResponse("t", "m", NOW, "c", "u", "q\ud800", 1, 5, answer)
    message = turns_pb2.TurnFrame.FromString(encode(Frame("t", 1, 3, Completed(response))))
    assert message.completed.response.response == "? cars"
    assert message.completed.response.metadata["note ?"][0] == "x?"


@given(st.integers(0, 2**63 - 1))
def test_a_varint_is_protobufs(number: int) -> None:
    expected = turns_pb2.TurnFrame(sequence=number).SerializeToString()[1:]
    assert varint(number) == (expected or b"\0")


def test_a_heartbeat_carries_the_last_sequence_and_the_time() -> None:
    for kind in (prompt_service_pb2.AskResponse, prompt_service_pb2.WatchTurnResponse):
        message = kind.FromString(heartbeat(7, NOW))
        assert message.WhichOneof("frame") == "heartbeat"
        assert message.heartbeat.last_sequence == 7
        assert message.heartbeat.time.ToDatetime(tzinfo=UTC) == NOW


@pytest.mark.parametrize(
    "kind", [prompt_service_pb2.AskResponse, prompt_service_pb2.WatchTurnResponse]
)
def test_the_frame_is_field_1_of_every_response_that_carries_one(kind: type) -> None:
    field = kind.DESCRIPTOR.fields_by_number[1]  # type: ignore[attr-defined]
    assert field.message_type.full_name == "enhanced_prompt.v1.TurnFrame"
