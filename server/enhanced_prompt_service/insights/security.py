"""security_anomaly: a label that a camera has never seen, and a severity that the source gives.

What is rare, restricted or too long stands in modules of its own.
"""

from __future__ import annotations

import math

from ..domain.insights import InsightDraft, InsightType, Severity
from .slots import Graded, Grid
from .words import Named, Say, spell_events, spell_window

KNOWN_DAYS = 14
LEAST_EVENTS = 200


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
    window = grid.span(slot, slot)
    when = spell_window(window, grid)
    return Say(
        InsightDraft(
            type=InsightType.SECURITY_ANOMALY,
            severity=Severity[one.severity.upper()],
            title=f"{who.spoken}: {one.event_type} ({one.severity})",
            message=(
                f"{spell_events(one.count, one.event_type)} seen on {when}; the source says "
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
