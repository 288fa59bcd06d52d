"""The audit log as rows. Triggers refuse to change or delete them, whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from ..domain.audit import AuditEntry
from .database import Database
from .instants import from_us, to_us
from .session import Session
from .tables import audit_log
from .words import storable

_TEXTS = (
    *("tenant", "role", "action", "outcome", "reason", "subject"),
    *("home_tenant", "proof", "request_id", "log_id"),
)
_MOST = 10_000


class SqlAuditLog:
    """`domain.audit.AuditLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries, in one transaction."""
        if not entries:
            return
        rows = [
            {name: storable(getattr(one, name)) for name in _TEXTS}
            | {"user_id": storable(one.user), "at_us": to_us(one.at)}
            for one in entries
        ]

        def add(session: Session) -> None:
            session.execute(audit_log.insert(), rows)

        await self._database.write(add)

    async def read_audit(
        self,
        *,
        tenant: str | None = None,
        user: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """The newest entries, newest first."""
        query = select(audit_log).order_by(audit_log.c.id.desc())
        if tenant is not None:
            query = query.where(audit_log.c.tenant == tenant)
        if user is not None:
            query = query.where(audit_log.c.user_id == user)
        if since is not None:
            query = query.where(audit_log.c.at_us >= to_us(since))
        query = query.limit(max(1, min(limit, _MOST)))
        return await self._database.read(
            lambda session: [
                AuditEntry(
                    at=from_us(row.at_us),
                    user=row.user_id,
                    **{name: getattr(row, name) for name in _TEXTS},
                )
                for row in session.execute(query)
            ]
        )
