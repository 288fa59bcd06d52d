"""The row that each tenant has: its versions, and the lock that orders those who write events."""

from __future__ import annotations

from sqlalchemy import Connection, Row, select

from . import dialects
from .tables import tenants


def lock(connection: Connection, tenant: str, default_zone: str) -> Row[int, str]:
    """Wait for other writers of the tenant's events and catalogue; make its row where missing.

    Held to the end of the transaction. On SQLite BEGIN IMMEDIATE has done that already. Returns
    (longest_us, time_zone).
    """
    query = (
        select(tenants.c.longest_us, tenants.c.time_zone)
        .where(tenants.c.tenant == tenant)
        .with_for_update()
    )
    found = connection.execute(query).one_or_none()
    if found is not None:
        return found
    connection.execute(
        dialects.insert(connection, tenants)
        .values(
            tenant=tenant,
            catalogue_version=0,
            data_version=0,
            longest_us=0,
            time_zone=default_zone,
        )
        .on_conflict_do_nothing()
    )
    return connection.execute(query).one()


def changed(
    connection: Connection, tenant: str, *, catalogue: bool, longest_us: int | None = None
) -> None:
    """Something about events changed; `catalogue`: also the set of names that occur."""
    row = tenants.c
    connection.execute(
        tenants.update()
        .where(row.tenant == tenant)
        .values(
            data_version=row.data_version + 1,
            catalogue_version=row.catalogue_version + (1 if catalogue else 0),
            **({} if longest_us is None else {"longest_us": longest_us}),
        )
    )


def versions(connection: Connection, tenant: str) -> tuple[int, int]:
    """(catalogue_version, data_version), both 0 for a tenant without events or sites."""
    row = connection.execute(
        select(tenants.c.catalogue_version, tenants.c.data_version).where(
            tenants.c.tenant == tenant
        )
    ).one_or_none()
    return (0, 0) if row is None else (row[0], row[1])
