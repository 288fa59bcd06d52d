"""Simulated sites as counts: what the detectors are scored on.

Fixed before there was a detector, and not changed to please one. A seed is a site: 12 cameras, 8
weeks in slots of 15 minutes, of which the last 4 are scored. A camera sees three labels. Each
(camera, label) has negative-binomial counts of its own, independent from slot to slot, with
variance μ + φμ² a slot and a φ drawn from 0.3 to 1. μ follows the local weekday and time of day
(`HABITS`); the sum over a camera's labels reaches 6 to 60 events a slot at its busiest
(log-uniform). Recording has gaps of 5 to 180 minutes on 3.5 % of all camera-days.

Incidents are of a camera, and drawn by `plan_week` with `SCORED` as they are for the site that
ships: a spike multiplies the mean of every label, a silence takes all events and leaves coverage.
Everything is drawn from the seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.sources.simulate import (
    Incident,
    IncidentKind,
    IncidentPlan,
    plan_week,
)
from enhanced_prompt_service.sources.simulate.incidents import week_of

SEEDS = range(20)
CAMERAS = tuple(f"cam-{number:02d}" for number in range(1, 13))
LABELS = ("person", "car", "bicycle")
SHARES = (0.5, 0.32, 0.18)
SLOT = timedelta(minutes=15)
WEEKS, SCORED_WEEKS = 8, 4
PHI = (0.3, 1.0)
PEAK = (6.0, 60.0)
SCORED = IncidentPlan(spikes=4.0, silences=4.0, visits=3.0, drifts=1.0, missing=3.0)
ZONES = ("Europe/London", "America/New_York", "UTC", "Australia/Sydney", "Asia/Kolkata")
FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)  # sites begin 16 days apart: some see clocks change
GAPS = 0.035
RESTRICTED = 4  # so many cameras have a zone that nobody should be in from 22:00 to 6:00

# Hourly weights of the local day on Monday to Friday, and what Saturday and Sunday have of it.
HABITS: tuple[tuple[tuple[float, ...], float, float], ...] = (
    # office
    ((.02, .01, .01, .01, .02, .06, .3, .7, 1, .8, .7, .75,
      .95, .8, .7, .7, .75, .8, .5, .3, .15, .1, .06, .03), 0.1, 0.06),
    # street
    ((.15, .08, .06, .05, .06, .12, .35, .7, .9, .8, .75, .8,
      .9, .85, .8, .85, .95, 1, .85, .65, .5, .4, .3, .2), 0.8, 0.6),
    # shop
    ((.01, .01, .01, .01, .01, .02, .05, .15, .4, .6, .7, .8,
      1, .9, .8, .8, .85, .95, .9, .6, .3, .1, .04, .02), 1.3, 0.7),
    # round the clock
    ((.5, .45, .4, .4, .45, .6, .8, .9, 1, .95, .9, .9,
      .95, .95, .9, .95, 1, .95, .85, .8, .75, .7, .65, .55), 0.9, 0.85),
)  # fmt: skip

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CountedSite:
    """One site. Arrays are [camera, label, slot] or [camera, slot]; slot 0 begins at `start`."""

    seed: int
    zone: ZoneInfo
    start: datetime  # a local Monday, 0:00, in UTC
    mean: NDArray[np.float64]  # [camera, label, slot], incidents and gaps aside
    phi: NDArray[np.float64]  # [camera, label]
    counts: Counts  # [camera, label, slot]
    confidence_sums: NDArray[np.float64]  # [camera, label, slot]
    coverage: NDArray[np.float64]  # [camera, slot], the share recorded, 0 to 1
    restricted: Counts  # [camera, slot], how many of the persons were in a restricted zone
    incidents: tuple[Incident, ...]
    gaps: tuple[tuple[str, Interval], ...]  # spans without recording that are no incidents

    @property
    def slots(self) -> int:
        return self.counts.shape[2]

    @property
    def scored_from(self) -> datetime:
        """Insights of windows that end before it are not scored."""
        return self.start + timedelta(weeks=WEEKS - SCORED_WEEKS)

    def slot_start(self, slot: int) -> datetime:
        """The UTC start of a slot."""
        return self.start + slot * SLOT


def counted_site(seed: int, plan: IncidentPlan = SCORED) -> CountedSite:
    """The site of a seed."""
    dice = np.random.default_rng([seed, 20260105])
    zone = ZoneInfo(ZONES[seed % len(ZONES)])
    local = (FIRST_DAY + timedelta(days=16 * seed)).date()
    monday = local - timedelta(days=local.weekday())
    start = datetime(monday.year, monday.month, monday.day, tzinfo=zone).astimezone(UTC)
    slots = int(timedelta(weeks=WEEKS) / SLOT)
    mean = _means(dice, start, slots, zone)
    phi = dice.uniform(*PHI, size=(len(CAMERAS), len(LABELS)))
    total = mean.sum(axis=1)

    def expected(camera_id: str, at: datetime) -> float:
        slot = int((at - start) / SLOT)
        return float(total[CAMERAS.index(camera_id), slot]) if 0 <= slot < slots else 0.0

    first = week_of(start + timedelta(days=1), zone)
    end = start + slots * SLOT
    incidents = tuple(
        one
        for week in range(first, first + WEEKS)
        for one in plan_week(plan, seed, week, zone, CAMERAS, expected)
        if one.interval.end <= end
    )
    return _happen(dice, seed, zone, start, mean, phi, incidents)


def _means(
    dice: np.random.Generator, start: datetime, slots: int, zone: ZoneInfo
) -> NDArray[np.float64]:
    moments = [(start + slot * SLOT).astimezone(zone) for slot in range(slots)]
    hours = np.array([one.hour + one.minute / 60 + 0.125 for one in moments])
    weekdays = np.array([one.isoweekday() for one in moments])
    peaks = PEAK[0] * (PEAK[1] / PEAK[0]) ** dice.random(len(CAMERAS))
    mean = np.empty((len(CAMERAS), len(LABELS), slots))
    for camera, peak in enumerate(peaks):
        for label, share in enumerate(SHARES):
            weights, saturday, sunday = HABITS[(camera + label // 2) % len(HABITS)]
            day = np.interp(hours, np.arange(25), [*weights, weights[0]])
            factor = np.where(weekdays == 6, saturday, np.where(weekdays == 7, sunday, 1.0))
            mean[camera, label] = peak * share * day * factor
    return mean


def _happen(
    dice: np.random.Generator,
    seed: int,
    zone: ZoneInfo,
    start: datetime,
    mean: NDArray[np.float64],
    phi: NDArray[np.float64],
    incidents: tuple[Incident, ...],
) -> CountedSite:
    cameras, labels, slots = mean.shape
    counts = _negative_binomial(dice, mean, phi[:, :, None])
    coverage = np.ones((cameras, slots))
    fall = np.zeros((cameras, slots))
    restricted = np.zeros((cameras, slots), dtype=np.int64)
    gaps = _gaps(dice, start, slots, incidents)
    for camera_id, gap in gaps:
        coverage[CAMERAS.index(camera_id)] -= _shares(gap, start, slots)
    for one in incidents:
        camera, share = CAMERAS.index(one.camera_id), _shares(one.interval, start, slots)
        touched = np.flatnonzero(share)
        here = share[touched]
        if one.kind is IncidentKind.SPIKE:
            more = mean[camera][:, touched] * (one.size - 1) * here
            counts[camera][:, touched] += _negative_binomial(dice, more, phi[camera][:, None])
        elif one.kind is IncidentKind.SILENCE:
            counts[camera][:, touched] = dice.binomial(counts[camera][:, touched], 1 - here)
        elif one.kind is IncidentKind.OFF_HOURS_VISIT:
            spread = dice.multinomial(round(one.size), here / here.sum())
            counts[camera, 0, touched] += spread
            if camera < RESTRICTED:
                restricted[camera, touched] += spread
        elif one.kind is IncidentKind.MISSING_COVERAGE:
            coverage[camera, touched] -= here
        else:
            begin, length = one.interval.start, one.interval.seconds
            passed = [(start + int(slot) * SLOT - begin).total_seconds() for slot in touched]
            fall[camera, touched] = one.size * np.clip(np.array(passed) / length, 0, 1)
    coverage = np.clip(coverage, 0.0, 1.0)
    counts = dice.binomial(counts, coverage[:, None, :])
    restricted = np.minimum(restricted, counts[:, 0])
    usual = dice.uniform(0.6, 0.9, size=(cameras, labels, 1))
    noise = dice.normal(size=counts.shape) * 0.09 * np.sqrt(counts)
    sums = np.clip(counts * (usual - fall[:, None, :]) + noise, 0, counts)
    return CountedSite(
        seed, zone, start, mean, phi, counts, sums, coverage, restricted, incidents, tuple(gaps)
    )


def _negative_binomial(
    dice: np.random.Generator, mean: NDArray[np.float64], phi: NDArray[np.float64]
) -> Counts:
    """Counts with variance mean + phi·mean²: Poisson around a gamma."""
    shape = np.broadcast_to(1 / phi, mean.shape)
    return dice.poisson(mean * dice.gamma(shape) / shape)


def _gaps(
    dice: np.random.Generator, start: datetime, slots: int, incidents: tuple[Incident, ...]
) -> list[tuple[str, Interval]]:
    """Short spans without recording, clear of the incidents."""
    found: list[tuple[str, Interval]] = []
    for camera_id in CAMERAS:
        for day in range(slots // 96):
            if dice.random() >= GAPS:
                continue
            begin = start + timedelta(days=day, minutes=int(dice.random() * 24 * 60))
            gap = Interval(begin, begin + timedelta(minutes=int(5 * 36 ** dice.random())))
            if not any(
                one.camera_id == camera_id and one.interval.intersect(gap) for one in incidents
            ):
                found.append((camera_id, gap))
    return found


def _shares(interval: Interval, start: datetime, slots: int) -> NDArray[np.float64]:
    """How much of each slot lies in an interval, 0 to 1."""
    left = (interval.start - start) / SLOT
    right = (interval.end - start) / SLOT
    edges = np.arange(slots)
    return np.clip(np.minimum(edges + 1, right) - np.maximum(edges, left), 0.0, 1.0)
