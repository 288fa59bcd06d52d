"""A subscription's state between two messages, and requests from keyword arguments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from grpc import StatusCode

from enhanced_prompt import Retry
from enhanced_prompt._insights import (
    InsightFlow,
    acknowledge_request,
    insight_filter,
    list_insights_request,
    mute_request,
    subscribe_request,
)
from enhanced_prompt.errors import (
    ConnectionFailed,
    CursorOutOfRange,
    Draining,
    EnhancedPromptError,
    Internal,
    ResumeTokenInvalid,
    SubscriberTooSlow,
)
from enhanced_prompt.v1 import insights_pb2
from enhanced_prompt.v1.insight_service_pb2 import (
    INSIGHT_CHANGES_FIRST,
    CaughtUp,
    SubscribeInsightsRequest,
    SubscribeInsightsResponse,
)

NOON = datetime(2018, 3, 15, 12, tzinfo=UTC)


def told(position: int, token: str, change: int = 1) -> SubscribeInsightsResponse:
    return SubscribeInsightsResponse(
        revision=insights_pb2.InsightRevision(
            insight=insights_pb2.Insight(insight_id="i"),
            position=position,
            change=change,  # pyright: ignore[reportArgumentType]
        ),
        resume_token=token,
    )


def flow(token: str = "", attempts: int = 2) -> InsightFlow:
    return InsightFlow(
        SubscribeInsightsRequest(resume_token=token),
        Retry(attempts=attempts, first=0.1, longest=1.0),
        Retry(attempts=attempts, first=0.1, longest=5.0),
    )


def test_the_next_stream_goes_on_behind_whatever_message_came_last() -> None:
    found = InsightFlow(SubscribeInsightsRequest(subscription_id="pager"), Retry(), Retry())
    update = found.take(told(7, "t-7"))
    assert update is not None
    assert (update.position, update.change, update.resume_token) == (7, "created", "t-7")
    assert found.request.WhichOneof("start") == "resume_token"
    assert found.take(SubscribeInsightsResponse(caught_up=CaughtUp(), resume_token="t-8")) is None
    assert found.request.resume_token == "t-8"


def test_a_change_of_a_newer_server_is_no_error() -> None:
    update = flow().take(told(1, "t", change=77))
    assert update is not None
    assert update.change == ""


def test_once_something_was_heard_it_attaches_again_for_ever() -> None:
    found = flow(attempts=1)
    found.take(told(1, "t"))
    waits = [found.wait(ConnectionFailed("away"), 1.0) for _ in range(2000)]
    assert waits[:3] == [0.1, 0.2, 0.4]
    assert max(waits) == waits[-1] == 5.0
    found.take(told(2, "t"))
    assert found.wait(None, 1.0) == 0.1
    assert found.wait(None, 0.0) == 0.0


def test_a_server_that_was_never_there_is_told_unless_a_token_says_that_it_was() -> None:
    found = flow(attempts=2)
    found.wait(ConnectionFailed("away"), 1.0)
    with pytest.raises(ConnectionFailed):
        found.wait(ConnectionFailed("away"), 1.0)
    patient = flow(token="t", attempts=1)
    assert patient.wait(ConnectionFailed("away"), 1.0) == 0.1


def test_the_servers_word_on_when_to_come_back_is_kept() -> None:
    found = flow(token="t")
    assert found.wait(Draining("away", retry_after=30.0), 0.5) == 30.0


@pytest.mark.parametrize("error", [CursorOutOfRange, SubscriberTooSlow, ResumeTokenInvalid])
def test_what_another_attempt_would_not_change_is_raised(error: type[EnhancedPromptError]) -> None:
    with pytest.raises(error):
        flow(token="t").wait(error("no", reason="SAID"), 1.0)


def test_a_connection_that_broke_is_a_cut_and_a_servers_own_error_is_not() -> None:
    found = flow(token="t")
    assert found.wait(EnhancedPromptError("reset", code=StatusCode.CANCELLED), 1.0) == 0.1
    with pytest.raises(Internal):
        found.wait(Internal("broken", reason="INTERNAL"), 1.0)


def test_a_token_is_news_once() -> None:
    found = flow(token="a")
    assert [found.settle(token) for token in ("a", "b", "b", "c")] == [False, True, False, True]


def test_one_beginning_and_what_is_wanted_stand_in_the_request() -> None:
    request = subscribe_request(
        {"min_severity": "high", "types": ["prediction"], "cameras": ["G1"], "sites": ["s"]},
        resume_token="",
        since=NOON,
        subscription_id="",
        first_only=True,
    )
    assert request.start_time.ToDatetime(UTC) == NOON
    assert request.changes == INSIGHT_CHANGES_FIRST
    assert request.filter == insights_pb2.InsightFilter(
        types=[insights_pb2.INSIGHT_TYPE_PREDICTION],
        min_severity=insights_pb2.SEVERITY_HIGH,
        cameras=["G1"],
        sites=["s"],
    )
    with pytest.raises(ValueError, match="one of them"):
        subscribe_request({}, resume_token="t", since=NOON, subscription_id="", first_only=False)


def test_lists_notes_and_mutes_say_what_was_given() -> None:
    listed = list_insights_request(
        {"include_muted": True}, status="open", since=NOON, until=None, page_size=7
    )
    assert listed.status == insights_pb2.INSIGHT_STATUS_OPEN
    assert listed.window_range.start_time.ToDatetime(UTC) == NOON
    assert listed.filter.include_muted
    noted = acknowledge_request(["a"], "false_alarm", "a fox")
    assert noted.verdict == insights_pb2.INSIGHT_VERDICT_FALSE_ALARM
    assert acknowledge_request(["a"], None, "").verdict == 0
    assert mute_request("k", timedelta(minutes=1.5), "").duration.ToTimedelta().seconds == 90
    assert not mute_request("k", None, "").HasField("duration")
    assert insight_filter({}) == insights_pb2.InsightFilter()
