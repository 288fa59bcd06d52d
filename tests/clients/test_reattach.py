"""Streams that are cut, with both clients: what readers see is the turn, whole and once."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo

from enhanced_prompt import Completed, Failed, Reset, StreamCut, errors
from enhanced_prompt._options import Retry
from enhanced_prompt._requests import ask_request
from enhanced_prompt._turn import TurnFlow
from enhanced_prompt.v1.common_pb2 import GoAway
from enhanced_prompt.v1.prompt_service_pb2 import (
    AskRequest,
    AskResponse,
    CancelTurnResponse,
    WatchTurnRequest,
    WatchTurnResponse,
)
from enhanced_prompt.v1.turns_pb2 import Detail, Turn, TurnFailed, TurnReset, TurnState

from .drivers import Driver
from .scripted import TURN_ID, Script, abort, completed, delta, frame, started, status, write

WHOLE = [started(), delta(2, "Two "), delta(3, "people."), completed(4, "Two people.")]
KINDS = ["started", "text_delta", "text_delta", "completed"]


def cuts_at(script: Script, position: int, ending: str) -> None:
    """Ask breaks after `position` messages; WatchTurn has the rest."""

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        if len(script.requests) > 1:  # nothing had come: asked once more
            await write(context, *WHOLE)
            return
        await write(context, *WHOLE[:position])
        await end(context, ending)

    @script.on("WatchTurn")
    async def watch(request: WatchTurnRequest, context: Any) -> None:
        await write(context, *watched(WHOLE[request.after_sequence :]))


def watched(messages: list[AskResponse]) -> list[Any]:
    """The same frames as WatchTurn's."""
    return [WatchTurnResponse(turn=one.turn) for one in messages]


async def end(context: Any, ending: str) -> None:
    match ending:
        case "ok":
            return
        case "draining":
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "DRAINING"))
        case "given up":
            await abort(context, status(grpc.StatusCode.ABORTED, "CANCELLED"))
        case _:
            await context.abort(grpc.StatusCode[ending], "connection reset by peer")


@pytest.mark.parametrize(
    "ending", ["ok", "draining", "given up", "UNAVAILABLE", "CANCELLED", "INTERNAL"]
)
@pytest.mark.parametrize("position", [1, 2, 3])
async def test_a_cut_stream_goes_on_after_its_last_frame(
    driver: Driver, script: Script, position: int, ending: str
) -> None:
    cuts_at(script, position, ending)

    reading = await driver.read("who?", request_id="mine", detail="reasoning")

    assert reading.error is None
    assert reading.kinds == KINDS
    assert [one.sequence for one in reading.frames] == [1, 2, 3, 4]
    assert reading.stream.text_so_far == "Two people."
    assert reading.stream.response.response == "Two people."
    asked, watch = script.requests
    assert asked.request_id == "mine"
    assert watch == WatchTurnRequest(
        turn_id=TURN_ID, attempt=1, after_sequence=position, detail=Detail.DETAIL_REASONING
    )


@pytest.mark.parametrize("ending", ["ok", "draining", "UNAVAILABLE", "CANCELLED"])
async def test_a_stream_that_is_cut_before_its_first_frame_is_asked_again_with_its_request_id(
    driver: Driver, script: Script, ending: str
) -> None:
    cuts_at(script, 0, ending)

    reading = await driver.read("who?")

    assert reading.error is None
    assert reading.kinds == KINDS
    first, second = script.requests
    assert isinstance(second, AskRequest)
    assert first == second
    assert first.request_id


async def test_a_stream_that_is_cut_after_every_frame_still_gives_each_once(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, WHOLE[0])

    @script.on("WatchTurn")
    async def watch(request: WatchTurnRequest, context: Any) -> None:
        await write(context, *watched(WHOLE[request.after_sequence :][:1]))

    assert "".join(await driver.text("who?")) == "Two people."
    assert len(script.requests) == 4


async def test_go_away_is_not_seen_and_the_turn_goes_on_where_it_pointed(
    driver: Driver, script: Script
) -> None:
    cuts_at(script, 2, "draining")
    inner = script.handlers["Ask"]

    @script.on("Ask")
    async def ask(request: Any, context: Any) -> None:
        await write(context, AskResponse(go_away=GoAway(time_left=Duration(seconds=30))))
        await inner(request, context)

    reading = await driver.read("who?")

    assert reading.error is None
    assert reading.kinds == KINDS


async def test_a_missing_frame_is_a_cut_and_is_fetched(driver: Driver, script: Script) -> None:
    cuts_at(script, 1, "ok")

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, WHOLE[0], *WHOLE[2:])

    reading = await driver.read("?")

    assert reading.error is None
    assert reading.kinds == KINDS
    assert script.requests[1].after_sequence == 1


async def test_frames_that_come_again_after_asking_again_are_given_once(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, *(WHOLE[:3] if len(script.requests) == 1 else WHOLE))

    @script.on("WatchTurn")
    async def watch(_: Any, context: Any) -> None:
        await abort(context, status(grpc.StatusCode.NOT_FOUND, "TURN_NOT_FOUND"))

    reading = await driver.read("?")

    assert reading.error is None
    assert reading.kinds == KINDS
    first, watch_request, again = script.requests
    assert isinstance(watch_request, WatchTurnRequest)
    assert again == first


async def test_another_turn_in_place_of_the_one_that_is_gone_withdraws_its_text(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        if len(script.requests) == 1:
            await write(context, started(), delta(2, "Thr"))
            return
        for message in WHOLE:
            other = AskResponse(turn=message.turn)
            other.turn.turn_id = "turn-2"
            await write(context, other)

    @script.on("WatchTurn")
    async def watch(_: Any, context: Any) -> None:
        await abort(context, status(grpc.StatusCode.NOT_FOUND, "TURN_NOT_FOUND"))

    reading = await driver.read("?")

    assert reading.error is None
    assert reading.kinds == ["started", "text_delta", "reset", *KINDS]
    assert isinstance(reading.frames[2], Reset)
    assert reading.stream.turn_id == "turn-2"
    assert reading.stream.text_so_far == "Two people."


async def test_a_superseded_attempt_goes_on_with_the_newest_and_withdraws_its_text(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), delta(2, "Thr"))

    @script.on("WatchTurn")
    async def watch(_: Any, context: Any) -> None:
        newest = [
            frame(1, attempt=2, reset=TurnReset(attempt=2)),
            started(2, attempt=2),
            delta(3, "Two.", attempt=2),
            completed(4, "Two.", attempt=2),
        ]
        await write(context, *watched(newest))

    reading = await driver.read("?")
    pieces = await driver.text("?")

    assert reading.error is None
    assert reading.kinds[2:4] == ["reset", "started"]
    assert reading.stream.text_so_far == "Two."
    assert "".join(pieces) == "Thr\n\nTwo."


async def test_a_stored_answer_stands_for_the_frames_that_are_gone(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), delta(2, "Two "))

    @script.on("WatchTurn")
    async def watch(_: Any, context: Any) -> None:
        await write(context, *watched([completed(0, "Two people.", replayed=True)]))

    reading = await driver.read("?")
    pieces = await driver.text("?")

    assert reading.error is None
    assert reading.kinds == ["started", "text_delta", "completed"]
    last = reading.frames[-1]
    assert isinstance(last, Completed)
    assert last.replayed
    assert reading.stream.text_so_far == "Two people."
    assert pieces == ["Two ", "people."]


@pytest.mark.parametrize("reason", ["BUS_UNAVAILABLE", "STORAGE_UNAVAILABLE"])
async def test_a_turn_that_cannot_be_reached_for_a_while_is_attached_to_again(
    driver: Driver, script: Script, reason: str
) -> None:
    """The frame that says so is no part of the turn: it has no sequence."""
    why = status(grpc.StatusCode.UNAVAILABLE, reason)
    away = frame(0, previous=2, failed=TurnFailed(status=why, retryable=True))

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, *WHOLE[:2], away)
        await abort(context, why)

    @script.on("WatchTurn")
    async def watch(request: WatchTurnRequest, context: Any) -> None:
        if len(script.requests) == 2:
            await write(context, *watched([away]))
            await abort(context, why)
        await write(context, *watched(WHOLE[request.after_sequence :]))

    reading = await driver.read("who?")

    assert reading.error is None
    assert reading.kinds == KINDS
    assert len(script.requests) == 3


async def test_a_turn_that_stays_out_of_reach_is_given_up(driver: Driver, script: Script) -> None:
    why = status(grpc.StatusCode.UNAVAILABLE, "BUS_UNAVAILABLE")
    away = frame(0, previous=2, failed=TurnFailed(status=why, retryable=True))

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, *WHOLE[:2])

    @script.on("WatchTurn")
    async def watch(_: WatchTurnRequest, context: Any) -> None:
        await write(context, *watched([away]))
        await abort(context, why)

    reading = await driver.read("who?")

    assert isinstance(reading.error, StreamCut)


@pytest.mark.parametrize("reason", ["RUNNER_LOST", "DRAINING"])
async def test_a_turn_whose_process_went_away_runs_again_unseen(
    driver: Driver, script: Script, reason: str
) -> None:
    why = status(grpc.StatusCode.UNAVAILABLE, reason)

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        if len(script.requests) == 1:
            lost = TurnFailed(status=why, retryable=True, partial_kept=True)
            await write(context, started(), delta(2, "Thr"), frame(0, failed=lost))
            await abort(context, why)
        await write(
            context,
            frame(1, attempt=2, reset=TurnReset(attempt=2)),
            started(2, attempt=2),
            completed(3, "Two.", attempt=2),
        )

    reading = await driver.read("?")

    assert reading.error is None
    assert reading.kinds == ["started", "text_delta", "reset", "started", "completed"]
    assert reading.stream.response.response == "Two."
    first, second = script.requests
    assert first == second


async def test_a_turn_whose_processes_keep_going_away_ends_with_its_error(
    driver: Driver, script: Script
) -> None:
    why = status(grpc.StatusCode.UNAVAILABLE, "RUNNER_LOST")

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, frame(0, failed=TurnFailed(status=why, retryable=True)))
        await abort(context, why)

    reading = await driver.read("?")

    assert isinstance(reading.error, errors.RunnerLost)
    assert len(script.requests) == 4
    with pytest.raises(errors.RunnerLost):
        _ = reading.stream.response


async def test_a_turn_that_failed_for_its_own_reasons_is_not_run_again(
    driver: Driver, script: Script
) -> None:
    why = status(grpc.StatusCode.UNAVAILABLE, "MODEL_UNAVAILABLE")

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), frame(2, failed=TurnFailed(status=why, retryable=True)))
        await abort(context, why)

    reading = await driver.read("?")

    assert isinstance(reading.frames[-1], Failed)
    assert isinstance(reading.error, errors.ModelUnavailable)
    assert len(script.requests) == 1


@pytest.mark.parametrize("ending", ["ok", "draining", "UNAVAILABLE", "UNKNOWN"])
async def test_giving_up_raises_one_error_that_says_where_the_reader_stood(
    driver: Driver, script: Script, ending: str
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), delta(2, "Tw"))
        await end(context, ending)

    @script.on("WatchTurn")
    async def watch(_: Any, context: Any) -> None:
        await end(context, ending)

    reading = await driver.read("?", request_id="mine")

    assert reading.kinds == ["started", "text_delta"]
    cut = reading.error
    assert isinstance(cut, StreamCut)
    assert (cut.turn_id, cut.attempt, cut.last_sequence) == (TURN_ID, 1, 2)
    assert cut.turn_request_id == "mine"
    assert cut.retryable
    assert len(script.requests) == 5  # asked, and attached as often as options.reattach says
    if ending == "UNKNOWN":
        assert "connection reset by peer" in str(cut)


async def test_a_refusal_while_attaching_again_is_raised_as_it_is(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started())

    @script.on("WatchTurn")
    async def watch(_: Any, context: Any) -> None:
        await abort(context, status(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_EXPIRED"))

    assert isinstance((await driver.read("?")).error, errors.CredentialsExpired)
    assert len(script.requests) == 2


async def test_a_wait_that_is_too_long_ends_the_attempts(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started())

    @script.on("WatchTurn")
    async def watch(_: Any, context: Any) -> None:
        found = status(grpc.StatusCode.UNAVAILABLE, "BUS_UNAVAILABLE")
        found.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=9)))
        await abort(context, found)

    error = (await driver.read("?")).error

    assert isinstance(error, StreamCut)
    assert error.retry_after == 9
    assert len(script.requests) == 2


async def test_a_turn_is_cancelled_by_its_id(driver: Driver, script: Script) -> None:
    @script.on("CancelTurn")
    async def cancel(_: Any, context: Any) -> CancelTurnResponse:
        stopped = Turn(turn_id=TURN_ID, state=TurnState.TURN_STATE_CANCELLED)
        return CancelTurnResponse(turn=stopped)

    found = await driver.call("cancel_turn", TURN_ID)

    assert found.state == TurnState.TURN_STATE_CANCELLED
    assert script.requests[0].turn_id == TURN_ID


def test_one_deadline_is_for_all_calls_of_a_turn() -> None:
    now = [100.0]
    retry = Retry(attempts=3)
    flow = TurnFlow(
        ask_request("?", "r", {}),
        deadline=60.0,
        retry=retry,
        reattach=retry,
        monotonic=lambda: now[0],
    )
    assert flow.call().deadline == 60.0
    flow.take(started())
    now[0] += 45
    flow.after(None, 0.5)
    again = flow.call()
    assert isinstance(again.request, WatchTurnRequest)
    assert again.deadline == 15.0
    now[0] += 45
    flow.after(None, 0.5)
    assert flow.call().deadline == 0.0


def test_waits_grow_have_full_jitter_and_begin_anew_with_each_frame() -> None:
    flow = TurnFlow(
        ask_request("?", "r", {}),
        deadline=None,
        retry=Retry(attempts=1),
        reattach=Retry(attempts=5, first=1.0, longest=4.0),
    )
    flow.call()
    flow.take(started())
    waits: list[float | None] = []
    for _ in range(4):
        waits.append(flow.after(None, 0.5))
        flow.call()
    assert waits == [0.5, 0.5, 1.0, 2.0]
    flow.take(delta(2, "x"))
    assert flow.after(None, 1.0) == 1.0
