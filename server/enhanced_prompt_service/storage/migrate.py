"""Bringing the tables up to date. Alembic is loaded only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

HEAD = "0011"
"""The newest migration (a test holds this and the files together)."""

_VERSION = table("alembic_version", column("version_num"))


def up_to_date(connection: Connection) -> bool:
    """Whether the tables are those of the newest migration."""
    if not inspect(connection).has_table(_VERSION.name):
        return False
    return connection.execute(select(_VERSION.c.version_num)).scalar() == HEAD


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
