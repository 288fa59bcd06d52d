"""From stored events and coverage to what detectors are given, slot by slot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..domain.catalogue import Site
from ..domain.detection import Observed, Sighting
from ..domain.events import Coverage, CoverageState
from ..domain.times import Interval, RecurringMask
from .slots import CameraSlot, Graded, Grid, Seen, Trespass

Slots = dict[int, dict[str, CameraSlot]]
"""Slot number and camera to what is known of it."""


@dataclass(slots=True)
class _Label:
    count: int = 0
    confidences: int = 0
    confidence_sum: float = 0.0
    durations: list[float] = field(default_factory=list[float])
    zones: defaultdict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))


@dataclass(slots=True)
class _Camera:
    labels: defaultdict[str, _Label] = field(
        default_factory=lambda: defaultdict[str, _Label](_Label)
    )
    trespasses: defaultdict[tuple[str, str, str], int] = field(
        default_factory=lambda: defaultdict[tuple[str, str, str], int](int)
    )
    graded: defaultdict[tuple[str, str], int] = field(
        default_factory=lambda: defaultdict[tuple[str, str], int](int)
    )


def arrange(
    site: Site, grid: Grid, first: int, last: int, observed: Observed, reporting: Collection[str]
) -> Slots:
    """The slots `first` to `last` of one site, each with every camera there is something of.

    `observed` covers them and may hold other sites. `reporting` are cameras that have reported
    coverage before: for them no report means no recording. Labels are the events' labels, their
    types where they have none.
    """
    masks = {zone.zone_id: zone.restricted for zone in site.zones if zone.restricted}
    cameras: dict[int, dict[str, _Camera]] = {}
    for one in observed.sightings:
        if one.site == site.site_id and first <= (slot := grid.number(one.start)) <= last:
            there = cameras.setdefault(slot, {})
            _add(there.setdefault(one.camera_id, _Camera()), one, masks, grid)
    spans: defaultdict[str, list[Coverage]] = defaultdict(list)
    for span in observed.coverage:
        if span.site == site.site_id:
            spans[span.camera_id].append(span)
    covered = {camera_id: _coverage(found, grid, first, last) for camera_id, found in spans.items()}
    zones = {
        camera.camera_id: [(zone, masks[zone]) for zone in camera.zones if zone in masks]
        for camera in site.cameras
    }
    names = {*reporting, *covered, *(name for there in cameras.values() for name in there)}
    names |= {name for name, restricted in zones.items() if restricted}
    made: Slots = {}
    for slot in range(first, last + 1):
        local = grid.start(slot).astimezone(grid.zone)
        seen = cameras.get(slot, {})
        made[slot] = {}
        for name in sorted(names):
            recorded, disabled, breaks = covered.get(name, {}).get(slot, (0.0, 0.0, 0))
            reports = name in covered or name in reporting
            camera = seen.get(name) or _NOTHING
            made[slot][name] = CameraSlot(
                covered=min(recorded, 1.0) if reports else None,
                disabled=disabled,
                breaks=breaks,
                by_label={label: _seen(one) for label, one in camera.labels.items()},
                restricted=tuple(
                    zone for zone, masks_of in zones.get(name, ()) if _holds(masks_of, local)
                ),
                trespasses=tuple(
                    Trespass(*key, count) for key, count in sorted(camera.trespasses.items())
                ),
                graded=tuple(Graded(*key, count) for key, count in sorted(camera.graded.items())),
            )
    return made


_NOTHING = _Camera()


def _add(
    camera: _Camera, one: Sighting, masks: dict[str, tuple[RecurringMask, ...]], grid: Grid
) -> None:
    label = camera.labels[one.label or one.event_type]
    label.count += 1
    if one.confidence is not None:
        label.confidences += 1
        label.confidence_sum += one.confidence
    if one.duration_s is not None and one.duration_s >= 0:
        label.durations.append(one.duration_s)
    for zone in one.zones or ("",):
        label.zones[zone] += 1
        if zone in masks and _holds(masks[zone], one.start.astimezone(grid.zone)):
            camera.trespasses[zone, one.label or one.event_type, one.sub_label] += 1
    if one.severity:
        camera.graded[one.event_type, one.severity] += 1


def _seen(one: _Label) -> Seen:
    return Seen(
        one.count, one.confidences, one.confidence_sum, tuple(one.durations), dict(one.zones)
    )


def _holds(masks: Iterable[RecurringMask], local: datetime) -> bool:
    return any(mask.contains(local) for mask in masks)


def _coverage(
    spans: Sequence[Coverage], grid: Grid, first: int, last: int
) -> dict[int, tuple[float, float, int]]:
    """Of each slot that a camera's reports touch: the share recorded, the share switched off on
    purpose, and how often recording stopped."""
    found: dict[int, tuple[float, float, int]] = {}
    ordered = sorted(spans, key=lambda one: one.start_time)
    for number, span in enumerate(ordered):
        after = ordered[number + 1] if number + 1 < len(ordered) else None
        goes_on = (
            after is not None
            and after.start_time <= span.end_time
            and after.state is CoverageState.RECORDING
        )
        whole = Interval(span.start_time, span.end_time)
        end_slot = grid.number(span.end_time)
        low = max(grid.number(span.start_time), first)
        for slot in range(low, min(end_slot, last) + 1):
            part = whole.intersect(grid.span(slot, slot))
            share = 0.0 if part is None else part.seconds / (grid.minutes * 60)
            recorded, disabled, breaks = found.get(slot, (0.0, 0.0, 0))
            if span.state is CoverageState.RECORDING:
                recorded += share
                breaks += slot == end_slot and not goes_on and after is not None
            elif span.state is CoverageState.DISABLED:
                disabled += share
            found[slot] = (recorded, disabled, breaks)
    return found
