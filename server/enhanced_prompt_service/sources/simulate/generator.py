"""`SimulatedSite`: events and coverage of any window, the same ones however they are asked for."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ...domain.catalogue import Site
from ...domain.events import Coverage, CoverageState, Event
from ...domain.times import Interval, wall_intervals
from .building import POSTS, SITE_ID, Flow, Post, catalogue_entry
from .downtime import segments
from .incidents import Incident, IncidentKind, IncidentPlan, plan_week, week_of
from .rhythm import choose, derived, negative_binomial
from .wording import describe

SOURCE = "simulation"
VERSION = 1  # of what a seed means: raised when the same seed makes other events
DEFAULT_TIME_ZONE = "Europe/London"
LONGEST_EVENT = timedelta(minutes=45)
_KEPT_DAYS = 3
_KEPT_WEEKS = 12

# Median and spread (of the logarithm) of durations in seconds, by type.
_DURATIONS = {
    "loitering": (280.0, 0.6),
    "vehicle_detected": (40.0, 1.0),
    "person_detected": (14.0, 0.9),
    "door_opened": (7.0, 0.6),
    "package_left": (5.0, 0.4),
}
_USUAL_DURATION = (8.0, 0.5)
_CONFIDENCE = {"person": 0.87, "car": 0.9, "truck": 0.85, "van": 0.82, "door": 0.96, "gate": 0.97,
               "dog": 0.76, "cat": 0.7, "fox": 0.62, "package": 0.78}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Slot:
    """One local hour of one date: where it lies in time, and how to name it."""

    key: str
    weekday: int
    hour: int
    pieces: tuple[Interval, ...]

    @property
    def seconds(self) -> float:
        return sum(piece.seconds for piece in self.pieces)

    def at(self, share: float) -> datetime:
        """The instant after this share of the slot, in whole milliseconds."""
        left = timedelta(milliseconds=int(share * self.seconds * 1000))
        for piece in self.pieces:
            if left < piece.end - piece.start:
                return piece.start + left
            left -= piece.end - piece.start
        return self.pieces[-1].start


class SimulatedSite:
    """An office building that does not exist, with the same past for everyone who has its seed.

    `phi` is the dispersion of hourly counts: their variance is μ + phi·μ². Events and coverage of
    a local hour depend on seed, time zone, phi and the incidents of that hour, on nothing else.
    `incidents` are given one by one, or drawn for every week from `plan`, or both.
    Raises ZoneInfoNotFoundError for an unknown time zone, ValueError for an incident at a camera
    that the site does not have, or two of one kind that begin together at one.
    """

    def __init__(
        self,
        seed: int = 1,
        time_zone: str = DEFAULT_TIME_ZONE,
        *,
        phi: float = 0.15,
        incidents: Sequence[Incident] = (),
        plan: IncidentPlan | None = None,
    ) -> None:
        self.seed = seed
        self.time_zone = time_zone
        self.phi = phi
        self.zone = ZoneInfo(time_zone)
        known = {post.camera_id for post in POSTS}
        if len({(one.kind, one.camera_id, one.interval.start) for one in incidents}) < len(
            incidents
        ):
            raise ValueError("two incidents of one kind begin together at one camera")
        for incident in incidents:
            if incident.camera_id not in known:
                raise ValueError(f"the simulated site has no camera {incident.camera_id!r}")
        self._incidents = tuple(sorted(incidents, key=lambda one: one.interval))
        self._plan = plan
        self._weeks: OrderedDict[int, list[Incident]] = OrderedDict()
        self._days: OrderedDict[date, list[Event]] = OrderedDict()

    def site(self) -> Site:
        """Its catalogue entry, marked as simulated."""
        return catalogue_entry(self.time_zone)

    @property
    def truth(self) -> tuple[Incident, ...]:
        """What goes wrong on purpose as it was given, by start; see `truth_of` for a plan's."""
        return self._incidents

    def truth_of(self, window: Interval) -> list[Incident]:
        """What goes wrong on purpose in a window, by start, whether given or drawn from the plan.

        An incident while its camera does not record changes nothing, and is listed all the same.
        """
        found = [one for one in self._incidents if one.interval.intersect(window)]
        if self._plan is not None:
            last = week_of(window.end, self.zone)
            for week in range(week_of(window.start, self.zone), last + 1):
                found += (one for one in self._planned(week) if one.interval.intersect(window))
        return sorted(found, key=lambda one: (one.interval, one.camera_id))

    @property
    def fingerprint(self) -> str:
        """Text that differs where events differ."""
        plan = "" if self._plan is None else f":{self._plan}"
        given = f"{self.seed}:{self.time_zone}:{self.phi}:{self._incidents}{plan}"
        return f"simulation:{VERSION}:{given}"

    def expected(self, camera_id: str, at: datetime) -> float:
        """Mean events an hour at a camera at an instant, incidents and gaps aside."""
        local = at.astimezone(self.zone)
        post = next(post for post in POSTS if post.camera_id == camera_id)
        return sum(flow.mean(local.isoweekday(), local.hour) for flow in post.flows)

    def events(self, window: Interval, *, as_of: datetime | None = None) -> Iterator[Event]:
        """Events that start in the window, by start, camera and id.

        With `as_of`, what had not ended before that instant has no end yet.
        """
        day = window.start.astimezone(self.zone).date()
        last = window.end.astimezone(self.zone).date()
        while day <= last:
            events = self.day(day)
            for number in range(bisect_left(events, window.start, key=_start), len(events)):
                event = events[number]
                if event.start_time >= window.end:
                    break
                if as_of is not None and event.end_time and event.end_time >= as_of:
                    event = replace(event, end_time=None)
                yield event
            day += timedelta(days=1)

    def coverage(self, window: Interval) -> Iterator[Coverage]:
        """Every camera's state over the window, by camera and start, cut at local midnights."""
        for post in POSTS:
            for piece in self._by_day(window):
                for span, state in self._segments(post, piece):
                    yield Coverage(SITE_ID, post.camera_id, state, span.start, span.end)

    def day(self, day: date) -> list[Event]:
        """All events that start on a local date, by start, camera and id; not to be changed."""
        found = self._days.get(day)
        if found is None:
            found = self._make_day(day)
            self._days[day] = found
            while len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return found

    # ---- a day ----------------------------------------------------------------------------------

    def _make_day(self, day: date) -> list[Event]:
        slots = [slot for hour in range(24) if (slot := self._slot(day, hour)).pieces]
        if not slots:
            return []
        whole = Interval(slots[0].pieces[0].start, slots[-1].pieces[-1].end)
        events: list[Event] = []
        truth = self.truth_of(whole)
        for post in POSTS:
            incidents = [one for one in truth if one.camera_id == post.camera_id]
            # An event may go on after midnight, so what was recorded must be known until then.
            reach = Interval(whole.start, whole.end + LONGEST_EVENT)
            seen = [
                span
                for span, state in self._segments(post, reach)
                if state is CoverageState.RECORDING
            ]
            made = (event for slot in slots for event in self._make_slot(post, slot, incidents))
            recorded = (kept for event in made if (kept := _recorded(event, seen)))
            events.extend(kept for event in recorded if (kept := _touched(event, incidents)))
        events.sort(key=lambda one: (one.start_time, one.camera_id, one.event_id))
        return events

    def _make_slot(self, post: Post, slot: _Slot, incidents: list[Incident]) -> Iterator[Event]:
        hours = slot.seconds / 3600
        means = [flow.mean(slot.weekday, slot.hour) * hours for flow in post.flows]
        dice = derived(self.seed, post.camera_id, slot.key)
        count = negative_binomial(dice.random(), sum(means), self.phi)
        for number in range(count):
            flow = post.flows[choose(dice.random(), means)]
            yield self._event(dice, post, flow, slot.at(dice.random()), f"{slot.key}-{number:03d}")
        for incident in incidents:
            yield from self._extra(post, slot, means, incident)

    def _extra(
        self, post: Post, slot: _Slot, means: list[float], incident: Incident
    ) -> Iterator[Event]:
        """What a spike or a visit adds to a slot, from dice of its own."""
        spans = [both for piece in slot.pieces if (both := piece.intersect(incident.interval))]
        seconds = sum(span.seconds for span in spans)
        if not seconds:
            return
        dice = derived(self.seed, post.camera_id, slot.key, incident.kind, incident.interval.start)
        if incident.kind is IncidentKind.SPIKE:
            mean = sum(means) * (incident.size - 1) * seconds / slot.seconds
            count = negative_binomial(dice.random(), mean, self.phi)
        elif incident.kind is IncidentKind.OFF_HOURS_VISIT:
            share = seconds / incident.interval.seconds
            count = math.floor(incident.size * share + dice.random())
            means = [1.0 if flow.event_type.startswith("person_") else 0.0 for flow in post.flows]
        else:
            return
        part = _Slot(slot.key, slot.weekday, slot.hour, tuple(spans))
        if not any(means):
            return
        for number in range(count):
            flow = post.flows[choose(dice.random(), means)]
            name = f"{slot.key}-{incident.kind[0]}{incident.interval.start:%d%H%M}-{number:03d}"
            yield self._event(dice, post, flow, part.at(dice.random()), name)

    def _event(
        self, dice: random.Random, post: Post, flow: Flow, start: datetime, name: str
    ) -> Event:
        label = flow.labels[choose(dice.random(), [weight for _, weight in flow.labels])][0]
        zone = flow.zones[int(dice.random() * len(flow.zones))]
        group = dice.random()
        participants = 1
        if label == "person" and not flow.sub_label:
            participants = 1 + sum(group > edge for edge in (0.82, 0.95, 0.985))
        median, spread = _DURATIONS.get(flow.event_type, _USUAL_DURATION)
        seconds = median * math.exp(spread * _normal(dice.random(), dice.random()))
        length = min(max(round(seconds, 1), 0.5), LONGEST_EVENT.total_seconds())
        usual = _CONFIDENCE.get(label, 0.8)
        confidence = usual + (1 - usual) * 0.9 * (dice.random() + dice.random() - 1)
        return Event(
            event_id=f"sim{self.seed}-{post.camera_id}-{name}",
            start_time=start,
            end_time=start + timedelta(seconds=length),
            site=SITE_ID,
            camera_id=post.camera_id,
            event_type=flow.event_type,
            zones=(zone,) if zone else (),
            label=label,
            sub_label=flow.sub_label,
            confidence=round(confidence, 2),
            participants=participants,
            description=describe(
                dice, flow.event_type, label, flow.sub_label, participants, post.where
            ),
            source=SOURCE,
        )

    # ---- time -----------------------------------------------------------------------------------

    def _slot(self, day: date, hour: int) -> _Slot:
        start = datetime.combine(day, time(hour))
        pieces = wall_intervals(start, start + timedelta(hours=1), self.zone)
        return _Slot(f"{start:%Y%m%dT%H}", day.isoweekday(), hour, tuple(pieces))

    def _by_day(self, window: Interval) -> Iterator[Interval]:
        day = window.start.astimezone(self.zone).date()
        while day <= window.end.astimezone(self.zone).date():
            midnight = datetime.combine(day, time())
            for piece in wall_intervals(midnight, midnight + timedelta(days=1), self.zone):
                if both := piece.intersect(window):
                    yield both
            day += timedelta(days=1)

    def _segments(self, post: Post, window: Interval) -> list[tuple[Interval, CoverageState]]:
        missing = [
            one.interval
            for one in self.truth_of(window)
            if one.kind is IncidentKind.MISSING_COVERAGE and one.camera_id == post.camera_id
        ]
        return segments(self.seed, post, window, self.zone, missing)

    def _planned(self, week: int) -> list[Incident]:
        assert self._plan is not None
        found = self._weeks.get(week)
        if found is None:
            cameras = [post.camera_id for post in POSTS]
            found = plan_week(self._plan, self.seed, week, self.zone, cameras, self._slot_mean)
            self._weeks[week] = found
            while len(self._weeks) > _KEPT_WEEKS:
                self._weeks.popitem(last=False)
        return found

    def _slot_mean(self, camera_id: str, at: datetime) -> float:
        assert self._plan is not None
        return self.expected(camera_id, at) * self._plan.slot_minutes / 60


def _normal(first: float, second: float) -> float:
    """A standard normal number from two uniform ones (Box and Muller)."""
    return math.sqrt(-2 * math.log(1 - first)) * math.cos(2 * math.pi * second)


def _recorded(event: Event, seen: Sequence[Interval]) -> Event | None:
    """The event as far as it was recorded: nothing outside of `seen`, cut where a gap begins."""
    for span in seen:
        if span.contains(event.start_time):
            assert event.end_time is not None
            return event if event.end_time <= span.end else replace(event, end_time=span.end)
    return None


def _touched(event: Event, incidents: Sequence[Incident]) -> Event | None:
    """The event after the incidents that take events or change them."""
    confidence = event.confidence
    for incident in incidents:
        if not incident.interval.contains(event.start_time):
            continue
        if incident.kind is IncidentKind.SILENCE:
            return None
        if incident.kind is IncidentKind.CONFIDENCE_DRIFT and confidence is not None:
            passed = (event.start_time - incident.interval.start).total_seconds()
            fall = incident.size * passed / incident.interval.seconds
            confidence = round(max(confidence - fall, 0.01), 2)
    return event if confidence == event.confidence else replace(event, confidence=confidence)


def _start(event: Event) -> datetime:
    return event.start_time
