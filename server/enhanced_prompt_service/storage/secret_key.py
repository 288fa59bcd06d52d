"""The secret that tokens are sealed with where no setting gives one: made once, by a migration."""

from __future__ import annotations

from sqlalchemy import select

from .database import Database
from .session import Session
from .tables import secrets


async def secret_key(database: Database) -> bytes:
    """32 random bytes, the same for all replicas of a database."""

    def load(session: Session) -> bytes:
        found: bytes = session.execute(
            select(secrets.c.value).where(secrets.c.name == "secret_key")
        ).scalar_one()
        return found

    return await database.read(load)
