"""Retention: deletes what is too old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from ..domain.retention import Keeper, Removed, Retention
from ..turns import Turns
from .base import Base

_log = structlog.get_logger("eps")


@asynccontextmanager
async def keeping(base: Base, turns: Turns) -> AsyncGenerator[None]:
    """Deletes what is too old, as long as the block lasts."""

    settings = base.settings

    def kept(seconds: float | None) -> timedelta | None:
        return None if seconds is None else timedelta(seconds=seconds)

    def report(outcome: Removed | Exception) -> None:
        if isinstance(outcome, Exception):
            _log.error("retention failed", exc_info=outcome)
        else:
            _log.info(
                "retention",
                conversations=outcome.conversations,
                events=outcome.events,
                insights=outcome.insights,
            )

    keeper = Keeper(
        base.stores.retention,
        Retention(
            kept(settings.retention_conversations_s),
            kept(settings.retention_events_s),
            kept(settings.retention_insights_s),
        ),
        now=base.real_clock.now,
        site_now=base.site_clock.now,
        sleep=asyncio.sleep,
        forget=turns.forget,
        report=report,
    )
    task = asyncio.create_task(keeper.run(), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
