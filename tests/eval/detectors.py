"""How the detectors do on counted sites: recall by size of incident, false alarms a camera-month.

An incident is found when an insight that may tell of it (`MEANT`) names its camera and overlaps
it. An insight of the scored weeks is a false alarm when no incident of its camera, of a kind that
it may come from (`EXCUSED`), lies within an hour of it; those of one camera and kind that lie
within an hour of each other are one. Predictions are no alarms.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import get_context

from enhanced_prompt_service.domain.insights import InsightDraft
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.insights.detectors import (
    CameraSlot,
    Grid,
    Say,
    Seen,
    SiteWatch,
    Trespass,
)
from enhanced_prompt_service.sources.simulate import Incident, IncidentKind

from .counted import CAMERAS, LABELS, RESTRICTED, SCORED_WEEKS, SEEDS, CountedSite, counted_site

ZONE = "yard"
NEAR = timedelta(hours=1)
CAMERA_MONTH = timedelta(days=365.25 / 12)

MEANT = {
    IncidentKind.SPIKE: {"activity_spike"},
    IncidentKind.SILENCE: {"silence"},
    IncidentKind.OFF_HOURS_VISIT: {"restricted", "rarity", "activity_spike"},
    IncidentKind.CONFIDENCE_DRIFT: {"confidence"},
    IncidentKind.MISSING_COVERAGE: {"offline"},
}
EXCUSED = {
    "activity_spike": {IncidentKind.SPIKE, IncidentKind.OFF_HOURS_VISIT},
    "rarity": {IncidentKind.SPIKE, IncidentKind.OFF_HOURS_VISIT},
    "restricted": {IncidentKind.OFF_HOURS_VISIT},
    "activity_drop": {IncidentKind.SILENCE},
    "silence": {IncidentKind.SILENCE},
    "confidence": {IncidentKind.CONFIDENCE_DRIFT},
    "offline": {IncidentKind.MISSING_COVERAGE},
    "flapping": {IncidentKind.MISSING_COVERAGE},
}
Bucket = tuple[str, str]
BUCKETS: tuple[tuple[IncidentKind, str, float, float], ...] = (
    (IncidentKind.SPIKE, "2 to 3 times", 2, 3),
    (IncidentKind.SPIKE, "3 to 4 times", 3, 4),
    (IncidentKind.SPIKE, "4 to 6 times", 4, 6),
    (IncidentKind.SPIKE, "6 to 8 times", 6, 8.01),
    (IncidentKind.SILENCE, "1 to 2 h", 1, 2),
    (IncidentKind.SILENCE, "2 to 4 h", 2, 4),
    (IncidentKind.SILENCE, "4 to 12 h", 4, 12.1),
    (IncidentKind.OFF_HOURS_VISIT, "3 to 6 people", 3, 6),
    (IncidentKind.OFF_HOURS_VISIT, "6 to 12 people", 6, 12.1),
    (IncidentKind.CONFIDENCE_DRIFT, "by 0.05 to 0.1", 0.05, 0.1),
    (IncidentKind.CONFIDENCE_DRIFT, "by 0.1 to 0.3", 0.1, 0.31),
    (IncidentKind.MISSING_COVERAGE, "0.5 to 2 h", 0.5, 2),
    (IncidentKind.MISSING_COVERAGE, "2 to 24 h", 2, 24.1),
)
TARGETS = {"spikes of 3 times and more": 0.9, "silences of 2 h and more": 0.9}
MOST_FALSE = 1.0


@dataclass(slots=True)
class Scores:
    """Sums over sites."""

    there: Counter[Bucket] = field(default_factory=Counter[Bucket])
    found: Counter[Bucket] = field(default_factory=Counter[Bucket])
    false: Counter[str] = field(default_factory=Counter[str])
    camera_months: float = 0.0

    def recall(self, kind: IncidentKind, least: float) -> float:
        """Of incidents of a kind and at least a size."""
        chosen = [(k.value, name) for k, name, low, _ in BUCKETS if k is kind and low >= least]
        there = sum(self.there[one] for one in chosen)
        return sum(self.found[one] for one in chosen) / there if there else 1.0

    @property
    def false_a_month(self) -> float:
        """False alarms of all detectors a camera-month."""
        return sum(self.false.values()) / self.camera_months

    @property
    def targets(self) -> dict[str, float]:
        """What the targets are about."""
        return {
            "spikes of 3 times and more": self.recall(IncidentKind.SPIKE, 3),
            "silences of 2 h and more": self.recall(IncidentKind.SILENCE, 2),
        }

    @property
    def good(self) -> bool:
        """Whether every target is met."""
        met = all(share >= TARGETS[name] for name, share in self.targets.items())
        return met and self.false_a_month <= MOST_FALSE


def run_site(site: CountedSite) -> list[InsightDraft]:
    """Everything that the detectors say about a site, in order."""
    grid = Grid(site.zone)
    watch = SiteWatch(f"site-{site.seed}", grid)
    first = grid.number(site.start)
    said: list[InsightDraft] = []
    for slot in range(site.slots):
        words = watch.close(first + slot, camera_slots(site, grid, slot))
        said += (word.draft for word in words if isinstance(word, Say))
    return said


def camera_slots(site: CountedSite, grid: Grid, slot: int) -> dict[str, CameraSlot]:
    """What the detectors are given of one slot."""
    start = grid.start(grid.number(site.start) + slot)
    hour = start.astimezone(site.zone).hour
    night = hour >= 22 or hour < 6
    found: dict[str, CameraSlot] = {}
    for camera, camera_id in enumerate(CAMERAS):
        inside = int(site.restricted[camera, slot])
        by_label: dict[str, Seen] = {}
        for label, name in enumerate(LABELS):
            count = int(site.counts[camera, label, slot])
            if count:
                zones = {"": count - inside, ZONE: inside} if inside and label == 0 else {"": count}
                zones = {zone: one for zone, one in zones.items() if one}
                total = float(site.confidence_sums[camera, label, slot])
                by_label[name] = Seen(count, count, total, zones=zones)
        covered = float(site.coverage[camera, slot])
        before = float(site.coverage[camera, slot - 1]) if slot else 1.0
        found[camera_id] = CameraSlot(
            covered,
            breaks=int(covered < 1 and before >= 1),
            by_label=by_label,
            restricted=(ZONE,) if night and camera < RESTRICTED else (),
            trespasses=(Trespass(ZONE, "person", "", inside),) if night and inside else (),
        )
    return found


def score(site: CountedSite, said: Sequence[InsightDraft], scores: Scores) -> list[InsightDraft]:
    """Add a site to the scores; returns its false alarms."""
    by_camera: defaultdict[str, list[InsightDraft]] = defaultdict(list)
    for draft in said:
        for camera_id in draft.cameras:
            by_camera[camera_id].append(draft)
    for one in site.incidents:
        if one.interval.start < site.scored_from:
            continue
        bucket = _bucket(one)
        scores.there[bucket] += 1
        scores.found[bucket] += any(
            _detector(draft) in MEANT[one.kind] and draft.window.intersect(one.interval)
            for draft in by_camera[one.camera_id]
        )
    false: list[InsightDraft] = []
    for camera_id, drafts in by_camera.items():
        last: dict[str, datetime] = {}
        for draft in drafts:
            detector = _detector(draft)
            if detector == "forecast" or draft.window.end <= site.scored_from:
                continue
            if _excused(detector, draft.window, camera_id, site):
                continue
            start, end = draft.window.start, draft.window.end
            if detector not in last or start > last[detector] + NEAR:
                scores.false[detector] += 1
                false.append(draft)
            last[detector] = max(end, last.get(detector, end))
    scores.camera_months += len(CAMERAS) * (timedelta(weeks=SCORED_WEEKS) / CAMERA_MONTH)
    return false


def _detector(draft: InsightDraft) -> str:
    return draft.dedupe_key.split(":", 1)[0]


def _excused(detector: str, window: Interval, camera_id: str, site: CountedSite) -> bool:
    near = Interval(window.start - NEAR, window.end + NEAR)
    kinds = EXCUSED.get(detector, set[IncidentKind]())
    if any(
        one.camera_id == camera_id and one.kind in kinds and one.interval.intersect(near)
        for one in site.incidents
    ):
        return True
    return detector in ("offline", "flapping") and any(
        camera == camera_id and gap.intersect(near) for camera, gap in site.gaps
    )


def _bucket(one: Incident) -> Bucket:
    size = one.size
    if one.kind in (IncidentKind.SILENCE, IncidentKind.MISSING_COVERAGE):
        size = one.interval.seconds / 3600
    for kind, name, low, high in BUCKETS:
        if kind is one.kind and low <= size + 1e-9 < high:
            return kind.value, name
    raise ValueError(f"no bucket for {one}")


def score_seed(seed: int) -> Scores:
    """The scores of one site."""
    scores, site = Scores(), counted_site(seed)
    score(site, run_site(site), scores)
    return scores


def score_seeds(seeds: Sequence[int] = SEEDS) -> Scores:
    """The scores of some sites together, a process each for as many as there are cores."""
    scores = Scores()
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for one in pool.map(score_seed, seeds):
            scores.there += one.there
            scores.found += one.found
            scores.false += one.false
            scores.camera_months += one.camera_months
    return scores


def report(scores: Scores) -> bool:
    """Prints the table; whether the targets are met."""
    print(f"\nset detectors\n{'incident':<20}{'size':<18}{'there':>6}{'found':>6}  recall")
    for kind, name, _, _ in BUCKETS:
        there, found = scores.there[kind.value, name], scores.found[kind.value, name]
        share = f"{found / there:.2f}" if there else "-"
        print(f"{kind.value:<20}{name:<18}{there:>6}{found:>6}  {share}")
    months = scores.camera_months
    print(f"\n{'false alarms':<20}{'a camera-month':>14}")
    for detector, count in scores.false.most_common():
        print(f"{detector:<20}{count / months:>14.3f}")
    print(f"{'all':<20}{scores.false_a_month:>14.3f}   (target: at most {MOST_FALSE:g})")
    for name, share in scores.targets.items():
        print(f"recall of {name}: {share:.3f} (target {TARGETS[name]})")
    print()
    return scores.good
