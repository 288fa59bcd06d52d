"""camera_performance: a camera that is silent, offline, flapping, or sees worse than before.

silence     S = Σ log10(1 + φμ)/φ over consecutive slots without an event (summed over labels,
            divided by c²): fires at 4, high at 8
offline     25 minutes without recording where it usually records; by coverage alone
flapping    4 interruptions within 6 hours
confidence  a day's mean confidence, label by label against 28 days, 4 of its usual deviations
            (of days) and 0.02 lower
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ..domain.insights import InsightDraft, InsightType, Severity
from .numbers import zero_surprise
from .series import Usual
from .slots import CameraSlot, Grid, Place
from .words import Named, Passed, Say, Word, severity_of, spell_length, spell_number, spell_window

SILENCE_FIRES, SILENCE_HIGH = 4.0, 8.0
OFFLINE_MINUTES = 25.0
FLAPS, FLAP_HOURS = 4, 6
_USUAL_COVERAGE = 0.5
_COVERAGE_MEMORY = 0.2


class Silence:
    """Consecutive slots without an event, weighed by how unlikely each is."""

    def __init__(self) -> None:
        self.first = 0
        self.score = 0.0
        self.expected = 0.0
        self.told = False

    def step(
        self,
        who: Named,
        grid: Grid,
        slot: int,
        count: int,
        usual: Sequence[Usual],
        spread: float,
    ) -> list[Word]:
        """Take in a covered slot."""
        if count:
            return self.end(who, grid, slot)
        if not self.score:
            self.first, self.expected = slot, 0.0
        self.score += sum(zero_surprise(one.mean, one.phi) for one in usual) / (spread * spread)
        self.expected += sum(one.mean for one in usual)
        if self.score < SILENCE_FIRES:
            return []
        self.told = True
        return [Say(self._draft(who, grid, slot))]

    def end(self, who: Named, grid: Grid, slot: int) -> list[Word]:
        """Something was seen, or nothing is recorded any more."""
        told, self.told, self.score = self.told, False, 0.0
        return [Passed(who.key("silence"), grid.start(slot))] if told else []

    def _draft(self, who: Named, grid: Grid, slot: int) -> InsightDraft:
        window = grid.span(self.first, slot)
        length = spell_length(window.end - window.start)
        usual = spell_number(self.expected)
        return InsightDraft(
            type=InsightType.CAMERA_PERFORMANCE,
            severity=Severity.HIGH if self.score >= SILENCE_HIGH else Severity.MEDIUM,
            title=f"{who.spoken}: nothing seen for {length}",
            message=(
                f"{who.spoken} records but has not seen anything on {spell_window(window, grid)}; "
                f"{usual} events are usual then. The camera may be covered, turned or frozen, or "
                "its detector may have stopped."
            ),
            window=window,
            dedupe_key=who.key("silence"),
            confidence=round(1 - 10 ** -min(self.score / 2, 3), 3),
            observed=0,
            expected=round(self.expected, 2),
            unit="events",
            score=round(self.score, 2),
            analysis_period=spell_window(window, grid),
            cameras=(who.camera_id,),
            sites=(who.site,),
            suggested_actions=(
                f"Look at the live picture of {who.spoken}.",
                "Restart its detector if the picture is fine.",
                "Check whether the place was closed.",
            ),
            metadata={"detector": "silence"},
        )

    def dump(self) -> list[Any]:
        """As JSON."""
        return [self.first, self.score, self.expected, self.told]

    def restore(self, state: Sequence[Any]) -> None:
        """From `dump`."""
        self.first, self.score, self.expected = int(state[0]), float(state[1]), float(state[2])
        self.told = bool(state[3])


class Recording:
    """Offline and flapping, from coverage alone."""

    def __init__(self, per_day: int) -> None:
        self._usual = [1.0] * per_day
        self.first = 0
        self.missing_minutes = 0.0
        self.told = False
        self.flap_told = False
        self._breaks: list[list[int]] = []  # slot, how many

    def step(
        self, who: Named, grid: Grid, slot: int, place: Place, seen: CameraSlot, known_days: float
    ) -> list[Word]:
        """Take in any slot of a camera that has reported coverage."""
        assert seen.covered is not None
        missing = max(1 - seen.covered - seen.disabled, 0.0)
        words: list[Word] = []
        usual = self._usual[place.index]
        if missing < 0.01:
            self.missing_minutes = 0.0
            if self.told:
                self.told = False
                words.append(Passed(who.key("offline"), grid.start(slot)))
        else:
            if not self.missing_minutes:
                self.first = slot
            self.missing_minutes += missing * grid.minutes
            if (
                known_days >= 1
                and self.missing_minutes >= OFFLINE_MINUTES
                and (usual >= _USUAL_COVERAGE or self.told)
            ):
                self.told = True
                words.append(Say(self._offline(who, grid, slot)))
        self._usual[place.index] += _COVERAGE_MEMORY * (1 - missing - usual)
        words += self._flapping(who, grid, slot, seen.breaks if known_days >= 1 else 0)
        return words

    def _flapping(self, who: Named, grid: Grid, slot: int, breaks: int) -> list[Word]:
        if breaks:
            self._breaks.append([slot, breaks])
        window = FLAP_HOURS * 60 // grid.minutes
        self._breaks = [one for one in self._breaks if one[0] > slot - window][-64:]
        count = sum(one[1] for one in self._breaks)
        if count < FLAPS:
            told, self.flap_told = self.flap_told, False
            return [Passed(who.key("flapping"), grid.start(slot))] if told else []
        if not breaks:
            return []
        self.flap_told = True
        window_of = grid.span(self._breaks[0][0], slot)
        when = spell_window(window_of, grid)
        return [
            Say(
                InsightDraft(
                    type=InsightType.CAMERA_PERFORMANCE,
                    severity=Severity.MEDIUM if count < 3 * FLAPS else Severity.HIGH,
                    title=f"{who.spoken}: recording was interrupted {count} times",
                    message=(
                        f"{who.spoken} stopped recording {count} times on {when}. A loose cable, "
                        "weak power or a crowded network is likely, and what happened in between "
                        "is lost."
                    ),
                    window=window_of,
                    dedupe_key=who.key("flapping"),
                    confidence=0.95,
                    observed=count,
                    expected=0,
                    unit="interruptions",
                    score=float(count),
                    analysis_period=when,
                    cameras=(who.camera_id,),
                    sites=(who.site,),
                    suggested_actions=(
                        "Check the camera's power and network.",
                        "Look into the recorder's log of that time.",
                    ),
                    metadata={"detector": "flapping"},
                )
            )
        ]

    def _offline(self, who: Named, grid: Grid, slot: int) -> InsightDraft:
        window = grid.span(self.first, slot)
        length = timedelta(minutes=self.missing_minutes)
        return InsightDraft(
            type=InsightType.CAMERA_PERFORMANCE,
            severity=severity_of(self.missing_minutes, (0, OFFLINE_MINUTES, 240.0, 1440.0)),
            title=f"{who.spoken}: offline for {spell_length(length)}",
            message=(
                f"{who.spoken} has not recorded on {spell_window(window, grid)}, when it usually "
                "does. What happens there is not seen."
            ),
            window=window,
            dedupe_key=who.key("offline"),
            confidence=0.99,
            observed=round(self.missing_minutes, 1),
            expected=0,
            unit="minutes without recording",
            score=round(self.missing_minutes / OFFLINE_MINUTES, 2),
            analysis_period=spell_window(window, grid),
            cameras=(who.camera_id,),
            sites=(who.site,),
            suggested_actions=(
                "Check the camera's power and network.",
                "Check that the recorder runs and has room.",
            ),
            metadata={"detector": "offline"},
        )

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "usual": [round(one, 4) for one in self._usual],
            "now": [self.first, self.missing_minutes, self.told, self.flap_told],
            "breaks": self._breaks,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From `dump`."""
        self._usual = [float(one) for one in state["usual"]]
        first, missing, told, flap = state["now"]
        self.first, self.missing_minutes = int(first), float(missing)
        self.told, self.flap_told = bool(told), bool(flap)
        self._breaks = [[int(one[0]), int(one[1])] for one in state["breaks"]]
