"""What detectors cost: a slot closed, by (camera, label), and the state that they keep.

Measured in this process on a counted site, in its last week, after seven weeks of history.
"""

from __future__ import annotations

import time

from enhanced_prompt_service.insights.detectors import Grid, SiteWatch
from tests.eval.counted import CAMERAS, LABELS, counted_site
from tests.eval.detectors import camera_slots

from ..figures import Figure, figure
from ..plan import Plan

WEEK_SLOTS = 7 * 96


async def measure(plan: Plan) -> list[Figure]:
    """Microseconds a slot and kB a series."""
    site = counted_site(0)
    grid = Grid(site.zone)
    watch = SiteWatch("site", grid)
    first = grid.number(site.start)
    begin = site.slots - plan.runs * max(plan.scaled(WEEK_SLOTS, 96) // plan.runs, 24)
    for slot in range(begin):
        watch.close(first + slot, camera_slots(site, grid, slot))
    series = len(CAMERAS) * len(LABELS)
    part = (site.slots - begin) // plan.runs
    took: list[float] = []
    for run in range(plan.runs):
        slots = range(begin + run * part, begin + (run + 1) * part)
        given = [(first + slot, camera_slots(site, grid, slot)) for slot in slots]
        started = time.perf_counter()
        for slot, seen in given:
            watch.close(slot, seen)
        took.append((time.perf_counter() - started) / (part * series) * 1e6)
    sizes = [len(camera.dump()) / (1 + len(LABELS)) / 1000 for camera in watch.cameras.values()]
    return [
        figure(
            "detectors: closing a slot of one (camera, label), 12 cameras of 3 labels",
            "µs",
            took,
            limit=150.0,
        ),
        figure(
            "detectors: state of a series after 8 weeks, all detectors of its camera shared out",
            "kB",
            sizes,
            limit=10.0,
        ),
    ]
