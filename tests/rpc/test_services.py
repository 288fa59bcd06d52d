"""The servicers over real storage: events, cameras, sites, history, prewarm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from inspect import getmembers, iscoroutinefunction
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import BadRequest

from enhanced_prompt.v1 import (
    common_pb2,
    event_service_pb2,
    events_pb2,
    history_service_pb2,
    prompt_service_pb2,
    site_service_pb2,
)
from enhanced_prompt_service.rpc import server
from enhanced_prompt_service.rpc.registry import built
from enhanced_prompt_service.rpc.services import _pages

from . import kit
from .stack import NOW, Stack, running

IngestEventsRequest = event_service_pb2.IngestEventsRequest
EventBatch = event_service_pb2.EventBatch
CoverageBatch = event_service_pb2.CoverageBatch
AT = 1_521_124_200  # 2018-03-15T14:30:00Z


def an_event(number: int, **fields: Any) -> events_pb2.Event:
    values: dict[str, Any] = {
        "event_id": f"e-{number:04}",
        "start_time": Timestamp(seconds=AT + number, nanos=123_456_789),
        "site": "school",
        "camera_id": "G330",
        "event_type": "person_enters",
    }
    return events_pb2.Event(**(values | fields))


def a_span(**fields: Any) -> events_pb2.Coverage:
    values: dict[str, Any] = {
        "site": "school",
        "camera_id": "G330",
        "state": events_pb2.COVERAGE_STATE_RECORDING,
        "start_time": Timestamp(seconds=AT),
        "end_time": Timestamp(seconds=AT + 3600),
    }
    return events_pb2.Coverage(**(values | fields))


async def send(messages: Iterable[Any]) -> AsyncIterator[Any]:
    for message in messages:
        yield message


async def ingest(stack: Stack, *batches: Iterable[events_pb2.Event]) -> Any:
    return await stack.events.IngestEvents(
        send(
            IngestEventsRequest(sequence=number, events=EventBatch(events=batch))
            for number, batch in enumerate(batches, 1)
        )
    )


def violations(error: grpc.aio.AioRpcError) -> list[str]:
    (request,) = kit.details(kit.status(error), BadRequest)
    return [one.field for one in request.field_violations]


def test_every_coroutine_of_a_servicer_is_an_rpc_of_its_service() -> None:
    """A name that is misspelt would leave its RPC unimplemented without a word."""
    from enhanced_prompt_service.rpc import services

    by_name = {one.name: one for one in server.contract_services()}
    for name in services.__all__:
        servicer = getattr(services, name)
        members = getmembers(servicer)
        public = {one for one, it in members if iscoroutinefunction(it) and not one.startswith("_")}
        assert public == set(built(by_name[name], servicer)), name


# ---- events in ----------------------------------------------------------------------------------


async def test_a_stream_of_batches_is_stored_and_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        first = await ingest(stack, [an_event(1), an_event(2)], [an_event(3)])
        again = await ingest(stack, [an_event(1), an_event(2, description="later", participants=4)])
        await kit.gone()
    assert (first.created, first.updated, first.duplicates) == (3, 0, 0)
    assert (first.last_sequence, first.rejected_count) == (2, 0)
    assert (again.created, again.updated, again.duplicates) == (0, 1, 1)


async def test_bad_events_are_rejected_one_by_one_and_the_good_ones_kept(tmp_path: Path) -> None:
    bad = [
        an_event(2, event_id=""),
        an_event(3, start_time=None),
        an_event(4, start_time=Timestamp(seconds=-(2**62))),
        an_event(5, end_time=Timestamp(seconds=AT - 9)),
        an_event(6, confidence=float("nan")),
        an_event(7, confidence=1.5, camera_id=""),
        an_event(8, participants=-1),
        an_event(9, clip_url="javascript:alert(1)"),
        an_event(10, description="x" * 4001),
    ]
    async with running(tmp_path) as stack:
        response = await ingest(stack, [an_event(1), *bad, an_event(11)])
        listed = await stack.events.ListEvents(event_service_pb2.ListEventsRequest())
        await kit.gone()
    assert (response.created, response.rejected_count) == (2, len(bad))
    assert [(one.sequence, one.index, one.field) for one in response.rejected] == [
        (1, 1, "event_id"),
        (1, 2, "start_time"),
        (1, 3, "start_time"),
        (1, 4, "end_time"),
        (1, 5, "confidence"),
        (1, 6, "camera_id"),
        (1, 7, "participants"),
        (1, 8, "clip_url"),
        (1, 9, "description"),
    ]
    assert response.rejected[1].event_id == "e-0003"
    assert "4,000" in response.rejected[8].reason
    assert response.rejected[5].reason.endswith("(and 1 more)")
    assert [one.event_id for one in listed.events] == ["e-0011", "e-0001"]


async def test_a_batch_of_coverage_is_judged_span_by_span(tmp_path: Path) -> None:
    spans = [
        a_span(),
        a_span(end_time=Timestamp(seconds=AT)),
        a_span(state=0),
        a_span(state=77),
        a_span(start_time=None),
    ]
    async with running(tmp_path) as stack:
        response = await stack.events.BatchIngestEvents(
            event_service_pb2.BatchIngestEventsRequest(coverage=CoverageBatch(coverage=spans))
        )
        await kit.gone()
    assert response.created == 1
    assert [(one.index, one.field) for one in response.rejected] == [
        (1, "end_time"),
        (2, "state"),
        (3, "state"),
        (4, "start_time"),
    ]


@pytest.mark.parametrize("sequences", [[0], [-1], [1, 1], [5, 4]])
async def test_sequences_rise_within_a_stream(tmp_path: Path, sequences: list[int]) -> None:
    batches = [
        IngestEventsRequest(sequence=number, events=EventBatch(events=[an_event(index)]))
        for index, number in enumerate(sequences)
    ]
    async with running(tmp_path) as stack:
        error = await kit.refused(stack.events.IngestEvents(send(batches)))
        await kit.gone()
        kept = await stack.events.CountEvents(event_service_pb2.CountEventsRequest())
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error) == ["sequence"]
    assert kept.total.matches == len(sequences) - 1  # what came before is stored


async def test_cloud_events_are_stored_and_their_bad_ones_named(tmp_path: Path) -> None:
    good = {"specversion": "1.0", "id": "1", "source": "nvr", "type": "x.person", "subject": "cam",
            "time": "2026-03-01T12:00:00Z"}  # fmt: skip
    batch = [good, {**good, "id": "2", "time": "soon"}, good]
    async with running(tmp_path) as stack:
        response = await stack.events.IngestCloudEvents(_posted(batch, "-batch"))
        stored = await stack.events.GetEvent(event_service_pb2.GetEventRequest(event_id="nvr#1"))
        await kit.gone()
    assert (response.created, response.duplicates) == (1, 1)
    [refused] = response.rejected
    assert (refused.index, refused.event_id, refused.field) == (1, "nvr#2", "start_time")
    assert (stored.event.camera_id, stored.event.site) == ("cam", "shop")


async def test_where_no_cloud_event_is_one_the_call_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(stack.events.IngestCloudEvents(_posted({"specversion": "1.0"})))
        whole = await kit.refused(stack.events.IngestCloudEvents(_posted("text")))
        unsaid = await kit.refused(
            stack.events.IngestCloudEvents(event_service_pb2.IngestCloudEventsRequest())
        )
        await kit.gone()
    assert violations(error) == ["id"]
    assert violations(whole) == violations(unsaid) == ["body"]


def _posted(told: object, mode: str = "") -> event_service_pb2.IngestCloudEventsRequest:
    return event_service_pb2.IngestCloudEventsRequest(
        body=HttpBody(
            content_type=f"application/cloudevents{mode}+json", data=json.dumps(told).encode()
        ),
        site="shop",
    )


async def test_a_message_without_a_batch_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(
            stack.events.BatchIngestEvents(event_service_pb2.BatchIngestEventsRequest())
        )
        await kit.gone()
    assert kit.reason(error) == "REQUIRED_FIELD_MISSING"
    assert violations(error) == ["batch"]


async def test_a_batch_of_more_than_a_thousand_is_refused_as_a_whole(tmp_path: Path) -> None:
    request = event_service_pb2.BatchIngestEventsRequest(
        events=EventBatch(events=[an_event(number) for number in range(1001)])
    )
    async with running(tmp_path) as stack:
        error = await kit.refused(stack.events.BatchIngestEvents(request))
        await kit.gone()
    assert violations(error) == ["events.events"]


async def test_a_stream_that_is_cut_keeps_the_batches_that_were_stored(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        call = stack.events.IngestEvents()
        await call.write(IngestEventsRequest(sequence=1, events=EventBatch(events=[an_event(1)])))
        while not (await stack.events.CountEvents(_count())).total.matches:
            pass  # each look is a call: the store is asked until it has the batch
        call.cancel()
        await kit.gone()
        kept = await stack.events.CountEvents(_count())
    assert kept.total.matches == 1


def _count(**fields: Any) -> event_service_pb2.CountEventsRequest:
    return event_service_pb2.CountEventsRequest(**fields)


# ---- events out ---------------------------------------------------------------------------------


async def test_an_event_comes_back_as_it_was_sent_cut_to_microseconds(tmp_path: Path) -> None:
    sent = an_event(
        1,
        end_time=Timestamp(seconds=AT + 60),
        zones=["door"],
        label="person",
        sub_label="courier",
        confidence=0.0,
        participants=3,
        description="a courier",
        clip_url="https://clips.example/1",
        attributes={"colour": "red"},
        source="test",
    )
    async with running(tmp_path) as stack:
        await ingest(stack, [sent])
        found = await stack.events.GetEvent(event_service_pb2.GetEventRequest(event_id="e-0001"))
        await kit.gone()
    sent.start_time.nanos = 123_456_000
    assert found.event == sent


async def test_an_event_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(
            stack.events.GetEvent(event_service_pb2.GetEventRequest(event_id="nobody"))
        )
        await kit.gone()
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert kit.reason(error) == "EVENT_NOT_FOUND"


async def test_a_listing_goes_on_page_by_page(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await ingest(stack, [an_event(number) for number in range(5)])
        request = event_service_pb2.ListEventsRequest(
            order=events_pb2.EVENT_ORDER_OLDEST, page_size=2
        )
        seen: list[str] = []
        while True:
            page = await stack.events.ListEvents(request)
            seen += [one.event_id for one in page.events]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        other = event_service_pb2.ListEventsRequest(
            filter=events_pb2.EventFilter(cameras=["x"]), page_token=request.page_token
        )
        error = await kit.refused(stack.events.ListEvents(other))
        await kit.gone()
    assert seen == [f"e-{number:04}" for number in range(5)]
    assert kit.reason(error) == "PAGE_TOKEN_INVALID"


async def test_pages_shrink_until_they_fit_into_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pages, "MOST_BYTES", 20_000)
    async with running(tmp_path) as stack:
        await ingest(stack, [an_event(n, description="x" * 4000) for n in range(12)])
        request = event_service_pb2.ListEventsRequest(page_size=1000)
        sizes: list[int] = []
        while True:
            page = await stack.events.ListEvents(request)
            sizes.append(len(page.events))
            assert page.ByteSize() <= 20_000
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        await kit.gone()
    assert sum(sizes) == 12
    assert len(sizes) > 1


async def test_counts_are_exact_by_key_and_say_when_they_are_cut(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await ingest(
            stack,
            [an_event(n, camera_id=f"C{n % 3}", participants=2) for n in range(6)]
            + [an_event(9, camera_id="C0")],
        )
        whole = await stack.events.CountEvents(_count(group_by=[events_pb2.EVENT_GROUP_BY_CAMERA]))
        cut = await stack.events.CountEvents(
            _count(group_by=[events_pb2.EVENT_GROUP_BY_CAMERA], limit=1)
        )
        narrowed = await stack.events.CountEvents(
            _count(filter=events_pb2.EventFilter(cameras=["C1"]))
        )
        error = await kit.refused(stack.events.CountEvents(_count(group_by=[0])))
        await kit.gone()
    assert (whole.total.matches, whole.total.participants, whole.truncated) == (7, 13, False)
    assert [(list(one.keys), one.matches) for one in whole.groups] == [
        (["C0"], 3),
        (["C1"], 2),
        (["C2"], 2),
    ]
    assert [list(one.keys) for one in cut.groups] == [["C0"]]
    assert cut.truncated
    assert (narrowed.total.matches, len(narrowed.groups)) == (2, 0)
    assert not narrowed.total.HasField("mean_confidence")
    assert violations(error) == ["group_by[0]"]


async def test_a_filter_that_cannot_be_meant_names_its_field(tmp_path: Path) -> None:
    wrong = events_pb2.EventFilter(
        windows=[
            common_pb2.TimeRange(
                start_time=Timestamp(seconds=AT), end_time=Timestamp(seconds=AT - 1)
            )
        ]
    )
    async with running(tmp_path) as stack:
        error = await kit.refused(
            stack.events.ListEvents(event_service_pb2.ListEventsRequest(filter=wrong))
        )
        await kit.gone()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error) == ["filter.windows[0].end_time"]


# ---- cameras ------------------------------------------------------------------------------------


async def _three_cameras(stack: Stack) -> None:
    await stack.sites.PutSite(
        site_service_pb2.PutSiteRequest(
            site=site_service_pb2.Site(
                site_id="school",
                time_zone="America/Indiana/Indianapolis",
                cameras=[
                    site_service_pb2.Camera(
                        camera_id="G330", name="School camera G330", aliases=["330"]
                    ),
                    site_service_pb2.Camera(camera_id="G331"),
                ],
            )
        )
    )
    await ingest(
        stack,
        [
            an_event(1),
            an_event(2),
            an_event(3, event_type="car_stops"),
            an_event(4, camera_id="G999"),
            an_event(5, site="yard", camera_id="Y1"),
        ],
    )
    await stack.events.BatchIngestEvents(
        event_service_pb2.BatchIngestEventsRequest(coverage=CoverageBatch(coverage=[a_span()]))
    )


async def test_cameras_are_listed_with_their_state_and_what_they_saw(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await _three_cameras(stack)
        response = await stack.events.ListCameras(
            event_service_pb2.ListCamerasRequest(as_of=Timestamp(seconds=AT + 10))
        )
        before = await stack.events.ListCameras(
            event_service_pb2.ListCamerasRequest(as_of=Timestamp(seconds=AT - 10))
        )
        await kit.gone()
    found = {(one.site, one.camera_id): one for one in response.cameras}
    assert list(found) == [
        ("school", "G330"),
        ("school", "G331"),
        ("school", "G999"),
        ("yard", "Y1"),
    ]
    assert [one.declared for one in found.values()] == [True, True, False, False]
    camera = found["school", "G330"]
    assert (camera.name, list(camera.aliases)) == ("School camera G330", ["330"])
    assert camera.state == events_pb2.COVERAGE_STATE_RECORDING
    assert camera.state_time_range.end_time.seconds == AT + 3600
    assert camera.coverage_known_range.start_time.seconds == AT
    assert [(one.event_type, one.matches) for one in camera.kinds] == [
        ("person_enters", 2),
        ("car_stops", 1),
    ]
    assert found["school", "G331"].state == events_pb2.COVERAGE_STATE_UNSPECIFIED
    assert not found["school", "G331"].HasField("coverage_known_range")
    assert before.cameras[0].state == events_pb2.COVERAGE_STATE_UNSPECIFIED


async def test_cameras_come_page_by_page_and_by_site(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await _three_cameras(stack)
        request = event_service_pb2.ListCamerasRequest(page_size=3)
        first = await stack.events.ListCameras(request)
        request.page_token = first.next_page_token
        second = await stack.events.ListCameras(request)
        yard = await stack.events.ListCameras(event_service_pb2.ListCamerasRequest(sites=["yard"]))
        request.sites.append("yard")
        foreign = await kit.refused(stack.events.ListCameras(request))
        request.page_token = "bm90IGpzb24="
        broken = await kit.refused(stack.events.ListCameras(request))
        await kit.gone()
    assert [one.camera_id for one in first.cameras] == ["G330", "G331", "G999"]
    assert [one.camera_id for one in second.cameras] == ["Y1"]
    assert second.next_page_token == ""
    assert [one.camera_id for one in yard.cameras] == ["Y1"]
    assert kit.reason(foreign) == kit.reason(broken) == "PAGE_TOKEN_INVALID"


def _covered(first: int, last: int, **fields: Any) -> event_service_pb2.ListCoverageRequest:
    request = event_service_pb2.ListCoverageRequest(**fields)
    request.time_range.start_time.seconds = first
    request.time_range.end_time.seconds = last
    return request


async def test_recorded_spans_are_merged_and_cut_and_cameras_without_reports_say_so(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack:
        await _three_cameras(stack)
        later, off = a_span(), a_span(state=events_pb2.COVERAGE_STATE_OFFLINE)
        for span, start, end in ((later, 3600, 7200), (off, 600, 1200)):
            span.start_time.seconds, span.end_time.seconds = AT + start, AT + end
        await stack.events.BatchIngestEvents(
            event_service_pb2.BatchIngestEventsRequest(
                coverage=CoverageBatch(coverage=[later, off])
            )
        )
        response = await stack.events.ListCoverage(_covered(AT + 60, AT + 4000))
        await kit.gone()
    found = {(one.site, one.camera_id): one for one in response.cameras}
    assert list(found) == [
        ("school", "G330"),
        ("school", "G331"),
        ("school", "G999"),
        ("yard", "Y1"),
    ]
    camera = found["school", "G330"]
    assert [
        (one.start_time.seconds - AT, one.end_time.seconds - AT) for one in camera.recorded
    ] == [(60, 600), (1200, 4000)]
    assert camera.coverage_known_range.end_time.seconds == AT + 7200
    assert list(found["school", "G331"].recorded) == []
    assert not found["school", "G331"].HasField("coverage_known_range")


async def test_coverage_comes_page_by_page_by_camera_and_by_site(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await _three_cameras(stack)
        request = _covered(AT, AT + 60, page_size=3)
        first = await stack.events.ListCoverage(request)
        request.page_token = first.next_page_token
        second = await stack.events.ListCoverage(request)
        yard = await stack.events.ListCoverage(_covered(AT, AT + 60, sites=["yard"]))
        one = await stack.events.ListCoverage(_covered(AT, AT + 60, cameras=["G330"]))
        request.time_range.end_time.seconds += 1
        foreign = await kit.refused(stack.events.ListCoverage(request))
        await kit.gone()
    assert [found.camera_id for found in first.cameras] == ["G330", "G331", "G999"]
    assert [found.camera_id for found in second.cameras] == ["Y1"]
    assert second.next_page_token == ""
    assert [found.camera_id for found in yard.cameras] == ["Y1"]
    assert [len(found.recorded) for found in one.cameras] == [1]
    assert kit.reason(foreign) == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (None, AT, "time_range.start_time"),
        (AT, None, "time_range.end_time"),
        (AT, AT, "time_range.end_time"),
        (AT, AT + 367 * 86_400, "time_range"),
    ],
)
async def test_coverage_needs_a_time_of_at_most_366_days(
    tmp_path: Path, first: int | None, last: int | None, field: str
) -> None:
    request = event_service_pb2.ListCoverageRequest()
    request.time_range.SetInParent()
    if first is not None:
        request.time_range.start_time.seconds = first
    if last is not None:
        request.time_range.end_time.seconds = last
    async with running(tmp_path) as stack:
        error = await kit.refused(stack.events.ListCoverage(request))
        await kit.gone()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error) == [field]


# ---- sites --------------------------------------------------------------------------------------


async def test_a_site_is_put_and_got_with_a_changing_etag(tmp_path: Path) -> None:
    site = site_service_pb2.Site(
        site_id="school",
        time_zone="Europe/Rome",
        zones=[
            site_service_pb2.Zone(
                zone_id="door", restricted=[common_pb2.RecurringMask(weekdays=[6, 7])]
            )
        ],
        synonyms=[site_service_pb2.Synonym(noun="truck", names=["vehicle"])],
    )
    async with running(tmp_path) as stack:
        first = (await stack.sites.PutSite(site_service_pb2.PutSiteRequest(site=site))).site
        assert first.etag
        changed = site_service_pb2.Site()
        changed.CopyFrom(first)
        changed.name = "The school"
        second = (await stack.sites.PutSite(site_service_pb2.PutSiteRequest(site=changed))).site
        stale = await kit.refused(stack.sites.PutSite(site_service_pb2.PutSiteRequest(site=first)))
        got = await stack.sites.GetSite(site_service_pb2.GetSiteRequest(site_id="school"))
        listed = await stack.sites.ListSites(site_service_pb2.ListSitesRequest())
        await kit.gone()
    assert second.etag != first.etag
    assert stale.code() is grpc.StatusCode.ABORTED
    assert kit.reason(stale) == "ETAG_MISMATCH"
    assert got.site == second
    assert list(listed.sites) == [second]
    assert second.day_parts.night.start_minute == 22 * 60
    assert list(second.zones[0].restricted[0].weekdays) == [6, 7]


async def test_a_site_that_nobody_declared_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await ingest(stack, [an_event(1)])
        error = await kit.refused(
            stack.sites.GetSite(site_service_pb2.GetSiteRequest(site_id="school"))
        )
        await kit.gone()
    assert kit.reason(error) == "SITE_NOT_FOUND"


# ---- history ------------------------------------------------------------------------------------


async def _ask(stack: Stack, query: str, conversation_id: str) -> None:
    await stack.prompts.Answer(
        prompt_service_pb2.AnswerRequest(query=query, conversation_id=conversation_id)
    )


async def test_a_conversation_comes_back_with_its_messages_and_analytics(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await _ask(stack, "how many cars?", "c")
        await _ask(stack, "and vans?", "c")
        request = history_service_pb2.GetConversationRequest(
            conversation_id="c", include_responses=True
        )
        response = await stack.history.GetConversation(request)
        await kit.gone()
    found = response.conversation
    assert [(one.role, one.content) for one in found.messages] == [
        (1, "how many cars?"),
        (2, "two cars"),
        (1, "and vans?"),
        (2, "two cars"),
    ]
    assert len({one.message_id for one in found.messages if one.role == 2} - {""}) == 2
    assert {one.message_id for one in found.messages if one.role == 1} == {""}
    assert found.running_turn_id == ""
    assert [one.conversation_turn for one in found.messages] == [1, 1, 2, 2]
    assert (found.total_messages, found.user_queries, found.ai_responses) == (4, 2, 2)
    assert found.average_confidence == pytest.approx(0.9)
    assert list(found.conversation_topics) == ["count"]
    assert found.service_name == "enhanced_prompt_service"
    assert found.title == "how many cars?"
    assert found.timestamp.ToDatetime(tzinfo=UTC) == NOW
    assert [one.query for one in response.responses] == ["how many cars?", "and vans?"]


async def test_a_conversation_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(
            stack.history.GetConversation(
                history_service_pb2.GetConversationRequest(conversation_id="nobody")
            )
        )
        await kit.gone()
    assert kit.reason(error) == "CONVERSATION_NOT_FOUND"


async def test_conversations_are_listed_and_narrowed_by_activity(tmp_path: Path) -> None:
    def between(first: datetime, last: datetime) -> Any:
        window = common_pb2.TimeRange()
        window.start_time.FromDatetime(first)
        window.end_time.FromDatetime(last)
        return history_service_pb2.ListConversationsRequest(active_range=window)

    async with running(tmp_path) as stack:
        for name in ("a", "b", "c"):
            await _ask(stack, "q", name)
        request = history_service_pb2.ListConversationsRequest(page_size=2)
        first = await stack.history.ListConversations(request)
        request.page_token = first.next_page_token
        second = await stack.history.ListConversations(request)
        inside = await stack.history.ListConversations(
            between(NOW, datetime(2027, 1, 1, tzinfo=UTC))
        )
        outside = await stack.history.ListConversations(
            between(datetime(2025, 1, 1, tzinfo=UTC), NOW)
        )
        await kit.gone()
    names = [one.conversation_id for one in (*first.conversations, *second.conversations)]
    assert sorted(names) == ["a", "b", "c"]
    assert len(first.conversations) == 2
    assert len(inside.conversations) == 3
    assert (len(outside.conversations), outside.next_page_token) == (0, "")


@pytest.mark.parametrize("user", ["local", "ana"])
async def test_other_peoples_conversations_need_the_right_to_audit(
    tmp_path: Path, user: str
) -> None:
    async with running(tmp_path) as stack:
        request = history_service_pb2.ListConversationsRequest(user_id=user)
        if user == "local":
            await stack.history.ListConversations(request)
        else:
            error = await kit.refused(stack.history.ListConversations(request))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            assert kit.reason(error) == "PERMISSION_DENIED"
        await kit.gone()


# ---- prewarm ------------------------------------------------------------------------------------


async def test_prewarm_says_what_is_ready(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        first = await stack.prompts.Prewarm(prompt_service_pb2.PrewarmRequest(wait=True))
        second = await stack.prompts.Prewarm(prompt_service_pb2.PrewarmRequest())
        await kit.gone()
    assert first.status == second.status == prompt_service_pb2.PREWARM_STATUS_READY
    assert first.initialized
    assert first.agent_id == "agent-1"
    assert [(one.name, one.ready, one.warmed_before) for one in first.parts] == [
        ("agent", True, False)
    ]
    assert second.parts[0].warmed_before


# ---- the checks stand before every servicer -----------------------------------------------------


async def test_requests_are_checked_before_any_servicer_sees_them(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(
            stack.prompts.Answer(prompt_service_pb2.AnswerRequest(time_zone="Mars/Olympus"))
        )
        await kit.gone()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error) == ["query", "time_zone"]
    assert stack.agent.turns == []
