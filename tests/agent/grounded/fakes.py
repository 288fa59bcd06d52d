"""An event store and a catalogue in plain Python: what the engine is held to in unit tests.

Slow and obvious on purpose: every question is answered by a walk over a list of events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from enhanced_prompt_service.agent.grounded.words import name_words, stem
from enhanced_prompt_service.domain.catalogue import Catalogue, Site
from enhanced_prompt_service.domain.errors import NotFound, Reason
from enhanced_prompt_service.domain.events import (
    Coverage,
    CoverageState,
    Event,
    GroupBy,
    GroupRow,
    Ingested,
    Order,
    SeenKind,
    Selection,
    Totals,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.stores import CoverageSpan, EventReader, Page
from enhanced_prompt_service.domain.times import Interval, union

T = TypeVar("T")


@dataclass
class MemoryReader:
    """`domain.stores.EventReader` over lists."""

    events: Sequence[Event]
    spans: Sequence[Coverage]
    zones: dict[str, ZoneInfo]
    asked: list[str] = field(default_factory=list[str])

    def local(self, event: Event) -> datetime:
        """The event's start on its site's wall clock."""
        zone = self.zones.get(event.site, ZoneInfo("UTC"))
        return event.start_time.astimezone(zone).replace(tzinfo=None)

    def matching(self, selection: Selection) -> list[Event]:
        """All events that a selection means."""
        found = [one for one in self.events if self._matches(one, selection)]
        words = [stem(word.lower()) for word in selection.text.split()]
        if not words:
            return found
        every = [one for one in found if all(word in _said(one) for word in words)]
        return every or [one for one in found if any(word in _said(one) for word in words)]

    def _matches(self, event: Event, selection: Selection) -> bool:
        start = event.start_time
        if selection.windows and not any(one.contains(start) for one in selection.windows):
            return False
        if selection.as_of is not None and start >= selection.as_of:
            return False
        if selection.mask is not None and not selection.mask.contains(self.local(event)):
            return False
        if selection.cameras and event.camera_id not in selection.cameras:
            return False
        if selection.sites and event.site not in selection.sites:
            return False
        if selection.zones and selection.zones.isdisjoint(event.zones):
            return False
        of_type = not selection.event_types or event.event_type in selection.event_types
        of_label = not selection.labels or event.label in selection.labels
        if selection.event_types and selection.labels and selection.type_or_label:
            if not (of_type or of_label):
                return False
        elif not (of_type and of_label):
            return False
        if selection.min_confidence is not None and (
            event.confidence is None or event.confidence < selection.min_confidence
        ):
            return False
        length = _length(event)
        if selection.min_duration_s is not None and (
            length is None or length < selection.min_duration_s
        ):
            return False
        if selection.max_duration_s is not None and (
            length is None or length > selection.max_duration_s
        ):
            return False
        if selection.ongoing_at is not None:
            if start >= selection.ongoing_at:
                return False
            if event.end_time is not None and event.end_time <= selection.ongoing_at:
                return False
        return True

    def get(self, event_id: str) -> Event:
        """One event."""
        self.asked.append("get")
        for one in self.events:
            if one.event_id == event_id:
                return one
        raise NotFound("event", event_id, reason=Reason.EVENT_NOT_FOUND)

    def page(
        self,
        selection: Selection,
        *,
        order: Order = Order.NEWEST,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Event]:
        """Matching events in order."""
        self.asked.append("page")
        found = sorted(self.matching(selection), key=lambda one: (one.camera_id, one.event_id))
        if order is Order.OLDEST:
            found.sort(key=lambda one: one.start_time)
        elif order is Order.LONGEST:
            found = [one for one in found if one.end_time is not None]
            found.sort(key=lambda one: -(_length(one) or 0))
        else:
            found.sort(key=lambda one: one.start_time, reverse=True)
        return Page(tuple(found[:page_size]))

    def totals(self, selection: Selection) -> Totals:
        """Aggregates."""
        self.asked.append("totals")
        found = self.matching(selection)
        known = [one.confidence for one in found if one.confidence is not None]
        lengths = [length for one in found if (length := _length(one)) is not None]
        return Totals(
            matches=len(found),
            participants=sum(one.participants for one in found),
            mean_confidence=sum(known) / len(known) if known else None,
            first_start=min((one.start_time for one in found), default=None),
            last_start=max((one.start_time for one in found), default=None),
            mean_duration_s=sum(lengths) / len(lengths) if lengths else None,
            max_duration_s=max(lengths, default=None),
        )

    def grouped(
        self, selection: Selection, by: Sequence[GroupBy], *, limit: int | None = None
    ) -> list[GroupRow]:
        """Counts by key."""
        self.asked.append("grouped")
        matches: Counter[tuple[str, ...]] = Counter()
        people: Counter[tuple[str, ...]] = Counter()
        for one in self.matching(selection):
            for keys in self._keys(one, by):
                matches[keys] += 1
                people[keys] += one.participants
        rows = [GroupRow(keys, count, people[keys]) for keys, count in matches.items()]
        rows.sort(key=lambda row: (-row.matches, row.keys))
        return rows[:limit]

    def _keys(self, event: Event, by: Sequence[GroupBy]) -> list[tuple[str, ...]]:
        local = self.local(event)
        found: list[tuple[str, ...]] = [()]
        for key in by:
            values = {
                GroupBy.CAMERA: (event.camera_id,),
                GroupBy.SITE: (event.site,),
                GroupBy.ZONE: event.zones,
                GroupBy.EVENT_TYPE: (event.event_type,),
                GroupBy.LABEL: (event.label,) if event.label else (),
                GroupBy.SUB_LABEL: (event.sub_label,) if event.sub_label else (),
                GroupBy.LOCAL_HOUR: (f"{local:%Y-%m-%dT%H}",),
                GroupBy.LOCAL_DATE: (f"{local:%Y-%m-%d}",),
                GroupBy.HOUR_OF_DAY: (f"{local:%H}",),
                GroupBy.WEEKDAY: (str(local.isoweekday()),),
            }[key]
            found = [(*keys, value) for keys in found for value in values]
        return found

    def coverage(
        self, window: Interval, cameras: frozenset[str] | None = None
    ) -> list[CoverageSpan]:
        """Recorded spans, merged a camera."""
        self.asked.append("coverage")
        spans: dict[tuple[str, str], list[Interval]] = defaultdict(list)
        for one in self.spans:
            if one.state is not CoverageState.RECORDING:
                continue
            if cameras is not None and one.camera_id not in cameras:
                continue
            both = Interval(one.start_time, one.end_time).intersect(window)
            if both is not None:
                spans[one.camera_id, one.site].append(both)
        return [
            CoverageSpan(site, camera, merged)
            for (camera, site), pieces in sorted(spans.items())
            for merged in union(pieces)
        ]

    def coverage_known(self) -> dict[str, Interval]:
        """Cameras that ever reported."""
        self.asked.append("coverage_known")
        found: dict[str, Interval] = {}
        for one in self.spans:
            known = found.get(one.camera_id)
            start = min(one.start_time, known.start) if known else one.start_time
            end = max(one.end_time, known.end) if known else one.end_time
            found[one.camera_id] = Interval(start, end)
        return found

    def camera_states(self, at: datetime) -> dict[str, Coverage]:
        """The newest report of each camera."""
        self.asked.append("camera_states")
        found: dict[str, Coverage] = {}
        for one in sorted(self.spans, key=lambda span: span.start_time):
            if one.start_time <= at:
                found[one.camera_id] = one
        return found


@dataclass
class MemoryStore:
    """`EventStore` and `CatalogueStore` over lists, for reading."""

    sites: list[Site]
    events: list[Event]
    spans: list[Coverage] = field(default_factory=list[Coverage])
    version: str = "1"
    snapshots: int = 0

    def reader(self) -> MemoryReader:
        """The reader of one snapshot."""
        return MemoryReader(
            self.events, self.spans, {site.site_id: site.zone_info for site in self.sites}
        )

    async def snapshot(self, caller: Caller, ask: Callable[[EventReader], T]) -> T:
        """Runs the questions at once."""
        self.snapshots += 1
        return ask(self.reader())

    async def kinds(self, caller: Caller) -> list[SeenKind]:
        """Every kind that occurs."""
        groups: dict[tuple[str, str, str, str, str, tuple[str, ...]], list[Event]] = {}
        for one in self.events:
            key = (
                one.site,
                one.camera_id,
                one.event_type,
                one.label,
                one.sub_label,
                tuple(sorted(one.zones)),
            )
            groups.setdefault(key, []).append(one)
        return [
            SeenKind(
                *key,
                len(found),
                min(one.start_time for one in found),
                max(one.start_time for one in found),
            )
            for key, found in sorted(groups.items())
        ]

    async def catalogue(self, caller: Caller) -> Catalogue:
        """All sites."""
        return Catalogue(tuple(self.sites), self.version)

    # What the protocols have beside: not asked by the engine.

    async def ingest(self, caller: Caller, events: Sequence[Event]) -> list[Ingested]:
        raise NotImplementedError

    async def ingest_coverage(self, caller: Caller, spans: Sequence[Coverage]) -> list[Ingested]:
        raise NotImplementedError

    async def get(self, caller: Caller, event_id: str) -> Event:
        return self.reader().get(event_id)

    async def page(
        self,
        caller: Caller,
        selection: Selection,
        *,
        order: Order = Order.NEWEST,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Event]:
        return self.reader().page(selection, order=order, page_size=page_size)

    async def totals(self, caller: Caller, selection: Selection) -> Totals:
        return self.reader().totals(selection)

    async def grouped(
        self,
        caller: Caller,
        selection: Selection,
        by: Sequence[GroupBy],
        *,
        limit: int | None = None,
    ) -> list[GroupRow]:
        return self.reader().grouped(selection, by, limit=limit)

    async def coverage(
        self, caller: Caller, window: Interval, cameras: frozenset[str] | None = None
    ) -> list[CoverageSpan]:
        return self.reader().coverage(window, cameras)

    async def coverage_known(self, caller: Caller) -> dict[str, Interval]:
        return self.reader().coverage_known()

    async def camera_states(self, caller: Caller, at: datetime) -> dict[str, Coverage]:
        return self.reader().camera_states(at)

    async def put_site(self, caller: Caller, site: Site, *, etag: str = "") -> Site:
        raise NotImplementedError

    async def get_site(self, caller: Caller, site_id: str) -> Site:
        raise NotImplementedError

    async def list_sites(
        self, caller: Caller, *, page_size: int = 50, page_token: str = ""
    ) -> Page[Site]:
        return Page(tuple(self.sites))


def _length(event: Event) -> float | None:
    if event.end_time is None:
        return None
    return (event.end_time - event.start_time).total_seconds()


def _said(event: Event) -> set[str]:
    text = " ".join((event.event_type, event.label, event.sub_label, event.description))
    return set(name_words(text))


def recording(
    site: str, camera: str, start: datetime, end: datetime, *, gaps: Iterable[Interval] = ()
) -> list[Coverage]:
    """Coverage of one camera from a start to an end, without the gaps."""
    pieces = [Interval(start, end)]
    for gap in gaps:
        rest: list[Interval] = []
        for one in pieces:
            for left, right in ((one.start, gap.start), (gap.end, one.end)):
                left, right = max(left, one.start), min(right, one.end)
                if left < right:
                    rest.append(Interval(left, right))
        pieces = rest
    return [Coverage(site, camera, CoverageState.RECORDING, one.start, one.end) for one in pieces]


def moved(event: Event, by: timedelta) -> Event:
    """The same event at another time."""
    end = None if event.end_time is None else event.end_time + by
    return replace(
        event,
        event_id=f"{event.event_id}+{by.total_seconds():g}",
        start_time=(event.start_time + by).astimezone(UTC),
        end_time=end,
    )
