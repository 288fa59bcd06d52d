"""The detectors: pure functions over slots of counts and coverage, with a state that can be kept.

    slots       slots of time and what was seen in one: all that detectors are given
    series      one series of counts: its history, what is usual, how much it varies
    numbers     negative-binomial counts
    runs        unusual slots that follow each other
    activity    activity_spike: more and less than usual
    health      camera_performance: silence, offline, flapping
    confidence  camera_performance: sees worse than before
    rarity      security_anomaly: a label in a zone at an hour that hardly has it
    restricted  security_anomaly: in a zone while nobody should be
    durations   security_anomaly: longer than anything before
    security    security_anomaly: never seen here, or graded by its source
    forecast    prediction
    camera      all of these at one camera, with their state
    site        all cameras of a site; what many say at once is said once
    words       what they say, as drafts of insights

They know no clock, no database and no network: the same code runs over a live stream, over a replay
and in tests. Their parameters and formulas stand in docs/insights.md.
"""

from .camera import DETECTORS, Camera
from .site import SiteWatch
from .slots import CameraSlot, Graded, Grid, Place, Seen, Trespass
from .words import Passed, Say, Word

__all__ = [
    "DETECTORS",
    "Camera",
    "CameraSlot",
    "Graded",
    "Grid",
    "Passed",
    "Place",
    "Say",
    "Seen",
    "SiteWatch",
    "Trespass",
    "Word",
]
