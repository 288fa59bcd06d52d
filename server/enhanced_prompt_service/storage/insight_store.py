"""The store of insights and of their log, over one `Database`."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from ..domain.fences import Fence
from ..domain.identity import Caller
from ..domain.insights import (
    Insight,
    InsightDraft,
    InsightFilter,
    InsightPage,
    InsightStatus,
    LogEnds,
    LogPart,
    Muted,
    Published,
    Verdict,
)
from ..domain.outbox import Announcer
from ..domain.times import Interval
from . import insight_changes, insight_log, insight_rows, permission, subscriptions
from .database import Database
from .outbox_store import OnOutbox, unheard

OnChange = Callable[[str], Awaitable[None]]
"""Told the tenant whose log grew, after the commit."""


def _new_id() -> str:
    return f"insight_{uuid.uuid4().hex}"


async def nobody(_: str) -> None:
    """Where nobody wants to know."""


class SqlInsightStore:
    """`domain.insights.InsightStore`. `on_change` must not raise: what it tells of is stored."""

    def __init__(
        self,
        database: Database,
        *,
        on_change: OnChange = nobody,
        new_id: Callable[[], str] = _new_id,
        announcer: Announcer | None = None,
        on_outbox: OnOutbox = unheard,
    ) -> None:
        self._database = database
        self._on_change = on_change
        self._new_id = new_id
        self._announcer = announcer
        self._on_outbox = on_outbox

    async def page(
        self,
        caller: Caller,
        chosen: InsightFilter,
        *,
        now: datetime,
        status: InsightStatus | None = None,
        window: Interval | None = None,
        page_size: int = 50,
        page_token: str = "",
    ) -> InsightPage:
        """Insights as they are now, newest first by their first revision."""
        return await self._database.read(
            lambda s: insight_rows.page(
                s, caller, chosen.within(caller), now, status, window, page_size, page_token
            )
        )

    async def publish(
        self,
        caller: Caller,
        draft: InsightDraft,
        *,
        now: datetime,
        fence: Fence | None = None,
        request_id: str = "",
        request_hash: str = "",
    ) -> Published:
        """Make an insight, or let the unresolved one with the same dedupe_key grow."""
        permission.check_all(caller)
        published = await self._database.write(
            lambda s: insight_changes.publish(
                s,
                caller,
                draft,
                new_id=self._new_id,
                now=now,
                fence=fence,
                request_id=request_id,
                request_hash=request_hash,
                announcer=self._announcer,
            )
        )
        if published.position is not None:
            if self._announcer is not None:
                self._on_outbox()
            await self._on_change(caller.tenant)
        return published

    async def resolve(
        self, caller: Caller, dedupe_key: str, *, now: datetime, fence: Fence | None = None
    ) -> Insight | None:
        """What it was about has passed."""
        insight = await self._database.write(
            lambda s: insight_changes.resolve(s, caller, dedupe_key, now, fence)
        )
        if insight is not None:
            await self._on_change(caller.tenant)
        return insight

    async def get(self, caller: Caller, insight_id: str, *, now: datetime) -> Insight:
        """One insight as it is now. Raises NotFound (INSIGHT_NOT_FOUND)."""
        return await self._database.read(lambda s: insight_rows.get(s, caller, insight_id, now))

    async def acknowledge(
        self,
        caller: Caller,
        insight_ids: Sequence[str],
        *,
        verdict: Verdict,
        note: str,
        now: datetime,
    ) -> list[Insight]:
        """An operator's note on each, all or none."""
        found = await self._database.write(
            lambda s: insight_changes.acknowledge(s, caller, insight_ids, verdict, note, now)
        )
        await self._on_change(caller.tenant)
        return found

    async def mute(
        self, caller: Caller, dedupe_key: str, *, until: datetime | None, note: str, now: datetime
    ) -> Muted:
        """Silence a key until an instant; None lifts it."""
        permission.check_all(caller)
        muted = await self._database.write(
            lambda s: insight_changes.mute(s, caller, dedupe_key, until, note, now)
        )
        await self._on_change(caller.tenant)
        return muted

    async def expire(self, *, site_now: datetime, now: datetime, most: int = 100) -> int:
        """Resolve insights of all tenants that no longer matter; returns how many."""
        tenants = await self._database.read(
            lambda s: insight_changes.tenants_to_expire(s, site_now)
        )
        return sum([await self._expire(tenant, site_now, now, most) for tenant in tenants])

    async def _expire(self, tenant: str, site_now: datetime, now: datetime, most: int) -> int:
        count = await self._database.write(
            lambda s: insight_changes.expire(s, tenant, site_now, now, most)
        )
        if count:
            await self._on_change(tenant)
        return count

    # ---- the log ----

    async def after(self, caller: Caller, position: int, limit: int) -> LogPart:
        """Revisions after a position, as they were, in order."""
        return await self._database.read(
            lambda s: insight_log.after(s, caller.tenant, position, limit)
        )

    async def ends(self, caller: Caller) -> LogEnds:
        """What of the log is there."""
        return await self._database.read(lambda s: insight_log.ends(s, caller.tenant))

    async def before(self, caller: Caller, at: datetime) -> int:
        """The position before the first revision at or after a real time."""
        return await self._database.read(lambda s: insight_log.before(s, caller, at))

    # ---- named cursors ----

    async def subscribe(self, caller: Caller, subscription_id: str, *, now: datetime) -> int:
        """The cursor under a name; a new name begins at the end of the log, and is kept."""
        return await self._database.write(
            lambda s: subscriptions.subscribe(s, caller, subscription_id, now)
        )

    async def commit(
        self, caller: Caller, subscription_id: str, position: int, *, now: datetime
    ) -> int:
        """Move a cursor on, never back; returns where it stands."""
        return await self._database.write(
            lambda s: subscriptions.commit(s, caller, subscription_id, position, now)
        )
