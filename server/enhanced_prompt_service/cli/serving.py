"""`eps serve`: the server, in this process, or a supervisor of several. Options stand above EPS_*
variables."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .session import SERVICE_ERROR, USAGE, need_server_parts
from .terminal import fail


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: EPS_HOST, else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 for any. Default: EPS_PORT, else 50051."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that share the port; more than one needs --redis-url."
        ),
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="redis://host:port/db: what replicas share. EPS_REDIS_URL.")
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(
            help="sqlite:///path or postgresql://…. Default: EPS_DATABASE_URL, else a file at home."
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of database, logs and pids. Default: EPS_HOME, else .eps."),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(help="Moves the site clock: ISO 8601 with an offset. Default: EPS_CLOCK."),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA zone where nothing else says one.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or console.")] = None,
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    try:
        from pydantic import ValidationError

        from ..app import run
        from ..config import Settings
        from ..domain.errors import ServiceError
        from ..rpc.server import NotLoopbackError
    except ImportError as error:
        need_server_parts(error)
        raise
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "workers": workers,
        "redis_url": redis_url,
        "database_url": database_url,
        "home": home,
        "clock": clock,
        "time_zone": time_zone,
        "log_level": log_level,
        "log_format": log_format,
    }
    given = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems = "; ".join(
            f"EPS_{str(one['loc'][0]).upper()}: {one['msg']}" if one["loc"] else one["msg"]
            for one in error.errors()
        )
        fail(problems, USAGE)
    if settings.workers > 1:
        _supervise(given)
    try:
        run(settings)
    except NotLoopbackError as error:
        fail(str(error), USAGE)
    except (ServiceError, OSError) as error:  # a database that is away, no free port, no folder
        fail(f"cannot start: {error}", SERVICE_ERROR)


def _supervise(given: dict[str, Any]) -> None:
    """Become the supervisor: a process of its own kind, which has never imported grpc."""
    chosen = {f"EPS_{name.upper()}": str(value) for name, value in given.items()}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(  # noqa: S606 - no shell is wanted
        sys.executable,
        [sys.executable, "-m", "enhanced_prompt_service.workers"],
        {**os.environ, **chosen},
    )
