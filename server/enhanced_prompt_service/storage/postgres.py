"""PostgreSQL over asyncpg: a pool of connections, each with its prepared statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

T = TypeVar("T")

_MIGRATION_LOCK = 0x6570735F6D696772  # "eps_migr"
_CONNECT_S = 10.0


class PostgresBackend:
    """A PostgreSQL database."""

    dialect = "postgresql"

    def __init__(self, url: str, *, pool_size: int = 10, pool_wait_s: float = 10.0) -> None:
        given = make_url(url).set(drivername="postgresql+asyncpg")
        self._engine = create_async_engine(
            given,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_wait_s,
            connect_args={
                "timeout": _CONNECT_S,
                "prepared_statement_cache_size": 512,
                "server_settings": {"jit": "off", "application_name": "enhanced_prompt_service"},
            },
        )
        self._reader = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work on one snapshot."""
        async with self._reader.connect() as connection:
            return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T], committing: Callable[[], None]) -> T:
        """Run work and commit."""
        async with self._engine.connect() as connection:
            result = await connection.run_sync(work)
            committing()
            await connection.commit()
            return result

    async def exclusively(self, work: Callable[[Connection], None]) -> None:
        """Run work under an advisory lock that ends with the transaction."""

        def locked(connection: Connection) -> None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            work(connection)

        await self.write(locked, lambda: None)

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()
