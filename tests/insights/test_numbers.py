"""Negative-binomial counts, against sums and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from enhanced_prompt_service.insights.numbers import (
    likelihood_gain,
    quantile,
    tail,
    zero_surprise,
)

CASES = [(0.2, 0.5), (3.0, 1.0), (12.0, 0.3), (40.0, 0.01)]


def sample(mean: float, phi: float) -> np.ndarray:
    dice = np.random.default_rng(3)
    return dice.poisson(mean * dice.gamma(1 / phi, phi, size=200_000))


@pytest.mark.parametrize(("mean", "phi"), CASES)
def test_tails_and_quantiles_are_those_of_the_distribution(mean: float, phi: float) -> None:
    drawn = sample(mean, phi)
    for count in (0, 1, int(mean), int(3 * mean) + 1):
        assert abs(tail(count, mean, phi) - (drawn >= count).mean()) < 0.005
    for share in (0.05, 0.5, 0.95):
        found = quantile(share, mean, phi)
        assert (drawn <= found).mean() >= share - 0.005
        assert found == 0 or (drawn <= found - 1).mean() < share + 0.005


def test_far_tails_keep_their_digits() -> None:
    # Geometric for φ = 1: P(X >= n) = (μ/(1 + μ))^n.
    assert tail(30, 0.2, 1.0) == pytest.approx((0.2 / 1.2) ** 30, rel=1e-9)


def test_a_gain_is_the_ratio_of_two_probabilities() -> None:
    mean, phi, factor, count = 4.0, 0.5, 3.0, 17

    def log_p(mu: float) -> float:
        size = 1 / phi
        odds = phi * mu / (1 + phi * mu)
        return (
            math.lgamma(size + count)
            - math.lgamma(size)
            - math.lgamma(count + 1)
            - size * math.log(1 + phi * mu)
            + count * math.log(odds)
        )

    expected = log_p(factor * mean) - log_p(mean)
    assert likelihood_gain(count, mean, phi, factor) == pytest.approx(expected)


def test_the_surprise_of_nothing_has_its_limit_where_counts_are_poisson() -> None:
    assert zero_surprise(5, 0.5) == pytest.approx(math.log10(1 + 0.5 * 5) / 0.5)
    assert zero_surprise(5, 1e-9) == pytest.approx(5 / math.log(10))
    assert zero_surprise(5, 1e-5) == pytest.approx(zero_surprise(5, 1e-9), rel=1e-3)
