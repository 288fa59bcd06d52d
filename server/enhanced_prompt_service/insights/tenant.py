"""The detectors of one tenant: which slots are due, what they say, and the state that is kept.

Slots are closed in order, each some minutes after its end (`GRACE`), from what the database holds
then: an event counts by its start, whenever, however often and in whatever order it came before
that. What is so far in the past that nothing can be known of it is skipped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..domain.catalogue import Catalogue, Site
from ..domain.detection import DetectionStore, Observed, StateKey
from ..domain.identity import Caller
from .arranging import Slots, arrange
from .camera import Camera
from .series import WEEKS
from .site import SiteWatch
from .slots import Grid
from .words import Word

GRACE = timedelta(minutes=10)
LATE_SHARE, LATE_LEAST = 0.05, 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC = ZoneInfo("UTC")
_POSITION: StateKey = ("", "")


@dataclass(frozen=True, slots=True)
class Closed:
    """What came of closing some slots: words with the slot that each was said in, and whether
    more slots are due."""

    words: tuple[tuple[int, Word], ...]
    first: int
    last: int
    more: bool


class TenantWatch:
    """Detectors of all sites of a tenant. One owner calls `advance`, then stores `dump`."""

    def __init__(
        self, store: DetectionStore, caller: Caller, *, minutes: int, default_zone: str
    ) -> None:
        self.caller = caller
        self.sites: dict[str, SiteWatch] = {}
        self.position: int | None = None  # the last slot that was closed
        self.quiet_until: int | None = None  # up to this slot all was told in its time
        self._store = store
        self._minutes = minutes
        self._grid = Grid(_UTC, minutes)  # numbers of slots are the same in every zone
        self._default_zone = default_zone
        self.counted = 0  # events in the slots that were closed

    async def load(self) -> None:
        """Go on from what is stored. A state of another version or slot length begins anew."""
        states = await self._store.load(self.caller)
        position = json.loads(states.pop(_POSITION, b"{}"))
        if position.get("minutes") != self._minutes:
            return
        self.position, self.counted = position["slot"], position["counted"]
        self.quiet_until = position["quiet_until"]
        await asyncio.to_thread(self._restore, states)

    def _restore(self, states: dict[StateKey, bytes]) -> None:
        for (site_id, camera_id), state in sorted(states.items()):
            watch = self.sites.get(site_id)
            if watch is None:
                watch = self.sites[site_id] = SiteWatch(site_id, Grid(_UTC, self._minutes))
            if not camera_id:
                watch.restore(state)
            elif (camera := Camera.load(state, self._grid.per_day)) is not None:
                watch.cameras[camera_id] = camera

    def dump(self) -> dict[StateKey, bytes]:
        """The states that changed since the last time, and the position."""
        states: dict[StateKey, bytes] = {}
        for site_id, watch in self.sites.items():
            states[site_id, ""] = watch.dump()
            for camera_id in watch.changed:
                states[site_id, camera_id] = watch.cameras[camera_id].dump()
            watch.changed.clear()
        position = {
            "slot": self.position,
            "minutes": self._minutes,
            "counted": self.counted,
            "quiet_until": self.quiet_until,
        }
        states[_POSITION] = json.dumps(position).encode()
        return states

    def due(self, now: datetime) -> int:
        """The last slot that can be closed, by the site clock."""
        return self._grid.number(now - GRACE) - 1

    async def behind(self, now: datetime) -> bool:
        """Whether so much came for slots that were closed that all is to be counted anew."""
        if self.position is None or self.position >= self.due(now):
            return False
        hour = self._grid.start(self.position + 1).replace(minute=0)
        there = await self._store.count_before(self.caller, hour)
        return there > self.counted * (1 + LATE_SHARE) + LATE_LEAST

    def begin_anew(self, *, told: bool) -> None:
        """Forget everything. `told` says that there are insights already: what is counted again
        then only teaches, since it would be said a second time."""
        self.quiet_until = self.position if told else None
        self.sites.clear()
        self.position, self.counted = None, 0

    async def advance(self, now: datetime, catalogue: Catalogue, most: int) -> Closed | None:
        """Close up to `most` slots; None where none is due, or nothing is known to begin with."""
        due = self.due(now)
        if self.position is None:
            begin = await self._store.first_after(self.caller, _EPOCH)
            if begin is None or self._grid.number(begin) > due:
                return None
            self.position = self._grid.number(begin) - 1
        first = self.position + 1
        oldest = due - WEEKS * 7 * self._grid.per_day
        if first < oldest and await self._nothing_between(first, oldest):
            first = oldest
        last = min(first + most - 1, due)
        if first > last:
            return None
        window = self._grid.span(first, last)
        observed = await self._store.observed(self.caller, window)
        words = await asyncio.to_thread(self._close, catalogue, first, last, observed)
        self.position = last
        self.counted += len(observed.sightings)
        if not observed.sightings and not observed.coverage:
            await self._skip(last, due)
        return Closed(tuple(words), first, last, self.position < due)

    async def _nothing_between(self, first: int, last: int) -> bool:
        found = await self._store.first_after(self.caller, self._grid.start(first))
        return found is None or self._grid.number(found) > last

    async def _skip(self, last: int, due: int) -> None:
        """Go on where something is again: a long time without anything costs nothing."""
        found = await self._store.first_after(self.caller, self._grid.start(last + 1))
        ahead = due if found is None else min(self._grid.number(found) - 1, due)
        self.position = max(ahead, last)

    def _close(
        self, catalogue: Catalogue, first: int, last: int, observed: Observed
    ) -> Sequence[tuple[int, Word]]:
        words: list[tuple[int, Word]] = []
        known = {site.site_id: site for site in catalogue.sites}
        named = {one.site for one in (*observed.sightings, *observed.coverage)}
        slots_of: dict[str, Slots] = {}
        for site_id in sorted({*known, *named, *self.sites}):
            site = known.get(site_id) or Site(site_id, self._default_zone)
            watch = self._watch(site)
            reporting = [name for name, one in watch.cameras.items() if one.reports]
            slots_of[site_id] = arrange(site, watch.grid, first, last, observed, reporting)
        for slot in range(first, last + 1):
            for site_id, slots in slots_of.items():
                said = self.sites[site_id].close(slot, slots[slot])
                words += ((slot, word) for word in said)
        return words

    def _watch(self, site: Site) -> SiteWatch:
        watch = self.sites.get(site.site_id)
        if watch is None:
            watch = self.sites[site.site_id] = SiteWatch(
                site.site_id, Grid(site.zone_info, self._minutes)
            )
        elif watch.grid.zone.key != site.time_zone:
            watch.grid = Grid(site.zone_info, self._minutes)
        watch.rename(site)
        return watch
