"""Events as evidence where no question was asked: described, with the address of their clip."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from .answers import Evidence
from .catalogue import Site
from .events import Event


def evidence_of(event: Event, site: Site | None) -> Evidence:
    """An event with a description, in its site's local time, and real addresses only.

    Where the source gave no confidence the event is taken as it is (1).
    """
    return Evidence(
        event_id=event.event_id,
        timestamp=event.start_time,
        camera_id=event.camera_id,
        event_type=event.event_type,
        confidence=1.0 if event.confidence is None else event.confidence,
        description=event.description.strip() or _described(event, site),
        end_time=event.end_time,
        site=event.site,
        zones=event.zones,
        label=event.label,
        participants=event.participants,
        clip_url=event.clip_url or _clip_url(event, site),
        snapshot_url=event.snapshot_url,
    )


def _described(event: Event, site: Site | None) -> str:
    what = event.event_type.replace("_", " ").strip() or "event"
    names = {} if site is None else {one.camera_id: one.name for one in site.cameras}
    where = names.get(event.camera_id) or event.camera_id
    local = event.start_time.astimezone(ZoneInfo("UTC") if site is None else site.zone_info)
    return f"{what[0].upper()}{what[1:]} at {where}, {local:%H:%M:%S}"


def _clip_url(event: Event, site: Site | None) -> str:
    if site is None or not site.clip_url_template:
        return ""
    url = site.clip_url_template
    for name, value in (
        ("event_id", event.event_id),
        ("camera_id", event.camera_id),
        ("start", _iso(event.start_time)),
        ("end", _iso(event.end_time or event.start_time)),
    ):
        url = url.replace("{" + name + "}", quote(value, safe=""))
    return url


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
