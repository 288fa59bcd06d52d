"""Events as rows, and rows as events."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, select

from ..domain.errors import NotFound, Reason
from ..domain.events import Event
from ..domain.identity import Caller
from .instants import from_us
from .session import Session
from .tables import events, kinds
from .words import storable

EVENT = select(
    events.c.event_id,
    events.c.start_us,
    events.c.end_us,
    events.c.confidence,
    events.c.participants,
    events.c.description,
    events.c.clip_url,
    events.c.snapshot_url,
    events.c.attributes,
    events.c.source,
    kinds.c.site,
    kinds.c.camera_id,
    kinds.c.event_type,
    kinds.c.label,
    kinds.c.sub_label,
    kinds.c.zones,
).join_from(events, kinds, kinds.c.kind_id == events.c.kind_id)


def to_event(row: Row[*tuple[Any, ...]]) -> Event:
    """A row that begins with the columns of `EVENT`."""
    (
        event_id,
        start_us,
        end_us,
        confidence,
        participants,
        description,
        clip_url,
        snapshot_url,
        attributes,
        source,
        site,
        camera_id,
        event_type,
        label,
        sub_label,
        zones,
    ) = row[:16]
    return Event(
        event_id=event_id,
        start_time=from_us(start_us),
        site=site,
        camera_id=camera_id,
        event_type=event_type,
        end_time=None if end_us is None else from_us(end_us),
        zones=load_zones(zones),
        label=label,
        sub_label=sub_label,
        confidence=confidence,
        participants=participants,
        description=description,
        clip_url=clip_url,
        snapshot_url=snapshot_url,
        attributes=json.loads(attributes) if attributes else {},
        source=source,
    )


@lru_cache(maxsize=4096)
def load_zones(text: str) -> tuple[str, ...]:
    """Zones as `kinds.zones` holds them: a JSON list, "" for none."""
    return tuple(json.loads(text)) if text else ()


def get(session: Session, caller: Caller, event_id: str) -> Event:
    """One event that the caller may see. Raises NotFound (EVENT_NOT_FOUND)."""
    row = session.execute(
        EVENT.where(events.c.tenant == caller.tenant, events.c.event_id == storable(event_id))
    ).one_or_none()
    found = None if row is None else to_event(row)
    if found is None or not caller.sees(found.site, found.camera_id):
        raise NotFound("event", event_id, reason=Reason.EVENT_NOT_FOUND)
    return found
