"""Text for a terminal: nothing printed can be taken back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt._frames import Frame, frame_of
from enhanced_prompt._turn import TextView
from enhanced_prompt.v1.answers_pb2 import PromptResponse
from enhanced_prompt.v1.turns_pb2 import (
    TextDelta,
    TextWithdrawn,
    Thinking,
    TurnCompleted,
    TurnFrame,
    TurnReset,
)


def delta(text: str) -> Frame:
    return frame_of(TurnFrame(text_delta=TextDelta(text=text)))


def completed(text: str) -> Frame:
    return frame_of(TurnFrame(completed=TurnCompleted(response=PromptResponse(response=text))))


WITHDRAWN = frame_of(TurnFrame(text_withdrawn=TextWithdrawn()))
RESET = frame_of(TurnFrame(reset=TurnReset(attempt=2)))


def printed(*frames: Frame) -> list[str]:
    view = TextView()
    return [view.take(frame) for frame in frames]


def test_deltas_are_printed_as_they_come() -> None:
    assert printed(delta("a"), delta("b"), completed("ab")) == ["a", "b", ""]


def test_what_a_new_attempt_repeats_is_not_printed_again() -> None:
    shown = printed(
        delta("Two peo"),
        RESET,
        delta("Two "),
        delta("people"),
        delta("."),
        completed("Two people."),
    )
    assert shown == ["Two peo", "", "", "ple", ".", ""]


def test_text_that_goes_another_way_is_printed_whole_after_an_empty_line() -> None:
    shown = printed(delta("Three"), WITHDRAWN, delta("T"), delta("wo"), completed("Two"))
    assert shown == ["Three", "", "", "\n\nTwo", ""]


def test_a_shorter_answer_than_what_was_shown_is_printed_at_the_end() -> None:
    assert printed(delta("Two people"), WITHDRAWN, delta("Two"), completed("Two")) == [
        "Two people",
        "",
        "",
        "\n\nTwo",
    ]


def test_a_replayed_answer_is_printed_whole() -> None:
    assert printed(completed("Two.")) == ["Two."]


def test_other_frames_print_nothing() -> None:
    assert printed(frame_of(TurnFrame(thinking=Thinking(text="hm")))) == [""]


@given(st.lists(st.lists(st.text("ab", min_size=1, max_size=3)), min_size=1, max_size=4))
def test_the_last_paragraph_printed_is_the_answer(attempts: list[list[str]]) -> None:
    view = TextView()
    out = ""
    for number, attempt in enumerate(attempts):
        if number:
            out += view.take(WITHDRAWN)
        for piece in attempt:
            out += view.take(delta(piece))
    final = "".join(attempts[-1])
    out += view.take(completed(final))
    assert out.split("\n\n")[-1] == final
