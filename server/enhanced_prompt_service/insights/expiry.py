"""Resolves what no longer matters: by the site's clock, every now and then, on every replica.

Replicas may do so at the same time: the row of an insight is locked, and looked at again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from ..domain.insights import InsightStore

_MOST = 100


class Expiry:
    """Runs until it is cancelled. `report` hears of failures; the next round tries again."""

    def __init__(
        self,
        store: InsightStore,
        *,
        now: Callable[[], datetime],
        site_now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        report: Callable[[Exception], None],
        period_s: float = 60.0,
    ) -> None:
        self._store = store
        self._now = now
        self._site_now = site_now
        self._sleep = sleep
        self._report = report
        self._period_s = period_s

    async def run(self) -> None:
        """Never returns."""
        while True:
            more = False
            try:
                found = await self._store.expire(
                    site_now=self._site_now(), now=self._now(), most=_MOST
                )
                more = found >= _MOST
            except Exception as error:
                self._report(error)
            await self._sleep(0.1 if more else self._period_s)
