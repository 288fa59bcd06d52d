"""How long things are kept, and who sees to it.

Nothing is deleted by age unless a setting says so. Ages are real time for conversations (since
their last activity) and insights (since their last change), and the site's own time for events
(since they began).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from .conversations import Gone


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind is kept; None for ever."""

    conversations: timedelta | None = None
    events: timedelta | None = None
    insights: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What one round deleted. `more` says that it stopped at its bound, with more to delete."""

    conversations: int = 0
    events: int = 0
    tombstones: int = 0
    gone: tuple[Gone, ...] = ()
    insights: int = 0  # with entries of their log
    more: bool = False

    def __bool__(self) -> bool:
        return bool(self.conversations or self.events or self.tombstones or self.insights)


class RetentionStore(Protocol):
    """Deletes what is too old, of all tenants."""

    async def remove_old(
        self,
        *,
        conversations_before: datetime | None,
        events_before: datetime | None,
        now: datetime,
        most: int,
        insights_before: datetime | None = None,
    ) -> Removed:
        """One bounded round: at most so many rows of each kind. None leaves a kind alone.

        Conversations in which a turn runs are left alone. Events go by whole UTC hours. Of
        insights the log goes from its beginning, and what is resolved. Tombstones of deleted
        conversations go when they have stood for their 24 hours.
        """
        ...


class Keeper:
    """Runs rounds until it is cancelled: one every `period_s`, more at once while there is more.

    `forget` drops what deleted conversations left outside of the store; `report` hears of rounds
    that deleted something and of rounds that failed: the next one tries again.
    """

    def __init__(
        self,
        store: RetentionStore,
        retention: Retention,
        *,
        now: Callable[[], datetime],
        site_now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        forget: Callable[[tuple[Gone, ...]], Awaitable[None]],
        report: Callable[[Removed | Exception], None],
        period_s: float = 600.0,
        most: int = 500,
    ) -> None:
        self._store = store
        self._retention = retention
        self._now = now
        self._site_now = site_now
        self._sleep = sleep
        self._forget = forget
        self._report = report
        self._period_s = period_s
        self._most = most

    async def run(self) -> None:
        """Never returns."""
        while True:
            more = False
            try:
                more = (await self.round()).more
            except Exception as error:  # whatever it was: what is old stays until it can go
                self._report(error)
            # Between two rounds others get their turn at the database.
            await self._sleep(0.1 if more else self._period_s)

    async def round(self) -> Removed:
        """One bounded round."""
        kept, now = self._retention, self._now()
        removed = await self._store.remove_old(
            conversations_before=None if kept.conversations is None else now - kept.conversations,
            events_before=None if kept.events is None else self._site_now() - kept.events,
            now=now,
            most=self._most,
            insights_before=None if kept.insights is None else now - kept.insights,
        )
        await self._forget(removed.gone)
        if removed:
            self._report(removed)
        return removed
