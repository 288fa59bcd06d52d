"""activity_spike: much more than usual at a camera or of one label there, or much less."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from ..domain.insights import BaselinePoint, InsightDraft, InsightType
from .runs import FIRES, LESS, MORE, Episode, Run, Turn
from .series import Series, Usual
from .slots import Grid
from .words import (
    Named,
    Passed,
    Say,
    Word,
    between,
    point,
    severity_of,
    spell_events,
    spell_number,
    spell_times,
    spell_window,
)

KNOWN_DAYS = 5.0  # of coverage, and as many as a week from first to last
_LABEL_FIRES = 5.0
_DROP_MORE = 0.5  # drops are half as likely to be worth telling
_PLOTTED = 24
_MEMORY = 0.002
_NO_LAG = 0.05  # a correlation that chance gives to independent slots


class Activity:
    """Runs of more and less than usual at one camera.

    The evidence of its labels adds up (they are counted on their own, so that a rise of all weighs
    more than each), divided by c² of their joint z: where labels rise and fall together by habit, c
    grows and the sum counts for less. A single label fires only far higher. Where a slot resembles
    the one before it (correlation r of their z), a run of k slots is no k witnesses: evidence is
    divided by 1 + 2r as well.
    """

    def __init__(self, fires: float = FIRES) -> None:
        self._more = Run(MORE, fires)
        self._less = Run(LESS, fires + _DROP_MORE)
        self._labels: dict[str, Run] = {}
        self._said: set[str] = set()  # dedupe_keys of what goes on
        self._z = 0.8
        self._last_z: float | None = None
        self._square, self._lagged = 1.0, 0.0
        self._plot: deque[tuple[int, float | None, float, float]] = deque(maxlen=_PLOTTED)

    @property
    def spread(self) -> float:
        """c of the labels together, and what slots that resemble each other add: at least 1."""
        return max(1.25 * self._z, 1.0) * self._repetition

    @property
    def _repetition(self) -> float:
        """√(1 + 2r)."""
        return math.sqrt(1 + 2 * max(self._lagged / self._square - _NO_LAG, 0.0))

    @property
    def unusual(self) -> bool:
        """Whether there is more than usual now."""
        return self._more.episode is not None

    def unusual_label(self, label: str) -> bool:
        """Whether there is more of a label than usual now."""
        run = self._labels.get(label)
        return self.unusual or (run is not None and run.episode is not None)

    def step(
        self,
        who: Named,
        grid: Grid,
        slot: int,
        counts: Mapping[str, int],
        usual: Mapping[str, Usual],
        *,
        silent: bool,
    ) -> list[Word]:
        """Take in a covered slot, with what was usual of each label that has a baseline."""
        parts = [(float(counts.get(label, 0)), one) for label, one in usual.items()]
        mean = sum(one.mean for _, one in parts)
        variance = sum(one.variance for _, one in parts)
        count = sum(one for one, _ in parts)
        self._plot.append((slot, count, mean, (variance - mean) / max(mean * mean, 1e-9)))
        if mean >= 1:
            z = sum((one - part.mean) / math.sqrt(part.variance) for one, part in parts)
            self._learn(min(max(z / math.sqrt(len(parts)), -3.0), 3.0))
        else:
            self._last_z = None
        words: list[Word] = []
        turn = self._more.step(slot, parts, self.spread)
        if turn in (Turn.BEGAN, Turn.GREW):
            words.append(self._say(self._draft(who, grid, self._more, "")))
        elif turn is Turn.PASSED:
            words += self._pass(who.key("activity_spike"), grid, slot)
        words += self._single_labels(who, grid, slot, counts, usual)
        if silent:  # nothing at all is the silence's to tell
            if self._less.interrupt() is Turn.PASSED:
                words += self._pass(who.key("activity_drop"), grid, slot)
            return words
        plain = [(one, part.unfloored()) for one, part in parts]
        turn = self._less.step(slot, plain, self.spread)
        if turn in (Turn.BEGAN, Turn.GREW) and self._observed_less():
            words.append(self._say(self._draft(who, grid, self._less, "")))
        elif turn is Turn.PASSED:
            words += self._pass(who.key("activity_drop"), grid, slot)
        return words

    def _learn(self, z: float) -> None:
        self._z += _MEMORY * (abs(z) - self._z)
        self._square += _MEMORY * (z * z - self._square)
        if self._last_z is not None:
            self._lagged += _MEMORY * (z * self._last_z - self._lagged)
        self._last_z = z

    def _say(self, draft: InsightDraft) -> Say:
        self._said.add(draft.dedupe_key)
        return Say(draft)

    def _pass(self, key: str, grid: Grid, slot: int) -> list[Word]:
        if key not in self._said:
            return []
        self._said.discard(key)
        return [Passed(key, grid.start(slot))]

    def interrupt(self, who: Named, grid: Grid, slot: int) -> list[Word]:
        """A slot without coverage."""
        self._plot.append((slot, None, 0.0, 0.0))
        self._last_z = None
        words: list[Word] = []
        runs = {"activity_spike": self._more, "activity_drop": self._less}
        keys = {who.key(name): run for name, run in runs.items()}
        keys |= {who.key("activity_spike", label): run for label, run in self._labels.items()}
        for key, run in keys.items():
            if run.interrupt() is Turn.PASSED:
                words += self._pass(key, grid, slot)
        return words

    def _observed_less(self) -> bool:
        episode = self._less.episode
        return episode is not None and episode.observed > 0

    def _single_labels(
        self,
        who: Named,
        grid: Grid,
        slot: int,
        counts: Mapping[str, int],
        usual: Mapping[str, Usual],
    ) -> list[Word]:
        words: list[Word] = []
        if len(usual) < 2:
            return words
        for label, one in usual.items():
            run = self._labels.setdefault(label, Run(MORE, _LABEL_FIRES))
            spread = one.spread * self._repetition
            turn = run.step(slot, [(float(counts.get(label, 0)), one)], spread)
            # What the camera as a whole already tells is not told again.
            if turn in (Turn.BEGAN, Turn.GREW) and not self.unusual:
                words.append(self._say(self._draft(who, grid, run, label)))
            elif turn is Turn.PASSED:
                words += self._pass(who.key("activity_spike", label), grid, slot)
        return words

    def _draft(self, who: Named, grid: Grid, run: Run, label: str) -> InsightDraft:
        episode = run.episode
        assert episode is not None
        more = run is not self._less
        detector = "activity_spike" if more else "activity_drop"
        window = grid.span(episode.first, episode.last)
        phi = (episode.variance - episode.expected) / max(episode.expected**2, 1e-9)
        usual = between(episode.expected, max(phi, 0.01))
        what = f"{label} events" if label else "events"
        when = spell_window(window, grid)
        mean = spell_number(episode.expected)
        low, high = spell_number(usual.low), spell_number(usual.high)
        if more:
            title = f"{who.spoken}: {spell_times(episode.factor)} the usual {what}"
            why = "A crowd, a delivery, an event or a faulty detector may be behind it."
            actions = (
                f"Look at {who.spoken} live, or at the clips of {when}.",
                "Check whether something was planned there.",
                "Mark it as a false alarm if the camera's detector is at fault.",
            )
        else:
            share = round(100 * episode.factor)
            title = f"{who.spoken}: {share} % of the usual {what}"
            why = "A closed way in, a turned or covered camera may be behind it."
            actions = (
                f"Compare the picture of {who.spoken} with an older one.",
                "Check whether the way there is closed.",
            )
        return InsightDraft(
            type=InsightType.ACTIVITY_SPIKE,
            severity=severity_of(episode.score),
            title=title,
            message=(
                f"{spell_events(round(episode.observed), label)} seen on {when}; {mean} are usual "
                f"then ({low} to {high} in 9 of 10 cases). {why}"
            ),
            window=window,
            dedupe_key=who.key(detector, label) if label else who.key(detector),
            confidence=_confidence(episode.score),
            observed=round(episode.observed, 2),
            expected=round(episode.expected, 2),
            interval=usual,
            unit="events",
            score=round(episode.score, 2),
            analysis_period=when,
            cameras=(who.camera_id,),
            sites=(who.site,),
            event_count=round(episode.observed),
            suggested_actions=actions,
            baseline=self._baseline(grid) if not label else (),
            metadata={"detector": detector, "label": label, "slots": episode.slots},
        )

    def _baseline(self, grid: Grid) -> tuple[BaselinePoint, ...]:
        return tuple(
            point(grid, slot, count, Usual(mean, max(phi, 0.01), 1.0, 1, mean) if mean else None)
            for slot, count, mean, phi in self._plot
        )

    # ---- state ----------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "more": self._more.dump(),
            "less": self._less.dump(),
            "labels": {label: run.dump() for label, run in self._labels.items()},
            "said": sorted(self._said),
            "z": [self._z, self._last_z, self._square, self._lagged],
            "plot": [list(one) for one in self._plot],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From `dump`."""
        self._more.restore(state["more"])
        self._less.restore(state["less"])
        for label, one in state["labels"].items():
            run = Run(MORE, _LABEL_FIRES)
            run.restore(one)
            self._labels[label] = run
        self._said = set(state["said"])
        self._z, self._last_z, self._square, self._lagged = state["z"]
        self._plot.extend(tuple(one) for one in state["plot"])


def why_silent(known: Series, *, weeks_known: float) -> str:
    """Why spikes and drops are not told; "" where they are."""
    days = known.covered / known.per_day
    if days < KNOWN_DAYS or weeks_known < 1:
        return (
            f"needs {KNOWN_DAYS:g} days of covered history spread over a week: has {days:.1f} days "
            f"over {7 * weeks_known:.1f}"
        )
    return ""


def _confidence(score: float) -> float:
    """How sure a score is, 0 to 1: 0.8 where it just fires, near 1 from 8 on."""
    return round(1 - 0.2 * math.exp(-(score - FIRES) / 2), 3)


__all__ = ["Activity", "Episode", "why_silent"]
