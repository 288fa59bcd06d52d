"""Shapes of the day, and counts around them.

Only `random.Random.random()` is drawn from, seeded by a hash: its sequence is the one that Python
promises to keep between versions, so that a seed means the same site everywhere.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from statistics import NormalDist

# Monday to Sunday, for what follows office work.
OFFICE_WEEK = (1.0, 1.06, 1.08, 1.03, 0.83)
_LEAST = 1e-290


def derived(*parts: object) -> random.Random:
    """A generator of its own for these parts, the same on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(digest, "big"))


def shape(*weights: float) -> tuple[float, ...]:
    """24 hourly weights, scaled to a sum of 1."""
    if len(weights) != 24:
        raise ValueError("a day has 24 hours")
    total = sum(weights)
    return tuple(weight / total for weight in weights)


# fmt: off
#                    0    1    2    3    4    5    6    7    8    9   10   11
#                   12   13   14   15   16   17   18   19   20   21   22   23
ARRIVALS = shape(  .02, .01, .01, .01, .02, .10, .90, 4.2, 8.0, 4.6, 1.6, 1.3,
                   2.8, 4.0, 1.8, 1.2, 0.9, 0.7, 0.5, .25, .12, .08, .05, .03)
DEPARTURES = shape(.04, .02, .01, .01, .01, .02, .10, 0.3, 0.6, 0.8, 1.1, 1.8,
                   4.4, 2.2, 1.3, 1.8, 4.2, 8.0, 4.4, 1.6, 0.8, 0.4, .20, .10)
WORKDAY = shape(   .03, .02, .02, .02, .02, .10, 0.7, 2.5, 5.0, 5.2, 4.8, 4.9,
                   6.2, 5.6, 4.7, 4.6, 4.8, 4.4, 2.2, 1.2, 0.5, 0.2, .10, .05)
DELIVERIES = shape(.01, .01, .01, .02, .10, 0.6, 2.2, 4.6, 5.6, 5.8, 5.2, 4.4,
                   2.6, 3.8, 4.6, 4.0, 2.4, 1.0, 0.3, .10, .05, .03, .02, .01)
LUNCH = shape(     .00, .00, .00, .00, .00, .00, .05, 0.3, 0.7, 0.9, 1.4, 2.8,
                   8.0, 6.0, 1.8, 1.4, 1.2, 1.4, 0.8, 0.4, .15, .05, .00, .00)
ROUNDS = shape(    1.0, 0.2, 1.4, 0.2, 0.9, 0.3, 0.2, .10, .05, .05, .05, .05,
                   .05, .05, .05, .05, .05, .10, 0.2, 0.5, 1.2, 0.4, 1.4, 0.6)
NIGHT_LIFE = shape(2.0, 2.2, 2.4, 2.2, 1.8, 1.2, 0.6, 0.4, 0.3, 0.3, 0.2, 0.2,
                   0.2, 0.2, 0.2, 0.3, 0.4, 0.5, 0.8, 1.2, 1.6, 1.8, 2.0, 2.0)
STREET = shape(    0.5, 0.3, 0.2, 0.2, 0.2, 0.5, 1.4, 3.0, 4.2, 3.4, 3.0, 3.2,
                   4.2, 4.0, 3.4, 3.4, 3.8, 4.6, 3.8, 2.6, 1.8, 1.4, 1.0, 0.8)
# fmt: on


def negative_binomial(uniform: float, mean: float, phi: float) -> int:
    """The count at quantile `uniform` (0..1) of a distribution with variance mean + phi·mean².

    Inverse of the distribution function by its recurrence; phi = 0 is Poisson. A larger mean never
    gives a smaller count for the same quantile, so an incident adds to what would have been there.
    """
    if mean <= 0:
        return 0
    if phi > 0:
        size, odds = 1 / phi, phi * mean / (1 + phi * mean)
        probability = (1 + phi * mean) ** -size
    else:
        size, odds = 0.0, mean
        probability = math.exp(-mean)
    if probability < _LEAST:  # a mean so large that the normal distribution is as good
        spread = math.sqrt(mean + phi * mean**2)
        deviation = NormalDist().inv_cdf(min(max(uniform, 1e-9), 1 - 1e-9))
        return max(round(mean + spread * deviation), 0)
    cumulated, count = probability, 0
    limit = int(20 + mean * 60)
    while cumulated < uniform and count < limit:
        count += 1
        probability *= (size + count - 1) / count * odds if phi > 0 else odds / count
        cumulated += probability
    return count


def choose(uniform: float, weights: Sequence[float]) -> int:
    """The index at quantile `uniform` of these weights."""
    left = uniform * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)
