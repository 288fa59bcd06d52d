"""What detectors say: a draft of an insight, or that what an insight was about has passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.insights import BaselinePoint, ExpectedInterval, InsightDraft, InsightType, Severity
from ..domain.times import Interval
from .numbers import quantile
from .series import Usual
from .slots import Grid

LEVEL = 0.9
_EDGES = (4.0, 6.0, 9.0, 13.0)


@dataclass(frozen=True, slots=True)
class Say:
    """A draft: of something new, or of all that went on so far."""

    draft: InsightDraft


@dataclass(frozen=True, slots=True)
class Passed:
    """What the insight with this dedupe_key was about is over; `at` is when, in site time."""

    dedupe_key: str
    at: datetime


Word = Say | Passed


@dataclass(frozen=True, slots=True)
class Named:
    """A camera, and what to call it."""

    site: str
    camera_id: str
    name: str = ""

    @property
    def spoken(self) -> str:
        """Its name, else its id."""
        return self.name or self.camera_id

    def key(self, detector: str, *more: str) -> str:
        """The dedupe_key of what a detector says about this camera."""
        return ":".join((detector, self.site, self.camera_id, *more))[:256]


def severity_of(score: float, edges: Sequence[float] = _EDGES) -> Severity:
    """LOW from the first edge on, CRITICAL from the fourth."""
    steps = sum(score >= edge for edge in edges)
    return Severity(min(max(steps, 1), 4))


def usually(usual: Usual) -> ExpectedInterval:
    """Where the count of a slot usually lies: 5 to 95 %."""
    return between(usual.mean, usual.phi)


def between(mean: float, phi: float) -> ExpectedInterval:
    """Where a negative-binomial count usually lies: 5 to 95 %."""
    return ExpectedInterval(quantile(0.05, mean, phi), quantile(0.95, mean, phi), LEVEL)


def point(grid: Grid, slot: int, count: float | None, usual: Usual | None) -> BaselinePoint:
    """One slot of a plot."""
    if usual is None:
        return BaselinePoint(grid.start(slot), count)
    return BaselinePoint(grid.start(slot), count, round(usual.mean, 2), usually(usual))


def spell_window(window: Interval, grid: Grid) -> str:
    """A window in local words: "Tue 3 Mar 2026, 14:15 to 15:00"."""
    start, end = window.start.astimezone(grid.zone), window.end.astimezone(grid.zone)
    day = f"{start:%a} {start.day} {start:%b %Y}"
    if start.date() == end.date() or end - start <= timedelta(hours=24):
        return f"{day}, {start:%H:%M} to {end:%H:%M}"
    return f"{day}, {start:%H:%M} to {end:%a} {end.day} {end:%b}, {end:%H:%M}"


def spell_length(length: timedelta) -> str:
    """A length of time in words: "45 minutes", "3.5 hours", "2 days"."""
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    if minutes < 48 * 60:
        return f"{minutes / 60:.1f}".removesuffix(".0") + " hours"
    return f"{minutes / 1440:.1f}".removesuffix(".0") + " days"


def spell_number(number: float) -> str:
    """A number as people read it: 0.4, 7.5, 1,200."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}".removesuffix(".0")


def spell_events(count: int, label: str = "") -> str:
    """ "1 event was", "12 person events were"."""
    what = f"{label} event" if label else "event"
    return f"1 {what} was" if count == 1 else f"{count:,} {what}s were"


def spell_times(factor: float) -> str:
    """A factor in words."""
    return f"{factor:.1f}".removesuffix(".0") + " times"


__all__ = [
    "InsightDraft",
    "InsightType",
    "Interval",
    "Named",
    "Passed",
    "Say",
    "Severity",
    "Word",
    "between",
    "point",
    "severity_of",
    "spell_events",
    "spell_length",
    "spell_number",
    "spell_times",
    "spell_window",
    "usually",
]
