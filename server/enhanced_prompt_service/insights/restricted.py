"""security_anomaly: activity in zones while nobody should be in them.

High where it never was so in a week of nights and more, low where it was so on two nights, silent
where on a quarter of them (guards, animals). A night runs from noon to noon.
"""

from __future__ import annotations

from typing import Any

from ..domain.insights import InsightDraft, InsightType, Severity
from .slots import CameraSlot, Grid, Place, Trespass
from .words import Named, Passed, Say, Word, spell_events, spell_window

USUAL_NIGHTS, NIGHTS_KNOWN = 0.25, 7
_QUIET_SLOTS = 8


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
            f"{spell_events(spell[2], what)} seen in {one.zone} on {when}, when nobody should be "
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
