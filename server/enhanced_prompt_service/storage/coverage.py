"""When cameras recorded: reports in, merged spans out.

Spans of one camera never overlap: a later report cuts what it overlaps. `coverage_cameras` says
which cameras ever reported, and from when to when.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, SelectBase, Text, and_, bindparam, func, select

from ..domain.events import Coverage, CoverageState, Ingested
from ..domain.identity import Caller
from ..domain.stores import CoverageSpan
from ..domain.times import Interval
from . import dialects, tenancy
from .instants import from_us, to_us
from .session import Session
from .tables import coverage, coverage_cameras
from .words import storable

_Span = tuple[int, int, str]  # start and end in microseconds, state


def ingest(
    session: Session, tenant: str, reports: Sequence[Coverage], default_zone: str
) -> list[Ingested]:
    """Store reports in their order."""
    tenancy.lock(session, tenant, default_zone)
    outcomes: list[Ingested] = [Ingested.DUPLICATE] * len(reports)
    by_camera: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(reports):
        camera = (storable(one.site), storable(one.camera_id))
        by_camera.setdefault(camera, []).append(number)
    new_cameras = changed = False
    for (site, camera_id), numbers in by_camera.items():
        spans = [
            (to_us(reports[n].start_time), to_us(reports[n].end_time), reports[n].state.value)
            for n in numbers
        ]
        low, high = min(span[0] for span in spans), max(span[1] for span in spans)
        stored = _overlapping(session, tenant, site, camera_id, low, high)
        line = _Line(stored)
        for number, span in zip(numbers, spans, strict=True):
            outcomes[number] = line.put(span)
        if line.spans == stored:
            continue
        changed = True
        _replace(session, tenant, site, camera_id, stored, line.spans)
        new_cameras |= _widen(session, tenant, site, camera_id, low, high)
    if changed:
        tenancy.changed(session, tenant, catalogue=new_cameras)
    return outcomes


class _Line:
    """The spans of one camera, sorted and disjoint."""

    def __init__(self, spans: Iterable[_Span]) -> None:
        self.spans = list(spans)

    def put(self, new: _Span) -> Ingested:
        """Replace what the new span overlaps."""
        start, end, _ = new
        first = bisect_right(self.spans, start, key=lambda one: one[1])
        last = bisect_left(self.spans, end, key=lambda one: one[0])
        overlapped = self.spans[first:last]
        if not overlapped:
            self.spans.insert(first, new)
            return Ingested.CREATED
        if _says(overlapped, new):
            return Ingested.DUPLICATE
        pieces = [new]
        left, right = overlapped[0], overlapped[-1]
        if left[0] < start:
            pieces.insert(0, (left[0], start, left[2]))
        if right[1] > end:
            pieces.append((end, right[1], right[2]))
        self.spans[first:last] = pieces
        return Ingested.UPDATED


def _says(spans: Sequence[_Span], new: _Span) -> bool:
    """Whether the spans already say all of the new one, without a gap."""
    reached = new[0]
    for start, end, state in spans:
        if start > reached or state != new[2]:
            return False
        reached = end
    return reached >= new[1]


def _overlapping(
    session: Session, tenant: str, site: str, camera_id: str, low: int, high: int
) -> list[_Span]:
    mine = (
        coverage.c.tenant == tenant,
        coverage.c.site == site,
        coverage.c.camera_id == camera_id,
    )
    before = select(func.max(coverage.c.start_us)).where(*mine, coverage.c.start_us <= low)
    rows = session.execute(
        select(coverage.c.start_us, coverage.c.end_us, coverage.c.state)
        .where(
            *mine,
            coverage.c.start_us >= func.coalesce(before.scalar_subquery(), low),
            coverage.c.start_us < high,
        )
        .order_by(coverage.c.start_us)
    )
    return [(start, end, state) for start, end, state in rows if end > low]


def _replace(
    session: Session,
    tenant: str,
    site: str,
    camera_id: str,
    old: Sequence[_Span],
    new: Sequence[_Span],
) -> None:
    gone, come = set(old) - set(new), set(new) - set(old)
    if gone:
        session.execute(
            coverage.delete().where(
                coverage.c.tenant == tenant,
                coverage.c.site == site,
                coverage.c.camera_id == camera_id,
                dialects.among(session, coverage.c.start_us, [one[0] for one in gone]),
            )
        )
    if come:
        session.execute(
            coverage.insert(),
            [
                {
                    "tenant": tenant,
                    "site": site,
                    "camera_id": camera_id,
                    "start_us": start,
                    "end_us": end,
                    "state": state,
                }
                for start, end, state in sorted(come)
            ],
        )


def _widen(session: Session, tenant: str, site: str, camera_id: str, low: int, high: int) -> bool:
    """Widen from when to when a camera reported; True when it never had."""
    mine = (
        coverage_cameras.c.tenant == tenant,
        coverage_cameras.c.site == site,
        coverage_cameras.c.camera_id == camera_id,
    )
    known = session.execute(
        select(coverage_cameras.c.first_us, coverage_cameras.c.last_us).where(*mine)
    ).one_or_none()
    if known is None:
        session.execute(
            coverage_cameras.insert().values(
                tenant=tenant, site=site, camera_id=camera_id, first_us=low, last_us=high
            )
        )
        return True
    session.execute(
        coverage_cameras.update()
        .where(*mine)
        .values(first_us=min(known.first_us, low), last_us=max(known.last_us, high))
    )
    return False


def recorded(
    session: Session, caller: Caller, window: Interval, cameras: frozenset[str] | None
) -> list[CoverageSpan]:
    """Recorded spans inside the window, merged per camera, sorted by camera, then start."""
    low, high = to_us(window.start), to_us(window.end)
    if cameras:
        cameras = frozenset(storable(one) for one in cameras)

    def begun_inside() -> SelectBase:
        wanted = [
            coverage.c.tenant == bindparam("tenant", None),
            coverage.c.start_us > bindparam("low", None, BigInteger),
            coverage.c.start_us < bindparam("high", None, BigInteger),
            coverage.c.state == bindparam("state", None),
        ]
        if cameras:
            wanted.append(dialects.among_slot(session, coverage.c.camera_id, "cameras", Text()))
        return select(*_SPAN).where(*wanted)

    values = {
        "tenant": caller.tenant,
        "low": low,
        "high": high,
        "state": CoverageState.RECORDING.value,
        "cameras": dialects.many(session, sorted(cameras or ())),
    }
    inside = session.run(("recorded spans", bool(cameras)), begun_inside, values).all()
    by_camera: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for site, camera_id, start, end, state in (
        *inside,
        *newest(session, caller.tenant, low),
    ):
        if end <= low or state != CoverageState.RECORDING.value:
            continue
        if cameras and camera_id not in cameras:
            continue
        if not caller.sees(site, camera_id):
            continue
        by_camera.setdefault((camera_id, site), []).append((max(start, low), min(end, high)))
    return [
        CoverageSpan(site, camera_id, Interval(from_us(start), from_us(end)))
        for (camera_id, site), spans in sorted(by_camera.items())
        for start, end in _merged(spans)
    ]


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Disjoint spans in order, touching ones joined."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start == found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def known(session: Session, caller: Caller) -> dict[str, Interval]:
    """Cameras that ever reported, and from when to when, whatever their state was."""
    row = coverage_cameras.c
    found: dict[str, tuple[int, int]] = {}
    for site, camera_id, first, last in session.execute(
        select(row.site, row.camera_id, row.first_us, row.last_us)
        .where(row.tenant == caller.tenant)
        .order_by(row.camera_id)
    ):
        if caller.sees(site, camera_id):
            before = found.get(camera_id, (first, last))
            found[camera_id] = min(before[0], first), max(before[1], last)
    return {
        camera_id: Interval(from_us(first), from_us(last))
        for camera_id, (first, last) in found.items()
    }


def states(session: Session, caller: Caller, at: datetime) -> dict[str, Coverage]:
    """The newest report of each camera that begins at or before an instant.

    Where two sites have a camera of one id, the report that begins later.
    """
    return {
        camera_id: Coverage(site, camera_id, CoverageState(state), from_us(start), from_us(end))
        for site, camera_id, start, end, state in sorted(
            newest(session, caller.tenant, to_us(at)), key=lambda row: (row[1], row[2])
        )
        if caller.sees(site, camera_id)
    }


_SPAN = (
    coverage.c.site,
    coverage.c.camera_id,
    coverage.c.start_us,
    coverage.c.end_us,
    coverage.c.state,
)


def newest(session: Session, tenant: str, at: int) -> list[tuple[str, str, int, int, str]]:
    """Of each camera the span that began last, at or before an instant: one seek a camera."""
    rows = session.run("newest spans", _newest_spans, {"tenant": tenant, "at": at}).all()
    return [(*row,) for row in rows if row[0] is not None]


def _newest_spans() -> SelectBase:
    earlier = coverage.alias("earlier")
    began = (
        select(func.max(earlier.c.start_us))
        .where(
            earlier.c.tenant == coverage_cameras.c.tenant,
            earlier.c.site == coverage_cameras.c.site,
            earlier.c.camera_id == coverage_cameras.c.camera_id,
            earlier.c.start_us <= bindparam("at", None, BigInteger),
        )
        .correlate(coverage_cameras)
        .scalar_subquery()
    )
    return (
        select(*_SPAN)
        # An outer join, so that SQLite begins with the cameras and not with all of coverage.
        .join_from(
            coverage_cameras,
            coverage,
            and_(
                coverage.c.tenant == coverage_cameras.c.tenant,
                coverage.c.site == coverage_cameras.c.site,
                coverage.c.camera_id == coverage_cameras.c.camera_id,
                coverage.c.start_us == began,
            ),
            isouter=True,
        )
        .where(coverage_cameras.c.tenant == bindparam("tenant", None))
    )
