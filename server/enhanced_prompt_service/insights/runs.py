"""Runs of unusual slots: evidence that adds up, one episode as long as it lasts.

For a change by a factor k each slot gives g = ln(P(x | kμ)/P(x | μ))/c², and the evidence is
S ← max(S, 0) + g (Page, Continuous inspection schemes, 1954) for a few k at once. The score is
√(2·max S): what a single normal slot with the same evidence would have as its z, so that one scale
of severities (4, 6, 9, 13) fits a short burst and a long rise. A run ends with two slots that are
likelier under the usual mean, or where coverage ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from .numbers import likelihood_gain
from .series import Usual

MORE = (2.0, 3.0, 4.5, 7.0)
LESS = (0.5, 0.25)
FIRES = 3.75
LEAST_DIFFERENCE = 3.0
_CALM_SLOTS = 2
_LONGEST = 12  # slots: what has not fired by then is a baseline that is a little too low


class Turn(Enum):
    """What a slot did to a run."""

    BEGAN = "began"
    GREW = "grew"
    PASSED = "passed"


@dataclass(slots=True)
class Episode:
    """A run that fired: its first and last unusual slot, and the sums over its slots."""

    first: int
    last: int
    observed: float
    expected: float
    variance: float
    score: float
    slots: int

    @property
    def factor(self) -> float:
        """Observed in units of expected."""
        return self.observed / max(self.expected, 1e-9)


class Run:
    """Evidence for more (or less) than usual in one series."""

    __slots__ = ("_calm", "_evidence", "_factors", "_fires", "_since", "episode")

    def __init__(self, factors: Sequence[float] = MORE, fires: float = FIRES) -> None:
        self._factors = tuple(factors)
        self._fires = fires
        self._evidence = [0.0] * len(self._factors)
        # Sums since the evidence of each factor began: slot, observed, expected, variance, slots.
        self._since: list[list[float]] = [[0, 0.0, 0.0, 0.0, 0] for _ in self._factors]
        self._calm = 0
        self.episode: Episode | None = None

    @property
    def score(self) -> float:
        """√(2·max S) as of the newest slot: 0 where there is no evidence."""
        return math.sqrt(2 * max(*self._evidence, 0.0))

    def step(self, slot: int, parts: Sequence[tuple[float, Usual]], spread: float) -> Turn | None:
        """Take in a covered slot: the count and what was usual of each series that this is about.
        `spread` is c of them together."""
        count, mean, variance = 0.0, 0.0, 0.0
        for part, usual in parts:
            count += part
            mean += usual.mean
            variance += usual.variance
        best, at, unusual = 0.0, 0, False
        for number, factor in enumerate(self._factors):
            gain = 0.0
            for part, usual in parts:
                gain += likelihood_gain(part, usual.mean, usual.phi, factor)
            gain /= spread * spread
            if number == 0:
                unusual = gain > 0
            since = self._since[number]
            if self._evidence[number] <= 0.0 or since[4] >= _LONGEST:
                self._evidence[number] = 0.0
                since[:] = [slot, 0.0, 0.0, 0.0, 0]
            self._evidence[number] += gain
            since[1] += count
            since[2] += mean
            since[3] += variance
            since[4] += 1
            if self._evidence[number] > best:
                best, at = self._evidence[number], number
        score = math.sqrt(2 * best)
        if self.episode is not None:
            return self._go_on(slot, count, mean, variance, unusual, score)
        first, observed, expected, deviation, slots = self._since[at]
        difference = abs(observed - expected)
        if score < self._fires or difference < LEAST_DIFFERENCE:
            return None
        self.episode = Episode(
            int(first), slot, observed, expected, deviation, score, int(slots)
        )  # fmt: skip
        self._calm = 0
        return Turn.BEGAN

    def interrupt(self) -> Turn | None:
        """Coverage ended: what was seen so far says nothing of what comes."""
        passed = Turn.PASSED if self.episode is not None else None
        self._forget()
        return passed

    def _go_on(
        self, slot: int, count: float, mean: float, variance: float, unusual: bool, score: float
    ) -> Turn | None:
        episode = self.episode
        assert episode is not None
        if not unusual:
            self._calm += 1
            if self._calm < _CALM_SLOTS:
                return None
            self._forget()
            return Turn.PASSED
        self._calm = 0
        episode.last = slot
        episode.observed += count
        episode.expected += mean
        episode.variance += variance
        episode.slots += 1
        episode.score = max(episode.score, score)
        return Turn.GREW

    def _forget(self) -> None:
        self.episode, self._calm = None, 0
        self._evidence = [0.0] * len(self._factors)

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "evidence": self._evidence,
            "since": self._since,
            "calm": self._calm,
            "episode": asdict(self.episode) if self.episode else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From `dump`."""
        self._evidence = [float(one) for one in state["evidence"]]
        self._since = [[float(value) for value in one] for one in state["since"]]
        self._calm = int(state["calm"])
        self.episode = Episode(**state["episode"]) if state["episode"] else None
