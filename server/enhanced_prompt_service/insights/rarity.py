"""security_anomaly: a label in a zone at an hour of the local day that hardly ever has it.

-log10((n + ½)/(N + ½K)) >= 3 for a label, zone and hour seen n times in N events over K such cells,
after 14 days; and more of them within the hour than the days so far explain (P <= 1e-5): of single
rare events there are many, so that one of them is not rare.
"""

from __future__ import annotations

import math
from typing import Any

from ..domain.insights import InsightDraft, InsightType
from .numbers import tail
from .slots import CameraSlot, Grid, Place
from .words import Named, Passed, Say, Word, severity_of, spell_events, spell_window

KNOWN_DAYS = 14
LEAST_EVENTS = 200
RARE, SURPRISING = 3.0, 1e-5
_QUIET_SLOTS = 8
_MOST_CELLS = 400


class Rarity:
    """How often each label is seen in each zone at each hour of the local day."""

    def __init__(self) -> None:
        self.events = 0
        self.days = 0
        self._cells: dict[str, list[int]] = {}  # "label|zone" → 24 hours
        self._hour: dict[str, int] = {}  # this hour's, by cell
        self._now = (-1, -1)  # day, hour
        self._told = False
        self._last = 0

    def step(
        self, who: Named, grid: Grid, slot: int, place: Place, seen: CameraSlot, phi: float
    ) -> list[Word]:
        """Take in a covered slot."""
        hour = place.index * 24 // grid.per_day
        if (place.day, hour) != self._now:
            if place.day != self._now[0]:
                self.days += 1
            self._close_hour()
            self._now = (place.day, hour)
        words: list[Word] = []
        for label, one in seen.by_label.items():
            for zone, count in (one.zones or {"": one.count}).items():
                cell = f"{label}|{zone}"
                self._hour[cell] = self._hour.get(cell, 0) + count
                if self.days > KNOWN_DAYS and self.events >= LEAST_EVENTS:
                    words += self._judge(who, grid, slot, cell, hour, phi)
        if self._told and not words and slot - self._last >= _QUIET_SLOTS:
            self._told = False
            words.append(Passed(who.key("rarity"), grid.start(slot)))
        return words[:1]

    def _judge(
        self, who: Named, grid: Grid, slot: int, cell: str, hour: int, phi: float
    ) -> list[Word]:
        hours = self._cells.get(cell) or [0] * 24
        known = max(hours[hour], 0)
        rarity = -math.log10((known + 0.5) / (self.events + 0.5 * 24 * max(len(self._cells), 1)))
        if rarity < RARE:
            return []
        near = max(hours[(hour - 1) % 24], known, hours[(hour + 1) % 24])
        count = self._hour[cell]
        chance = tail(count, (near + 0.5) / self.days, phi)
        if chance > SURPRISING:
            return []
        self._told, self._last = True, slot
        label, zone = cell.split("|", 1)
        first = slot - (slot * grid.minutes % 60) // grid.minutes
        window = grid.span(first, slot)
        where = f" in {zone}" if zone else ""
        when = spell_window(window, grid)
        return [
            Say(
                InsightDraft(
                    type=InsightType.SECURITY_ANOMALY,
                    severity=severity_of(-math.log10(max(chance, 1e-30)), (0, 8, 14, 1e9)),
                    title=f"{who.spoken}: {label or 'activity'}{where} at an unusual hour",
                    message=(
                        f"{spell_events(count, label)} seen{where} on {when}. In {self.days} days "
                        f"there were {known} between {hour}:00 and {(hour + 1) % 24}:00. Somebody "
                        "may be where nobody usually is at that hour."
                    ),
                    window=window,
                    dedupe_key=who.key("rarity"),
                    confidence=0.8,
                    observed=count,
                    expected=round((near + 0.5) / self.days, 3),
                    unit="events",
                    score=round(rarity, 2),
                    analysis_period=when,
                    cameras=(who.camera_id,),
                    sites=(who.site,),
                    zones=(zone,) if zone else (),
                    event_count=count,
                    suggested_actions=(
                        f"Look at the clips of {when}.",
                        "Ask whether somebody was meant to be there.",
                    ),
                    metadata={"detector": "rarity", "label": label, "hour": hour},
                )
            )
        ]

    def _close_hour(self) -> None:
        for cell, count in self._hour.items():
            if cell in self._cells or len(self._cells) < _MOST_CELLS:
                self._cells.setdefault(cell, [0] * 24)[self._now[1]] += count
            self.events += count
        self._hour.clear()

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "sums": [self.events, self.days, self._now[0], self._now[1], self._told, self._last],
            "cells": self._cells,
            "hour": self._hour,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From `dump`."""
        events, days, day, hour, told, last = state["sums"]
        self.events, self.days, self._now = int(events), int(days), (int(day), int(hour))
        self._told, self._last = bool(told), int(last)
        self._cells = {key: [int(one) for one in row] for key, row in state["cells"].items()}
        self._hour = {key: int(one) for key, one in state["hour"].items()}
