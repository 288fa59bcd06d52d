"""InsightService over real storage: what is published, told, noted and silenced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt.v1 import common_pb2, insights_pb2
from enhanced_prompt.v1 import insight_service_pb2 as pb
from enhanced_prompt_service.domain.catalogue import Camera, Site, Zone
from enhanced_prompt_service.domain.errors import PermissionDenied
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.domain.identity import Caller, Role
from enhanced_prompt_service.domain.times import DailyRange, RecurringMask
from enhanced_prompt_service.insights.feed import Subscription, TooSlow
from enhanced_prompt_service.rpc.leaving import LeavingOptions
from enhanced_prompt_service.rpc.services import InsightService
from enhanced_prompt_service.schemas import ProactiveInsightPayload

from . import kit
from .stack import NOW, Stack, running

ME = Caller()
DAY_S = 86_400


def stamp(minutes: float = 0) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(NOW + timedelta(minutes=minutes))
    return found


def request(key: str = "k", **fields: Any) -> pb.PublishInsightRequest:
    return pb.PublishInsightRequest(
        **{
            "insight_type": insights_pb2.INSIGHT_TYPE_ACTIVITY_SPIKE,
            "severity": insights_pb2.SEVERITY_MEDIUM,
            "title": "More than usual",
            "message": "42 where 10 are usual.",
            "window": common_pb2.TimeRange(start_time=stamp(-60), end_time=stamp()),
            "affected_cameras": ["G1"],
            "sites": ["school"],
            "dedupe_key": key,
            "confidence_score": 0.9,
            **fields,
        }
    )


async def publish(stack: Stack, key: str = "k", **fields: Any) -> insights_pb2.Insight:
    return (await stack.insights.PublishInsight(request(key, **fields))).insight


class Reader:
    """A subscription as its client reads it."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.token = ""

    async def next(self) -> pb.SubscribeInsightsResponse:
        message = await self.call.read()
        assert message is not grpc.aio.EOF, await self.call.code()
        assert message.resume_token
        self.token = message.resume_token
        return message

    async def keys(self, count: int) -> list[str]:
        """Dedupe keys of the next messages; other frames by their name."""
        found: list[str] = []
        while len(found) < count:
            message = await self.next()
            kind = message.WhichOneof("frame")
            found.append(message.revision.insight.dedupe_key if kind == "revision" else f"<{kind}>")
        return found


@asynccontextmanager
async def subscribed(stack: Stack, **fields: Any) -> AsyncIterator[Reader]:
    call = stack.insights.SubscribeInsights(pb.SubscribeInsightsRequest(**fields))
    try:
        yield Reader(call)
    finally:
        call.cancel()


async def refused(stack: Stack, **fields: Any) -> grpc.aio.AioRpcError:
    call = stack.insights.SubscribeInsights(pb.SubscribeInsightsRequest(**fields))
    return await kit.refused(call.read())


# ---- publishing ---------------------------------------------------------------------------------


async def test_a_published_insight_is_a_payload_that_downstream_knows(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        made = await publish(
            stack,
            observed=42,
            expected=10,
            interval=insights_pb2.ExpectedInterval(low=3, high=17, level=0.9),
            unit="events",
            score=7.5,
            suggested_actions=["Look at G1."],
            baseline=[
                insights_pb2.BaselinePoint(start_time=stamp(-60), observed=1, expected=2),
                insights_pb2.BaselinePoint(start_time=stamp(-45)),
            ],
            metadata={"detector": "theirs"},
        )
        got = await stack.insights.GetInsight(pb.GetInsightRequest(insight_id=made.insight_id))
        await kit.gone()
    assert got.insight == made
    assert made.status == insights_pb2.INSIGHT_STATUS_OPEN
    assert (made.priority_level, made.revision) == (3, 1)
    assert made.expires_at.ToDatetime() == stamp(60 * 24).ToDatetime()
    assert made.analysis_period == "Fri 2 Jan 2026, 02:04 to 03:04 (UTC)"
    assert not made.baseline[1].HasField("observed")
    payload = ProactiveInsightPayload(
        insight_id=made.insight_id,
        insight_type="activity_spike",
        severity="medium",
        title=made.title,
        message=made.message,
        confidence_score=made.confidence_score,
        analysis_period=made.analysis_period,
        event_count=made.event_count,
        priority_level=made.priority_level,
    )
    assert payload.service_name == made.service_name


async def test_evidence_comes_from_stored_events(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        site = Site(
            "school",
            "America/New_York",
            cameras=(Camera("G1", "Gate camera"),),
            clip_url_template="https://clips/{event_id}",
        )
        await stack.stores.catalogue.put_site(ME, site)
        await stack.stores.events.ingest(
            ME, [Event(f"e{n}", NOW, "school", "G1", "person_walks") for n in range(2)]
        )
        made = await publish(stack, event_ids=["e1", "e0", "e1"])
        error = await kit.refused(
            stack.insights.PublishInsight(request(event_ids=["e0", "nobody"]))
        )
        await kit.gone()
    assert [one.event_id for one in made.evidence] == ["e0", "e1"]
    assert made.evidence[0].description == "Person walks at Gate camera, 22:04:05"
    assert list(made.clip_links) == ["https://clips/e0", "https://clips/e1"]
    assert made.event_count == 2
    assert made.analysis_period.endswith("(America/New_York)")
    assert kit.violations(error) == ["event_ids[1]"]


async def test_the_service_judges_where_nobody_did(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        night = RecurringMask((DailyRange(22 * 60, 6 * 60),))
        await stack.stores.catalogue.put_site(
            ME, Site("school", "UTC", zones=(Zone("vault", restricted=(night,)), Zone("hall")))
        )
        found = [
            (await publish(stack, f"{score}{zone}", severity=0, score=score, zones=[zone])).severity
            for score, zone in ((5, "hall"), (6, "hall"), (9, "hall"), (13, "hall"), (9, "vault"))
        ]
        await kit.gone()
    assert found == [1, 2, 3, 4, 4]


async def test_the_same_thing_without_a_key_merges(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        first = await stack.insights.PublishInsight(request(""))
        again = await stack.insights.PublishInsight(request("", message="More of it."))
        other = await stack.insights.PublishInsight(request("", title="Something else"))
        await kit.gone()
    assert (first.merged, again.merged, other.merged) == (False, True, False)
    assert again.insight.insight_id == first.insight.insight_id
    assert again.insight.revision == 2


async def test_a_repeated_request_is_answered_alike_and_another_one_refused(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack:
        first = await publish(stack, request_id="r")
        again = await publish(stack, request_id="r")
        error = await kit.refused(
            stack.insights.PublishInsight(request(request_id="r", title="Other"))
        )
        await kit.gone()
    assert again == first
    assert kit.reason(error) == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"insight_type": 0}, "insight_type"),
        ({"insight_type": 99}, "insight_type"),
        ({"title": "x" * 201}, "title"),
        ({"message": ""}, "message"),
        ({"confidence_score": 1.5}, "confidence_score"),
        ({"window": common_pb2.TimeRange()}, "window.start_time"),
        ({"window": common_pb2.TimeRange(start_time=stamp())}, "window.end_time"),
        (
            {"window": common_pb2.TimeRange(start_time=stamp(1), end_time=stamp())},
            "window.end_time",
        ),
        ({"interval": insights_pb2.ExpectedInterval(low=2, high=1)}, "interval.high"),
        (
            {"baseline": [insights_pb2.BaselinePoint(start_time=stamp(1))] * 2},
            "baseline[1].start_time",
        ),
        ({"score": float("nan")}, "score"),
        ({"affected_cameras": [""]}, "affected_cameras[0]"),
        ({"dedupe_key": "k" * 257}, "dedupe_key"),
    ],
)
async def test_a_publisher_is_told_which_field_is_wrong(
    tmp_path: Path, fields: dict[str, Any], field: str
) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(stack.insights.PublishInsight(request(**fields)))
        await kit.gone()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert kit.violations(error) == [field]


# ---- subscriptions ------------------------------------------------------------------------------


async def test_a_subscription_begins_now_and_tells_what_follows(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await publish(stack, "old")
        async with subscribed(stack) as reader:
            assert await reader.keys(1) == ["<caught_up>"]
            await publish(stack, "new")
            message = await reader.next()
        await kit.gone()
    assert message.revision.position == 2
    assert message.revision.change == insights_pb2.INSIGHT_CHANGE_CREATED
    assert message.revision.insight.dedupe_key == "new"


async def test_every_start_leads_to_the_same_order(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        for index, key in enumerate("abcd"):
            stack.clock.at = NOW + timedelta(minutes=index)
            await publish(stack, key)
        async with subscribed(stack, start_time=stamp(1)) as reader:
            assert await reader.keys(4) == ["b", "c", "d", "<caught_up>"]
        async with subscribed(stack, start_time=stamp(-60)) as reader:
            assert await reader.keys(2) == ["a", "b"]
            token = reader.token
        async with subscribed(stack, resume_token=token) as reader:
            assert await reader.keys(3) == ["c", "d", "<caught_up>"]
            assert reader.token == stack.tokens.seal(ME.tenant, 4)
        listed = await stack.insights.ListInsights(pb.ListInsightsRequest())
        async with subscribed(stack, resume_token=listed.resume_token) as reader:
            await publish(stack, "e")
            assert set(await reader.keys(2)) == {"<caught_up>", "e"}
        await kit.gone()


async def test_a_named_subscription_goes_on_where_it_was_committed(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await publish(stack, "before")
        async with subscribed(stack, subscription_id="pager") as reader:
            assert await reader.keys(1) == ["<caught_up>"]
            await publish(stack, "a")
            await publish(stack, "b")
            assert await reader.keys(1) == ["a"]
            first = reader.token
        commit = stack.insights.CommitSubscription
        moved = await commit(
            pb.CommitSubscriptionRequest(subscription_id="pager", resume_token=first)
        )
        async with subscribed(stack, subscription_id="pager") as reader:
            assert await reader.keys(2) == ["b", "<caught_up>"]
            moved = await commit(
                pb.CommitSubscriptionRequest(subscription_id="pager", resume_token=reader.token)
            )
        back = await commit(
            pb.CommitSubscriptionRequest(subscription_id="pager", resume_token=first)
        )
        assert back.resume_token == moved.resume_token
        async with subscribed(stack, subscription_id="pager") as reader:
            assert await reader.keys(1) == ["<caught_up>"]
        await kit.gone()


async def test_filters_choose_and_tokens_are_good_with_any_filter(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await publish(stack, "a")
        await publish(stack, "b", severity=insights_pb2.SEVERITY_HIGH, affected_cameras=["G2"])
        await publish(stack, "a", severity=insights_pb2.SEVERITY_HIGH)
        await publish(stack, "a", severity=insights_pb2.SEVERITY_CRITICAL)
        start = stamp(-1)
        severe = insights_pb2.InsightFilter(min_severity=insights_pb2.SEVERITY_HIGH)
        async with subscribed(stack, start_time=start, filter=severe) as reader:
            assert await reader.keys(4) == ["b", "a", "a", "<caught_up>"]
        async with subscribed(
            stack, start_time=start, filter=severe, changes=pb.INSIGHT_CHANGES_FIRST
        ) as reader:
            assert await reader.keys(3) == ["b", "a", "<caught_up>"]
        camera = insights_pb2.InsightFilter(cameras=["G2"])
        async with subscribed(stack, start_time=start, filter=camera) as reader:
            assert await reader.keys(1) == ["b"]
            token = reader.token
        async with subscribed(stack, resume_token=token) as reader:
            assert await reader.keys(3) == ["a", "a", "<caught_up>"]
        types = insights_pb2.InsightFilter(types=[insights_pb2.INSIGHT_TYPE_PREDICTION])
        async with subscribed(stack, start_time=start, filter=types) as reader:
            message = await reader.next()
            assert message.caught_up.delivered == 0
            assert message.resume_token == stack.tokens.seal(ME.tenant, 4)
        await kit.gone()


async def test_an_idle_stream_beats_and_each_beat_is_a_place_to_go_on_from(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, heartbeat_s=0.05) as stack:
        severe = insights_pb2.InsightFilter(min_severity=insights_pb2.SEVERITY_CRITICAL)
        async with subscribed(stack, filter=severe) as reader:
            assert await reader.keys(2) == ["<caught_up>", "<heartbeat>"]
            await publish(stack)
            passed = stack.tokens.seal(ME.tenant, 1)
            while reader.token != passed:
                assert (await reader.next()).WhichOneof("frame") == "heartbeat"
        await kit.gone()


async def test_a_stream_that_is_old_says_where_to_go_on_and_ends(tmp_path: Path) -> None:
    leaving = LeavingOptions(age_s=0.05, draw=lambda: 0.5)
    async with running(tmp_path, insight_leaving=leaving) as stack:
        async with subscribed(stack) as reader:
            assert (await reader.next()).WhichOneof("frame") == "caught_up"
            farewell = await reader.next()
            assert await reader.call.read() is grpc.aio.EOF
            assert await reader.call.code() is grpc.StatusCode.OK
        await kit.gone()
    assert farewell.go_away.reason == common_pb2.GO_AWAY_REASON_MAX_AGE
    assert farewell.go_away.cursor.resume_token == farewell.resume_token


async def test_a_server_that_drains_sends_its_subscribers_away_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        async with subscribed(stack) as reader:
            await reader.next()
            stopping = asyncio.create_task(stack.server.stop(30.0))
            farewell = await reader.next()
            assert await reader.call.read() is grpc.aio.EOF
            await stopping
        await kit.gone()
    assert farewell.go_away.reason == common_pb2.GO_AWAY_REASON_DRAINING


async def test_a_place_that_is_not_kept_any_more_is_out_of_range_with_the_earliest(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack:
        for index, key in enumerate("abc"):
            stack.clock.at = NOW + timedelta(minutes=index)
            await publish(stack, key)
        async with subscribed(stack, start_time=stamp(-1)) as reader:
            await reader.keys(1)
            old = reader.token
        async with subscribed(stack, subscription_id="pager"):
            pass
        await stack.stores.retention.remove_old(
            conversations_before=None,
            events_before=None,
            now=NOW,
            most=100,
            insights_before=NOW + timedelta(minutes=2),
        )
        errors = [
            await refused(stack, resume_token=old),
            await refused(stack, start_time=stamp(1)),
            await refused(stack, resume_token=stack.tokens.seal(ME.tenant, 4)),
        ]
        for error in errors:
            assert error.code() is grpc.StatusCode.OUT_OF_RANGE
            assert kit.reason(error) == "CURSOR_OUT_OF_RANGE"
            earliest = kit.metadata(error)["earliest_resume_token"]
            async with subscribed(stack, resume_token=earliest) as reader:
                assert await reader.keys(2) == ["c", "<caught_up>"]
        await kit.gone()


async def test_a_subscriber_that_is_too_slow_is_told_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fall_behind(*_: object) -> None:
        raise TooSlow(7)

    async with running(tmp_path, ring_bytes=1000) as stack:
        async with subscribed(stack) as reader:
            await reader.next()
            monkeypatch.setattr(Subscription, "_read", fall_behind)
            monkeypatch.setattr(Subscription, "_find", lambda self: None)
            # Two larger entries than the ring holds: this subscriber has to read from the store.
            for key in "ab":
                await publish(stack, key, message=key * 4000)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await reader.call.read()
        await kit.gone()
    error = raised.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert kit.reason(error) == "SUBSCRIBER_TOO_SLOW"
    assert stack.tokens.open(ME.tenant, kit.metadata(error)["resume_token"]) == 7


@pytest.mark.parametrize("token", ["x", "not a token", "A" * 50, "ÿ"])
async def test_a_token_of_nobody_is_refused_and_told_nothing(tmp_path: Path, token: str) -> None:
    async with running(tmp_path) as stack:
        theirs = stack.tokens.seal("other", 1)
        errors = [await refused(stack, resume_token=one) for one in (token, theirs)]
        commit = pb.CommitSubscriptionRequest(subscription_id="p", resume_token=theirs)
        errors.append(await kit.refused(stack.insights.CommitSubscription(commit)))
        await kit.gone()
    for error in errors:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert kit.reason(error) == "RESUME_TOKEN_INVALID"
        assert kit.violations(error) == ["resume_token"]
        assert error.details() == "resume_token: not a token of this service"


async def test_a_subscriber_that_goes_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        async with subscribed(stack) as reader:
            await reader.next()
            assert stack.feeds.subscribers == 1
        await kit.gone()
        assert stack.feeds.subscribers == 0
        assert stack.server.live.count == 0


# ---- operators ----------------------------------------------------------------------------------


async def test_a_note_is_told_to_subscribers_and_listed(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        made = await publish(stack)
        async with subscribed(stack) as reader:
            await reader.next()
            noted = await stack.insights.AcknowledgeInsights(
                pb.AcknowledgeInsightsRequest(
                    insight_ids=[made.insight_id],
                    verdict=insights_pb2.INSIGHT_VERDICT_FALSE_ALARM,
                    note="a fox",
                )
            )
            told = await reader.next()
        missing = await kit.refused(
            stack.insights.AcknowledgeInsights(
                pb.AcknowledgeInsightsRequest(insight_ids=[made.insight_id, "nobody"])
            )
        )
        listed = await stack.insights.ListInsights(
            pb.ListInsightsRequest(status=insights_pb2.INSIGHT_STATUS_ACKNOWLEDGED)
        )
        await kit.gone()
    (insight,) = noted.insights
    assert insight.acknowledgement.user_id == ME.user
    assert insight.acknowledgement.verdict == insights_pb2.INSIGHT_VERDICT_FALSE_ALARM
    assert told.revision.change == insights_pb2.INSIGHT_CHANGE_ACKNOWLEDGED
    assert told.revision.insight == insight
    assert list(listed.insights) == [insight]
    assert kit.reason(missing) == "INSIGHT_NOT_FOUND"


async def test_a_mute_silences_and_zero_lifts_it(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await publish(stack)
        mute = stack.insights.MuteInsights
        muted = await mute(
            pb.MuteInsightsRequest(dedupe_key="k", duration=Duration(seconds=60), note="works")
        )
        assert muted.muted_until.ToDatetime() == stamp(1).ToDatetime()
        assert muted.insights == 1
        async with subscribed(stack) as reader:
            await reader.next()
            await publish(stack, severity=insights_pb2.SEVERITY_HIGH)
            assert not (await stack.insights.ListInsights(pb.ListInsightsRequest())).insights
            lifted = await mute(pb.MuteInsightsRequest(dedupe_key="k"))
            assert not lifted.HasField("muted_until")
            told = await reader.next()
        assert told.revision.change == insights_pb2.INSIGHT_CHANGE_MUTED
        assert told.revision.position == 4
        for seconds in (-1, 90 * DAY_S + 1):
            error = await kit.refused(
                mute(pb.MuteInsightsRequest(dedupe_key="k", duration=Duration(seconds=seconds)))
            )
            assert kit.violations(error) == ["duration"]
        await kit.gone()


async def test_muting_and_publishing_need_the_sight_of_every_camera(tmp_path: Path) -> None:
    limited: Any = SimpleNamespace(
        caller=Caller("default", "vic", role=Role.OPERATOR, cameras=frozenset({"G1"}))
    )
    async with running(tmp_path) as stack:
        service = InsightService(
            stack.stores.insights,
            stack.feeds,
            stack.tokens,
            stack.stores.events,
            stack.stores.catalogue,
            now=stack.clock.now,
        )
        with pytest.raises(PermissionDenied):
            await service.MuteInsights(pb.MuteInsightsRequest(dedupe_key="k"), limited)
        with pytest.raises(PermissionDenied):
            await service.PublishInsight(request(), limited)
        await kit.gone()


async def test_lists_come_in_pages(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        for key in "abcde":
            await publish(stack, key)
        seen: list[str] = []
        ask = pb.ListInsightsRequest(page_size=2)
        while True:
            page = await stack.insights.ListInsights(ask)
            seen += [one.dedupe_key for one in page.insights]
            ask.page_token = page.next_page_token
            if not ask.page_token:
                break
        await kit.gone()
    assert sorted(seen) == [*"abcde"]
