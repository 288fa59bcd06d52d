"""Everything that is watched at one camera: the series of its labels, and the detectors on them."""

from __future__ import annotations

import json
from typing import Any

from . import activity, confidence, durations, forecast, security
from .activity import Activity
from .confidence import Confidence
from .durations import Durations
from .health import Recording, Silence
from .rarity import Rarity
from .restricted import Restricted
from .series import Series, Usual
from .slots import CameraSlot, Grid, Place
from .words import Named, Word

VERSION = 1
LEAST_COVERAGE = 0.5
"""A slot of which less was recorded is missing."""
MOST_LABELS = 8
"""Labels with a series of their own; those that come later count as one."""
OTHERS = "(others)"

DETECTORS = (
    "activity_spike",
    "silence",
    "offline",
    "flapping",
    "confidence",
    "rarity",
    "restricted",
    "duration",
    "new_label",
    "source",
    "forecast",
)


class Camera:
    """The state of one camera. `step` takes its slots in order; gaps in the numbers are missing."""

    def __init__(self, per_day: int) -> None:
        self.total = Series(per_day)
        self.labels: dict[str, Series] = {}
        self.first: int | None = None  # the first slot with coverage
        self.slot: int | None = None  # the newest slot taken in
        self.reports = False  # whether it ever reported coverage
        self.confidences = 0
        self._day = -1
        self._peak: float | None = None  # the busiest hour of a usual day
        self._known_labels: set[str] = set()
        self._activity = Activity()
        self._silence = Silence()
        self._recording = Recording(per_day)
        self._confidence = Confidence()
        self._rarity = Rarity()
        self._restricted = Restricted()
        self._durations = Durations()

    def step(self, who: Named, grid: Grid, slot: int, seen: CameraSlot) -> list[Word]:
        """Close a slot: what there is to say. A slot that was taken in before says nothing."""
        if self.slot is not None and slot <= self.slot:
            return []
        place = grid.place(slot)
        words: list[Word] = []
        if self.slot is not None and slot > self.slot + 1:
            words += self._activity.interrupt(who, grid, slot)
            words += self._silence.end(who, grid, slot)
        self.slot = slot
        self.reports |= seen.covered is not None
        share = seen.covered if seen.covered is not None else self._assumed(seen)
        if share and self.first is None:
            self.first = slot
        if place.day != self._day:
            words += self._new_day(who, grid, slot)
            self._day = place.day
        if seen.covered is not None:
            days = self.total.covered / grid.per_day
            words += self._recording.step(who, grid, slot, place, seen, days)
        if share < LEAST_COVERAGE:
            words += self._activity.interrupt(who, grid, slot)
            words += self._silence.end(who, grid, slot)
        else:
            words += self._counted(who, grid, slot, place, seen, share)
        words += self._restricted.step(who, grid, slot, place, seen)
        words += (security.graded(who, grid, slot, one) for one in seen.graded)
        return words

    def _assumed(self, seen: CameraSlot) -> float:
        """A camera that never reported coverage counts as recording from its first event on."""
        return 1.0 if self.first is not None or seen.by_label else 0.0

    def _counted(
        self, who: Named, grid: Grid, slot: int, place: Place, seen: CameraSlot, share: float
    ) -> list[Word]:
        counts = self._by_series(grid, seen)
        words: list[Word] = []
        if self._ready(grid):
            usual: dict[str, Usual] = {}
            for label, series in self.labels.items():
                one = series.usual(place)
                if one is not None:
                    usual[label] = one.scaled(share)
            if usual:
                words += self._judged(who, grid, slot, counts, usual)
        if self._silence.told:
            self._unlearn(grid, slot)
        else:
            unusual = self._activity.unusual
            self.total.learn(place, seen.count, share, unusual=unusual)
            for label, series in self.labels.items():
                strange = unusual or self._activity.unusual_label(label)
                series.learn(place, counts.get(label, 0), share, unusual=strange)
        words += self._rarity.step(who, grid, slot, place, seen, self.total.phi)
        for label, one in seen.by_label.items():
            words += self._new_label(who, grid, slot, label)
            words += self._durations.step(who, grid, slot, label, one)
            self.confidences += one.confidences
        self._confidence.add(seen.by_label)
        return words

    def _judged(
        self, who: Named, grid: Grid, slot: int, counts: dict[str, int], usual: dict[str, Usual]
    ) -> list[Word]:
        words: list[Word] = []
        if self.reports:
            count = sum(counts.values())
            plain = [one.unfloored() for one in usual.values()]
            words += self._silence.step(who, grid, slot, count, plain, self._activity.spread)
        silent = self._silence.told
        words += self._activity.step(who, grid, slot, counts, usual, silent=silent)
        return words

    def _unlearn(self, grid: Grid, slot: int) -> None:
        """A silence is no count of what happened. After a day without anything it is."""
        if slot - self._silence.first > grid.per_day:
            for series in (self.total, *self.labels.values()):
                series.learn(grid.place(slot), 0, 1.0)
            return
        for number in range(self._silence.first, slot + 1):
            for series in (self.total, *self.labels.values()):
                series.forget(grid.place(number))

    def _by_series(self, grid: Grid, seen: CameraSlot) -> dict[str, int]:
        counts: dict[str, int] = {}
        for label, one in seen.by_label.items():
            name = label
            if name not in self.labels:
                if len(self.labels) < MOST_LABELS:
                    self.labels[name] = self._from_now(grid)
                else:
                    name = OTHERS
                    if name not in self.labels:
                        self.labels[name] = self._from_now(grid)
            counts[name] = counts.get(name, 0) + one.count
        return counts

    def _from_now(self, grid: Grid) -> Series:
        """A series for a label that was not seen before: until now it was there 0 times."""
        return self.total.without_events()

    def _new_label(self, who: Named, grid: Grid, slot: int, label: str) -> list[Word]:
        if label in self._known_labels:
            return []
        events, days = self.total.seen, self.total.covered / grid.per_day
        told = bool(label) and len(self._known_labels) > 0
        told &= days >= security.KNOWN_DAYS and events >= security.LEAST_EVENTS
        if len(self._known_labels) < 1000:
            self._known_labels.add(label)
        return [security.new_label(who, grid, slot, label, days, events)] if told else []

    def _new_day(self, who: Named, grid: Grid, slot: int) -> list[Word]:
        words = self._confidence.end_day(who, grid, slot)
        self._durations.end_day()
        if self.first is not None and self._forecast_ready(grid):
            # Seven profiles are dear: once a week is enough for what a usual day is.
            if self._peak is None or grid.place(slot).weekday == 0:
                self._peak = forecast.usual_peak(self.total)
            if self._peak is not None:
                found = forecast.peak(who, self.total, grid, slot, self._peak)
                words += [found] if found is not None else []
        return words

    # ---- preconditions --------------------------------------------------------------------------

    def _weeks(self, grid: Grid) -> float:
        if self.first is None or self.slot is None:
            return 0.0
        return (self.slot + 1 - self.first) / (7 * grid.per_day)

    def _ready(self, grid: Grid) -> bool:
        return not activity.why_silent(self.total, weeks_known=self._weeks(grid))

    def _forecast_ready(self, grid: Grid) -> bool:
        return self.total.covered / grid.per_day >= forecast.KNOWN_DAYS

    def why_silent(self, grid: Grid) -> dict[str, str]:
        """Each detector's reason to say nothing here; "" where it would speak if it had to."""
        days = self.total.covered / grid.per_day
        history = activity.why_silent(self.total, weeks_known=self._weeks(grid))
        unreported = "" if self.reports else "the camera never reported coverage"
        fortnight = ""
        if days < security.KNOWN_DAYS:
            fortnight = f"needs {security.KNOWN_DAYS} covered days: has {days:.1f}"
        elif self.total.seen < security.LEAST_EVENTS:
            fortnight = f"needs {security.LEAST_EVENTS} events: has {self.total.seen}"
        first_day = "" if days >= 1 else f"needs 1 covered day: has {days:.1f}"
        longest = max((self._durations.known(label) for label in self.labels), default=0)
        full = self._confidence.days
        needed = confidence.FIRST_DAYS
        if not self.confidences:
            falling = "the events carry no confidence"
        else:
            falling = (
                ""
                if full >= needed
                else f"needs {needed} days of {confidence.LEAST_EVENTS} events: has {full}"
            )
        return {
            "activity_spike": history,
            "silence": unreported or history,
            "offline": unreported or first_day,
            "flapping": unreported or first_day,
            "confidence": falling,
            "rarity": fortnight
            or ("" if self._rarity.days > security.KNOWN_DAYS else "needs 14 days with events"),
            "restricted": "" if self._restricted.nights else "no restricted zone here",
            "duration": fortnight
            or (
                ""
                if longest >= durations.LEAST_DURATIONS
                else f"needs {durations.LEAST_DURATIONS} durations of a label: has {longest}"
            ),
            "new_label": fortnight,
            "source": "",
            "forecast": ""
            if self._forecast_ready(grid)
            else f"needs {forecast.KNOWN_DAYS:g} covered days: has {days:.1f}",
        }

    # ---- state ----------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """A few kB a series, JSON."""
        return json.dumps(
            {
                "version": VERSION,
                "total": self.total.dump(),
                "labels": {label: series.dump() for label, series in self.labels.items()},
                "at": [self.first, self.slot, self.reports, self.confidences, self._day],
                "peak": self._peak,
                "known_labels": sorted(self._known_labels),
                "activity": self._activity.dump(),
                "silence": self._silence.dump(),
                "recording": self._recording.dump(),
                "confidence": self._confidence.dump(),
                "rarity": self._rarity.dump(),
                "restricted": self._restricted.dump(),
                "durations": self._durations.dump(),
            },
            separators=(",", ":"),
        ).encode()

    @classmethod
    def load(cls, state: bytes, per_day: int) -> Camera | None:
        """From `dump`; None for a state of another version or slot length, which starts anew."""
        found: dict[str, Any] = json.loads(state)
        if found["version"] != VERSION or found["total"]["per_day"] != per_day:
            return None
        made = cls(per_day)
        made.total = Series.load(found["total"])
        made.labels = {label: Series.load(one) for label, one in found["labels"].items()}
        made.first, made.slot, made.reports, made.confidences, made._day = found["at"]
        made._peak = found["peak"]
        made._known_labels = set(found["known_labels"])
        made._activity.restore(found["activity"])
        made._silence.restore(found["silence"])
        made._recording.restore(found["recording"])
        made._confidence.restore(found["confidence"])
        made._rarity.restore(found["rarity"])
        made._restricted.restore(found["restricted"])
        made._durations.restore(found["durations"])
        return made
