"""Moving old recordings to the present, by whole days of local wall time.

Nine in the morning stays nine in the morning whatever the clocks did in between. An event keeps
its length; coverage keeps its wall times, so that it still says what of each local hour was
recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..domain.event_rules import MAX_ATTRIBUTES
from ..domain.events import Coverage, Event
from ..domain.times import instant

DAY = timedelta(days=1)
ATTRIBUTE = "rebased_days"


@dataclass(frozen=True, slots=True)
class Zones:
    """The zone of each site, and that of all others."""

    by_site: Mapping[str, ZoneInfo] = field(default_factory=dict[str, ZoneInfo])
    other: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def of(self, site: str) -> ZoneInfo:
        """The zone that a site's local time is in."""
        return self.by_site.get(site, self.other)


@dataclass(frozen=True, slots=True)
class Shift:
    """A move by whole days; negative ones go back. An event that was moved says so in its
    attribute `rebased_days`, while it has room for one more."""

    days: int
    zones: Zones

    def event(self, event: Event) -> Event:
        """Raises OverflowError where the years 1 to 9999 end."""
        start = self._moved(event.start_time, event.site)
        end = None if event.end_time is None else start + (event.end_time - event.start_time)
        attributes = {**event.attributes, ATTRIBUTE: str(self.days)}
        if len(attributes) > MAX_ATTRIBUTES:
            attributes = dict(event.attributes)
        return replace(event, start_time=start, end_time=end, attributes=attributes)

    def coverage(self, span: Coverage) -> Coverage | None:
        """None where the span falls into an hour that the clocks skip."""
        start, end = self._moved(span.start_time, span.site), self._moved(span.end_time, span.site)
        return replace(span, start_time=start, end_time=end) if start < end else None

    def _moved(self, at: datetime, site: str) -> datetime:
        zone = self.zones.of(site)
        local = at.astimezone(zone)
        wall = local.replace(tzinfo=None) + self.days * DAY
        return instant(wall, zone, latest=bool(local.fold)).astimezone(UTC)


def latest_by_zone(items: Iterable[Event | Coverage], zones: Zones) -> dict[ZoneInfo, datetime]:
    """The last moment that is recorded in each zone, ends included."""
    found: dict[ZoneInfo, datetime] = {}
    for item in items:
        zone, last = zones.of(item.site), item.end_time or item.start_time
        if zone not in found or found[zone] < last:
            found[zone] = last
    return found


def shift_to_present(latest: Mapping[ZoneInfo, datetime], zones: Zones, now: datetime) -> Shift:
    """The shift after which the last moment is the latest possible one before `now`, in no zone
    later. Without any moment it is none at all."""
    days = [_days(last, zone, now) for zone, last in latest.items()]
    return Shift(min(days, default=0), zones)


def _days(last: datetime, zone: ZoneInfo, now: datetime) -> int:
    local = last.astimezone(zone)
    wall = local.replace(tzinfo=None)
    days = (now.astimezone(zone).replace(tzinfo=None) - wall) // DAY + 1
    while instant(wall + days * DAY, zone, latest=bool(local.fold)) >= now:
        days -= 1
    return days
