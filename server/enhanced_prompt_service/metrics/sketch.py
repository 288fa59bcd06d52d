"""Percentiles of durations in a bounded space: a histogram whose buckets grow geometrically.

Each bucket is wider than the one before it by the same factor, so an estimate is off by at most
`ACCURACY` of its value, whatever the distribution, and histograms of replicas add up. (DDSketch:
Masson, Rim and Lee, VLDB 2019, section 2.) A sketch is a mapping from bucket to count.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, exp, log

ACCURACY = 0.01
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_PER_LOG = 1 / log(_GAMMA)
LEAST_S = 1e-6
MOST_S = 1e6
"""Durations outside of these count as these: at most 1,382 buckets."""

Sketch = Mapping[int, int]


def bucket_of(seconds: float) -> int:
    """The bucket of a duration: those in (gamma^(i-1), gamma^i] are in bucket i."""
    if seconds <= LEAST_S:
        seconds = LEAST_S
    elif seconds > MOST_S:
        seconds = MOST_S
    return ceil(log(seconds) * _PER_LOG)


def quantile(sketch: Sketch, share: float) -> float | None:
    """The duration below or at which `share` (0 to 1) of all are, in seconds; None without any.

    The one of rank floor(share * (n - 1)) among n, as the paper defines it.
    """
    total = sum(sketch.values())
    if not total:
        return None
    rank = int(share * (total - 1))
    seen = 0
    for bucket in sorted(sketch):
        seen += sketch[bucket]
        if seen > rank:
            return 2 * exp(bucket / _PER_LOG) / (_GAMMA + 1)
    raise AssertionError("counts do not add up")


def add(into: dict[int, int], other: Sketch) -> None:
    """Add another sketch's counts."""
    for bucket, count in other.items():
        into[bucket] = into.get(bucket, 0) + count
