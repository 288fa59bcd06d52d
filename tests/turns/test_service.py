"""Beginning, joining, watching and leaving turns, in one process."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from enhanced_prompt_service.domain.answers import Answer, ModelUsage
from enhanced_prompt_service.domain.errors import (
    Conflict,
    InvalidArgument,
    NotFound,
    OutOfRange,
    Reason,
    Unavailable,
)
from enhanced_prompt_service.domain.turns import (
    Cancelled,
    Completed,
    Failed,
    FrameKind,
    OnDisconnect,
    Reset,
    Started,
    TurnRequest,
    TurnState,
)
from enhanced_prompt_service.turns import Attached, TakenFrame, Turn
from enhanced_prompt_service.turns.service import request_hash
from tests.turns.fakes import CALLER, ScriptedAgent, an_answer, make_turns


async def frames_of(attached: Attached) -> list[TakenFrame]:
    with attached:
        return [frame async for frame in attached.cursor()]


def text_of(frames: list[TakenFrame]) -> str:
    return "".join(
        frame.payload.text  # type: ignore[union-attr]
        for frame in frames
        if frame.kind is FrameKind.TEXT_DELTA
    )


class HeldAgent(ScriptedAgent):
    """Says one word, then waits to be released."""

    def __init__(self) -> None:
        super().__init__()
        self.said = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def answer(self, turn: Turn) -> Answer:
        self.turns.append(turn)
        turn.writer.text("partly ")
        self.said.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        turn.writer.text("done")
        return an_answer("partly done")


async def test_a_turn_starts_speaks_and_completes_with_its_stored_answer() -> None:
    agent = ScriptedAgent("seven ", "events")
    turns, store, _ = make_turns(agent)
    async with turns:
        attached = await turns.start(CALLER, TurnRequest("how many?"))
        frames = await frames_of(attached)
    assert frames[0].payload == Started(
        attached.conversation_id, 1, attached.message_id, "scripted"
    )
    assert text_of(frames) == "seven events"
    last = frames[-1].payload
    assert isinstance(last, Completed)
    assert last.response.answer.response == "seven events"
    row = store.rows[attached.turn_id]
    assert row.state is TurnState.COMPLETED
    assert row.response == last.response


async def test_the_closing_frame_comes_only_after_the_closing_transaction() -> None:
    turns, store, _ = make_turns(ScriptedAgent())
    store.hold_finish = asyncio.Event()
    async with turns:
        with await turns.start(CALLER, TurnRequest("q")) as attached:
            cursor = attached.cursor()
            await store.finishing.wait()
            kinds: list[FrameKind] = []
            while (frame := await cursor.take(timeout_s=0)) is not None:
                kinds.append(frame.kind)
            assert FrameKind.COMPLETED not in kinds
            store.hold_finish.set()
            frame = await cursor.take()
            assert frame is not None
            assert frame.kind is FrameKind.COMPLETED


async def test_two_readers_see_the_same_frames() -> None:
    turns, _, _ = make_turns(ScriptedAgent("a ", "b ", "c"))
    async with turns:
        request = TurnRequest("q", request_id="r1")
        first, second = await asyncio.gather(
            turns.start(CALLER, request), turns.start(CALLER, request)
        )
        assert first.turn_id == second.turn_id
        seen = await asyncio.gather(frames_of(first), frames_of(second))
    assert seen[0] == seen[1]


async def test_the_same_request_id_is_one_turn_however_often_it_is_asked() -> None:
    agent = ScriptedAgent()
    turns, store, _ = make_turns(agent)
    async with turns:
        request = TurnRequest("q", request_id="r1")
        all_frames = [await frames_of(await turns.start(CALLER, request)) for _ in range(3)]
    assert len(agent.turns) == len(store.rows) == 1
    assert all_frames[0] == all_frames[1] == all_frames[2]


async def test_a_request_id_with_another_question_is_refused() -> None:
    turns, _, _ = make_turns(ScriptedAgent())
    async with turns:
        await frames_of(await turns.start(CALLER, TurnRequest("q", request_id="r1")))
        with pytest.raises(Conflict) as caught:
            await turns.start(CALLER, TurnRequest("another", request_id="r1"))
    assert caught.value.reason == Reason.REQUEST_ID_REUSED


async def test_a_second_question_while_a_turn_runs_names_the_running_turn() -> None:
    agent = HeldAgent()
    turns, _, _ = make_turns(agent)
    async with turns:
        with await turns.start(CALLER, TurnRequest("q", conversation_id="c")) as attached:
            with pytest.raises(Conflict) as caught:
                await turns.start(CALLER, TurnRequest("q2", conversation_id="c"))
            assert caught.value.metadata == {"turn_id": attached.turn_id}
            agent.release.set()
            await frames_of(attached)


async def test_when_the_log_is_gone_the_stored_answer_is_the_one_closing_frame() -> None:
    turns, store, monotonic = make_turns(ScriptedAgent(), log_keep_s=900.0)
    async with turns:
        request = TurnRequest("q", request_id="r1")
        first = await frames_of(await turns.start(CALLER, request))
        monotonic.at = 901.0
        [frame] = await frames_of(await turns.start(CALLER, request))
    assert frame.replayed
    assert frame.payload == first[-1].payload
    assert len(store.rows) == 1


async def test_a_row_that_was_read_before_the_next_attempt_began_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its stored failure would else stand for a turn that runs."""
    agent = ScriptedAgent()
    turns, store, _ = make_turns(agent)

    async def away(number: int) -> None:
        raise Unavailable("the model is away")

    agent.step = away
    request = TurnRequest("q", request_id="r")
    async with turns:
        await frames_of(first := await turns.start(CALLER, request))
        stale = [store.rows[first.turn_id]]
        agent.step = None
        await frames_of(await turns.start(CALLER, request))
        get_turn = store.get_turn

        async def late(*given: Any) -> Any:
            return stale.pop() if stale else await get_turn(*given)

        monkeypatch.setattr(store, "get_turn", late)
        frames = await frames_of(await turns.attach(CALLER, first.turn_id))
    assert [frames[0].kind, frames[-1].kind] == [FrameKind.RESET, FrameKind.COMPLETED]


async def test_text_that_nobody_reads_counts_against_the_budget() -> None:
    turns, _, monotonic = make_turns(ScriptedAgent(*["x" * 1_000] * 20), log_keep_s=60)
    async with turns:
        attached = await turns.start(CALLER, TurnRequest("q"))
        assert await turns.idle(10)
        assert turns.log_bytes >= 20_000
        cursor = attached.cursor()
        await cursor.take()  # the first of three frames
        monotonic.at += 61
        turns.sweep()
        assert turns.log_bytes == 0
        # Its reader has it still, and what that costs is not counted twice, or for ever.
        assert len([frame async for frame in cursor]) == 3
        assert turns.log_bytes == 0


async def test_logs_beyond_the_budget_go_oldest_first() -> None:
    turns, _, _ = make_turns(ScriptedAgent("x" * 5_000), log_budget_bytes=40_000)
    async with turns:
        for number in range(10):
            await frames_of(await turns.start(CALLER, TurnRequest("q", request_id=f"r{number}")))
            while turns.running:  # noqa: ASYNC110 - only an ended log can be dropped
                await asyncio.sleep(0)
            assert turns.log_bytes <= 40_000
        again = await frames_of(await turns.start(CALLER, TurnRequest("q", request_id="r9")))
        oldest = await frames_of(await turns.start(CALLER, TurnRequest("q", request_id="r0")))
    assert len(again) > 1
    assert [frame.replayed for frame in oldest] == [True]


async def test_an_unexpected_error_fails_the_turn_and_says_only_an_incident() -> None:
    agent = ScriptedAgent()

    async def fail(_: int) -> None:
        raise ValueError("secret")

    agent.step = fail
    turns, store, _ = make_turns(agent)
    async with turns:
        attached = await turns.start(CALLER, TurnRequest("q"))
        frames = await frames_of(attached)
    failed = frames[-1].payload
    assert isinstance(failed, Failed)
    assert failed.error.reason == Reason.TURN_FAILED
    assert "secret" not in failed.error.message
    assert failed.error.incident_id in failed.error.message
    assert not failed.error.retryable
    assert store.rows[attached.turn_id].error == failed.error


async def test_a_cancellation_raised_inside_the_agent_is_a_failure_not_a_cancel() -> None:
    agent = ScriptedAgent()

    async def cancel(_: int) -> None:
        raise asyncio.CancelledError

    agent.step = cancel
    turns, _, _ = make_turns(agent)
    async with turns:
        frames = await frames_of(await turns.start(CALLER, TurnRequest("q")))
    assert isinstance(frames[-1].payload, Failed)


async def test_a_refused_question_fails_with_its_own_reason() -> None:
    agent = ScriptedAgent()

    async def refuse(_: int) -> None:
        raise InvalidArgument.of("time_zone", "not a zone")

    agent.step = refuse
    turns, _, _ = make_turns(agent)
    async with turns:
        frames = await frames_of(await turns.start(CALLER, TurnRequest("q")))
    failed = frames[-1].payload
    assert isinstance(failed, Failed)
    assert failed.error.reason == Reason.INVALID_FORMAT


async def test_a_turn_that_takes_too_long_fails_retryably_and_its_next_attempt_resets() -> None:
    agent = HeldAgent()
    turns, _, _ = make_turns(agent, timeout_s=0.01)
    async with turns:
        request = TurnRequest("q", request_id="r1")
        frames = await frames_of(await turns.start(CALLER, request))
        failed = frames[-1].payload
        assert isinstance(failed, Failed)
        assert failed.error.reason == Reason.TURN_TIMEOUT
        assert failed.error.retryable
        agent.release.set()
        again = await frames_of(await turns.start(CALLER, request))
    assert again[0].payload == Reset(2)
    assert again[0].sequence == 1
    assert isinstance(again[-1].payload, Completed)


async def test_what_models_used_is_reported_when_a_turn_fails() -> None:
    used = ModelUsage("m", "provider", input_tokens=3)
    agent = ScriptedAgent()

    async def use(_: int) -> None:
        agent.turns[0].calls.append(used)
        raise Unavailable("model away")

    agent.step = use
    turns, _, _ = make_turns(agent)
    async with turns:
        frames = await frames_of(await turns.start(CALLER, TurnRequest("q")))
    failed = frames[-1].payload
    assert isinstance(failed, Failed)
    assert failed.usage.calls == (used,)
    assert failed.error.retryable


async def test_a_lost_reader_does_not_cancel_the_turn() -> None:
    agent = HeldAgent()
    turns, store, _ = make_turns(agent)
    async with turns:
        with await turns.start(CALLER, TurnRequest("q", request_id="r1")) as attached:
            await agent.said.wait()
        agent.release.set()
        frames = await frames_of(await turns.start(CALLER, TurnRequest("q", request_id="r1")))
    assert isinstance(frames[-1].payload, Completed)
    assert store.rows[attached.turn_id].state is TurnState.COMPLETED


async def test_a_lost_reader_cancels_the_turn_if_the_caller_said_so() -> None:
    agent = HeldAgent()
    turns, store, _ = make_turns(agent)
    request = TurnRequest("q", request_id="r1", on_disconnect=OnDisconnect.CANCEL)
    async with turns:
        with await turns.start(CALLER, request) as attached:
            await agent.said.wait()
        await agent.cancelled.wait()
        frames = await frames_of(await turns.start(CALLER, request))
    cancelled = frames[-1].payload
    assert isinstance(cancelled, Cancelled)
    assert cancelled.response.answer.response == "partly "
    assert store.rows[attached.turn_id].state is TurnState.CANCELLED


async def test_one_of_two_readers_leaving_cancels_nothing() -> None:
    agent = HeldAgent()
    turns, _, _ = make_turns(agent)
    request = TurnRequest("q", request_id="r1", on_disconnect=OnDisconnect.CANCEL)
    async with turns:
        first = await turns.start(CALLER, request)
        second = await turns.start(CALLER, request)
        with first:
            await agent.said.wait()
        agent.release.set()
        frames = await frames_of(second)
    assert isinstance(frames[-1].payload, Completed)


async def test_a_turn_that_nobody_reads_is_cancelled_after_a_while() -> None:
    agent = HeldAgent()
    turns, store, _ = make_turns(agent, orphan_s=0.0)
    async with turns:
        with await turns.start(CALLER, TurnRequest("q")) as attached:
            await agent.said.wait()
        await agent.cancelled.wait()
        await store.finishing.wait()
    assert store.rows[attached.turn_id].state is TurnState.CANCELLED


async def test_a_reader_that_comes_back_in_time_keeps_the_turn_alive() -> None:
    agent = HeldAgent()
    turns, _, _ = make_turns(agent, orphan_s=60.0)
    async with turns:
        request = TurnRequest("q", request_id="r1")
        with await turns.start(CALLER, request):
            await agent.said.wait()
        second = await turns.start(CALLER, request)
        running = turns._running[second.turn_id]  # pyright: ignore[reportPrivateUsage]
        assert running.orphaned is None
        agent.release.set()
        assert isinstance((await frames_of(second))[-1].payload, Completed)


async def test_leaving_the_service_fails_what_still_runs_retryably() -> None:
    agent = HeldAgent()
    turns, store, _ = make_turns(agent)
    async with turns:
        attached = await turns.start(CALLER, TurnRequest("q"))
        await agent.said.wait()
    frames = await frames_of(attached)
    failed = frames[-1].payload
    assert isinstance(failed, Failed)
    assert failed.error.reason == Reason.DRAINING
    assert failed.error.retryable
    assert store.rows[attached.turn_id].state is TurnState.FAILED
    with pytest.raises(Unavailable):
        await turns.start(CALLER, TurnRequest("q"))


async def test_a_turn_that_was_taken_over_discards_its_result() -> None:
    agent = HeldAgent()
    turns, store, _ = make_turns(agent)
    async with turns:
        with await turns.start(CALLER, TurnRequest("q")) as attached:
            await agent.said.wait()
            row = store.rows.pop(attached.turn_id)
            store.rows[attached.turn_id] = type(row)(
                **{name: getattr(row, name) for name in row.__slots__} | {"attempt": 2}
            )
            agent.release.set()
            frames = [frame async for frame in attached.cursor()]
    lost = frames[-1]
    assert isinstance(lost.payload, Failed)
    assert lost.sequence == 0
    assert lost.payload.error.reason == Reason.RUNNER_LOST


async def test_storage_failing_at_the_end_closes_readers_and_stores_nothing() -> None:
    turns, store, _ = make_turns(ScriptedAgent())
    store.fail_finish = Unavailable("database away")
    async with turns:
        frames = await frames_of(await turns.start(CALLER, TurnRequest("q")))
    assert isinstance(frames[-1].payload, Failed)
    assert frames[-1].payload.error.retryable
    assert frames[-1].sequence == 0


async def test_an_end_that_could_not_be_stored_is_stored_when_the_database_is_back() -> None:
    """Until then its row says RUNNING, and would block the conversation for ever."""
    turns, store, _ = make_turns(ScriptedAgent(), store_again_s=0.01)
    store.fail_finish = Unavailable("database away")
    request = TurnRequest("q", conversation_id="c", request_id="r")
    async with turns:
        lost = await frames_of(await turns.start(CALLER, request))
        store.finishing.clear()
        await store.finishing.wait()  # it is tried again
        store.fail_finish = None
        while store.rows[turn_id := next(iter(store.rows))].state is TurnState.RUNNING:
            store.finishing.clear()
            await store.finishing.wait()
        again = await frames_of(await turns.start(CALLER, request))
        other = await turns.start(CALLER, TurnRequest("q", conversation_id="c", request_id="s"))
        assert (await frames_of(other))[-1].kind is FrameKind.COMPLETED
    assert lost[-1].sequence == 0
    assert [(one.kind, one.replayed) for one in again] == [(FrameKind.COMPLETED, True)]
    assert store.rows[turn_id].attempt == 1


async def test_a_stop_while_the_answer_is_being_stored_comes_too_late() -> None:
    turns, store, _ = make_turns(ScriptedAgent())
    store.hold_finish = asyncio.Event()
    async with turns:
        request = TurnRequest("q", on_disconnect=OnDisconnect.CANCEL)
        with await turns.start(CALLER, request) as attached:
            await store.finishing.wait()
        store.hold_finish.set()
    assert store.rows[attached.turn_id].state is TurnState.COMPLETED


async def test_earlier_turns_of_the_conversation_reach_the_agent() -> None:
    agent = ScriptedAgent()
    turns, _, _ = make_turns(agent)
    async with turns:
        for question in ("one", "two", "three"):
            await frames_of(await turns.start(CALLER, TurnRequest(question, conversation_id="c")))
    assert [[r.query for r in turn.history] for turn in agent.turns] == [
        [],
        ["one"],
        ["one", "two"],
    ]
    assert [turn.conversation_turn for turn in agent.turns] == [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"request_id": "other"}, True),
        ({"on_disconnect": OnDisconnect.CANCEL}, True),
        ({"query": "other"}, False),
        ({"conversation_id": "other"}, False),
        ({"time_zone": "Europe/Berlin"}, False),
        ({"model": "other"}, False),
    ],
)
def test_two_requests_are_the_same_by_all_but_id_and_disconnect(
    change: dict[str, Any], same: bool
) -> None:
    base: dict[str, Any] = {"query": "q", "conversation_id": "c", "request_id": "r"}
    assert (request_hash(TurnRequest(**base)) == request_hash(TurnRequest(**base | change))) is same


# ---- attaching again ----------------------------------------------------------------------------


async def test_watching_goes_on_after_the_last_sequence_seen() -> None:
    agent = ScriptedAgent("a", "b", "c")
    turns, _, _ = make_turns(agent)
    async with turns:
        started = await turns.start(CALLER, TurnRequest("q"))
        all_frames = await frames_of(started)
        for after in range(len(all_frames)):
            again = await turns.attach(CALLER, started.turn_id, attempt=1, after_sequence=after)
            assert (await frames_of(again)) == all_frames[after:]


async def test_watching_a_running_turn_sees_what_is_still_to_come() -> None:
    agent = HeldAgent()
    turns, _, _ = make_turns(agent)
    async with turns:
        with await turns.start(CALLER, TurnRequest("q")) as first:
            await agent.said.wait()
            watched = await turns.attach(CALLER, first.turn_id, after_sequence=2)
            agent.release.set()
            frames = await frames_of(watched)
    assert [frame.sequence for frame in frames] == [3, 4]
    assert frames[0].previous_sequence == 2
    assert isinstance(frames[-1].payload, Completed)


async def test_watching_beyond_what_exists_is_out_of_range() -> None:
    turns, _, _ = make_turns(ScriptedAgent())
    async with turns:
        started = await turns.start(CALLER, TurnRequest("q"))
        frames = await frames_of(started)
        for place in ({"after_sequence": len(frames) + 1}, {"attempt": 2}):
            with pytest.raises(OutOfRange):
                await turns.attach(CALLER, started.turn_id, **place)


async def test_watching_a_turn_that_is_not_there_is_not_found() -> None:
    turns, _, _ = make_turns(ScriptedAgent())
    async with turns:
        with pytest.raises(NotFound):
            await turns.attach(CALLER, "none")


async def test_watching_a_superseded_attempt_goes_on_from_the_reset_of_the_newest() -> None:
    agent = HeldAgent()
    turns, _, _ = make_turns(agent, timeout_s=0.01)
    async with turns:
        request = TurnRequest("q", request_id="r1")
        failed = await frames_of(await turns.start(CALLER, request))
        agent.release.set()
        started = await turns.start(CALLER, request)
        newest = await frames_of(started)
        again = await frames_of(
            await turns.attach(
                CALLER, started.turn_id, attempt=1, after_sequence=failed[-1].sequence
            )
        )
    assert again == newest
    assert again[0].payload == Reset(2)


async def test_whoever_watches_a_turn_whose_row_was_just_written_waits_for_its_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The row is there before the log: nobody may take the turn for one that runs elsewhere."""
    turns, store, _ = make_turns(ScriptedAgent("all"))
    begin, written, go = store.begin, asyncio.Event(), asyncio.Event()

    async def slow(*caller: Any, **fields: Any) -> Any:
        row = await begin(*caller, **fields)
        written.set()
        await go.wait()
        return row

    monkeypatch.setattr(store, "begin", slow)
    async with turns:
        starting = asyncio.create_task(turns.start(CALLER, TurnRequest("q")))
        await written.wait()
        [turn_id] = store.rows
        watching = asyncio.create_task(turns.attach(CALLER, turn_id))
        await asyncio.sleep(0)
        go.set()
        asked, watched = await frames_of(await starting), await frames_of(await watching)
    assert [one.sequence for one in watched] == [one.sequence for one in asked]
    assert text_of(watched) == "all"


async def test_watching_after_the_log_is_gone_gives_the_stored_answer() -> None:
    turns, _, monotonic = make_turns(ScriptedAgent(), log_keep_s=900.0)
    async with turns:
        started = await turns.start(CALLER, TurnRequest("q"))
        frames = await frames_of(started)
        monotonic.at = 901.0
        [stored] = await frames_of(await turns.attach(CALLER, started.turn_id, after_sequence=2))
    assert stored.replayed
    assert stored.payload == frames[-1].payload


async def test_cancelling_keeps_what_was_said_and_is_idempotent() -> None:
    agent = HeldAgent()
    turns, store, _ = make_turns(agent)
    async with turns:
        attached = await turns.start(CALLER, TurnRequest("q"))
        await agent.said.wait()
        row = await turns.cancel(CALLER, attached.turn_id)
        assert row.state is TurnState.CANCELLED
        assert row.response is not None
        assert row.response.answer.response == "partly "
        assert await turns.cancel(CALLER, attached.turn_id) == row
        frames = await frames_of(attached)
    assert isinstance(frames[-1].payload, Cancelled)
    assert store.rows[attached.turn_id] == row


async def test_cancelling_an_answered_turn_changes_nothing() -> None:
    turns, _, _ = make_turns(ScriptedAgent())
    async with turns:
        attached = await turns.start(CALLER, TurnRequest("q"))
        await frames_of(attached)
        row = await turns.cancel(CALLER, attached.turn_id)
    assert row.state is TurnState.COMPLETED


def test_no_field_of_a_request_is_forgotten_when_two_are_compared() -> None:
    fields = {field.name for field in dataclasses.fields(TurnRequest)}
    assert fields == {
        "query",
        "conversation_id",
        "request_id",
        "on_disconnect",
        "filter",
        "time_zone",
        "as_of",
        "model",
    }


@pytest.mark.parametrize("cancels", [OnDisconnect.CONTINUE, OnDisconnect.CANCEL])
async def test_a_caller_who_goes_while_the_row_is_written_leaves_no_row_that_nobody_runs(
    cancels: OnDisconnect,
) -> None:
    agent = HeldAgent()
    turns, store, _ = make_turns(agent)
    written, go_on, begin = asyncio.Event(), asyncio.Event(), store.begin

    async def slow(*args: Any, **fields: Any) -> Any:
        row = await begin(*args, **fields)
        written.set()
        await go_on.wait()
        return row

    store.begin = slow  # type: ignore[method-assign]
    request = TurnRequest("who?", request_id="r", on_disconnect=cancels)
    async with turns:
        first = asyncio.create_task(turns.start(CALLER, request))
        await written.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        again = asyncio.create_task(turns.start(CALLER, request))
        go_on.set()
        agent.release.set()
        frames = await frames_of(await again)
    assert frames[0].kind is FrameKind.STARTED
    assert frames[-1].closing
    assert len(agent.turns) <= 1
    if cancels is OnDisconnect.CONTINUE:
        assert text_of(frames) == "partly done"


async def test_the_running_turn_of_a_conversation_is_known_to_its_own_caller() -> None:
    agent = HeldAgent()
    turns, _, _ = make_turns(agent)
    async with turns:
        with await turns.start(CALLER, TurnRequest("who?", conversation_id="c")) as attached:
            assert await turns.running_in(CALLER, "c") == attached.turn_id
            assert await turns.running_in(CALLER, "other") == ""
            assert await turns.running_in(dataclasses.replace(CALLER, user="other"), "c") == ""
            agent.release.set()
            await frames_of(attached)
        assert await turns.idle(10)
        assert await turns.running_in(CALLER, "c") == ""
