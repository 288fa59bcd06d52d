"""Where imports and the simulated site go: a server, through its contract."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from enhanced_prompt import Client, EnhancedPromptError
from enhanced_prompt.errors import EventNotFound
from enhanced_prompt.v1 import events_pb2, insight_service_pb2

from ..domain.catalogue import Site
from ..domain.errors import Unavailable
from ..domain.events import Coverage, Event
from ..domain.insights import InsightDraft
from ..rpc.convert.events import STATE_NUMBERS, event_message
from ..rpc.convert.events import event as event_of
from ..rpc.convert.insights import SEVERITIES, TYPES
from ..rpc.convert.sites import site_message
from ..rpc.convert.times import timestamp
from ..sources.sink import Receipt, Refused

_MOST_BYTES = 3 * 1024 * 1024  # of a batch: the service takes messages up to 4 MiB


class ClientSink:
    """A `sources.sink.Sink` over the blocking client, a batch a call.

    What may work later is raised as `Unavailable`, everything else as the client's own errors.
    `last_event_id` is the last one that the service took, "" before the first.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.last_event_id = ""

    async def ingest_events(self, batch: Sequence[Event], /) -> Receipt:
        receipt = await self._send([event_message(one) for one in batch])
        refused = {one.index for one in receipt.refused}
        kept = [one.event_id for index, one in enumerate(batch) if index not in refused]
        if kept:
            self.last_event_id = kept[-1]
        return receipt

    async def ingest_coverage(self, batch: Sequence[Coverage], /) -> Receipt:
        return await self._send([_coverage_message(one) for one in batch])

    async def put_site(self, site: Site, /) -> None:
        with _later():
            await asyncio.to_thread(self._client.put_site, site_message(site))

    async def publish_insight(self, draft: InsightDraft, event_ids: Sequence[str], /) -> None:
        with _later():
            await asyncio.to_thread(self._client.publish_insight, _publishing(draft, event_ids))

    async def stored_event(self, event_id: str, /) -> Event | None:
        try:
            with _later():
                return event_of(await asyncio.to_thread(self._client.get_event, event_id))
        except EventNotFound:
            return None

    async def _send(self, items: list[events_pb2.Event] | list[events_pb2.Coverage]) -> Receipt:
        if len(items) > 1 and sum(one.ByteSize() for one in items) > _MOST_BYTES:
            half = len(items) // 2
            return _joined(await self._send(items[:half]), await self._send(items[half:]), half)
        with _later():
            outcome = await asyncio.to_thread(self._client.ingest_batch, items)
        return Receipt(
            outcome.created,
            outcome.updated,
            outcome.duplicates,
            tuple(Refused(one.position, one.field, one.reason) for one in outcome.rejected),
        )


@contextmanager
def _later() -> Generator[None]:
    """The client's errors as sources know them: what may pass is `Unavailable`."""
    try:
        yield
    except EnhancedPromptError as error:
        if not error.retryable:
            raise
        raise Unavailable(str(error)) from error


def _joined(first: Receipt, second: Receipt, offset: int) -> Receipt:
    moved = (replace(one, index=one.index + offset) for one in second.refused)
    return Receipt(
        first.created + second.created,
        first.updated + second.updated,
        first.duplicates + second.duplicates,
        (*first.refused, *moved),
    )


def _publishing(
    draft: InsightDraft, event_ids: Sequence[str]
) -> insight_service_pb2.PublishInsightRequest:
    request = insight_service_pb2.PublishInsightRequest(
        insight_type=TYPES[draft.type],
        severity=SEVERITIES[draft.severity],
        title=draft.title,
        message=draft.message,
        confidence_score=draft.confidence,
        affected_cameras=draft.cameras,
        sites=draft.sites,
        zones=draft.zones,
        dedupe_key=draft.dedupe_key,
        event_ids=event_ids,
        suggested_actions=draft.suggested_actions,
    )
    request.window.start_time.CopyFrom(timestamp(draft.window.start))
    request.window.end_time.CopyFrom(timestamp(draft.window.end))
    request.metadata.update(draft.metadata)
    # The same content has the same id: sent again it changes nothing.
    digest = hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16)
    request.request_id = f"source-{digest.hexdigest()}"
    return request


def _coverage_message(span: Coverage) -> events_pb2.Coverage:
    return events_pb2.Coverage(
        site=span.site,
        camera_id=span.camera_id,
        state=STATE_NUMBERS[span.state],
        start_time=timestamp(span.start_time),
        end_time=timestamp(span.end_time),
    )
