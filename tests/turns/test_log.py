"""The log of one attempt, and its readers."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.domain.answers import Interpretation, PromptResponse, QuestionType
from enhanced_prompt_service.domain.turns import (
    Completed,
    FrameKind,
    Reset,
    Started,
    TextDelta,
    TextWithdrawn,
    Thinking,
    TurnError,
)
from enhanced_prompt_service.turns.log import MAX_DELTA_BYTES, Cursor, TakenFrame, TurnLog
from tests.turns.fakes import NOW, an_answer, encode

STARTED = Started("conv", 1, "msg", "test")


def closing() -> Completed:
    assert Interpretation(QuestionType.COUNT)
    return Completed(PromptResponse("t", "m", NOW, "c", "u", "q", 1, 0, an_answer("x")))


def a_log(**options: bool) -> TurnLog:
    return TurnLog("turn", 1, encode, **options)


def drain(cursor: Cursor) -> list[TakenFrame]:
    taken: list[TakenFrame] = []
    try:
        while (frame := cursor.take_now()) is not None:
            taken.append(frame)
    except StopAsyncIteration:
        pass
    return taken


def text_of(frames: list[TakenFrame]) -> str:
    return "".join(f.payload.text for f in frames if isinstance(f.payload, TextDelta))


def test_sequences_count_from_one_without_gaps_and_the_closing_frame_is_last() -> None:
    log = a_log()
    log.append(STARTED)
    log.text("a")
    log.append(Thinking("hm"))
    log.text("b")
    log.append(closing())
    frames = drain(log.cursor())
    assert [f.sequence for f in frames] == [1, 2, 3, 4, 5]
    assert [f.previous_sequence for f in frames] == [0, 1, 2, 3, 4]
    assert [f.closing for f in frames] == [False, False, False, False, True]


def test_nothing_can_be_written_after_the_closing_frame() -> None:
    log = a_log()
    log.append(closing())
    with pytest.raises(RuntimeError):
        log.text("late")
    with pytest.raises(RuntimeError):
        log.append(STARTED)


async def test_whoever_has_the_closing_frame_is_not_left_waiting_for_more() -> None:
    log = a_log()
    log.append(STARTED)
    log.append(closing())
    with pytest.raises(StopAsyncIteration):
        await log.cursor(after_sequence=2).take()


def test_deltas_that_nobody_has_read_are_one_frame() -> None:
    log = a_log()
    for word in ("one ", "two ", "three"):
        log.text(word)
    [frame] = drain(log.cursor())
    assert frame.payload == TextDelta("one two three")


def test_a_delta_after_a_read_one_is_a_frame_of_its_own() -> None:
    log = a_log()
    reader = log.cursor()
    log.text("one")
    assert [f.payload for f in drain(reader)] == [TextDelta("one")]
    log.text("two")
    log.text("three")
    assert [f.payload for f in drain(reader)] == [TextDelta("twothree")]
    assert text_of(drain(log.cursor())) == "onetwothree"


def test_another_kind_of_frame_seals_the_delta_before_it() -> None:
    log = a_log()
    log.text("one")
    log.append(Thinking("hm"))
    log.text("two")
    assert [f.kind for f in drain(log.cursor())] == [
        FrameKind.TEXT_DELTA,
        FrameKind.THINKING,
        FrameKind.TEXT_DELTA,
    ]


def test_a_coalesced_delta_never_exceeds_its_limit_in_bytes() -> None:
    log = a_log()
    for _ in range(40):
        log.text("é" * 1000)
    frames = drain(log.cursor())
    sizes = [len(text_of([frame]).encode()) for frame in frames]
    assert max(sizes) <= MAX_DELTA_BYTES
    assert len(frames) == 5
    assert text_of(frames) == "é" * 40_000


def test_empty_text_writes_nothing() -> None:
    log = a_log()
    log.text("")
    assert log.last_sequence == 0


def test_a_frame_is_encoded_once_for_all_readers() -> None:
    encoded: list[int] = []

    def counting(frame: object) -> bytes:
        encoded.append(1)
        return b"x"

    log = TurnLog("turn", 1, counting)
    log.append(STARTED)
    log.text("a")
    log.append(closing())
    for _ in range(5):
        drain(log.cursor())
    assert len(encoded) == 3


def test_a_view_leaves_kinds_out_and_says_what_it_saw_before() -> None:
    log = a_log()
    log.append(STARTED)
    log.append(Thinking("hm"))
    log.append(Thinking("hmm"))
    log.text("a")
    log.append(closing())
    frames = drain(log.cursor(frozenset({FrameKind.STARTED, FrameKind.TEXT_DELTA})))
    assert [(f.sequence, f.previous_sequence) for f in frames] == [(1, 0), (4, 1), (5, 4)]


def test_no_view_leaves_out_a_reset_or_what_withdraws_its_text() -> None:
    log = a_log()
    log.append(Reset(2))
    log.text("a")
    log.append(TextWithdrawn("one", "two"))
    assert [f.kind for f in drain(log.cursor(frozenset()))] == [FrameKind.RESET]
    assert [f.kind for f in drain(log.cursor(frozenset({FrameKind.TEXT_DELTA})))] == [
        FrameKind.RESET,
        FrameKind.TEXT_DELTA,
        FrameKind.TEXT_WITHDRAWN,
    ]


def test_a_reader_that_leaves_text_out_does_not_seal_it() -> None:
    log = a_log()
    log.text("a")
    assert drain(log.cursor(frozenset({FrameKind.STARTED}))) == []
    log.text("b")
    assert [f.payload for f in drain(log.cursor())] == [TextDelta("ab")]


def test_a_reader_starts_after_any_sequence() -> None:
    log = a_log()
    log.append(STARTED)
    log.append(Thinking("hm"))
    log.append(closing())
    frames = drain(log.cursor(after_sequence=1))
    assert [(f.sequence, f.previous_sequence) for f in frames] == [(2, 1), (3, 2)]


async def test_a_waiting_reader_gets_a_frame_as_soon_as_it_is_written() -> None:
    log = a_log()
    cursor = log.cursor()
    waiting = asyncio.ensure_future(cursor.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    log.text("now")
    frame = await waiting
    assert frame is not None
    assert frame.payload == TextDelta("now")


async def test_waiting_in_vain_gives_none_and_the_reader_goes_on() -> None:
    log = a_log()
    cursor = log.cursor()
    assert await cursor.take(timeout_s=0.001) is None
    log.append(STARTED)
    frame = await cursor.take(timeout_s=0.001)
    assert frame is not None
    assert frame.sequence == 1


async def test_frames_that_a_view_leaves_out_do_not_put_off_its_heartbeat() -> None:
    log = a_log()
    cursor = log.cursor(frozenset({FrameKind.STARTED}))
    waiting = asyncio.ensure_future(cursor.take(timeout_s=0.02))
    while not waiting.done():
        log.append(Thinking("hm"))
        await asyncio.sleep(0.001)
    assert waiting.result() is None


async def test_a_cancelled_reader_leaves_nothing_behind() -> None:
    log = a_log()
    waiting = asyncio.ensure_future(log.cursor().take())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert log._waiting == []  # pyright: ignore[reportPrivateUsage]
    log.text("on")


async def test_after_the_closing_frame_a_cursor_has_no_more() -> None:
    log = a_log()
    log.append(closing())
    cursor = log.cursor()
    assert (await cursor.take()) is not None
    with pytest.raises(StopAsyncIteration):
        await cursor.take()


async def test_a_lost_runner_is_a_closing_frame_outside_of_the_log() -> None:
    log = a_log()
    log.append(STARTED)
    cursor = log.cursor()
    log.abandon(TurnError("RUNNER_LOST", "lost", retryable=True))
    frames = [frame async for frame in cursor]
    assert [(f.kind, f.sequence) for f in frames] == [
        (FrameKind.STARTED, 1),
        (FrameKind.FAILED, 0),
    ]
    assert log.last_sequence == 1


@given(
    st.lists(
        st.one_of(st.text(min_size=1, max_size=5), st.just(None), st.integers(0, 2)), max_size=60
    )
)
def test_readers_of_any_pace_see_the_same_frames_in_the_same_order(
    steps: list[str | int | None],
) -> None:
    """Text is a delta, None another frame, a number lets that reader read up to now."""
    log = a_log()
    readers = [log.cursor() for _ in range(3)]
    seen: list[list[TakenFrame]] = [[], [], []]
    said = ""
    for step in steps:
        if isinstance(step, str):
            log.text(step)
            said += step
        elif step is None:
            log.append(Thinking("hm"))
        else:
            seen[step] += drain(readers[step])
    log.append(closing())
    for number, reader in enumerate(readers):
        seen[number] += drain(reader)
    assert seen[0] == seen[1] == seen[2]
    assert [f.sequence for f in seen[0]] == list(range(1, log.last_sequence + 1))
    assert [f.closing for f in seen[0]] == [False] * (log.last_sequence - 1) + [True]
    assert text_of(seen[0]) == said


async def test_a_gated_log_shows_readers_only_what_the_bus_has_accepted() -> None:
    log = a_log(gated=True)
    copier, reader = log.copier(), log.cursor()
    log.append(STARTED)
    log.text("one")
    batch = await copier.take()
    assert [one.sequence for one in batch] == [1, 2]
    assert drain(reader) == []
    log.text("two")  # arrives during the round trip, and coalesces with what comes next
    log.text("three")
    copier.accepted(2)
    assert [f.sequence for f in drain(reader)] == [1, 2]
    [entry] = await copier.take()
    assert entry.sequence == 3
    copier.accepted(3)
    assert text_of(drain(reader)) == "twothree"


async def test_a_copier_ends_after_the_closing_frame() -> None:
    log = a_log(gated=True)
    copier = log.copier()
    waiting = asyncio.ensure_future(copier.take())
    await asyncio.sleep(0)
    log.append(closing())
    assert len(await waiting) == 1
    assert await copier.take() == []


async def test_with_the_bus_gone_frames_go_out_unaccepted() -> None:
    log = a_log(gated=True)
    reader = log.cursor()
    log.append(STARTED)
    assert drain(reader) == []
    log.set_gated(False)
    log.text("on")
    assert [f.sequence for f in drain(reader)] == [1, 2]
