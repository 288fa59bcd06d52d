"""`eps cameras`, `events`: what the service holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, TypeVar, get_args

import typer
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table

from enhanced_prompt import CameraStatus, Client, Event, EventQuery, GroupByName
from enhanced_prompt.v1.events_pb2 import (
    COVERAGE_STATE_DISABLED,
    COVERAGE_STATE_OFFLINE,
    COVERAGE_STATE_RECORDING,
)

from . import terminal
from .moments import parse_moment, parse_zone
from .session import ServerOption, connected

MessageT = TypeVar("MessageT", bound=Message)

_STATES = {
    COVERAGE_STATE_RECORDING: "recording",
    COVERAGE_STATE_OFFLINE: "offline",
    COVERAGE_STATE_DISABLED: "disabled",
}


KEYS: tuple[GroupByName, ...] = get_args(GroupByName)


class Output(StrEnum):
    """What listing commands print."""

    TEXT = "text"
    JSON = "json"


class Order(StrEnum):
    """Order of events."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LONGEST = "longest"
    BEST_MATCH = "best_match"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="text, or json: one proto3 JSON object a line.")
]
ZoneOption = Annotated[
    str, typer.Option("--time-zone", help="IANA zone to show times in. Default: this machine's.")
]


def cameras(
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    site: Annotated[list[str] | None, typer.Option(help="Only this site id. Repeatable.")] = None,
    as_of: Annotated[str | None, typer.Option(help="The state at this moment.")] = None,
    time_zone: ZoneOption = "",
) -> None:
    """List the cameras: state, coverage, what they have seen."""
    zone = parse_zone(time_zone)
    at = parse_moment(as_of, "--as-of", time_zone, datetime.now(UTC))
    with connected(server) as client:
        listed = client.list_cameras(sites=site or (), as_of=at, page_size=500)
        if output is Output.JSON:
            _json(listed)
            return
        found = terminal.table(
            "site",
            "camera",
            "name",
            "state",
            f"last event ({terminal.zone_name(zone)})",
            "events",
            "mostly",
            right=("events",),
        )
        for one in listed:
            seen = [kind.last_start_time for kind in one.kinds]
            last = max(seen, key=lambda at: (at.seconds, at.nanos), default=None)
            terminal.row(
                found,
                one.site,
                one.camera_id,
                one.name,
                _state(one),
                None if last is None else terminal.moment(last, zone),
                f"{sum(kind.matches for kind in one.kinds):,}",
                ", ".join(islice(dict.fromkeys(kind.event_type for kind in one.kinds), 3)),
            )
        _show(found, "no cameras: nothing was imported yet")


def events(
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    since: Annotated[
        str | None, typer.Option(help="Began at or after it: ISO 8601, or 2h, 7d (ago).")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Began before it: ISO 8601, or 2h, 7d (ago).")
    ] = None,
    camera: Annotated[list[str] | None, typer.Option(help="Camera id. Repeatable.")] = None,
    site: Annotated[list[str] | None, typer.Option(help="Site id. Repeatable.")] = None,
    zone: Annotated[list[str] | None, typer.Option(help="Zone id. Repeatable.")] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Event type. Repeatable.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help="Label. Repeatable.")] = None,
    text: Annotated[str, typer.Option(help="Words in descriptions, labels and types.")] = "",
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="At least this certain.")
    ] = None,
    order: Annotated[Order, typer.Option(help="Which come first.")] = Order.NEWEST,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many to list; 0 for all.")
    ] = 20,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help=f"Count by it instead of listing: {', '.join(KEYS)}. Repeatable, up to 3.",
        ),
    ] = None,
    time_zone: ZoneOption = "",
) -> None:
    """List or count events."""
    shown_zone = parse_zone(time_zone)
    now = datetime.now(UTC)
    query: EventQuery = {}
    first = parse_moment(since, "--since", time_zone, now)
    last = parse_moment(until, "--until", time_zone, now)
    if first is not None:
        query["since"] = first
    if last is not None:
        query["until"] = last
    if camera:
        query["cameras"] = camera
    if site:
        query["sites"] = site
    if zone:
        query["zones"] = zone
    if event_type:
        query["event_types"] = event_type
    if label:
        query["labels"] = label
    if text:
        query["text"] = text
    if min_confidence is not None:
        query["min_confidence"] = min_confidence
    with connected(server) as client:
        if by:
            _count(client, query, by, limit, output)
            return
        listed: Iterable[Event] = client.list_events(
            order=order.value, page_size=min(limit or 500, 500), **query
        )
        if limit:
            listed = islice(listed, limit)
        if output is Output.JSON:
            _json(listed)
            return
        found = terminal.table(
            f"time ({terminal.zone_name(shown_zone)})", "lasted", "site", "camera", "what", "sure",
            "description", right=("lasted", "sure"),
        )  # fmt: skip
        for one in listed:
            terminal.row(
                found,
                terminal.moment(one.start_time, shown_zone),
                _lasted(one),
                one.site,
                one.camera_id,
                f"{one.event_type} · {one.label}" if one.label else one.event_type,
                f"{one.confidence:.0%}" if one.HasField("confidence") else None,
                one.description,
            )
        _show(found, "no events match")


def _count(client: Client, query: EventQuery, by: list[str], limit: int, output: Output) -> None:
    counted = client.count_events(group_by=_keys(by), limit=limit, **query)
    if output is Output.JSON:
        terminal.raw(terminal.json_line(counted))
        return
    found = terminal.table(*by, "events", "participants", right=("events", "participants"))
    for group in counted.groups:
        terminal.row(found, *group.keys, f"{group.matches:,}", f"{group.participants:,}")
    _show(found, "no events match")
    terminal.line(
        f"{counted.total.matches:,} events in all"
        + (", more groups left out" if counted.truncated else ""),
        style="dim",
    )


def _keys(by: list[str]) -> list[GroupByName]:
    found: list[GroupByName] = [known for key in by for known in KEYS if known == key]
    if len(found) < len(by) or len(by) > 3:
        raise typer.BadParameter(f"up to 3 of {', '.join(KEYS)}", param_hint="--by")
    return found


def _json(listed: Iterable[MessageT]) -> None:
    for one in listed:
        terminal.raw(terminal.json_line(one))


def _show(found: Table, otherwise: str) -> None:
    if found.row_count:
        terminal.show(found)
    else:
        terminal.note(otherwise)


def _state(camera: CameraStatus) -> str:
    state = _STATES.get(camera.state, "")
    return state if camera.declared or not state else f"{state} (not declared)"


def _lasted(event: Event) -> str:
    if not event.HasField("end_time"):
        return "…"
    seconds = _seconds(event.end_time) - _seconds(event.start_time)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _seconds(at: Timestamp) -> float:
    return at.seconds + at.nanos / 1e9
