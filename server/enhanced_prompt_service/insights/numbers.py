"""Negative-binomial counts: variance μ + φμ², Poisson as φ → 0."""

from __future__ import annotations

import math
from collections.abc import Iterator


def likelihood_gain(count: float, mean: float, phi: float, factor: float) -> float:
    """ln of how much likelier a count is under `factor` · μ than under μ, φ the same."""
    usual, other = 1 + phi * mean, 1 + phi * factor * mean
    return count * math.log(factor * usual / other) - math.log(other / usual) / phi


def zero_surprise(mean: float, phi: float) -> float:
    """-log10 of the probability of no event: log10(1 + φμ)/φ, μ/ln 10 as φ → 0."""
    if phi * mean < 1e-6:
        return mean / math.log(10)
    return math.log10(1 + phi * mean) / phi


def tail(count: int, mean: float, phi: float) -> float:
    """P(X >= count)."""
    below = 0.0
    for probability in _probabilities(mean, phi, count):
        below += probability
    return max(1 - below, 0.0) if below < 0.999 else _far_tail(count, mean, phi)


def quantile(share: float, mean: float, phi: float) -> int:
    """The smallest count with P(X <= count) >= share, for a share below 1."""
    if mean > 2_000:  # the recurrence would take long, and the normal distribution is as good
        deviation = {0.05: -1.645, 0.95: 1.645}.get(share, 0.0)
        return max(round(mean + deviation * math.sqrt(mean + phi * mean * mean)), 0)
    below, limit = 0.0, int(50 + mean * 60)
    for count, probability in enumerate(_probabilities(mean, phi, limit)):
        below += probability
        if below >= share:
            return count
    return limit


def _probabilities(mean: float, phi: float, count: int) -> Iterator[float]:
    """P(X = 0), …, P(X = count - 1)."""
    phi = max(phi, 1e-6)
    size, odds = 1 / phi, phi * mean / (1 + phi * mean)
    log_p = -math.log1p(phi * mean) / phi
    for number in range(count):
        yield math.exp(log_p)
        log_p += math.log((size + number) / (number + 1) * odds) if odds > 0 else -math.inf


def _far_tail(count: int, mean: float, phi: float) -> float:
    """The tail summed from above, where 1 - (the rest) has no digits left."""
    phi = max(phi, 1e-6)
    size, odds = 1 / phi, phi * mean / (1 + phi * mean)
    if odds <= 0:
        return 0.0 if count else 1.0
    log_p = (
        math.lgamma(size + count) - math.lgamma(size) - math.lgamma(count + 1)
        - math.log1p(phi * mean) / phi + count * math.log(odds)
    )  # fmt: skip
    total = 0.0
    for number in range(count, count + 400):
        total += math.exp(log_p)
        log_p += math.log((size + number) / (number + 1) * odds)
    return min(total, 1.0)
