"""What was posted over HTTP, read and stored."""

from __future__ import annotations

from enhanced_prompt.v1 import event_service_pb2 as pb

from ...domain.errors import InvalidArgument
from ...domain.events import Event
from ...domain.posted import Posted, PostedReader
from ...domain.stores import EventStore
from ..call import Call
from ._ingest import Tally


async def take_posted(
    store: EventStore, call: Call, request: pb.IngestCloudEventsRequest, read: PostedReader
) -> Tally:
    """Store the good ones in one transaction and count all of them.

    Raises InvalidArgument where nothing of it is an event, and whatever the store raises.
    """
    headers = {name: value for name, value in call.metadata if isinstance(value, str)}
    found = read(Posted(request.body.data, request.body.content_type, headers, request.site))
    tally = Tally()
    good: list[Event] = []
    for index, one in enumerate(found):
        if isinstance(one, Event):
            good.append(one)
        else:
            tally.reject(0, index, one.event_id, [one.violation])
    if tally.rejected and not good:
        first = tally.rejected[0]
        raise InvalidArgument.of(first.field or "body", first.reason)
    if good:
        tally.stored(await store.ingest(call.caller, good))
    return tally
