"""What goes wrong on purpose in a simulated site, with the truth beside it.

An incident changes only its own camera and span; every event outside stays as it would have been.
`IncidentPlan` says how much goes wrong, `plan_week` draws it, each week from dice of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from random import Random
from zoneinfo import ZoneInfo

from ...domain.times import Interval, instant
from .rhythm import derived

WEEK = timedelta(weeks=1)
_TRIES = 400
_EPOCH = date(1970, 1, 5)  # a Monday


class IncidentKind(StrEnum):
    """What can go wrong."""

    SPIKE = "spike"  # `size` times the usual number of events
    SILENCE = "silence"  # no events although the camera records
    OFF_HOURS_VISIT = "off_hours_visit"  # `size` further events of people
    CONFIDENCE_DRIFT = "confidence_drift"  # confidence falls by `size` up to the end of the span
    MISSING_COVERAGE = "missing_coverage"  # no events and no recording


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: what, where, when, and how large (see `IncidentKind`; unused ones are 0)."""

    kind: IncidentKind
    camera_id: str
    interval: Interval
    size: float = 0.0

    def __post_init__(self) -> None:
        if self.kind is IncidentKind.SPIKE and self.size < 1:
            raise ValueError("a spike is at least 1 times the usual")
        if self.size < 0:
            raise ValueError("an incident's size is not negative")


Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class IncidentPlan:
    """How many incidents a week a site has on average, and how large they are.

    Every size and length is drawn log-uniformly from its range (lowest, highest); lengths are in
    minutes. Spikes and silences lie in slots of `slot_minutes` whose expected number of events is
    at least `least_mean`, from their first to their last; visits begin between 0:00 and 5:00 local
    time. Incidents of one camera and week do not touch, drifts aside, which run beside the others.
    """

    spikes: float = 0.0
    silences: float = 0.0
    visits: float = 0.0
    drifts: float = 0.0
    missing: float = 0.0
    spike_size: Range = (2.0, 8.0)
    spike_minutes: Range = (30.0, 120.0)
    silence_minutes: Range = (60.0, 720.0)
    visit_size: Range = (3.0, 12.0)
    visit_minutes: Range = (10.0, 40.0)
    drift_size: Range = (0.05, 0.3)
    drift_minutes: Range = (24 * 60.0, 96 * 60.0)
    missing_minutes: Range = (30.0, 24 * 60.0)
    slot_minutes: int = 15
    least_mean: float = 2.0


# What `eps simulate` plays: a few a week, so that there is something to be told about.
SHIPPED = IncidentPlan(
    spikes=1.5, silences=1.0, visits=1.0, drifts=0.25, missing=0.5, slot_minutes=60
)

Mean = Callable[[str, datetime], float]
"""Expected events in the slot of a plan that holds an instant, at a camera."""


def week_of(moment: datetime, zone: ZoneInfo) -> int:
    """The number of the local week (Monday to Sunday) that an instant lies in."""
    return (moment.astimezone(zone).date() - _EPOCH).days // 7


def week_span(week: int, zone: ZoneInfo) -> Interval:
    """A local week by its number."""
    monday = datetime.combine(_EPOCH + week * WEEK, time())
    return Interval(instant(monday, zone), instant(monday + WEEK, zone))


def plan_week(
    plan: IncidentPlan, seed: int, week: int, zone: ZoneInfo, cameras: Sequence[str], mean: Mean
) -> list[Incident]:
    """The incidents of one local week, by start; a function of its arguments.

    One that finds no room (no camera is busy enough for so long) is left out.
    """
    dice = derived(seed, "incidents", week)
    span = week_span(week, zone)
    found: list[Incident] = []
    for kind, rate, length, size in (
        (IncidentKind.MISSING_COVERAGE, plan.missing, plan.missing_minutes, None),
        (IncidentKind.SILENCE, plan.silences, plan.silence_minutes, None),
        (IncidentKind.SPIKE, plan.spikes, plan.spike_minutes, plan.spike_size),
        (IncidentKind.OFF_HOURS_VISIT, plan.visits, plan.visit_minutes, plan.visit_size),
        (IncidentKind.CONFIDENCE_DRIFT, plan.drifts, plan.drift_minutes, plan.drift_size),
    ):
        for _ in range(int(rate + dice.random())):
            minutes = _log_uniform(dice, length)
            large = round(_log_uniform(dice, size), 2) if size else 0.0
            for _ in range(_TRIES):
                camera = cameras[int(dice.random() * len(cameras))]
                start = span.start + timedelta(minutes=int(dice.random() * span.seconds / 60))
                one = Incident(
                    kind, camera, Interval(start, start + timedelta(minutes=round(minutes))), large
                )
                if one.interval.end <= span.end and _fits(plan, one, zone, mean, found):
                    found.append(one)
                    break
    return sorted(found, key=lambda one: (one.interval, one.camera_id))


def _fits(
    plan: IncidentPlan, one: Incident, zone: ZoneInfo, mean: Mean, others: Sequence[Incident]
) -> bool:
    if one.kind is IncidentKind.OFF_HOURS_VISIT and one.interval.start.astimezone(zone).hour >= 5:
        return False
    if one.kind in (IncidentKind.SPIKE, IncidentKind.SILENCE):
        step = timedelta(minutes=plan.slot_minutes)
        moment = one.interval.start
        while moment < one.interval.end:
            if mean(one.camera_id, moment) < plan.least_mean:
                return False
            moment += step
        if mean(one.camera_id, one.interval.end - timedelta(minutes=1)) < plan.least_mean:
            return False
    return all(
        other.interval.end < one.interval.start or one.interval.end < other.interval.start
        for other in others
        if other.camera_id == one.camera_id and _apart(one, other)
    )


def _apart(one: Incident, other: Incident) -> bool:
    drift = IncidentKind.CONFIDENCE_DRIFT
    return (one.kind is drift) == (other.kind is drift)


def _log_uniform(dice: Random, bounds: Range) -> float:
    low, high = bounds
    return low * (high / low) ** dice.random()
