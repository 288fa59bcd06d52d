"""Days of counts for the detectors, without a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from enhanced_prompt_service.domain.insights import InsightDraft
from enhanced_prompt_service.insights.detectors import (
    CameraSlot,
    Grid,
    Passed,
    Say,
    Seen,
    SiteWatch,
    Word,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)

Slots = Callable[[datetime], Mapping[str, CameraSlot]]
"""What the cameras saw in the slot that begins at an instant."""


def seen(count: int, label: str = "person", *, covered: float | None = 1.0) -> CameraSlot:
    """A slot with so many events of one label, each 10 s long and with a confidence of 0.8."""
    one = Seen(count, count, 0.8 * count, (10.0,) * min(count, 5), {"": count})
    return CameraSlot(covered, by_label={label: one} if count else {})


class Feed:
    """A site whose slots are closed one after the other."""

    def __init__(
        self, zone: str = "UTC", minutes: int = 15, start: datetime = MONDAY, seed: int = 1
    ) -> None:
        self.grid = Grid(ZoneInfo(zone), minutes)
        self.watch = SiteWatch("site", self.grid)
        self.at = start
        self.words: list[Word] = []
        self._dice = np.random.default_rng(seed)

    def usual(self, cameras: int = 1, mean: float = 8.0, phi: float = 0.2) -> Slots:
        """Days of the same shape: `mean` events a slot from 6 to 22, a tenth of it at night."""

        def make(at: datetime) -> dict[str, CameraSlot]:
            hour = at.astimezone(self.grid.zone).hour
            now = mean if 6 <= hour < 22 else mean / 10
            return {f"cam-{number}": seen(self.count(now, phi)) for number in range(cameras)}

        return make

    def count(self, mean: float, phi: float = 0.2) -> int:
        """A negative-binomial count."""
        return int(self._dice.poisson(mean * self._dice.gamma(1 / phi) * phi))

    def run(self, length: timedelta, slots: Slots) -> list[Word]:
        """Close the slots of the next so long; what was said about them."""
        said: list[Word] = []
        end = self.at + length
        while self.at < end:
            said += self.watch.close(self.grid.number(self.at), slots(self.at))
            self.at += self.grid.length
        self.words += said
        return said


def drafts(words: list[Word], detector: str = "") -> list[InsightDraft]:
    """The drafts among words, of one detector or all."""
    found = [word.draft for word in words if isinstance(word, Say)]
    return [one for one in found if not detector or one.dedupe_key.split(":")[0] == detector]


def passed(words: list[Word]) -> list[str]:
    """The keys of what has passed."""
    return [word.dedupe_key for word in words if isinstance(word, Passed)]
