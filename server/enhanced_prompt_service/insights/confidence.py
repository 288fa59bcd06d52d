"""camera_performance: a camera that sees worse than before.

A day's mean confidence is held against that of 28 days, label by label, so that another mix of
labels is no fall. It fires at 4 of the usual deviations of days (median absolute deviation), and
where it is 0.02 lower. What fell teaches nothing of what is usual for two weeks.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.insights import InsightDraft, InsightType
from .slots import Grid, Seen
from .words import Named, Passed, Say, Word, severity_of, spell_window

KEPT_DAYS, FIRST_DAYS = 28, 10
LEAST_EVENTS = 30
LEAST_FALL = 0.02


class Confidence:
    """Daily means of confidence by label, over 28 days."""

    def __init__(self) -> None:
        self._days: list[dict[str, list[float]]] = []  # label → [count, sum], oldest first
        self._today: dict[str, list[float]] = {}
        self._first = 0  # slot in which the present day began
        self._told_since = 0
        self.told = False

    @property
    def days(self) -> int:
        """Full days known."""
        return len(self._days)

    def add(self, seen: Mapping[str, Seen]) -> None:
        """Take in a slot's events."""
        for label, one in seen.items():
            if one.confidences:
                sums = self._today.setdefault(label, [0, 0.0])
                sums[0] += one.confidences
                sums[1] += one.confidence_sum

    def end_day(self, who: Named, grid: Grid, slot: int) -> list[Word]:
        """A local day ended with the slot before this one."""
        day, self._today = self._today, {}
        first, self._first = self._first or slot, slot
        if sum(count for count, _ in day.values()) < LEAST_EVENTS:
            return []
        words: list[Word] = []
        if len(self._days) >= FIRST_DAYS:
            usual = self._usual()
            falls = [_fall(one, usual) for one in self._days]
            middle = statistics.median(falls)
            deviation = 1.4826 * statistics.median(abs(one - middle) for one in falls)
            fall = _fall(day, usual) - middle
            score = fall / (max(deviation, 0.003) * (1 + 1 / len(falls)) ** 0.5)
            if score >= 4 and fall >= LEAST_FALL:
                self._told_since = self._told_since if self.told else first
                self.told = True
                words.append(Say(self._draft(who, grid, slot, day, usual, fall, score)))
            elif self.told and score < 2:
                self.told = False
                words.append(Passed(who.key("confidence"), grid.start(slot)))
        # What fell while an insight is open teaches nothing of what is usual, for two weeks.
        if not self.told or slot - self._told_since > 14 * grid.per_day:
            self._days = [*self._days, day][-KEPT_DAYS:]
        return words

    def _usual(self) -> dict[str, float]:
        sums: dict[str, list[float]] = {}
        for day in self._days:
            for label, (count, total) in day.items():
                both = sums.setdefault(label, [0, 0.0])
                both[0] += count
                both[1] += total
        return {label: total / count for label, (count, total) in sums.items()}

    def _draft(
        self,
        who: Named,
        grid: Grid,
        slot: int,
        day: dict[str, list[float]],
        usual: dict[str, float],
        fall: float,
        score: float,
    ) -> InsightDraft:
        window = grid.span(min(self._told_since, slot - 1), slot - 1)
        count = sum(one for one, _ in day.values())
        seen = sum(total for _, total in day.values()) / count
        expected = sum(day[one][0] * usual.get(one, seen) for one in day) / count
        return InsightDraft(
            type=InsightType.CAMERA_PERFORMANCE,
            severity=severity_of(score, (4, 6, 10, 1e9)),
            title=f"{who.spoken}: confidence is falling",
            message=(
                f"The mean confidence of what {who.spoken} saw was {seen:.2f} on "
                f"{spell_window(window, grid)}; {expected:.2f} is usual. A dirty lens, bad light, "
                "fog or a moved camera may be behind it, and more will be missed."
            ),
            window=window,
            dedupe_key=who.key("confidence"),
            confidence=0.9,
            observed=round(seen, 3),
            expected=round(expected, 3),
            unit="confidence",
            score=round(score, 2),
            analysis_period=spell_window(window, grid),
            cameras=(who.camera_id,),
            sites=(who.site,),
            event_count=round(count),
            suggested_actions=(
                f"Clean the lens of {who.spoken} and compare its picture with an older one.",
                "Check its light at night.",
            ),
            metadata={"detector": "confidence", "fall": round(fall, 4)},
        )

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "days": [_rounded(one) for one in self._days],
            "today": _rounded(self._today),
            "now": [self._first, self._told_since, self.told],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From `dump`."""
        self._days = [_sums(one) for one in state["days"]]
        self._today = _sums(state["today"])
        first, since, told = state["now"]
        self._first, self._told_since, self.told = int(first), int(since), bool(told)


def _fall(day: Mapping[str, Sequence[float]], usual: Mapping[str, float]) -> float:
    """How much lower a day's mean is than usual, label by label, weighed by the day's counts."""
    count = sum(one for one, _ in day.values()) or 1
    return sum(one * usual.get(label, total / max(one, 1)) - total for label, (one, total) in
               day.items()) / count  # fmt: skip


def _rounded(day: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {label: [one[0], round(one[1], 6)] for label, one in day.items()}


def _sums(day: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {label: [float(one[0]), float(one[1])] for label, one in day.items()}
