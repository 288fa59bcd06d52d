"""The detectors keep their promise on a part of the sites that `make eval` scores."""

from __future__ import annotations

from tests.support.require import scaled

from .counted import SEEDS
from .detectors import score_seeds


def test_incidents_are_found_and_false_alarms_are_few() -> None:
    """With few sites chance weighs more than in `make eval`, so the bars are lower."""
    sites = scaled(len(SEEDS), 2)
    scores = score_seeds(SEEDS[:sites])
    targets = scores.targets
    assert targets["silences of 2 h and more"] >= 0.9
    assert targets["spikes of 3 times and more"] >= (0.9 if sites == len(SEEDS) else 0.75)
    assert scores.false_a_month <= (1.0 if sites == len(SEEDS) else 1.6)
