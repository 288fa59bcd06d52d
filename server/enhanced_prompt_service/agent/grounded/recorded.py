"""How much of a window was recorded: what tells quiet from no footage."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import CoverageReport
from enhanced_prompt_service.domain.stores import CoverageSpan
from enhanced_prompt_service.domain.times import Interval, RecurringMask, union

MOST_SPANS = 50  # of a report, as the domain says
GAP = timedelta(minutes=15)  # shorter breaks do not end a stretch of footage that is offered


@dataclass(frozen=True, slots=True)
class Recorded:
    """The report, and the recorded seconds of each camera whose coverage is known."""

    report: CoverageReport
    by_camera: Mapping[str, float]


def measure(
    spans: Sequence[CoverageSpan],
    windows: Sequence[Interval],
    mask: RecurringMask | None,
    asked: Mapping[str, str],
    known: Iterable[str],
    zones: Mapping[str, ZoneInfo],
) -> Recorded:
    """Coverage of the windows (and the mask, in each site's zone) by the cameras asked about.

    `asked` maps camera ids to sites. Cameras that never reported coverage count as unknown: they
    add neither to what was recorded nor to what was asked for.
    """
    reporting = set(known)
    cameras_known = [camera for camera in asked if camera in reporting]
    wanted: dict[str, list[Interval]] = {}
    pieces: dict[str, list[Interval]] = {}
    for camera in cameras_known:
        zone = zones.get(asked[camera])
        key = "" if mask is None or zone is None else str(zone)
        if key not in pieces:
            pieces[key] = _masked(windows, mask, zone)
        wanted[camera] = pieces[key]
    by_camera = dict.fromkeys(cameras_known, 0.0)
    footage: list[Interval] = []
    for span in spans:
        if span.camera_id not in wanted:
            continue
        for both in _overlaps(wanted[span.camera_id], span.interval):
            by_camera[span.camera_id] += both.seconds
            footage.append(both)
    seconds = sum(by_camera.values())
    lengths = {id(one): sum(part.seconds for part in one) for one in pieces.values()}
    window = sum(lengths[id(wanted[camera])] for camera in cameras_known)
    merged = union(footage)
    report = CoverageReport(
        share=seconds / window if window else None,
        recorded_seconds=seconds,
        window_seconds=window,
        cameras_known=len(cameras_known),
        cameras_unknown=len(asked) - len(cameras_known),
        recorded=tuple(merged[:MOST_SPANS]),
    )
    return Recorded(report, by_camera)


def _masked(
    windows: Sequence[Interval], mask: RecurringMask | None, zone: ZoneInfo | None
) -> list[Interval]:
    if mask is None or zone is None:
        return list(windows)
    return [one for window in windows for one in mask.intervals(window, zone)]


def _overlaps(wanted: Sequence[Interval], span: Interval) -> list[Interval]:
    """The parts of sorted, disjoint intervals that lie in a span."""
    at = max(0, bisect_right(wanted, span.start, key=lambda one: one.start) - 1)
    found: list[Interval] = []
    while at < len(wanted) and wanted[at].start < span.end:
        both = wanted[at].intersect(span)
        if both is not None:
            found.append(both)
        at += 1
    return found


def stretches(spans: Iterable[CoverageSpan], gap: timedelta = GAP) -> list[Interval]:
    """Footage of any camera as stretches, sorted; breaks up to `gap` do not end one."""
    found: list[Interval] = []
    for one in union(span.interval for span in spans):
        if found and one.start - found[-1].end <= gap:
            found[-1] = Interval(found[-1].start, one.end)
        else:
            found.append(one)
    return found


def nearest(found: Sequence[Interval], window: Interval, most: int = 3) -> tuple[Interval, ...]:
    """The stretches that lie nearest to a window, in order of time."""

    def distance(one: Interval) -> timedelta:
        if one.start >= window.end:
            return one.start - window.end
        return max(window.start - one.end, timedelta())

    return tuple(sorted(sorted(found, key=distance)[:most]))


def by_site(cameras: Mapping[str, str]) -> dict[str, list[str]]:
    """Cameras of each site."""
    found: dict[str, list[str]] = defaultdict(list)
    for camera, site in cameras.items():
        found[site].append(camera)
    return dict(found)
