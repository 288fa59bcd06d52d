"""What goes wrong on purpose in a simulated site, with the truth beside it.

An incident changes only its own camera and span; every event outside stays as it would have been.
The site that is made by default has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ...domain.times import Interval


class IncidentKind(StrEnum):
    """What can go wrong."""

    SPIKE = "spike"  # `size` times the usual number of events
    SILENCE = "silence"  # no events although the camera records
    OFF_HOURS_VISIT = "off_hours_visit"  # `size` further events of people
    CONFIDENCE_DRIFT = "confidence_drift"  # confidence falls by `size` up to the end of the span
    MISSING_COVERAGE = "missing_coverage"  # no events and no recording


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: what, where, when, and how large (see `IncidentKind`; unused ones are 0)."""

    kind: IncidentKind
    camera_id: str
    interval: Interval
    size: float = 0.0

    def __post_init__(self) -> None:
        if self.kind is IncidentKind.SPIKE and self.size < 1:
            raise ValueError("a spike is at least 1 times the usual")
        if self.size < 0:
            raise ValueError("an incident's size is not negative")
