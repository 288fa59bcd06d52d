"""The sites that detectors are scored on are what they say."""

from __future__ import annotations

import numpy as np

from enhanced_prompt_service.sources.simulate import IncidentKind

from .counted import CAMERAS, SLOT, CountedSite, counted_site


def inside(site: CountedSite, kind: IncidentKind) -> list[tuple[int, int, int]]:
    """Camera and the slots that lie wholly in an incident."""
    return [
        (
            CAMERAS.index(one.camera_id),
            int(-((site.start - one.interval.start) // SLOT)),
            int((one.interval.end - site.start) // SLOT),
        )
        for one in site.incidents
        if one.kind is kind
    ]


def test_a_seed_is_a_site() -> None:
    first, again, other = counted_site(1), counted_site(1), counted_site(2)
    assert (first.counts == again.counts).all()
    assert first.incidents == again.incidents
    assert (first.counts.sum(), first.start) != (other.counts.sum(), other.start)


def test_counts_outside_of_incidents_have_the_mean_and_the_variance_they_should() -> None:
    site = counted_site(3)
    free = np.ones(site.coverage.shape, dtype=bool)
    for one in site.incidents:
        left, right = (
            (moment - site.start) / SLOT for moment in (one.interval.start, one.interval.end)
        )
        free[CAMERAS.index(one.camera_id), int(left) : int(right) + 1] = False
    free &= site.coverage == 1
    for camera in range(len(CAMERAS)):
        for label in range(3):
            mean = site.mean[camera, label, free[camera]]
            counts = site.counts[camera, label, free[camera]]
            variance = mean + site.phi[camera, label] * mean**2
            score = (counts - mean) / np.sqrt(variance)
            assert abs(score.mean()) < 4.5 / np.sqrt(len(score))
            assert 0.8 < score.var() < 1.25


def test_a_silence_leaves_coverage_and_a_gap_takes_it() -> None:
    site = counted_site(5)
    silent = inside(site, IncidentKind.SILENCE)
    missing = inside(site, IncidentKind.MISSING_COVERAGE)
    assert len(silent) == 32
    for camera, first, last in silent:
        assert site.counts[camera, :, first:last].sum() == 0
        assert (site.coverage[camera, first:last] == 1).all()
        assert (site.mean[camera, :, first:last].sum(axis=0) >= 2).all()
    for camera, first, last in missing:
        assert (site.coverage[camera, first:last] == 0).all()
        assert site.counts[camera, :, first:last].sum() == 0


def test_spikes_multiply_by_their_size_on_average() -> None:
    ratios: list[float] = []
    for seed in range(4):
        site = counted_site(seed)
        sizes = [one.size for one in site.incidents if one.kind is IncidentKind.SPIKE]
        for size, (camera, first, last) in zip(
            sizes, inside(site, IncidentKind.SPIKE), strict=True
        ):
            if last > first:
                seen = site.counts[camera, :, first:last].sum()
                ratios.append(float(seen / site.mean[camera, :, first:last].sum() / size))
    assert len(ratios) > 100
    assert abs(np.mean(ratios) - 1) < 0.15
