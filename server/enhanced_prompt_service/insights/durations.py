"""security_anomaly: what lasts beyond the 99th percentile of its label at the camera, and half as
long again as anything in 28 days."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from ..domain.insights import InsightDraft, InsightType, Severity
from .slots import Grid, Seen
from .words import Named, Say, Word, spell_length, spell_number, spell_window

KNOWN_DAYS = 14
LEAST_DURATIONS = 500
_BIN0, _PER_OCTAVE, _BINS = 0.25, 4, 80  # durations from 0.25 s to 3 days
_LONGER = 1.5
_KEPT_MAXIMA = 28


class Durations:
    """How long events of each label last: a histogram of their logarithms, and daily maxima."""

    def __init__(self) -> None:
        self._histogram: dict[str, dict[int, int]] = {}
        self._maxima: dict[str, list[float]] = {}
        self._today: dict[str, float] = {}
        self.days = 0

    def known(self, label: str) -> int:
        """Durations seen so far."""
        return sum(self._histogram.get(label, {}).values())

    def percentile(self, label: str, share: float = 0.99) -> float:
        """The upper end of the bin that holds the percentile, seconds; 0 where nothing is known."""
        bins = self._histogram.get(label, {})
        left = share * sum(bins.values())
        for number in sorted(bins):
            left -= bins[number]
            if left <= 0:
                return _BIN0 * 2 ** ((number + 1) / _PER_OCTAVE)
        return 0.0

    def end_day(self) -> None:
        """A local day ended."""
        self.days += 1
        for label in self._histogram:
            kept = [*self._maxima.get(label, []), round(self._today.get(label, 0.0), 1)]
            self._maxima[label] = kept[-_KEPT_MAXIMA:]
        self._today.clear()

    def step(self, who: Named, grid: Grid, slot: int, label: str, seen: Seen) -> list[Word]:
        """Take in a slot's events of one label."""
        if not seen.durations:
            return []
        words: list[Word] = []
        longest = max(seen.durations)
        maxima = self._maxima.get(label, [])
        if self.days >= KNOWN_DAYS and len(maxima) >= KNOWN_DAYS:
            before = max(*maxima, self._today.get(label, 0.0))
            limit = max(self.percentile(label), _LONGER * before)
            if longest > limit and self.known(label) >= LEAST_DURATIONS:
                words.append(Say(_too_long(who, grid, slot, label, longest, before, self)))
        self._today[label] = max(self._today.get(label, 0.0), longest)
        bins = self._histogram.setdefault(label, {})
        for one in seen.durations:
            octaves = math.log2(max(one, _BIN0) / _BIN0)
            number = min(int(octaves * _PER_OCTAVE), _BINS - 1)
            bins[number] = bins.get(number, 0) + 1
        return words

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "histogram": {label: list(bins.items()) for label, bins in self._histogram.items()},
            "maxima": self._maxima,
            "today": self._today,
            "days": self.days,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From `dump`."""
        self._histogram = {
            label: {int(number): int(count) for number, count in bins}
            for label, bins in state["histogram"].items()
        }
        self._maxima = {
            label: [float(one) for one in row] for label, row in state["maxima"].items()
        }
        self._today = {label: float(one) for label, one in state["today"].items()}
        self.days = int(state["days"])


def _too_long(
    who: Named, grid: Grid, slot: int, label: str, longest: float, before: float, known: Durations
) -> InsightDraft:
    usual = known.percentile(label)
    window = grid.span(slot, slot)
    return InsightDraft(
        type=InsightType.SECURITY_ANOMALY,
        severity=Severity.LOW if longest < 4 * before else Severity.MEDIUM,
        title=f"{who.spoken}: {label or 'something'} stayed for {_spell_seconds(longest)}",
        message=(
            f"A {label} event that began on {spell_window(window, grid)} lasted "
            f"{_spell_seconds(longest)}; 99 of 100 there end within {_spell_seconds(usual)}, and "
            f"the longest in {_KEPT_MAXIMA} days took {_spell_seconds(before)}. Somebody may be "
            "waiting, hiding or in need of help."
        ),
        window=window,
        dedupe_key=who.key("duration", label),
        confidence=0.7,
        observed=round(longest, 1),
        expected=round(usual, 1),
        unit="seconds",
        score=round(longest / max(before, 0.1), 2),
        cameras=(who.camera_id,),
        sites=(who.site,),
        event_count=1,
        suggested_actions=("Look at the clip.",),
        metadata={"detector": "duration", "label": label},
    )


def _spell_seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{spell_number(seconds)} seconds"
    return spell_length(timedelta(seconds=seconds))
