"""Kinds: each (site, camera, type, label, sub_label, zones) that occurs, one row.

Rows are made by ingest and never deleted, so an id stays good for ever; a kind that no event has
any more has no matches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import BigInteger, BindParameter, bindparam, func, select

from ..domain.events import SeenKind
from . import codec, dialects
from .event_rows import load_zones
from .instants import from_us
from .session import Session
from .tables import event_hours, events, kind_zones, kinds
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


def recount(session: Session, tenant: str, kind_ids: list[int]) -> bool:
    """Bring counts of kinds up to date with their events; True when another set occurs now."""
    mine = (kinds.c.tenant == tenant, dialects.among(session, kinds.c.kind_id, kind_ids))
    seen = select(kinds.c.kind_id).where(*mine, kinds.c.matches > 0)
    before = set(session.execute(seen).scalars())
    hours = event_hours.c
    ends = events.c
    session.execute(
        kinds.update()
        .where(*mine)
        .values(
            matches=select(func.coalesce(func.sum(hours.matches), 0))
            .where(hours.tenant == tenant, hours.kind_id == kinds.c.kind_id)
            .scalar_subquery(),
            first_us=select(func.min(ends.start_us))
            .where(ends.tenant == tenant, ends.kind_id == kinds.c.kind_id)
            .scalar_subquery(),
            last_us=select(func.max(ends.start_us))
            .where(ends.tenant == tenant, ends.kind_id == kinds.c.kind_id)
            .scalar_subquery(),
        )
    )
    return before != set(session.execute(seen).scalars())


def add(session: Session, tenant: str, rows: list[tuple[int, int, int, int]]) -> bool:
    """Count new events: (kind_id, how many, first and last start); True when another set occurs."""
    new = session.execute(
        select(kinds.c.kind_id)
        .where(
            kinds.c.tenant == tenant,
            kinds.c.matches == 0,
            dialects.among(session, kinds.c.kind_id, [row[0] for row in rows]),
        )
        .limit(1)
    ).one_or_none()
    first: BindParameter[int] = bindparam("first", type_=BigInteger)
    last: BindParameter[int] = bindparam("last", type_=BigInteger)
    session.execute(
        kinds.update()
        .where(kinds.c.kind_id == bindparam("id"))
        .values(
            matches=kinds.c.matches + bindparam("more"),
            first_us=dialects.least(session, func.coalesce(kinds.c.first_us, first), first),
            last_us=dialects.greatest(session, func.coalesce(kinds.c.last_us, last), last),
        ),
        [
            {"id": kind_id, "more": more, "first": low, "last": high}
            for kind_id, more, low, high in rows
        ],
    )
    return new is not None


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
