"""What a tenant says about its sites: names, zones, schedules.

Names in questions are matched against this, never against a list in the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from .times import DailyRange, RecurringMask


@dataclass(frozen=True, slots=True)
class Zone:
    """A named part of what a camera sees. `restricted` lists when nobody should be in it."""

    zone_id: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    restricted: tuple[RecurringMask, ...] = ()


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera and the names that people use for it."""

    camera_id: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    location: str = ""


@dataclass(frozen=True, slots=True)
class DayParts:
    """Names of parts of the local day, half-open minutes; night runs over midnight."""

    morning: DailyRange = DailyRange(6 * 60, 12 * 60)
    afternoon: DailyRange = DailyRange(12 * 60, 18 * 60)
    evening: DailyRange = DailyRange(18 * 60, 22 * 60)
    night: DailyRange = DailyRange(22 * 60, 6 * 60)


@dataclass(frozen=True, slots=True)
class Site:
    """One place with its time zone, cameras and habits.

    `business_hours` is None where nobody said. `synonyms` maps a noun that people use here
    ("truck") to event types, labels or parts of their names ("vehicle"). `clip_url_template` may
    hold {event_id}, {camera_id}, {start} and {end} (ISO 8601, UTC). `etag` changes with each
    change of the site.
    """

    site_id: str
    time_zone: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    cameras: tuple[Camera, ...] = ()
    zones: tuple[Zone, ...] = ()
    day_parts: DayParts = field(default_factory=DayParts)
    business_hours: RecurringMask | None = None
    synonyms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    clip_url_template: str = ""
    simulated: bool = False
    etag: str = ""

    @property
    def zone_info(self) -> ZoneInfo:
        """The site's IANA zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that names can be matched against, for one tenant.

    `sites` holds declared sites and, for events of sites or cameras that nobody declared, bare
    entries with their ids. `version` changes whenever any of it, or the set of kinds that occur,
    changes: engines may keep indexes by it.
    """

    sites: tuple[Site, ...]
    version: str

    def camera_sites(self) -> dict[str, tuple[str, ...]]:
        """Camera id to the sites that have one of that id."""
        found: dict[str, tuple[str, ...]] = {}
        for site in self.sites:
            for camera in site.cameras:
                found[camera.camera_id] = (*found.get(camera.camera_id, ()), site.site_id)
        return found
