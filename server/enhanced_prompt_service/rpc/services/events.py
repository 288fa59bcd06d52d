"""EventService: what cameras saw, in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from google.api.httpbody_pb2 import HttpBody

from enhanced_prompt.v1 import event_service_pb2 as pb

from ...domain.errors import InvalidArgument, NotFound, Reason
from ...domain.events import GroupBy, Selection
from ...domain.posted import PostedReader
from ...domain.stores import CatalogueStore, EventStore
from ..call import Call
from ..convert.events import KEYS, ORDERS, event_message, group_message, selection, totals_message
from ..convert.times import instant
from ._cameras import camera_page
from ._clip import MEDIA_TYPE, draw_clip
from ._cloud_events import take_posted
from ._coverage import coverage_page, period
from ._ingest import Tally, take_in
from ._pages import fitting

DEFAULT_GROUPS = 1000


class EventService:
    """All of it. `site_now` is the site clock's present; `read_cloud_events` makes events of what
    was posted."""

    def __init__(
        self,
        events: EventStore,
        catalogue: CatalogueStore,
        *,
        site_now: Callable[[], datetime],
        read_cloud_events: PostedReader,
    ) -> None:
        self._events = events
        self._catalogue = catalogue
        self._site_now = site_now
        self._read_cloud_events = read_cloud_events

    async def IngestEvents(  # noqa: N802
        self, requests: AsyncIterator[pb.IngestEventsRequest], call: Call
    ) -> pb.IngestEventsResponse:
        """Store batch after batch. The end of the stream commits nothing that was not stored."""
        tally = Tally()
        last = 0
        async for request in requests:
            if request.sequence <= last:
                raise InvalidArgument.of(
                    "sequence", f"must rise within the stream: {request.sequence} after {last}"
                )
            await take_in(self._events, call.caller, request, tally, sequence=request.sequence)
            last = request.sequence
        return pb.IngestEventsResponse(
            created=tally.created,
            updated=tally.updated,
            duplicates=tally.duplicates,
            rejected=tally.rejected,
            rejected_count=tally.rejected_count,
            last_sequence=last,
        )

    async def BatchIngestEvents(  # noqa: N802
        self, request: pb.BatchIngestEventsRequest, call: Call
    ) -> pb.BatchIngestEventsResponse:
        """Store one batch."""
        tally = Tally()
        await take_in(self._events, call.caller, request, tally)
        return pb.BatchIngestEventsResponse(
            created=tally.created,
            updated=tally.updated,
            duplicates=tally.duplicates,
            rejected=tally.rejected,
        )

    async def IngestCloudEvents(  # noqa: N802
        self, request: pb.IngestCloudEventsRequest, call: Call
    ) -> pb.IngestCloudEventsResponse:
        """Store what was posted."""
        tally = await take_posted(self._events, call, request, self._read_cloud_events)
        return pb.IngestCloudEventsResponse(
            created=tally.created,
            updated=tally.updated,
            duplicates=tally.duplicates,
            rejected=tally.rejected,
        )

    async def ListEvents(  # noqa: N802
        self, request: pb.ListEventsRequest, call: Call
    ) -> pb.ListEventsResponse:
        """Matching events, a page at a time."""
        chosen = _selection(request)

        async def fetch(size: int) -> pb.ListEventsResponse:
            page = await self._events.page(
                call.caller,
                chosen,
                order=ORDERS[request.order],
                page_size=size,
                page_token=request.page_token,
            )
            return pb.ListEventsResponse(
                events=[event_message(one) for one in page.items],
                next_page_token=page.next_page_token,
            )

        return await fitting(request.page_size, fetch)

    async def GetEvent(self, request: pb.GetEventRequest, call: Call) -> pb.GetEventResponse:  # noqa: N802
        """One event."""
        found = await self._events.get(call.caller, request.event_id)
        return pb.GetEventResponse(event=event_message(found))

    async def GetEventClip(  # noqa: N802
        self, request: pb.GetEventClipRequest, call: Call
    ) -> pb.GetEventClipResponse:
        """A drawing of an event of a simulated site."""
        caller, event_id = call.caller, request.event_id
        found = await self._events.get(caller, event_id)
        known = await self._catalogue.catalogue(caller)
        for site in known.sites:
            if site.site_id == found.site and site.simulated:
                drawn = HttpBody(content_type=MEDIA_TYPE, data=draw_clip(found, site))
                return pb.GetEventClipResponse(clip=drawn)
        raise NotFound("event", event_id, reason=Reason.EVENT_NOT_FOUND)

    async def CountEvents(  # noqa: N802
        self, request: pb.CountEventsRequest, call: Call
    ) -> pb.CountEventsResponse:
        """Exact counts over all that matches."""
        keys = [_key(number, f"group_by[{index}]") for index, number in enumerate(request.group_by)]
        chosen = _selection(request)
        totals = await self._events.totals(call.caller, chosen)
        response = pb.CountEventsResponse(total=totals_message(totals))
        if keys:
            limit = request.limit or DEFAULT_GROUPS
            groups = await self._events.grouped(call.caller, chosen, keys, limit=limit + 1)
            response.groups.extend(group_message(one) for one in groups[:limit])
            response.truncated = len(groups) > limit
        return response

    async def ListCameras(  # noqa: N802
        self, request: pb.ListCamerasRequest, call: Call
    ) -> pb.ListCamerasResponse:
        """Cameras with their state and what they saw."""
        given = instant(request.as_of, "as_of") if request.HasField("as_of") else None
        as_of = given or self._site_now()

        async def fetch(size: int) -> pb.ListCamerasResponse:
            return await camera_page(
                self._events,
                self._catalogue,
                call.caller,
                sites=request.sites,
                as_of=as_of,
                arguments=repr((sorted(request.sites), given)),
                page_size=size,
                page_token=request.page_token,
            )

        return await fitting(request.page_size, fetch)

    async def ListCoverage(  # noqa: N802
        self, request: pb.ListCoverageRequest, call: Call
    ) -> pb.ListCoverageResponse:
        """Cameras with the spans in which they recorded."""
        window = period(request)

        async def fetch(size: int) -> pb.ListCoverageResponse:
            return await coverage_page(
                self._events,
                self._catalogue,
                call.caller,
                window=window,
                cameras=request.cameras,
                sites=request.sites,
                page_size=size,
                page_token=request.page_token,
            )

        return await fitting(request.page_size, fetch)


def _selection(request: pb.ListEventsRequest | pb.CountEventsRequest) -> Selection:
    return selection(request.filter) if request.HasField("filter") else Selection()


def _key(number: int, path: str) -> GroupBy:
    found = KEYS.get(number)
    if found is None:
        raise InvalidArgument.of(path, "is required: EVENT_GROUP_BY_UNSPECIFIED is no key")
    return found
