"""Everything but asking, with both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import grpc
import pytest

from enhanced_prompt import AsyncClient, Client, HealthStatus, Site, errors
from enhanced_prompt.v1 import event_service_pb2 as events_messages
from enhanced_prompt.v1 import history_service_pb2 as history_messages
from enhanced_prompt.v1 import metrics_service_pb2 as metrics_messages
from enhanced_prompt.v1 import prompt_service_pb2 as prompt_messages
from enhanced_prompt.v1 import site_service_pb2 as site_messages
from enhanced_prompt.v1.events_pb2 import (
    COVERAGE_STATE_RECORDING,
    EVENT_GROUP_BY_CAMERA,
    EVENT_ORDER_OLDEST,
    Coverage,
    Event,
    EventTotals,
)

from .conftest import QUICK
from .drivers import Driver
from .scripted import Script, abort, serving_health, status

AT = datetime(2018, 3, 15, 14, 0, tzinfo=timezone(timedelta(hours=-4)))


def event(number: int) -> Event:
    found = Event(event_id=f"e-{number}", site="s", camera_id="c", event_type="motion")
    found.start_time.FromDatetime(AT + timedelta(seconds=number))
    return found


def span() -> Coverage:
    return Coverage(site="s", camera_id="c", state=COVERAGE_STATE_RECORDING)


async def test_lists_are_read_over_all_their_pages(driver: Driver, script: Script) -> None:
    @script.on("ListEvents")
    async def pages(request: Any, _: Any) -> events_messages.ListEventsResponse:
        number = int(request.page_token or 0)
        return events_messages.ListEventsResponse(
            events=[event(2 * number), event(2 * number + 1)] if number != 1 else [],
            next_page_token=str(number + 1) if number < 2 else "",
        )

    found = await driver.collect(
        "list_events", cameras=["c"], since=AT, order="oldest", page_size=2
    )

    assert [one.event_id for one in found] == ["e-0", "e-1", "e-4", "e-5"]  # one page was empty
    assert [one.page_token for one in script.requests] == ["", "1", "2"]
    for request in script.requests:
        assert list(request.filter.cameras) == ["c"]
        assert request.filter.windows[0].start_time.ToDatetime(UTC) == AT
        assert not request.filter.windows[0].HasField("end_time")
        assert request.order == EVENT_ORDER_OLDEST
        assert request.page_size == 2


async def test_conversations_cameras_and_sites_are_lists_too(
    driver: Driver, script: Script
) -> None:
    @script.on("ListConversations")
    async def conversations(_: Any, __: Any) -> Any:
        return history_messages.ListConversationsResponse(
            conversations=[history_messages.ConversationSummary(conversation_id="c-1")]
        )

    @script.on("ListCameras")
    async def cameras(_: Any, __: Any) -> Any:
        return events_messages.ListCamerasResponse(
            cameras=[events_messages.CameraStatus(camera_id="G330")]
        )

    @script.on("ListSites")
    async def sites(_: Any, __: Any) -> Any:
        return site_messages.ListSitesResponse(sites=[Site(site_id="school")])

    assert [c.conversation_id for c in await driver.collect("list_conversations")] == ["c-1"]
    assert [c.camera_id for c in await driver.collect("list_cameras", sites=["s"])] == ["G330"]
    assert [s.site_id for s in await driver.collect("list_sites")] == ["school"]


async def test_coverage_is_asked_for_between_two_instants(driver: Driver, script: Script) -> None:
    @script.on("ListCoverage")
    async def coverage(_: Any, __: Any) -> Any:
        return events_messages.ListCoverageResponse(
            cameras=[events_messages.CameraCoverage(camera_id="G330")]
        )

    found = await driver.collect("list_coverage", AT, AT + timedelta(days=1), cameras=["G330"])

    assert [one.camera_id for one in found] == ["G330"]
    (request,) = script.requests
    assert list(request.cameras) == ["G330"]
    assert request.time_range.start_time.ToDatetime(UTC) == AT
    assert request.time_range.end_time.ToDatetime(UTC) == AT + timedelta(days=1)


async def test_counts_say_what_they_count_by(driver: Driver, script: Script) -> None:
    @script.on("CountEvents")
    async def count(_: Any, __: Any) -> Any:
        return events_messages.CountEventsResponse(total=EventTotals(matches=12))

    found = await driver.call("count_events", group_by=["camera"], until=AT, min_confidence=0.5)

    assert found.total.matches == 12
    (request,) = script.requests
    assert list(request.group_by) == [EVENT_GROUP_BY_CAMERA]
    assert request.filter.min_confidence == 0.5
    assert request.filter.windows[0].end_time.ToDatetime(UTC) == AT


async def test_one_event_one_conversation_one_site(driver: Driver, script: Script) -> None:
    @script.on("GetEvent")
    async def get_event(request: Any, _: Any) -> Any:
        return events_messages.GetEventResponse(event=Event(event_id=request.event_id))

    @script.on("GetConversation")
    async def get_conversation(request: Any, _: Any) -> Any:
        assert request.include_responses
        return history_messages.GetConversationResponse(
            conversation=history_messages.Conversation(conversation_id=request.conversation_id)
        )

    @script.on("GetSite")
    async def get_site(request: Any, context: Any) -> Any:
        await abort(context, status(grpc.StatusCode.NOT_FOUND, "SITE_NOT_FOUND", "no such site"))

    assert (await driver.call("get_event", "e-1")).event_id == "e-1"
    found = await driver.call("get_conversation", "c-1", include_responses=True)
    assert found.conversation.conversation_id == "c-1"
    with pytest.raises(errors.SiteNotFound, match="no such site"):
        await driver.call("get_site", "nowhere")


async def test_reads_are_repeated_after_unavailable(driver: Driver, script: Script) -> None:
    @script.on("GetEvent")
    async def get_event(request: Any, context: Any) -> Any:
        if len(script.requests) < 3:
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"))
        return events_messages.GetEventResponse(event=Event(event_id=request.event_id))

    assert (await driver.call("get_event", "e-1")).event_id == "e-1"
    assert len(script.requests) == 3


async def test_a_site_is_put_again_only_where_that_cannot_hide_a_conflict(
    driver: Driver, script: Script
) -> None:
    @script.on("PutSite")
    async def put(request: Any, context: Any) -> Any:
        if len(script.requests) in (1, 3):
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"))
        return site_messages.PutSiteResponse(site=Site(site_id="school", etag="2"))

    assert (await driver.call("put_site", Site(site_id="school"))).etag == "2"
    assert len(script.requests) == 2
    with pytest.raises(errors.StorageUnavailable):
        await driver.call("put_site", Site(site_id="school", etag="2"))
    assert len(script.requests) == 3


async def test_prewarm_says_what_is_ready(driver: Driver, script: Script) -> None:
    @script.on("Prewarm")
    async def prewarm(request: Any, _: Any) -> Any:
        assert (request.wait, request.conversation_id) == (True, "c-1")
        return prompt_messages.PrewarmResponse(
            status=prompt_messages.PREWARM_STATUS_READY, initialized=True
        )

    assert (await driver.call("prewarm", conversation_id="c-1")).initialized


async def test_health_needs_no_package_of_its_own(driver: Driver, script: Script) -> None:
    @script.on("Check")
    async def check(request: Any, context: Any) -> Any:
        if request.service == "nobody":
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return serving_health()

    assert await driver.call("health") is HealthStatus.SERVING
    assert await driver.call("health", "enhanced_prompt.v1.PromptService") is HealthStatus.SERVING
    with pytest.raises(errors.NotFound):
        await driver.call("health", "nobody")


async def test_the_state_of_the_service_comes_with_its_parts(
    driver: Driver, script: Script
) -> None:
    said = metrics_messages.SystemHealth(
        status=metrics_messages.HEALTH_STATUS_DEGRADED,
        components=[metrics_messages.ComponentHealth(name="bus")],
    )

    @script.on("GetSystemHealth")
    async def get(request: Any, _: Any) -> Any:
        return metrics_messages.GetSystemHealthResponse(health=said)

    assert await driver.call("get_system_health") == said


# ---- ingest -------------------------------------------------------------------------------------


async def collect_batches(requests: Any) -> list[events_messages.IngestEventsRequest]:
    return [request async for request in requests]


async def test_events_go_in_numbered_batches_and_rejections_name_their_place(
    driver: Driver, script: Script
) -> None:
    batches: list[events_messages.IngestEventsRequest] = []

    @script.on("IngestEvents")
    async def ingest(requests: Any, _: Any) -> Any:
        batches.extend(await collect_batches(requests))
        return events_messages.IngestEventsResponse(
            created=5,
            duplicates=1,
            rejected=[
                events_messages.RejectedItem(
                    sequence=2, index=1, event_id="e-4", field="end_time", reason="too early"
                )
            ],
            rejected_count=1,
            last_sequence=3,
        )

    sent: list[int] = []
    outcome = await driver.call(
        "ingest_events", (event(number) for number in range(7)), on_sent=sent.append
    )

    assert [one.sequence for one in batches] == [1, 2, 3]
    assert [len(one.events.events) for one in batches] == [3, 3, 1]
    assert sent == [3, 6, 7]
    assert (outcome.created, outcome.duplicates, outcome.stored) == (5, 1, 6)
    assert outcome.rejected_count == 1
    (rejected,) = outcome.rejected
    assert (rejected.position, rejected.event_id, rejected.field) == (4, "e-4", "end_time")


async def test_coverage_is_ingested_like_events(driver: Driver, script: Script) -> None:
    batches: list[events_messages.IngestEventsRequest] = []

    @script.on("IngestEvents")
    async def ingest(requests: Any, _: Any) -> Any:
        batches.extend(await collect_batches(requests))
        return events_messages.IngestEventsResponse(created=4)

    outcome = await driver.call("ingest_coverage", [span()] * 4)

    assert [len(one.coverage.coverage) for one in batches] == [3, 1]
    assert outcome.created == 4


async def test_long_items_make_small_batches(driver: Driver, script: Script) -> None:
    sizes: list[int] = []

    @script.on("IngestEvents")
    async def ingest(requests: Any, _: Any) -> Any:
        sizes.extend([request.ByteSize() async for request in requests])
        return events_messages.IngestEventsResponse()

    long = event(1)
    long.description = "x" * 700_000
    await driver.call("ingest_events", [long] * 4)

    assert len(sizes) == 4
    assert max(sizes) < 1024 * 1024


async def test_nothing_to_ingest_is_no_error(driver: Driver, script: Script) -> None:
    @script.on("IngestEvents")
    async def ingest(requests: Any, _: Any) -> Any:
        assert await collect_batches(requests) == []
        return events_messages.IngestEventsResponse()

    assert (await driver.call("ingest_events", [])).stored == 0


async def test_a_stream_that_the_server_ends_stops_the_sender(
    driver: Driver, script: Script
) -> None:
    made = 0

    def endless() -> Iterator[Event]:
        nonlocal made
        while True:
            made += 1
            yield event(made)

    @script.on("IngestEvents")
    async def ingest(requests: Any, context: Any) -> Any:
        async for _ in requests:
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"))

    with pytest.raises(errors.StorageUnavailable):
        await driver.call("ingest_events", endless())
    assert made > 0


async def test_a_source_that_breaks_ends_the_stream_with_its_own_error(
    driver: Driver, script: Script
) -> None:
    def broken() -> Iterator[Event]:
        for number in range(4):
            yield event(number)
        raise KeyError("the source broke")

    @script.on("IngestEvents")
    async def ingest(requests: Any, _: Any) -> Any:
        await collect_batches(requests)
        return events_messages.IngestEventsResponse()

    with pytest.raises(KeyError, match="the source broke"):
        await driver.call("ingest_events", broken())


async def test_the_asyncio_client_takes_asynchronous_sources(script: Script) -> None:
    batches: list[events_messages.IngestEventsRequest] = []

    @script.on("IngestEvents")
    async def ingest(requests: Any, _: Any) -> Any:
        batches.extend(await collect_batches(requests))
        return events_messages.IngestEventsResponse(created=4)

    async def source() -> AsyncIterator[Event]:
        for number in range(4):
            yield event(number)

    async with AsyncClient(script.target, options=QUICK) as client:
        assert (await client.ingest_events(source())).created == 4
    assert [len(one.events.events) for one in batches] == [3, 1]


async def test_a_batch_of_its_own_says_what_became_of_it(driver: Driver, script: Script) -> None:
    @script.on("BatchIngestEvents")
    async def ingest(request: Any, context: Any) -> Any:
        if len(script.requests) == 1:
            await abort(context, status(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"))
        assert len(request.events.events) == 2
        return events_messages.BatchIngestEventsResponse(
            created=1,
            rejected=[events_messages.RejectedItem(index=1, event_id="e-2", reason="no")],
        )

    outcome = await driver.call("ingest_batch", [event(1), event(2)])

    assert (outcome.created, outcome.rejected_count) == (1, 1)
    assert outcome.rejected[0].position == 1


async def test_a_batch_holds_one_kind(driver: Driver, script: Script) -> None:
    with pytest.raises(ValueError, match="not both"):
        await driver.call("ingest_batch", [event(1), span()])


@pytest.mark.parametrize("client", [AsyncClient, Client])
def test_an_instant_without_a_zone_is_refused(client: Any) -> None:
    with pytest.raises(ValueError, match="aware"):
        client().ask("?", as_of=datetime(2018, 3, 15, 14, 0))
