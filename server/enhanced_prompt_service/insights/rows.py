"""The count detector over any series of numbers: for public benchmarks and for curious people.

It is the detector of cameras' counts, with nothing of it changed: rows are placed in slots as long
as the usual step between them, and each gets the score that its slot has. Numbers that are no small
counts are scaled to such (0 to 10,000, the lowest at 0 where some are negative); the detector's
variance has a Poisson part, which then is next to nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from .runs import LESS, MORE, Run
from .series import Series
from .slots import Grid

LARGEST = 10_000.0
_STEPS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)


@dataclass(frozen=True, slots=True)
class Scored:
    """A row: what was usual (None where nothing is known yet), and how unusual it is (0 to 100 and
    more; detectors of cameras speak from 3.9 on)."""

    time: datetime
    value: float
    expected: float | None
    score: float


def score_rows(rows: Sequence[tuple[datetime, float]], zone: ZoneInfo) -> Iterator[Scored]:
    """A score for every row, in the rows' order; each is judged by the rows before it alone.

    Rows are taken as they come; one that lies before an earlier one gets the score 0 and teaches
    nothing. Raises ValueError for fewer than two rows.
    """
    grid = Grid(zone, _step(rows))
    low = min(value for _, value in rows)
    high = max(value for _, value in rows)
    base = min(low, 0.0)
    whole = low >= 0 and high <= LARGEST and all(float(value).is_integer() for _, value in rows)
    scale = 1.0 if whole else LARGEST / max(high - base, 1e-12)
    series, more, less = Series(grid.per_day), Run(MORE), Run(LESS)
    newest: int | None = None
    for moment, value in rows:
        slot = grid.number(moment)
        if newest is not None and slot < newest:
            yield Scored(moment, value, None, 0.0)
            continue
        newest = slot
        place, count = grid.place(slot), (value - base) * scale
        usual = series.usual(place)
        score, expected = 0.0, None
        if usual is not None:
            expected = usual.plain / scale + base
            more.step(slot, [(count, usual)], usual.spread)
            less.step(slot, [(count, usual.unfloored())], usual.spread)
            score = max(more.score, less.score)
        series.learn(place, count, 1.0, unusual=more.episode is not None)
        yield Scored(moment, value, expected, score)


def _step(rows: Sequence[tuple[datetime, float]]) -> int:
    """The usual step between rows in minutes, as the nearest length that a slot may have."""
    if len(rows) < 2:
        raise ValueError("needs at least two rows")
    steps = [abs((b[0] - a[0]).total_seconds()) / 60 for a, b in pairwise(rows)]
    usual = statistics.median(steps)
    return min(_STEPS, key=lambda one: abs(one - usual))
