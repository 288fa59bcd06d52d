"""Delivery to other services: from the file of destinations to what sends to them.

Nothing of `delivery` is imported where there is nowhere to send to.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from enhanced_prompt import __version__

from ..config import Settings
from ..domain.bus import Bus
from ..domain.conversations import Conversation
from ..domain.health import Part
from ..domain.identity import Caller

if TYPE_CHECKING:
    from ..delivery import Announcements, Delivery, Destination, Nudger
    from ..metrics import Recorder
    from .base import Base

_log = structlog.get_logger("eps.delivery")

OnExport = Callable[[Caller, Conversation], Awaitable[None]]
"""Hears of each conversation that is exported, and of whose it is."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """Where messages go, which ones, and who is told that there are some."""

    destinations: tuple[Destination, ...]
    announcer: Announcements
    nudger: Nudger


def addressed(settings: Settings, bus: Bus) -> Addressed | None:
    """What EPS_DESTINATIONS says; None without it. Raises DestinationsError."""
    if settings.destinations is None:
        return None
    from ..delivery import Announcements, Nudger, read_destinations

    found = read_destinations(settings.destinations, os.environ)
    return Addressed(found, Announcements(found), Nudger([one.name for one in found], bus))


def delivery_for(base: Base) -> Delivery | None:
    """What sends to them; None where there is nowhere to send to."""
    to = base.addressed
    if to is None:
        return None
    from ..delivery import delivery_of

    def report(destination: str, what: str, error: Exception | None) -> None:
        if error is None:
            _log.warning(what, destination=destination)
        else:
            _log.error(what, destination=destination, exc_info=error)

    return delivery_of(
        to.destinations,
        base.stores.outbox,
        base.stores.fences,
        base.bus,
        to.nudger,
        base.process,
        now=base.real_clock.now,
        monotonic=time.monotonic,
        report=report,
        user_agent=f"enhanced-prompt-service/{__version__}",
    )


def delivery_parts(base: Base, delivery: Delivery | None) -> tuple[Part, ...]:
    """Delivery as a component of the service's health."""
    if delivery is None:
        return ()
    dependency = base.dependencies.add("delivery")
    return (Part(dependency, delivery.look, delivery.said, delivery.said, required=False),)


def on_export(base: Base) -> OnExport | None:
    """Writes histories of what is exported; None where nobody gets them."""
    to = base.addressed
    if to is None:
        return None

    async def write(owner: Caller, conversation: Conversation) -> None:
        now = base.real_clock.now()
        await base.stores.outbox.add(
            to.announcer.conversation_rested(owner, conversation, now), now
        )

    return write


@asynccontextmanager
async def delivering(delivery: Delivery | None, recorder: Recorder | None) -> AsyncGenerator[None]:
    """Sends what is owed, as long as the block lasts."""
    if delivery is None:
        yield
        return
    if recorder is not None:
        from ..delivery.measures import DeliveryMeasures

        recorder.registry.register(DeliveryMeasures(delivery))
    async with delivery.running():
        yield
