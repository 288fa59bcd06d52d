"""`domain.detection.DetectionStore`: what detectors read, and the states that they keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, Table, func, select

from ..domain.detection import Observed, Sighting, StateKey
from ..domain.events import Coverage, CoverageState
from ..domain.fences import Fence
from ..domain.identity import Caller
from ..domain.times import Interval
from . import coverage, dialects, fences, retention
from .database import Database
from .event_rows import load_zones
from .instants import HOUR, SECOND, from_us, to_us
from .session import Session
from .tables import Str, event_hours, events, kinds, metadata
from .tables import coverage as coverage_table
from .words import storable

detector_states = Table(
    "detector_states",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("site", Str, nullable=False),
    Column("camera_id", Str, nullable=False),
    Column("state", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "site", "camera_id"),
)

_GRADED = '%"severity"%'


class SqlDetectionStore:
    """`domain.detection.DetectionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self) -> list[str]:
        """Tenants that ever had events or coverage."""
        return await self._database.read(retention.tenant_names)

    async def observed(self, caller: Caller, window: Interval) -> Observed:
        """What was seen in a window, as it is stored now."""
        return await self._database.read(lambda session: _observed(session, caller.tenant, window))

    async def first_after(self, caller: Caller, moment: datetime) -> datetime | None:
        """When the first event or coverage at or after a moment begins."""
        return await self._database.read(lambda session: _first(session, caller.tenant, moment))

    async def count_before(self, caller: Caller, moment: datetime) -> int:
        """Events that began before the UTC hour of a moment."""
        query = select(func.coalesce(func.sum(event_hours.c.matches), 0)).where(
            event_hours.c.tenant == caller.tenant, event_hours.c.hour < to_us(moment) // HOUR
        )
        return await self._database.read(lambda session: int(session.execute(query).scalar_one()))

    async def load(self, caller: Caller) -> dict[StateKey, bytes]:
        """All states of the tenant."""
        row = detector_states.c
        query = select(row.site, row.camera_id, row.state).where(row.tenant == caller.tenant)

        def found(session: Session) -> dict[StateKey, bytes]:
            return {
                (site, camera_id): bytes(state) for site, camera_id, state in session.execute(query)
            }

        return await self._database.read(found)

    async def save(
        self,
        caller: Caller,
        states: Mapping[StateKey, bytes],
        *,
        fence: Fence,
        anew: bool = False,
    ) -> None:
        """Replace states in one transaction; with `anew` all others are deleted."""
        await self._database.write(lambda session: _save(session, caller, states, fence, anew))


def _save(
    session: Session, caller: Caller, states: Mapping[StateKey, bytes], fence: Fence, anew: bool
) -> None:
    fences.check(session, fence)
    if anew:
        session.execute(detector_states.delete().where(detector_states.c.tenant == caller.tenant))
    if not states:
        return
    insert = dialects.insert(session, detector_states)
    row = detector_states.c
    session.execute(
        insert.on_conflict_do_update(
            index_elements=[row.tenant, row.site, row.camera_id],
            set_={"state": insert.excluded.state},
        ),
        [
            {
                "tenant": caller.tenant,
                "site": storable(site),
                "camera_id": storable(camera_id),
                "state": state,
            }
            for (site, camera_id), state in sorted(states.items())
        ],
    )


def _observed(session: Session, tenant: str, window: Interval) -> Observed:
    low, high = to_us(window.start), to_us(window.end)
    inside = (events.c.tenant == tenant, events.c.start_us >= low, events.c.start_us < high)
    graded = {
        event: severity
        for event, attributes in session.execute(
            select(events.c.id, events.c.attributes).where(
                *inside, events.c.attributes.like(_GRADED)
            )
        )
        if (severity := _severity(attributes))
    }
    named = {
        kind_id: (site, camera_id, event_type, label, sub_label, load_zones(zones))
        for kind_id, site, camera_id, event_type, label, sub_label, zones in session.execute(
            select(
                kinds.c.kind_id,
                kinds.c.site,
                kinds.c.camera_id,
                kinds.c.event_type,
                kinds.c.label,
                kinds.c.sub_label,
                kinds.c.zones,
            ).where(kinds.c.tenant == tenant)
        )
    }
    rows = session.execute(
        select(
            events.c.id,
            events.c.kind_id,
            events.c.start_us,
            events.c.end_us,
            events.c.confidence,
        )
        .where(*inside)
        .order_by(events.c.start_us, events.c.id)
    )
    sightings = tuple(
        Sighting(
            *named[kind_id],
            from_us(start),
            None if end is None else (end - start) / SECOND,
            confidence,
            graded.get(event, ""),
        )
        for event, kind_id, start, end, confidence in rows
    )
    return Observed(sightings, tuple(_spans(session, tenant, low, high)))


def _spans(session: Session, tenant: str, low: int, high: int) -> list[Coverage]:
    row = coverage_table.c
    begun = session.execute(
        select(row.site, row.camera_id, row.start_us, row.end_us, row.state).where(
            row.tenant == tenant, row.start_us > low, row.start_us < high
        )
    ).all()
    rows: list[Any] = [*begun, *coverage.newest(session, tenant, low)]
    return [
        Coverage(
            site,
            camera_id,
            CoverageState(state),
            from_us(max(start, low)),
            from_us(min(end, high)),
        )
        for site, camera_id, start, end, state in sorted(rows)
        if end > low
    ]


def _first(session: Session, tenant: str, moment: datetime) -> datetime | None:
    at = to_us(moment)
    event = session.execute(
        select(func.min(events.c.start_us)).where(
            events.c.tenant == tenant, events.c.start_us >= at
        )
    ).scalar_one()
    span = session.execute(
        select(func.min(coverage_table.c.start_us)).where(
            coverage_table.c.tenant == tenant, coverage_table.c.start_us >= at
        )
    ).scalar_one()
    going = [row for row in coverage.newest(session, tenant, at) if row[3] > at]
    found = [one for one in (event, span, at if going else None) if one is not None]
    return from_us(min(found)) if found else None


def _severity(attributes: str) -> str:
    """The attribute `severity`, where it is one that insights know."""
    try:
        found = json.loads(attributes).get("severity", "")
    except (ValueError, AttributeError):
        return ""
    word = found.lower() if isinstance(found, str) else ""
    return word if word in ("low", "medium", "high", "critical") else ""
