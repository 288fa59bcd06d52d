"""What a file's rows are read as: events, coverage, Frigate's events, ONVIF's notifications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

from ..domain.events import Coverage, Event
from .event_reader import EventReader
from .frigate import FrigateOptions, frigate_event
from .onvif import OnvifOptions, OnvifReader
from .rebase import Zones
from .rows import CoverageReader, Row, RowOptions

Item = Event | Coverage


@dataclass(frozen=True, slots=True)
class Parser:
    """`parse` makes an item of a row: None where the row itself says that it is none, BadRow
    where it is broken. `fingerprint` differs where the same file would be read otherwise."""

    kind: Literal["events", "coverage"]
    parse: Callable[[Row], Item | None]
    zones: Zones
    fingerprint: str


def event_parser(options: RowOptions | None = None) -> Parser:
    """Rows are events, with the field mapping of the options."""
    options = options or RowOptions()
    return Parser("events", EventReader(options), _zones(options), f"events:{options}")


def coverage_parser(options: RowOptions | None = None) -> Parser:
    """Rows are spans of coverage."""
    options = options or RowOptions()
    return Parser("coverage", CoverageReader(options), _zones(options), f"coverage:{options}")


def frigate_parser(options: FrigateOptions, time_zone: str = "UTC") -> Parser:
    """Rows are Frigate's events; the time zone of the site matters to a rebase only."""
    parse = partial(frigate_event, options=options)
    return Parser("events", parse, Zones(other=ZoneInfo(time_zone)), f"frigate:{options}")


def onvif_parser(options: OnvifOptions, time_zone: str = "UTC") -> Parser:
    """Rows are notifications; what goes on and off is one event that gets its end."""
    zones = Zones(other=ZoneInfo(time_zone))
    return Parser("events", OnvifReader(options), zones, f"onvif:{options}")


def _zones(options: RowOptions) -> Zones:
    return Zones(options.zones(), ZoneInfo(options.time_zone or "UTC"))
