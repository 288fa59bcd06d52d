"""Counters and histograms by labels, without a lock: one thread counts, any may look.

A look takes a copy of a dictionary or a list, which CPython makes without letting the counting
thread in between; a histogram's sum may then be ahead of its buckets by what was counted meanwhile.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

Labels = tuple[str, ...]


class Tally:
    """A counter for each set of labels."""

    def __init__(self, name: str, help: str, labels: Sequence[str]) -> None:
        self._about = name, help
        self._labels = tuple(labels)
        self._counts: dict[Labels, float] = {}

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        """Count more; 0 shows the counter."""
        self._counts[labels] = self._counts.get(labels, 0.0) + amount

    def family(self) -> CounterMetricFamily:
        """As Prometheus reads it."""
        family = CounterMetricFamily(*self._about, labels=self._labels)
        for labels, count in self._counts.copy().items():
            family.add_metric(labels, count)
        return family


class Histogram:
    """A histogram for each set of labels. `bounds` are upper ones, inclusive and rising."""

    def __init__(
        self, name: str, help: str, labels: Sequence[str], bounds: Sequence[float]
    ) -> None:
        self._about = name, help
        self._labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._names = (*(str(float(one)) for one in bounds), "+Inf")
        self._made: dict[Labels, list[float]] = {}
        if not labels:
            self._made[()] = self._empty()

    def note(self, labels: Labels, value: float) -> None:
        """Count a value."""
        made = self._made.get(labels)
        if made is None:
            made = self._made[labels] = self._empty()
        made[bisect_left(self._bounds, value)] += 1
        made[-1] += value

    def _empty(self) -> list[float]:
        """Counts of the buckets, each for itself, and the sum of all values."""
        return [0.0] * (len(self._names) + 1)

    def family(self) -> HistogramMetricFamily:
        """As Prometheus reads it: each bucket holds those below it as well."""
        family = HistogramMetricFamily(*self._about, labels=self._labels)
        for labels, made in self._made.copy().items():
            *counts, total = made.copy()
            so_far = 0.0
            buckets: list[tuple[str, float]] = []
            for name, count in zip(self._names, counts, strict=True):
                so_far += count
                buckets.append((name, so_far))
            family.add_metric(labels, buckets, total)
        return family
