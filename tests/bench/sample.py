"""The recorded site's events and coverage as ingest requests, once or repeated.

A repetition is shifted by whole weeks into the past and has ids of its own, so that questions about
the recorded days keep their answers while the store around them grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from enhanced_prompt.v1 import event_service_pb2, events_pb2, site_service_pb2
from enhanced_prompt_service.domain.events import Coverage, Event
from enhanced_prompt_service.rpc.convert.events import event_message
from enhanced_prompt_service.rpc.convert.sites import site_message
from enhanced_prompt_service.sources.meva import TIME_ZONE
from enhanced_prompt_service.sources.meva_files import read_sample, sample_sites

BATCH = 1000
_ZONE = ZoneInfo(TIME_ZONE)


def event_requests(data: Path, copies: int = 1) -> Iterator[event_service_pb2.IngestEventsRequest]:
    """All events, `copies` times, oldest copy first, a batch a request."""
    events, _ = _sample(data)
    sequence = 0
    for copy in reversed(range(copies)):
        for begin in range(0, len(events), BATCH):
            sequence += 1
            request = event_service_pb2.IngestEventsRequest(sequence=sequence)
            part = events[begin : begin + BATCH]
            request.events.events.extend(event_message(_earlier(one, copy)) for one in part)
            yield request


def coverage_requests(data: Path) -> Iterator[event_service_pb2.IngestEventsRequest]:
    """When which camera recorded, each once."""
    _, spans = _sample(data)
    for number, begin in enumerate(range(0, len(spans), BATCH), 1):
        request = event_service_pb2.IngestEventsRequest(sequence=number)
        request.coverage.coverage.extend(_span(one) for one in spans[begin : begin + BATCH])
        yield request


def site_requests(data: Path) -> Iterator[site_service_pb2.PutSiteRequest]:
    """The catalogue: site and number only."""
    for site in sample_sites(data / "meva"):
        yield site_service_pb2.PutSiteRequest(site=site_message(site))


@cache
def _sample(data: Path) -> tuple[list[Event], list[Coverage]]:
    return read_sample(data / "meva")


def _earlier(event: Event, weeks: int) -> Event:
    """The event at the same wall time so many weeks before, under an id of its own."""
    if not weeks:
        return event
    start = _shifted(event.start_time, weeks)
    end = event.end_time and start + (event.end_time - event.start_time)
    return replace(event, event_id=f"{event.event_id}~{weeks}", start_time=start, end_time=end)


def _shifted(instant: datetime, weeks: int) -> datetime:
    wall = instant.astimezone(_ZONE).replace(tzinfo=None) - timedelta(weeks=weeks)
    return wall.replace(tzinfo=_ZONE)


def _span(found: Coverage) -> events_pb2.Coverage:
    message = events_pb2.Coverage(
        site=found.site,
        camera_id=found.camera_id,
        state=events_pb2.CoverageState.Value(f"COVERAGE_STATE_{found.state.name}"),
    )
    message.start_time.FromDatetime(found.start_time)
    message.end_time.FromDatetime(found.end_time)
    return message
