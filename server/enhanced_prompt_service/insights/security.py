"""security_anomaly: what happens where, when or as it rarely does, or should not.

rarity      -log10((n + ½)/(N + ½K)) >= 3 for a label, zone and local hour seen n times in N
            events over K such cells, after 14 days, and more of them within the hour than the
            days so far explain (P <= 1e-5): single rare events are not rare as a whole
restricted  activity in a zone while nobody should be in it, unless it was there on a quarter of
            the nights before (guards, animals)
duration    beyond the 99th percentile of the label at the camera, and half as long again as
            anything in 28 days
new label   one that a camera of 14 days and 200 events has never seen
source      a severity that the source itself gives
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from ..domain.insights import InsightDraft, InsightType, Severity
from ..domain.times import Interval
from .numbers import tail
from .slots import CameraSlot, Graded, Grid, Place, Seen, Trespass
from .words import (
    Named,
    Passed,
    Say,
    Word,
    severity_of,
    spell_length,
    spell_number,
    spell_window,
)

KNOWN_DAYS = 14
RARE, SURPRISING = 3.0, 1e-5
LEAST_EVENTS = 200
LEAST_DURATIONS = 500
USUAL_NIGHTS, NIGHTS_KNOWN = 0.25, 7
_QUIET_SLOTS = 8
_MOST_CELLS = 400
_BIN0, _PER_OCTAVE, _BINS = 0.25, 4, 80  # durations from 0.25 s to 3 days
_LONGER = 1.5
_KEPT_MAXIMA = 28


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
                        f"{count} {label} events{where} were seen on {when}. In {self.days} days "
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


class Restricted:
    """Activity in zones while nobody should be in them. A night runs from noon to noon."""

    def __init__(self) -> None:
        self.nights: dict[str, list[int]] = {}  # zone → [newest night, nights]
        self._with: dict[str, list[int]] = {}  # "zone|label|sub_label" → [newest night, nights]
        self._open: dict[str, list[int]] = {}  # zone → [first slot, last slot, events]

    def step(self, who: Named, grid: Grid, slot: int, place: Place, seen: CameraSlot) -> list[Word]:
        """Take in a covered slot."""
        night = place.day - (place.index < grid.per_day // 2)
        for zone in seen.restricted:
            _count_night(self.nights, zone, night)
        words: list[Word] = []
        for one in seen.trespasses:
            key = f"{one.zone}|{one.label}|{one.sub_label}"
            before = self._with.get(key, [night, 0])
            earlier = before[1] - (before[0] == night and before[1] > 0)
            nights = max(self.nights.get(one.zone, [night, 1])[1] - 1, 0)
            _count_night(self._with, key, night)
            if nights >= NIGHTS_KNOWN and earlier >= USUAL_NIGHTS * nights:
                continue
            spell = self._open.setdefault(one.zone, [slot, slot, 0])
            spell[1] = slot
            spell[2] += one.count
            words.append(Say(_trespass(who, grid, spell, one, earlier, nights)))
        for zone, (_, last, _) in list(self._open.items()):
            if slot - last >= _QUIET_SLOTS or (zone not in seen.restricted and slot > last):
                del self._open[zone]
                words.append(Passed(who.key("restricted", zone), grid.start(slot)))
        return words

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {"nights": self.nights, "with": self._with, "open": self._open}

    def restore(self, state: dict[str, Any]) -> None:
        """From `dump`."""
        self.nights, self._with, self._open = state["nights"], state["with"], state["open"]


def _severity_of(earlier: int, nights: int) -> Severity:
    """HIGH where it never was so in a week of nights and more, LOW where it was so twice."""
    if not earlier:
        return Severity.HIGH if nights >= NIGHTS_KNOWN else Severity.MEDIUM
    return Severity.MEDIUM if earlier == 1 else Severity.LOW


def _count_night(nights: dict[str, list[int]], key: str, night: int) -> None:
    known = nights.setdefault(key, [night, 1])
    if known[0] != night:
        known[0], known[1] = night, known[1] + 1


def _trespass(
    who: Named, grid: Grid, spell: list[int], one: Trespass, earlier: int, nights: int
) -> InsightDraft:
    window = grid.span(spell[0], spell[1])
    when = spell_window(window, grid)
    what = " ".join(part for part in (one.sub_label, one.label) if part) or "activity"
    often = f"It was so on {earlier} of {nights} nights before." if nights else ""
    return InsightDraft(
        type=InsightType.SECURITY_ANOMALY,
        severity=_severity_of(earlier, nights),
        title=f"{who.spoken}: {what} in {one.zone} while it is restricted",
        message=(
            f"{spell[2]} events ({what}) were seen in {one.zone} on {when}, when nobody should be "
            f"there. {often}"
        ).strip(),
        window=window,
        dedupe_key=who.key("restricted", one.zone),
        confidence=0.9,
        restricted=True,
        observed=spell[2],
        expected=0,
        unit="events",
        score=float(spell[2]),
        analysis_period=when,
        cameras=(who.camera_id,),
        sites=(who.site,),
        zones=(one.zone,),
        event_count=spell[2],
        suggested_actions=(
            f"Look at {who.spoken} now, and at the clips of {when}.",
            "Send somebody if nobody is meant to be there.",
        ),
        metadata={"detector": "restricted", "label": one.label, "sub_label": one.sub_label},
    )


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


def new_label(who: Named, grid: Grid, slot: int, label: str, days: float, events: int) -> Say:
    """A label that this camera has never seen."""
    window = grid.span(slot, slot)
    return Say(
        InsightDraft(
            type=InsightType.SECURITY_ANOMALY,
            severity=Severity.LOW,
            title=f"{who.spoken}: first {label}",
            message=(
                f"{who.spoken} saw a {label} on {spell_window(window, grid)}, for the first time "
                f"in {days:.0f} days and {events:,} events."
            ),
            window=window,
            dedupe_key=who.key("new_label"),
            confidence=0.7,
            unit="events",
            score=round(math.log10(events + 1), 2),
            cameras=(who.camera_id,),
            sites=(who.site,),
            event_count=1,
            suggested_actions=("Look at the clip, and check that it was recognised rightly.",),
            metadata={"detector": "new_label", "label": label},
        )
    )


def graded(who: Named, grid: Grid, slot: int, one: Graded) -> Say:
    """Events that their source calls serious."""
    window: Interval = grid.span(slot, slot)
    when = spell_window(window, grid)
    return Say(
        InsightDraft(
            type=InsightType.SECURITY_ANOMALY,
            severity=Severity[one.severity.upper()],
            title=f"{who.spoken}: {one.event_type} ({one.severity})",
            message=(
                f"The source of {one.count} {one.event_type} events on {when} calls them "
                f"{one.severity}."
            ),
            window=window,
            dedupe_key=who.key("source", one.event_type),
            confidence=0.9,
            observed=one.count,
            unit="events",
            score=float(Severity[one.severity.upper()]),
            analysis_period=when,
            cameras=(who.camera_id,),
            sites=(who.site,),
            event_count=one.count,
            suggested_actions=(f"Look at the clips of {when}.",),
            metadata={"detector": "source"},
        )
    )
