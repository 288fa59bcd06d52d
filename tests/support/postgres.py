"""A private PostgreSQL server for tests: its own folder, its own free port, gone afterwards.

It never runs as root (PostgreSQL refuses), so under root it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .require import program

USER = "eps"
# Tests want no disk waits; nothing of theirs has to survive a power cut.
NO_SYNC = ("--locale=C.UTF-8", "--no-sync")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; every test makes a database of its own in it."""

    port: int
    psql: Path

    def url(self, database: str) -> str:
        """The database's address as EPS_DATABASE_URL has it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Make an empty database, returns its address."""
        self.run(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected."""
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def run(self, statement: str) -> None:
        """Run one statement in the maintenance database. Raises RuntimeError."""
        address = self.url("postgres")
        _quietly(
            [str(self.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", statement]
        )


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server until the block is left; skips the test where PostgreSQL is missing.

    `durable` keeps PostgreSQL's own settings about the disk: for measurements.
    """
    initdb, pg_ctl, psql = program("initdb"), program("pg_ctl"), program("psql")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="eps-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        _quietly(
            [str(initdb), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", *NO_SYNC],
            user,
        )
        port = free_port()
        settings = ["listen_addresses=127.0.0.1", f"port={port}", "max_connections=200"]
        settings += [f"unix_socket_directories={folder}", *(() if durable else FAST)]
        options = " ".join(f"-c {setting}" for setting in settings)
        log = str(folder / "log")
        _quietly([str(pg_ctl), "start", "-w", "-D", str(data), "-l", log, "-o", options], user)
        try:
            yield PostgresServer(port, psql)
        finally:
            _quietly([str(pg_ctl), "stop", "-w", "-m", "immediate", "-D", str(data)], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user() -> str | None:
    """Whom the server runs as: None for whoever we are."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _quietly(command: list[str], user: str | None = None) -> None:
    """Raises RuntimeError with the command's output."""
    done = subprocess.run(
        command,
        check=False,
        cwd="/",
        user=user,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")
