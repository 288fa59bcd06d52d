"""Insights: the service that tells of them, what finds them, and their expiry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from ..config import Settings
from ..domain.clock import RealClock, SiteClock
from ..domain.consent import Consents
from ..domain.identity import Caller
from ..domain.standing import RuleMaker
from ..insights.expiry import Expiry
from ..insights.feed import Feeds
from ..insights.standing_loop import StandingLoop, StandingParts
from ..rpc.resume_tokens import ResumeTokens
from ..rpc.services.insights import InsightService, Standing, encoder
from ..storage import Database, open_stores, secret_key
from .base import Base
from .serving import leaving

if TYPE_CHECKING:
    from ..insights.loop import Loop
    from ..insights.replay import Replayed

_log = structlog.get_logger("eps")


async def insight_service(base: Base, rules: RuleMaker) -> InsightService:
    """Tells the log of insights to its subscribers; `rules` understands standing questions."""
    settings, stores = base.settings, base.stores

    def report(error: Exception) -> None:
        _log.warning("the log of insights cannot be read now", exc_info=error)

    tokens = ResumeTokens(await _secret(base))
    feeds = Feeds(
        stores.insights,
        base.bus,
        encoder(tokens),
        report=report,
        ring_bytes=settings.insight_ring_bytes,
    )
    return InsightService(
        stores.insights,
        feeds,
        tokens,
        stores.events,
        stores.catalogue,
        now=base.real_clock.now,
        heartbeat_s=settings.heartbeat_s,
        leaving=leaving(settings),
        time_zone=settings.time_zone,
        standing=Standing(
            stores.standing,
            rules,
            stores.events,
            stores.catalogue,
            now=base.real_clock.now,
            site_now=base.site_clock.now,
        ),
    )


@asynccontextmanager
async def expiring(base: Base) -> AsyncGenerator[None]:
    """Resolves insights that no longer matter, as long as the block lasts."""

    def report(error: Exception) -> None:
        _log.error("expiry of insights failed", exc_info=error)

    expiry = Expiry(
        base.stores.insights,
        now=base.real_clock.now,
        site_now=base.site_clock.now,
        sleep=asyncio.sleep,
        report=report,
    )
    task = asyncio.create_task(expiry.run(), name="expiry of insights")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def detecting(base: Base) -> AsyncGenerator[None]:
    """Runs the detectors, as long as the block lasts."""

    settings, stores = base.settings, base.stores

    def report(error: Exception) -> None:
        _log.error("detectors failed", exc_info=error)

    def make() -> Loop:
        # Detectors need numpy, which takes a tenth of a second to load: not before serving.
        from ..insights.loop import Loop, LoopOptions, Parts

        parts = Parts(
            stores.detection,
            stores.insights,
            stores.fences,
            stores.events,
            stores.catalogue,
            now=base.real_clock.now,
            site_now=base.site_clock.now,
            sleep=asyncio.sleep,
            report=report,
        )
        options = LoopOptions(minutes=settings.insight_slot_minutes)
        return Loop(parts, base.process, default_zone=settings.time_zone, options=options)

    async def run() -> None:
        loop = await asyncio.to_thread(make)
        await loop.run()

    if not settings.insights:
        yield
        return
    task = asyncio.create_task(run(), name="detectors")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def watching(base: Base, consents: Consents) -> AsyncGenerator[None]:
    """Looks at standing questions, as long as the block lasts."""
    settings, stores = base.settings, base.stores

    def report(error: Exception) -> None:
        _log.error("standing questions failed", exc_info=error)

    if not settings.insights:
        yield
        return
    parts = StandingParts(
        stores.standing,
        stores.insights,
        stores.fences,
        stores.events,
        stores.catalogue,
        now=base.real_clock.now,
        site_now=base.site_clock.now,
        sleep=asyncio.sleep,
        report=report,
        may_keep=consents.holds,
    )
    loop = StandingLoop(parts, base.process)
    task = asyncio.create_task(loop.run(), name="standing questions")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def replay_insights(settings: Settings) -> Replayed:
    """What detectors would have said over what the database holds, up to the site's present.

    A server may run on it at the same time; nothing is written but what migrations need.
    """
    from ..insights.replay import replay

    site_clock = SiteClock(RealClock(), settings.clock)
    database = await Database.open(settings.database)
    try:
        await database.migrate()
        stores = await open_stores(database, default_zone=settings.time_zone)
        return await replay(
            stores.detection,
            stores.catalogue,
            Caller(),
            minutes=settings.insight_slot_minutes,
            default_zone=settings.time_zone,
            until=site_clock.now(),
        )
    finally:
        await database.close()


async def _secret(base: Base) -> bytes:
    given = base.settings.secret_key.get_secret_value()
    return given.encode() if given else await secret_key(base.database)
