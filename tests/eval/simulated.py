"""The simulated site of the evaluation: which one, and its events in the gold's database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from enhanced_prompt_service.domain.events import CoverageState
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.sources.simulate import SimulatedSite

from .gold import Site

SEED = 7
TIME_ZONE = "Europe/London"
# Nine weeks; the last of them lies after the sets' present, so that what must not be seen is there.
WINDOW = Interval(datetime(2025, 9, 8, tzinfo=UTC), datetime(2025, 11, 10, tzinfo=UTC))


def simulation() -> SimulatedSite:
    """The site whose `events(WINDOW)` and `coverage(WINDOW)` the engine is asked about."""
    return SimulatedSite(SEED, TIME_ZONE)


def load_simulated_site() -> Site:
    """The same events, straight from the generator, in the gold's own database."""
    made = simulation()
    site = Site(TIME_ZONE)
    catalogue = made.site()
    site.titles = {one.name for one in (*catalogue.cameras, *catalogue.zones) if one.name}
    site.add_events(_events(made))
    site.add_clips(
        {
            "site": one.site,
            "camera_id": one.camera_id,
            "start_time": one.start_time.isoformat(),
            "end_time": one.end_time.isoformat(),
        }
        for one in made.coverage(WINDOW)
        if one.state is CoverageState.RECORDING
    )
    return site


def _events(made: SimulatedSite) -> Iterator[dict[str, Any]]:
    for one in made.events(WINDOW):
        yield {
            "event_id": one.event_id,
            "start_time": one.start_time.isoformat(),
            "end_time": one.end_time.isoformat() if one.end_time else None,
            "site": one.site,
            "camera_id": one.camera_id,
            "event_type": one.event_type,
            "actors": one.participants,
            "zones": one.zones,
            "label": one.label,
            "sub_label": one.sub_label,
            "description": one.description,
            "confidence": one.confidence,
        }
