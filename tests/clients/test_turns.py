"""Asking, with both clients: what readers see of a turn, and how each ending reaches them."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo

from enhanced_prompt import (
    AsyncClient,
    Cancelled,
    Completed,
    ConnectionFailed,
    EvidenceFound,
    Failed,
    Started,
    TextDelta,
    UnknownFrame,
    errors,
)
from enhanced_prompt.v1.answers_pb2 import Evidence
from enhanced_prompt.v1.common_pb2 import GoAway, Heartbeat
from enhanced_prompt.v1.prompt_service_pb2 import AnswerResponse, AskResponse
from enhanced_prompt.v1.turns_pb2 import (
    EvidenceFound as EvidenceFoundMessage,
)
from enhanced_prompt.v1.turns_pb2 import (
    TextWithdrawn,
    TurnCancelled,
    TurnFailed,
    TurnFrame,
    TurnReset,
)

from .conftest import QUICK
from .drivers import DRIVERS, Driver
from .scripted import (
    TURN_ID,
    Script,
    abort,
    answer,
    completed,
    delta,
    frame,
    started,
    status,
    write,
)


async def test_frames_come_typed_and_in_order(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(
            context,
            started(),
            frame(
                2,
                evidence=EvidenceFoundMessage(evidence=[Evidence(event_id="e-1")], total_matches=7),
            ),
            delta(3, "Two "),
            delta(4, "people."),
            completed(5, "Two people."),
        )

    reading = await driver.read("who came?")

    assert reading.error is None
    first, found, *texts, last = reading.frames
    assert isinstance(first, Started)
    assert (first.turn_id, first.conversation_turn, first.model) == (TURN_ID, 1, "grounded")
    assert isinstance(found, EvidenceFound)
    assert found.total_matches == 7
    assert [one.event_id for one in found.evidence] == ["e-1"]
    assert [one.text for one in texts if isinstance(one, TextDelta)] == ["Two ", "people."]
    assert isinstance(last, Completed)
    assert reading.stream.response.response == "Two people."
    assert reading.stream.text_so_far == "Two people."
    assert reading.stream.conversation_id == "c-1"
    assert not reading.stream.cancelled


async def test_heartbeats_and_go_away_are_no_frames(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(
            context,
            AskResponse(heartbeat=Heartbeat()),
            started(),
            AskResponse(heartbeat=Heartbeat(last_sequence=1)),
            AskResponse(go_away=GoAway()),
            completed(2, "done"),
        )

    assert (await driver.read("?")).kinds == ["started", "completed"]


async def test_a_kind_of_a_newer_server_is_passed_on_as_unknown(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        newer = TurnFrame(turn_id=TURN_ID, attempt=1, sequence=2, previous_sequence=1)
        newer.MergeFromString(b"\xaa\x06\x00")  # field 101, an empty message
        await write(context, started(), AskResponse(turn=newer), completed(3, "done"))

    frames = (await driver.read("?")).frames

    assert isinstance(frames[1], UnknownFrame)
    assert frames[1].message.SerializeToString().endswith(b"\xaa\x06\x00")


async def test_a_failed_turn_gives_its_frame_and_then_raises_its_error(
    driver: Driver, script: Script
) -> None:
    why = status(grpc.StatusCode.INTERNAL, "TURN_FAILED", "it broke", incident_id="i-9")

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(
            context,
            started(),
            delta(2, "Tw"),
            frame(3, failed=TurnFailed(status=why, retryable=True, partial_kept=True)),
        )
        await abort(context, why)

    reading = await driver.read("?")

    last = reading.frames[-1]
    assert isinstance(last, Failed)
    assert (last.retryable, last.partial_kept) == (True, True)
    assert reading.error is last.error
    assert isinstance(reading.error, errors.TurnFailed)
    assert reading.error.incident_id == "i-9"
    assert "i-9" in str(reading.error)
    with pytest.raises(errors.TurnFailed):
        _ = reading.stream.response


async def test_a_cancelled_turn_ends_quietly_with_what_there_was(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(
            context,
            started(),
            delta(2, "Tw"),
            frame(3, cancelled=TurnCancelled(response=answer("Tw"))),
        )

    reading = await driver.read("?")

    assert reading.error is None
    assert isinstance(reading.frames[-1], Cancelled)
    assert reading.stream.cancelled
    assert reading.stream.response.response == "Tw"


async def test_waiting_for_the_result_of_a_cancelled_turn_raises(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), frame(2, cancelled=TurnCancelled(response=answer(""))))

    with pytest.raises(errors.CallCancelled):
        await driver.result("?")


async def test_the_result_is_the_answer_of_the_closing_frame(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), delta(2, "Tw"), completed(3, "Two."))

    assert (await driver.result("?")).response == "Two."


async def test_an_answer_is_not_there_before_its_turn_has_ended(
    driver: Driver, script: Script
) -> None:
    stream = driver.client.ask("?")
    with pytest.raises(RuntimeError, match="has not ended"):
        _ = stream.response


async def test_a_status_of_the_service_in_mid_turn_is_raised_as_it_is(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started())
        await abort(context, status(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_EXPIRED"))

    error = (await driver.read("?")).error

    assert isinstance(error, errors.CredentialsExpired)
    assert error.request_id == "r-1"


async def test_nothing_after_the_closing_frame_matters(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), completed(2, "done"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    reading = await driver.read("?")

    assert reading.error is None
    assert reading.stream.response.response == "done"


async def test_a_view_that_leaves_kinds_out_has_no_gap(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), delta(5, "x", previous=1), completed(9, "x", previous=5))

    reading = await driver.read("?", frame_kinds=["started", "text_delta"])

    assert reading.error is None
    assert len(reading.frames) == 3


async def test_a_frame_that_comes_twice_is_given_once(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started(), delta(2, "a"), delta(2, "a"), completed(3, "a"))

    assert (await driver.read("?")).kinds == ["started", "text_delta", "completed"]


async def test_a_new_attempt_withdraws_the_text_of_the_one_before(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(
            context,
            started(),
            delta(2, "Thr"),
            frame(1, attempt=2, reset=TurnReset(attempt=2)),
            started(2, attempt=2),
            delta(3, "Two.", attempt=2),
            completed(4, "Two.", attempt=2),
        )

    reading = await driver.read("?")

    assert reading.error is None
    assert reading.kinds[2] == "reset"
    assert reading.stream.text_so_far == "Two."


async def test_a_replayed_answer_comes_alone_and_without_a_sequence(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, completed(0, "Two.", replayed=True))

    frames = (await driver.read("?")).frames
    pieces = await driver.text("?")

    assert isinstance(frames[0], Completed)
    assert frames[0].replayed
    assert pieces == ["Two."]


async def test_text_is_given_as_it_comes(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(
            context, started(), delta(2, "Two "), delta(3, "people."), completed(4, "Two people.")
        )

    assert await driver.text("?") == ["Two ", "people."]


async def test_text_that_was_withdrawn_is_followed_by_the_new_one(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(
            context,
            started(),
            delta(2, "Three"),
            frame(3, text_withdrawn=TextWithdrawn(failed_model="a", next_model="b")),
            delta(4, "Two."),
            completed(5, "Two."),
        )

    assert "".join(await driver.text("?")) == "Three\n\nTwo."


async def test_a_refused_question_raises_its_reason(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await abort(
            context, status(grpc.StatusCode.ABORTED, "TURN_IN_PROGRESS", "busy", turn_id="t-0")
        )

    reading = await driver.read("?")

    assert isinstance(reading.error, errors.TurnInProgress)
    assert reading.error.turn_id == "t-0"
    assert len(script.requests) == 1


async def test_a_question_that_found_nobody_is_asked_again_with_its_request_id(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        if len(script.requests) < 3:
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "DRAINING"))
        await write(context, started(), completed(2, "done"))

    reading = await driver.read("?")

    assert reading.error is None
    assert [one.request_id for one in script.requests] == [reading.stream.request_id] * 3
    assert reading.stream.request_id


async def test_after_the_last_attempt_the_error_is_raised(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await abort(context, status(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"))

    assert isinstance((await driver.read("?")).error, errors.StorageUnavailable)
    assert len(script.requests) == 3


async def test_a_wait_that_is_longer_than_ours_is_left_to_the_caller(
    driver: Driver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        found = status(grpc.StatusCode.UNAVAILABLE, "BUS_UNAVAILABLE")
        found.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=7, nanos=500_000_000)))
        await abort(context, found)

    error = (await driver.read("?")).error

    assert isinstance(error, errors.BusUnavailable)
    assert error.retry_after == 7.5
    assert len(script.requests) == 1


async def test_each_question_has_a_request_id_of_its_own(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, completed(1, "done"))

    await driver.read("?")
    await driver.read("?")

    first, second = (one.request_id for one in script.requests)
    assert first
    assert first != second


async def test_a_deadline_ends_the_reader(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started())
        await asyncio.Event().wait()

    error = (await driver.read("?", timeout=0.3)).error

    assert isinstance(error, errors.DeadlineExceeded)
    assert not isinstance(error, errors.TurnTimeout)


async def test_leaving_early_tells_the_server(driver: Driver, script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started())
        await asyncio.Event().wait()

    first = await driver.first_frame_then_close("?")

    assert isinstance(first, Started)
    await script.gone.wait()


async def test_cancelling_the_task_that_reads_tells_the_server(script: Script) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, started())
        await asyncio.Event().wait()

    async with AsyncClient(script.target, options=QUICK) as client:
        begun = asyncio.Event()

        async def read() -> None:
            async for _ in client.ask("?"):
                begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await script.gone.wait()


async def test_an_answer_in_one_call(driver: Driver, script: Script) -> None:
    @script.on("Answer")
    async def whole(_: Any, context: Any) -> AnswerResponse:
        return AnswerResponse(turn=completed(2, "Two.").turn)

    assert (await driver.call("answer", "who?", cameras=["G330"])).response == "Two."
    (request,) = script.requests
    assert request.query == "who?"
    assert request.request_id
    assert list(request.filter.cameras) == ["G330"]


async def test_an_answer_in_one_call_is_repeated_with_its_request_id(
    driver: Driver, script: Script
) -> None:
    @script.on("Answer")
    async def whole(_: Any, context: Any) -> AnswerResponse:
        if len(script.requests) == 1:
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "RUNNER_LOST"))
        return AnswerResponse(turn=completed(2, "Two.").turn)

    await driver.call("answer", "who?")

    first, second = (one.request_id for one in script.requests)
    assert first == second


async def test_an_answer_that_somebody_cancelled_raises(driver: Driver, script: Script) -> None:
    @script.on("Answer")
    async def whole(_: Any, context: Any) -> AnswerResponse:
        stopped = frame(2, cancelled=TurnCancelled(response=answer("Tw")))
        return AnswerResponse(turn=stopped.turn)

    with pytest.raises(errors.CallCancelled, match=TURN_ID):
        await driver.call("answer", "who?")


@pytest.mark.parametrize("kind", sorted(DRIVERS))
async def test_a_server_that_is_not_there_is_named(kind: str, unused_tcp_port: int) -> None:
    driver = DRIVERS[kind](f"127.0.0.1:{unused_tcp_port}", QUICK)
    try:
        error = (await driver.read("?")).error
        assert isinstance(error, ConnectionFailed)
        assert f"127.0.0.1:{unused_tcp_port}" in str(error)
        with pytest.raises(ConnectionFailed):
            await driver.call("health")
    finally:
        await driver.close()


async def test_metadata_goes_with_every_call(driver: Driver, script: Script) -> None:
    seen: list[Any] = []

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        seen.append(dict(context.invocation_metadata())["x-from"])
        await write(context, completed(1, "done"))

    @script.on("Answer")
    async def whole(_: Any, context: Any) -> AnswerResponse:
        seen.append(dict(context.invocation_metadata())["x-from"])
        return AnswerResponse(turn=completed(2, "Two.").turn)

    await driver.read("?")
    await driver.call("answer", "?")

    assert seen == ["test", "test"]


async def test_a_closed_client_says_so(driver: Driver, script: Script) -> None:
    await driver.close()
    await driver.close()
    with pytest.raises(RuntimeError, match="closed"):
        await driver.call("answer", "?")
