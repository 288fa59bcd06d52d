"""A process of the service: from its settings to its end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Coroutine
from typing import Any

import structlog

from .. import logs
from ..config import Settings
from ..home import clear_record, write_record
from ..workers.place import Place
from .agents import AgentMaker
from .creating import App, create_app

_log = structlog.get_logger("eps")


def run(
    settings: Settings, *, make_agent: AgentMaker | None = None, place: Place | None = None
) -> None:
    """Serve until SIGTERM or SIGINT. Owns the process: its logs, its event loop, its signals."""
    logs.configure(settings.log_level, settings.log_format)
    _run(serve(settings, make_agent=make_agent, place=place))


async def serve(
    settings: Settings, *, make_agent: AgentMaker | None = None, place: Place | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; the home says where while it does.

    A worker tells its supervisor instead, and also ends with it.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    started = time.monotonic()
    if place is not None:
        _end_with(place.life_fd, stop, loop)
    async with create_app(settings, make_agent=make_agent, place=place) as app:
        settle()
        if place is None:
            write_record(settings.home, _record(app))
        else:
            place.announce(_record(app))
        _log.info(
            "serving",
            address=app.address,
            replica=app.replica,
            start_ms=round((time.monotonic() - started) * 1000),
        )
        try:
            await stop.wait()
            _log.info("draining", replica=app.replica, running_turns=app.turns.running)
        finally:
            if place is None:
                clear_record(settings.home)
    _log.info("stopped")


def settle() -> None:
    """Tell the garbage collector that what is loaded now stays: only for who owns the process.

    Modules and compiled graphs are some hundred thousand objects; walking them in each full
    collection stops the loop for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()


def _end_with(life_fd: int, stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    def ended() -> None:
        loop.remove_reader(life_fd)  # the end of a pipe stays readable
        stop.set()

    loop.add_reader(life_fd, ended)


def _record(app: App) -> dict[str, object]:
    """What the home says of a running server."""
    return {
        "address": app.address,
        "grpc_port": app.port,
        "pid": os.getpid(),
        "replica": app.replica,
        "metrics_port": app.metrics_port,
        "site_time": app.site_clock.now().isoformat() if app.site_clock.moved else None,
    }


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not on every platform
        asyncio.run(main)
    else:
        uvloop.run(main)
