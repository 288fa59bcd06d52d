"""API keys as rows. They are few, and looked up once a second each at most."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from ..domain.credentials import ApiKey
from ..domain.identity import Role
from .database import Database
from .instants import from_us, to_us
from .session import Session
from .tables import api_keys


class SqlKeyStore:
    """`domain.credentials.KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_key(self, key: ApiKey) -> None:
        """Store a new key."""
        values = {
            "key_id": key.key_id,
            "tenant": key.tenant,
            "user_id": key.user,
            "role": key.role.value,
            "digest": key.digest,
            "cameras": _dump(key.cameras),
            "sites": _dump(key.sites),
            "created_us": to_us(key.created_at),
            "expires_us": None if key.expires_at is None else to_us(key.expires_at),
            "revoked_us": None if key.revoked_at is None else to_us(key.revoked_at),
        }

        def add(session: Session) -> None:
            session.execute(api_keys.insert(), [values])

        await self._database.write(add)

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key of an id, also where it was revoked."""

        def find(session: Session) -> ApiKey | None:
            row = session.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
            return None if row is None else _load(row)

        return await self._database.read(find)

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke a key from now on; False where there is none. The first time counts."""

        def revoke(session: Session) -> bool:
            mine = api_keys.c.key_id == key_id
            session.execute(
                api_keys.update()
                .where(mine, api_keys.c.revoked_us.is_(None))
                .values(revoked_us=to_us(now))
            )
            found = session.execute(select(api_keys.c.key_id).where(mine))
            return found.one_or_none() is not None

        return await self._database.write(revoke)

    async def list_keys(self, tenant: str = "") -> list[ApiKey]:
        """All keys, or those of one tenant, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_us, api_keys.c.key_id)
        if tenant:
            query = query.where(api_keys.c.tenant == tenant)
        return await self._database.read(
            lambda session: [_load(row) for row in session.execute(query)]
        )


def _dump(names: frozenset[str] | None) -> str | None:
    return None if names is None else json.dumps(sorted(names))


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))


def _load(row: Row[*tuple[Any, ...]]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        tenant=row.tenant,
        user=row.user_id,
        role=Role(row.role),
        digest=bytes(row.digest),
        created_at=from_us(row.created_us),
        cameras=_names(row.cameras),
        sites=_names(row.sites),
        expires_at=None if row.expires_us is None else from_us(row.expires_us),
        revoked_at=None if row.revoked_us is None else from_us(row.revoked_us),
    )
