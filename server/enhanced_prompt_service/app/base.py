"""What everything else of a process stands on: its settings, clocks, database, bus and stores."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog

from ..bus.memory import MemoryBus
from ..config import Settings
from ..domain.bus import Bus
from ..domain.clock import Clock, RealClock, SiteClock
from ..domain.dependencies import Dependencies
from ..domain.errors import Reason, Unavailable
from ..domain.turns import TurnError
from ..home import Home
from ..insights.feed import channel
from ..storage import Database, Stores, open_stores
from ..workers.place import Place
from .delivering import Addressed, addressed

_log = structlog.get_logger("eps")


@dataclass(frozen=True, slots=True)
class Base:
    """Opened, and closed by whoever opened it.

    Attributes:
        settings: As read at the edge.
        place: Where this worker listens, None for a process alone.
        real_clock: For identity, leases, retention, audit.
        site_clock: What questions and detectors mean by now.
        dependencies: What is up and what is not.
        database: Open and migrated.
        bus: Shared with other replicas, or of this process.
        stores: Over the database.
        process: Name of this process in turn rows; unique among replicas and restarts.
        replica: The same, as callers are told it.
        addressed: Where messages to other services go; None for nowhere.
    """

    settings: Settings
    place: Place | None
    real_clock: Clock
    site_clock: SiteClock
    dependencies: Dependencies
    database: Database
    bus: Bus
    stores: Stores
    process: str
    replica: str
    addressed: Addressed | None = None


@asynccontextmanager
async def opened(settings: Settings, place: Place | None) -> AsyncGenerator[Base]:
    """Open all of it. Raises what keeps it from being opened: a folder, a database that is away."""
    real_clock = RealClock()
    async with AsyncExitStack() as stack:
        home = stack.enter_context(Home.open(settings.home))
        dependencies = Dependencies(real_clock.now, time.monotonic)
        database = await Database.open(settings.database, dependencies.add("storage").note)
        stack.push_async_callback(database.close)
        await database.migrate()
        bus = await stack.enter_async_context(_bus(settings, dependencies.add("bus").note))
        to = addressed(settings, bus)
        stores = await open_stores(
            database,
            default_zone=settings.time_zone,
            on_insights=_signal_insights(bus),
            announcer=None if to is None else to.announcer,
            on_outbox=_unheard if to is None else to.nudger,
        )
        if home.alone:
            await _fail_orphans(stores, home, real_clock)
        born = uuid.uuid4().hex
        yield Base(
            settings,
            place,
            real_clock,
            SiteClock(real_clock, settings.clock),
            dependencies,
            database,
            bus,
            stores,
            process=f"{home.instance}/{born}",
            replica=f"{0 if place is None else place.index}-{born[:8]}",
            addressed=to,
        )


@asynccontextmanager
async def administering(settings: Settings) -> AsyncGenerator[Stores]:
    """The stores alone, for commands that work on the database directly; nothing is served."""
    settings.home.mkdir(parents=True, exist_ok=True)
    database = await Database.open(settings.database)
    try:
        await database.migrate()
        yield await open_stores(database, default_zone=settings.time_zone)
    finally:
        await database.close()


def new_id(kind: str) -> str:
    """A name for a new thing of a kind."""
    return f"{kind}_{uuid.uuid4().hex}"


@asynccontextmanager
async def _bus(settings: Settings, noted: Callable[[bool], None]) -> AsyncGenerator[Bus]:
    keep_s = settings.turn_log_keep_s
    if not settings.redis_url:
        yield MemoryBus(time.monotonic, keep_s)
        return
    # Redis's client is imported only where there is a Redis.
    from ..bus.redis import RedisBus

    async with RedisBus(
        settings.redis_url, prefix=settings.redis_prefix, log_ttl_s=keep_s, noted=noted
    ) as bus:
        yield bus


def _unheard() -> None:
    """Nobody wants to know of what is never written."""


def _signal_insights(bus: Bus) -> Callable[[str], Coroutine[Any, Any, None]]:
    async def signal(tenant: str) -> None:
        with suppress(Unavailable):  # readers also look by themselves
            await bus.signal(channel(tenant))

    return signal


async def _fail_orphans(stores: Stores, home: Home, clock: Clock) -> None:
    lost = TurnError(
        Reason.RUNNER_LOST, "the server stopped while this turn was running", retryable=True
    )
    count = await stores.turns.fail_orphans(f"{home.instance}/", lost, clock.now())
    if count:
        _log.warning("closed turns of a former process", turns=count)
