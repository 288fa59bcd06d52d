"""The row that each tenant has: its versions, and the lock that orders those who write events."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text, select

from . import dialects
from .session import Session, Statement, slot
from .tables import tenants


def lock(session: Session, tenant: str, default_zone: str) -> tuple[int, str]:
    """Wait for other writers of the tenant's events and catalogue; make its row where missing.

    Held to the end of the transaction. On SQLite BEGIN IMMEDIATE has done that already. Returns
    (longest_us, time_zone).
    """
    values = {"tenant": tenant}
    found = session.run("lock tenant", _locked, values).one_or_none()
    if found is not None:
        return found.longest_us, found.time_zone
    session.execute(
        dialects.insert(session, tenants)
        .values(
            tenant=tenant,
            catalogue_version=0,
            data_version=0,
            longest_us=0,
            time_zone=default_zone,
        )
        .on_conflict_do_nothing()
    )
    row = session.run("lock tenant", _locked, values).one()
    return row.longest_us, row.time_zone


def _locked() -> Statement:
    return (
        select(tenants.c.longest_us, tenants.c.time_zone)
        .where(tenants.c.tenant == slot("tenant", Text()))
        .with_for_update()
    )


def changed(session: Session, tenant: str, *, catalogue: bool, longest_us: int = 0) -> None:
    """Something about events changed; `catalogue`: also the set of names that occur."""
    values = {"of_tenant": tenant, "other": int(catalogue), "longest": longest_us}
    session.run("tenant changed", lambda: _changed(session), values)


def _changed(session: Session) -> Statement:
    row = tenants.c
    return (
        tenants.update()
        .where(row.tenant == slot("of_tenant", Text()))
        .values(
            data_version=row.data_version + 1,
            catalogue_version=row.catalogue_version + slot("other", BigInteger()),
            longest_us=dialects.greatest(session, row.longest_us, slot("longest", BigInteger())),
        )
    )


def versions(session: Session, tenant: str) -> tuple[int, int]:
    """(catalogue_version, data_version), both 0 for a tenant without events or sites."""
    row = session.run("versions", _versions, {"tenant": tenant}).one_or_none()
    return (0, 0) if row is None else (row.catalogue_version, row.data_version)


def _versions() -> Statement:
    return select(tenants.c.catalogue_version, tenants.c.data_version).where(
        tenants.c.tenant == slot("tenant", Text())
    )
