"""The recorded site's events and coverage as ingest requests, once or repeated.

A repetition is shifted by whole weeks into the past and has ids of its own, so that questions about
the recorded days keep their answers while the store around them grows.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from enhanced_prompt.v1 import event_service_pb2, events_pb2, site_service_pb2

ZONE_NAME = "America/Indiana/Indianapolis"
ZONE = ZoneInfo(ZONE_NAME)
BATCH = 1000
WEEK = timedelta(weeks=1)


def event_requests(data: Path, copies: int = 1) -> Iterator[event_service_pb2.IngestEventsRequest]:
    """All events, `copies` times, oldest copy first, a batch a request."""
    with gzip.open(data / "meva" / "events.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    sequence = 0
    for copy in reversed(range(copies)):
        for begin in range(0, len(rows), BATCH):
            sequence += 1
            request = event_service_pb2.IngestEventsRequest(sequence=sequence)
            request.events.events.extend(_event(row, copy) for row in rows[begin : begin + BATCH])
            yield request


def coverage_requests(data: Path) -> Iterator[event_service_pb2.IngestEventsRequest]:
    """When which camera recorded, each once."""
    with gzip.open(data / "meva" / "clips.csv.gz", "rb") as packed:
        rows = list(csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8")))
    for number, begin in enumerate(range(0, len(rows), BATCH), 1):
        request = event_service_pb2.IngestEventsRequest(sequence=number)
        for row in rows[begin : begin + BATCH]:
            span = request.coverage.coverage.add(
                site=row["site"],
                camera_id=row["camera_id"],
                state=events_pb2.COVERAGE_STATE_RECORDING,
            )
            span.start_time.FromDatetime(_instant(row["start_time"]))
            span.end_time.FromDatetime(_instant(row["end_time"]))
        yield request


def site_requests(data: Path) -> Iterator[site_service_pb2.PutSiteRequest]:
    """The catalogue: site and number only."""
    cameras: dict[str, set[str]] = {}
    with gzip.open(data / "meva" / "clips.csv.gz", "rb") as packed:
        for row in csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8")):
            cameras.setdefault(row["site"], set()).add(row["camera_id"])
    names = {"admin": "Administration building", "bus": "Bus station"}
    for site_id, ids in sorted(cameras.items()):
        name = names.get(site_id, site_id.capitalize())
        site = site_service_pb2.Site(site_id=site_id, name=name, time_zone=ZONE_NAME)
        for camera_id in sorted(ids):
            site.cameras.add(camera_id=camera_id, name=f"{name} camera {camera_id}")
        yield site_service_pb2.PutSiteRequest(site=site)


def _event(row: dict[str, Any], copy: int) -> events_pb2.Event:
    event = events_pb2.Event(
        event_id=row["event_id"] if not copy else f"{row['event_id']}~{copy}",
        site=row["site"],
        camera_id=row["camera_id"],
        event_type=row["event_type"],
        confidence=row["confidence"],
        participants=row["actors"],
    )
    event.start_time.FromDatetime(_instant(row["start_time"], copy))
    event.end_time.FromDatetime(_instant(row["end_time"], copy))
    return event


def _instant(local: str, copy: int = 0) -> datetime:
    """An instant `copy` weeks before a local wall time."""
    return (datetime.fromisoformat(local) - copy * WEEK).replace(tzinfo=ZONE)
