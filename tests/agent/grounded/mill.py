"""A made-up place for the engine's tests: two sites in two zones, four weeks of events.

Its names, kinds, zones and habits are those of no other set, so that nothing can be tuned to it.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.agent.grounded.index import Index
from enhanced_prompt_service.domain.catalogue import Camera, Catalogue, Site, Zone
from enhanced_prompt_service.domain.events import Event, SeenKind
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask

from .fakes import MemoryStore, recording

NOW = datetime(2024, 5, 16, 13, 30, tzinfo=UTC)  # a Thursday, 15:30 in Vienna, 9:30 in New York
START = datetime(2024, 4, 18, tzinfo=UTC)
VIENNA, NEW_YORK = ZoneInfo("Europe/Vienna"), ZoneInfo("America/New_York")
CALLER = Caller()

MILL = Site(
    "mill",
    "Europe/Vienna",
    "Paper Mill",
    ("the mill",),
    (
        Camera("m-01", "North Gate", ("gate north", "camera 1"), ("barrier",)),
        Camera("m-02", "South Gate", ("gate south",), ("barrier",)),
        Camera("m-03", "Boiler House", ("boiler",), ("furnace",), "ground floor"),
        Camera("m-04", "Canteen", ("dining hall", "cafeteria")),
    ),
    (Zone("barrier", "Barrier"), Zone("furnace", "Furnace Door", ("hatch",))),
    business_hours=RecurringMask((DailyRange(7 * 60, 19 * 60),), frozenset({1, 2, 3, 4, 5})),
    synonyms=(("tanker", ("truck",)), ("shift worker", ("person_clocks_in",))),
    clip_url_template="https://clips.example/{camera_id}/{event_id}?from={start}",
)
HARBOUR = Site(
    "pier9",
    "America/New_York",
    "Pier Nine",
    ("the pier", "harbour"),
    (
        Camera("p-11", "Crane", ("camera 11",)),
        Camera("p-12", "Ticket Booth", ("booth", "camera 12")),
        Camera("p-13", "Ferry Ramp", ("camera 13",), ("waterline",)),
    ),
    (Zone("waterline", "Waterline"),),
)
KINDS = (
    ("person_walks", "person", ""),
    ("person_clocks_in", "person", ""),
    ("person_carries_ladder", "person", ""),
    ("vehicle_arrives", "truck", ""),
    ("vehicle_arrives", "car", ""),
    ("vehicle_departs", "truck", ""),
    ("gate_opens", "gate", ""),
    ("smoke_detected", "", ""),
    ("dog_barks", "dog", "Rex"),
)
_CAMERAS = (
    ("mill", "m-01", "barrier"),
    ("mill", "m-02", "barrier"),
    ("mill", "m-03", "furnace"),
    ("mill", "m-04", ""),
    ("pier9", "p-11", ""),
    ("pier9", "p-12", ""),
    ("pier9", "p-13", "waterline"),
)
DARK = Interval(datetime(2024, 5, 14, 20, tzinfo=UTC), datetime(2024, 5, 15, 4, tzinfo=UTC))


def make_events(seed: int = 5, count: int = 3000) -> list[Event]:
    """Events over four weeks and a bit beyond the present, without any in the dark night."""
    dice = random.Random(seed)
    found: list[Event] = []
    span = (NOW - START + timedelta(days=2)).total_seconds()
    for number in range(count):
        start = START + timedelta(milliseconds=round(dice.random() * span * 1000))
        if DARK.contains(start):
            continue
        site, camera, zone = dice.choice(_CAMERAS)
        kind, label, sub = dice.choice(KINDS)
        length = dice.choice([None, 0.5, 4, 30, 61, 300, 301, 900])
        found.append(
            Event(
                f"e{number:04d}",
                start,
                site,
                camera,
                kind,
                end_time=None if length is None else start + timedelta(seconds=length),
                zones=(zone,) if zone and dice.random() < 0.5 else (),
                label=label,
                sub_label=sub,
                confidence=dice.choice([None, 0.4, 0.8, 1.0]),
                participants=dice.choice([1, 1, 1, 2, 5]),
                description=_description(dice, kind, label),
            )
        )
    return found


def _description(dice: random.Random, kind: str, label: str) -> str:
    if kind != "vehicle_arrives":
        return ""
    return f"{dice.choice(['green', 'orange'])} {label} pulling a trailer"


def make_store() -> MemoryStore:
    """The store; cameras record all the time but for the dark night, one never says so."""
    end = NOW + timedelta(days=3)
    spans = [
        span
        for site, camera, _ in _CAMERAS
        if camera != "p-13"
        for span in recording(site, camera, START, end, gaps=[DARK] if site == "mill" else [])
    ]
    return MemoryStore([MILL, HARBOUR], make_events(), spans)


def make_index() -> Index:
    """The index that the engine would build over the store."""
    seen = [
        SeenKind(site, camera, kind, label, sub, (zone,) if zone else (), 1, START, NOW)
        for site, camera, zone in _CAMERAS
        for kind, label, sub in KINDS
    ]
    return Index(Catalogue((MILL, HARBOUR), "1"), seen, "UTC")
