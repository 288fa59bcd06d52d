"""Tables, queries, migrations: one implementation of `domain.stores` for SQLite and PostgreSQL.

Only this package knows SQL. A store's work is a plain function of a SQLAlchemy `Connection`;
`Database` runs it in a transaction: on SQLite in a worker thread, in one hop however many
statements it has, on PostgreSQL over asyncpg.
"""

from __future__ import annotations

from .database import Database
from .secret_key import secret_key
from .stores import Stores, open_stores

__all__ = ["Database", "Stores", "open_stores", "secret_key"]
