"""A site that does not exist: what ships to be asked about, and what detectors are tested on.

    building    its catalogue: cameras, zones, hours, and the flows of people and vehicles
    rhythm      shapes of the day and negative-binomial counts
    wording     descriptions
    downtime    when cameras do not record
    incidents   what may go wrong on purpose, with its truth
    generator   `SimulatedSite`: all of it put together, by local day
    live        the same events as the clock passes

Everything is a function of (seed, camera, local hour): a later start makes the same events with
the same ids, whatever window is asked for.
"""

from .generator import SimulatedSite
from .incidents import SHIPPED, Incident, IncidentKind, IncidentPlan, plan_week
from .live import LiveBatch, live

__all__ = [
    "SHIPPED",
    "Incident",
    "IncidentKind",
    "IncidentPlan",
    "LiveBatch",
    "SimulatedSite",
    "live",
    "plan_week",
]
