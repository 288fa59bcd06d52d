"""Kinds: each (site, camera, type, label, sub_label, zones) that occurs, one row.

Rows are made by ingest and never deleted, so an id stays good for ever; a kind that no event has
any more has no matches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from sqlalchemy import BigInteger, Text, bindparam, func, select

from ..domain.events import SeenKind
from . import bulk, codec, dialects
from .bulk import Inserted
from .event_rows import load_zones
from .instants import from_us
from .session import Session, Statement, slot
from .tables import events, kind_zones, kinds
from .words import storable

KindKey = tuple[str, str, str, str, str, tuple[str, ...]]
"""site, camera_id, event_type, label, sub_label, zones"""

_MOST_REMEMBERED = 200_000


class KindIds:
    """Ids of kinds by (tenant, key), remembered by the process."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, KindKey], int] = {}

    def find(self, tenant: str, keys: Iterable[KindKey]) -> dict[KindKey, int]:
        """Those of the keys that are remembered."""
        ids = self._ids
        return {key: ids[tenant, key] for key in keys if (tenant, key) in ids}

    def remember(self, tenant: str, found: dict[KindKey, int]) -> None:
        """Keep ids, once the transaction that may have made them was committed."""
        if len(self._ids) + len(found) > _MOST_REMEMBERED:
            self._ids.clear()
        self._ids.update(((tenant, key), kind_id) for key, kind_id in found.items())


def resolve(session: Session, tenant: str, keys: Iterable[KindKey]) -> dict[KindKey, int]:
    """Ids of kinds; those that never occurred get a row without matches."""
    by_digest = {_digest(key): key for key in keys}
    found: dict[KindKey, int] = {}
    if not by_digest:
        return found
    query = select(kinds.c.digest, kinds.c.kind_id).where(
        kinds.c.tenant == tenant, dialects.among(session, kinds.c.digest, list(by_digest))
    )
    found = {by_digest[digest]: kind_id for digest, kind_id in session.execute(query)}
    missing = {digest: key for digest, key in by_digest.items() if key not in found}
    if not missing:
        return found
    session.execute(
        kinds.insert(),
        [
            {
                "tenant": tenant,
                "digest": digest,
                "site": storable(site),
                "camera_id": storable(camera_id),
                "event_type": storable(event_type),
                "label": storable(label),
                "sub_label": storable(sub_label),
                "zones": codec.dump(zones) if zones else "",
                "matches": 0,
            }
            for digest, (site, camera_id, event_type, label, sub_label, zones) in missing.items()
        ],
    )
    found = {by_digest[digest]: kind_id for digest, kind_id in session.execute(query)}
    zoned = [
        {"tenant": tenant, "kind_id": found[key], "zone": storable(zone)}
        for key in missing.values()
        for zone in dict.fromkeys(key[5])
    ]
    if zoned:
        session.execute(kind_zones.insert(), zoned)
    return found


def recount(session: Session, tenant: str, more: Mapping[int, int]) -> bool:
    """Bring kinds up to date whose events changed: by how many more or fewer there are of each.

    True when another set of kinds occurs now.
    """
    row, mine = kinds.c, (events.c.tenant == tenant, events.c.kind_id == kinds.c.kind_id)
    seen = select(row.kind_id).where(
        row.tenant == tenant, dialects.among(session, row.kind_id, list(more)), row.matches > 0
    )
    before = set(session.execute(seen).scalars())
    session.execute(
        kinds.update()
        .where(row.kind_id == bindparam("of_kind"))
        .values(
            matches=row.matches + bindparam("more", type_=BigInteger),
            first_us=select(func.min(events.c.start_us)).where(*mine).scalar_subquery(),
            last_us=select(func.max(events.c.start_us)).where(*mine).scalar_subquery(),
        ),
        [{"of_kind": kind_id, "more": count} for kind_id, count in sorted(more.items())],
    )
    return before != set(session.execute(seen).scalars())


def add(session: Session, tenant: str, new: Inserted) -> bool:
    """Count events that were stored just now; True when another set of kinds occurs with them."""
    values = {**new.values, "tenant": tenant}
    another = session.run("kinds without events", lambda: _without_events(session), values).first()
    session.run("add to kinds", lambda: _add(session), values)
    return another is not None


def _without_events(session: Session) -> Statement:
    touched = select(events.c.kind_id).where(bulk.is_new(session))
    return (
        select(kinds.c.kind_id)
        .where(
            kinds.c.tenant == slot("tenant", Text()),
            kinds.c.matches == 0,
            kinds.c.kind_id.in_(touched),
        )
        .limit(1)
    )


def _add(session: Session) -> Statement:
    kind_id = events.c.kind_id + 0  # grouped by the plain column, SQLite would read a whole index
    new = (
        select(
            kind_id.label("kind_id"),
            func.count().label("more"),
            func.min(events.c.start_us).label("first_us"),
            func.max(events.c.start_us).label("last_us"),
        )
        .where(bulk.is_new(session))
        .group_by(kind_id)
        .subquery("new")
    )
    row = kinds.c
    return (
        kinds.update()
        .where(row.kind_id == new.c.kind_id)
        .values(
            matches=row.matches + new.c.more,
            first_us=dialects.least(
                session, func.coalesce(row.first_us, new.c.first_us), new.c.first_us
            ),
            last_us=dialects.greatest(
                session, func.coalesce(row.last_us, new.c.last_us), new.c.last_us
            ),
        )
    )


def seen(session: Session, tenant: str) -> list[SeenKind]:
    """Every kind that occurs, sorted by its key."""
    row = kinds.c
    return [
        SeenKind(
            site=site,
            camera_id=camera_id,
            event_type=event_type,
            label=label,
            sub_label=sub_label,
            zones=load_zones(zones),
            matches=matches,
            first_start=from_us(first),
            last_start=from_us(last),
        )
        for site, camera_id, event_type, label, sub_label, zones, matches, first, last in (
            session.execute(
                select(
                    row.site,
                    row.camera_id,
                    row.event_type,
                    row.label,
                    row.sub_label,
                    row.zones,
                    row.matches,
                    row.first_us,
                    row.last_us,
                )
                .where(row.tenant == tenant, row.matches > 0)
                .order_by(
                    row.site, row.camera_id, row.event_type, row.label, row.sub_label, row.zones
                )
            )
        )
    ]


def sites_of(session: Session, tenant: str) -> set[str]:
    """Sites that events ever named."""
    return set(
        session.execute(select(kinds.c.site).where(kinds.c.tenant == tenant).distinct()).scalars()
    )


def _digest(key: KindKey) -> str:
    return hashlib.sha256(codec.dump(key).encode()).hexdigest()[:40]
