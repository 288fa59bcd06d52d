"""What tests/clients asks of the Python clients, asked of the others: cuts are not seen."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from enhanced_prompt import StreamCut, errors
from enhanced_prompt.v1.common_pb2 import GoAway, Heartbeat
from enhanced_prompt.v1.insight_service_pb2 import (
    CaughtUp,
    SubscribeInsightsRequest,
    SubscribeInsightsResponse,
)
from enhanced_prompt.v1.insights_pb2 import Insight, InsightRevision
from enhanced_prompt.v1.prompt_service_pb2 import AskResponse
from tests.clients.scripted import Script, abort, started, status, write
from tests.clients.test_reattach import (  # noqa: F401 (they run here with this folder's driver)
    KINDS,
    WHOLE,
    cuts_at,
    test_a_cut_stream_goes_on_after_its_last_frame,
    test_a_missing_frame_is_a_cut_and_is_fetched,
    test_a_refusal_while_attaching_again_is_raised_as_it_is,
    test_a_stored_answer_stands_for_the_frames_that_are_gone,
    test_a_stream_that_is_cut_after_every_frame_still_gives_each_once,
    test_a_stream_that_is_cut_before_its_first_frame_is_asked_again_with_its_request_id,
    test_a_superseded_attempt_goes_on_with_the_newest_and_withdraws_its_text,
    test_a_turn_that_cannot_be_reached_for_a_while_is_attached_to_again,
    test_a_turn_that_failed_for_its_own_reasons_is_not_run_again,
    test_a_turn_that_stays_out_of_reach_is_given_up,
    test_a_turn_whose_process_went_away_runs_again_unseen,
    test_a_turn_whose_processes_keep_going_away_ends_with_its_error,
    test_another_turn_in_place_of_the_one_that_is_gone_withdraws_its_text,
    test_frames_that_come_again_after_asking_again_are_given_once,
    test_giving_up_raises_one_error_that_says_where_the_reader_stood,
    test_go_away_is_not_seen_and_the_turn_goes_on_where_it_pointed,
)

from .driving import OtherDriver, Process


async def test_after_go_away_the_next_stream_uses_another_connection(
    driver: OtherDriver, script: Script
) -> None:
    cuts_at(script, 2, "ok")
    inner = script.handlers["Ask"]

    @script.on("Ask")
    async def ask(request: Any, context: Any) -> None:
        await write(context, AskResponse(go_away=GoAway()))
        await inner(request, context)

    assert (await driver.read("?")).kinds == KINDS
    assert len(set(script.peers)) == 2


async def test_after_a_refusal_by_a_process_that_stops_another_connection_is_tried(
    driver: OtherDriver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        if len(script.requests) < 4:
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "DRAINING"))
        await write(context, *WHOLE)

    assert (await driver.read("?")).kinds == KINDS
    assert len(set(script.peers)) == 4


async def test_a_service_that_was_silent_for_too_long_counts_as_gone(
    process: Process, script: Script
) -> None:
    """Heartbeats are what a stream that has nothing to say is known to be alive by."""
    quick = {"retry": 3, "reattach": 4, "first_ms": 1, "longest_ms": 10, "silence_ms": 300}
    cuts_at(script, 1, "ok")

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, AskResponse(heartbeat=Heartbeat()), WHOLE[0])
        await script.gone.wait()  # the client leaves first

    reading = await OtherDriver(process, script.target, quick).read("?")

    assert reading.error is None
    assert reading.kinds == KINDS


async def test_a_request_that_can_never_work_is_refused_with_its_reason(
    driver: OtherDriver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await abort(context, status(grpc.StatusCode.INVALID_ARGUMENT, "LIMIT_EXCEEDED"))

    assert isinstance((await driver.read("?")).error, errors.LimitExceeded)
    assert len(script.requests) == 1


async def test_a_server_that_is_not_there_is_told_before_the_first_frame(
    driver: OtherDriver, script: Script
) -> None:
    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no route")

    error = (await driver.read("?")).error
    assert isinstance(error, errors.Unavailable)
    assert not isinstance(error, StreamCut)
    assert len(script.requests) == 3


async def test_a_frame_before_the_first_counts_the_tries_anew(
    driver: OtherDriver, script: Script
) -> None:
    """More cuts than `reattach` allows in a row are no matter while frames come."""
    many = [started(), *WHOLE[1:3]]

    @script.on("Ask")
    async def ask(_: Any, context: Any) -> None:
        await write(context, many[0])

    @script.on("WatchTurn")
    async def watch(request: Any, context: Any) -> None:
        if len(script.requests) % 3 == 0:  # two of three streams bring nothing
            await write(context, *WHOLE[request.after_sequence :][:1])

    assert (await driver.read("?")).kinds == KINDS
    assert len(script.requests) == 9


def told(position: int) -> SubscribeInsightsResponse:
    return SubscribeInsightsResponse(
        revision=InsightRevision(insight=Insight(insight_id="i"), position=position),
        resume_token=f"t-{position}",
    )


async def test_a_subscription_goes_on_behind_its_last_message_whatever_ended_it(
    driver: OtherDriver, script: Script
) -> None:
    endings = iter(["ok", "UNAVAILABLE", "draining", "INTERNAL", "silent"])

    @script.on("SubscribeInsights")
    async def subscribe(request: SubscribeInsightsRequest, context: Any) -> None:
        last = int(request.resume_token.removeprefix("t-") or 0)
        await context.write(told(last + 1))
        match next(endings):
            case "ok":
                moved = SubscribeInsightsResponse(caught_up=CaughtUp(), resume_token="t-10")
                await context.write(moved)
            case "draining":
                await abort(context, status(grpc.StatusCode.UNAVAILABLE, "DRAINING"))
            case "silent":
                await context.write(told(last + 2))
                await script.gone.wait()
            case code:
                await context.abort(grpc.StatusCode[code], "reset")

    request = SubscribeInsightsRequest(subscription_id="pager")
    found = [(one.position, token) async for one, token in driver.insights(request, take=6)]

    positions = [1, 11, 12, 13, 14, 15]
    assert found == [(one, f"t-{one}") for one in positions]
    begins = [one.WhichOneof("start") for one in script.requests]
    assert begins == ["subscription_id", *["resume_token"] * 4]


async def test_a_subscription_whose_place_is_not_kept_says_so(
    driver: OtherDriver, script: Script
) -> None:
    @script.on("SubscribeInsights")
    async def subscribe(_: Any, context: Any) -> None:
        await abort(context, status(grpc.StatusCode.OUT_OF_RANGE, "CURSOR_OUT_OF_RANGE"))

    with pytest.raises(errors.CursorOutOfRange):
        _ = [one async for one in driver.insights(SubscribeInsightsRequest(resume_token="old"))]
    assert len(script.requests) == 1
