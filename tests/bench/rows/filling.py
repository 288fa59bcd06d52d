"""Put catalogue, coverage and events into a server through its contract."""

from __future__ import annotations

from collections.abc import Iterable

import grpc.aio

from enhanced_prompt.v1 import (
    event_service_pb2,
    event_service_pb2_grpc,
    site_service_pb2,
    site_service_pb2_grpc,
)


async def fill(
    channel: grpc.aio.Channel,
    sites: Iterable[site_service_pb2.PutSiteRequest],
    *batches: Iterable[event_service_pb2.IngestEventsRequest],
) -> int:
    """Returns how many events and spans were new. Raises AssertionError when one is refused."""
    catalogue = site_service_pb2_grpc.SiteServiceStub(channel)
    for request in sites:
        await catalogue.PutSite(request)
    events = event_service_pb2_grpc.EventServiceStub(channel)
    created = 0
    for requests in batches:
        said = await events.IngestEvents(iter(requests))
        if said.rejected_count:
            raise AssertionError(f"refused: {said.rejected[0]}")
        created += said.created
    return created
