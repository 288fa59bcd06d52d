"""The MEVA data set's published annotations: a folder of `<clip>.activities.yml`.

Multiview Extended Video with Activities, Kitware Inc. and IARPA, https://mevadata.org, CC BY 4.0.
A clip is named `date.start.end.site.camera` (`2018-03-05.13-10-00.13-15-00.bus.G340`, local
wall-clock times). A file is a YAML list whose entries with a key `act` are activities; frames
count at 30 a second from the clip's start. A clip is coverage, also where its list is empty.

Nothing is invented: a catalogue of it has sites, numbers, and ways to spell them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from ..domain.catalogue import Camera, Site
from ..domain.event_rules import event_violations
from ..domain.events import Coverage, CoverageState, Event
from ..domain.times import instant
from .loose import as_list, as_mapping, as_number
from .rows import BadRow

TIME_ZONE = "America/Indiana/Indianapolis"
FRAMES_A_SECOND = 30
SOURCE = "meva"
SUFFIX = ".activities.yml"
_CLIP = re.compile(
    r"(\d{4}-\d\d-\d\d)\.(\d\d-\d\d-\d\d)\.(\d\d-\d\d-\d\d)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)"
)
_SITE_NAMES = {
    "school": "School",
    "hospital": "Hospital",
    "bus": "Bus station",
    "admin": "Administration building",
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Clip:
    """What a clip's name says."""

    name: str
    site: str
    camera_id: str
    start: datetime
    end: datetime

    @classmethod
    def of(cls, name: str) -> Clip:
        """Raises BadRow for a name of another form."""
        parts = _CLIP.fullmatch(name)
        if parts is None:
            raise BadRow("", f"{name!r} is no clip name (date.start.end.site.camera)")
        date, start, end, site, camera = parts.groups()
        try:
            begin = _wall(date, start)
            finish = _wall(date, end)
        except ValueError as error:
            raise BadRow("", f"{name!r} names no date and times: {error}") from error
        if finish <= begin:
            finish += timedelta(days=1)
        zone = ZoneInfo(TIME_ZONE)
        return cls(
            name,
            site,
            camera,
            instant(begin, zone).astimezone(UTC),
            instant(finish, zone).astimezone(UTC),
        )

    @property
    def coverage(self) -> Coverage:
        """The clip as a span in which its camera recorded."""
        return Coverage(self.site, self.camera_id, CoverageState.RECORDING, self.start, self.end)


def annotation_files(folder: Path) -> list[Path]:
    """All annotation files below a folder, by clip name."""
    found = [*folder.rglob(f"*{SUFFIX}"), *folder.rglob("*.activities.yaml")]
    return sorted((path for path in found if path.is_file()), key=lambda path: path.name)


def clip_of(path: Path) -> Clip:
    """The clip that a file annotates. Raises BadRow."""
    return Clip.of(path.name.rsplit(".activities.", 1)[0])


def read_activities(text: str, clip: Clip) -> Iterator[Event | BadRow]:
    """Every activity of a clip as an event, or what is wrong with it. Raises BadRow when the text
    is no such list at all."""
    try:
        document: object = yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is a safe one
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadRow("", f"is not YAML: {error}") from error
    entries = [] if document is None else as_list(document)
    if entries is None:
        raise BadRow("", "is not a YAML list")
    for entry in entries:
        table = as_mapping(entry)
        activity = None if table is None else table.get("act")
        if activity is None:
            continue
        try:
            yield _event(activity, clip)
        except BadRow as error:
            yield error


def recorded_sites(cameras: Iterable[tuple[str, str]]) -> list[Site]:
    """The catalogue of (site, camera id) pairs, made by rule: "School camera G330", which also
    goes by "G330", "G-330", "camera 330" and "cam G330"."""
    by_site: dict[str, set[str]] = {}
    for site, camera in cameras:
        by_site.setdefault(site, set()).add(camera)
    return [_site(site, sorted(found)) for site, found in sorted(by_site.items())]


def _site(site_id: str, cameras: list[str]) -> Site:
    name = _SITE_NAMES.get(site_id, site_id.replace("_", " ").capitalize())
    return Site(
        site_id=site_id,
        time_zone=TIME_ZONE,
        name=name,
        cameras=tuple(
            Camera(camera, f"{name} camera {camera}", spellings(camera)) for camera in cameras
        ),
    )


def spellings(camera_id: str) -> tuple[str, ...]:
    """How people write a camera's id: `G330` as G-330, G 330, camera G330, cam 330 …"""
    parts = re.fullmatch(r"([A-Za-z]+)[-_ ]?(\d+)", camera_id)
    forms = [camera_id]
    if parts is not None:
        letters, digits = parts.groups()
        forms = [f"{letters}{digits}", f"{letters}-{digits}", f"{letters} {digits}", digits]
    spoken = [f"{word} {form}" for word in ("camera", "cam") for form in forms]
    bare = [form for form in forms if not form.isdigit()]
    return tuple(dict.fromkeys([*bare, *spoken]))


def _event(activity: object, clip: Clip) -> Event:
    table = as_mapping(activity)
    if table is None:
        raise BadRow("act", "must be a mapping")
    number = table.get("id2")
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadRow("act.id2", "must be a whole number")
    kind, confidence = _kind(table)
    first, last = _frames(table)
    actors = as_list(table.get("actors") or [])
    if actors is None:
        raise BadRow("act.actors", "must be a list")
    event = Event(
        event_id=f"{clip.name}#{number}",
        start_time=clip.start + _since(first),
        end_time=clip.start + _since(last),
        site=clip.site,
        camera_id=clip.camera_id,
        event_type=kind,
        confidence=confidence,
        participants=max(len(actors), 1),
        attributes={"clip": clip.name},
        source=SOURCE,
    )
    if violations := event_violations(event):
        raise BadRow.of(violations)
    return event


def _kind(table: Mapping[str, object]) -> tuple[str, float]:
    found = as_mapping(table.get("act2") or table.get("act3"))
    if not found or len(found) != 1:
        raise BadRow("act.act2", "must map one activity to its confidence")
    name, value = next(iter(found.items()))
    confidence = as_number(value)
    if confidence is None:
        raise BadRow("act.act2", "must map one activity to its confidence")
    return name.lower(), float(confidence)


def _frames(table: Mapping[str, object]) -> tuple[float, float]:
    spans = as_list(table.get("timespan")) or []
    span = as_mapping(spans[0]) if spans else None
    frames = as_list((span or {}).get("tsr0") or (span or {}).get("tsr1")) or []
    numbers = [number for frame in frames if (number := as_number(frame)) is not None]
    if len(numbers) != 2 or len(frames) != 2 or not 0 <= numbers[0] <= numbers[1] < 10**9:
        raise BadRow("act.timespan", "must have a first and a last frame (tsr0 or tsr1)")
    return numbers[0], numbers[1]


def _since(frame: float) -> timedelta:
    return timedelta(milliseconds=int(frame * 1000 / FRAMES_A_SECOND))


def _wall(date: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{date}T{clock.replace('-', ':')}")
