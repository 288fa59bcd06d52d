"""The one place where the evaluation meets the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.catalogue import DayParts
from enhanced_prompt_service.domain.times import RecurringMask

from .harness import Ask

NOT_WIRED = "tests/eval/engine.py: {} is not connected to the engine yet"


@asynccontextmanager
async def recorded_site() -> AsyncIterator[Ask]:
    """The engine over the recorded site: all events, all clips as coverage, the catalogue of
    site and number only. Yields the callable that asks it."""
    raise NotImplementedError(NOT_WIRED.format("recorded_site"))
    yield


@asynccontextmanager
async def simulated_site() -> AsyncIterator[Ask]:
    """The engine over the simulated site as tests/eval/simulated.py generates it."""
    raise NotImplementedError(NOT_WIRED.format("simulated_site"))
    yield


def parse_time(
    phrase: str, now: datetime, zone: ZoneInfo, day_parts: DayParts
) -> tuple[datetime, datetime, RecurringMask | None]:
    """The grammar: the half-open interval that a phrase names (aware bounds), and its mask."""
    raise NotImplementedError(NOT_WIRED.format("parse_time"))
