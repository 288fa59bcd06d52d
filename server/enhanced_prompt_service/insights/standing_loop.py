"""The loop that looks at standing questions, on one replica at a time.

As with detectors, a fenced lease says which replica, what is to be told is published before the
state is kept, and what is told again after a crash in between says nothing new and changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..domain.errors import NotFound
from ..domain.events import Event, Order
from ..domain.fences import Fence, FenceLost, FenceStore
from ..domain.identity import Caller, Role
from ..domain.insights import InsightStore
from ..domain.standing import StandingQuestion, StandingStore
from ..domain.stores import CatalogueStore, EventStore
from ..domain.times import Interval
from .standing import look, windows

WORK = "standing questions"
_PAGE = 1_000
_MOST_PAGES = 2
_STORED = timedelta(minutes=1)
"""Where nothing happens the position is stored no more often than that."""


async def anybody(owner: Caller) -> bool:
    """Where nobody's consent is needed."""
    del owner
    return True


@dataclass(frozen=True, slots=True)
class StandingParts:
    """What the loop works on. Times are real, but for `site_now`.

    `may_keep` says whether something of an owner may be stored, as a hit is. Questions of others
    rest; what happened meanwhile is told later, as after a pause of the service.
    """

    standing: StandingStore
    insights: InsightStore
    fences: FenceStore
    events: EventStore
    catalogue: CatalogueStore
    now: Callable[[], datetime]
    site_now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    report: Callable[[Exception], None]
    may_keep: Callable[[Caller], Awaitable[bool]] = anybody


class StandingLoop:
    """Runs until it is cancelled, and gives its lease back then."""

    def __init__(
        self, parts: StandingParts, holder: str, *, period_s: float = 2.0, lease_s: float = 60.0
    ) -> None:
        self._parts = parts
        self._holder = holder
        self._period_s = period_s
        self._lease_s = lease_s
        self._fence: Fence | None = None

    async def run(self) -> None:
        """Never returns."""
        try:
            while True:
                try:
                    await self.round()
                except FenceLost:
                    pass  # another replica goes on
                except Exception as error:  # whatever it was: the next round starts from the state
                    self._parts.report(error)
                await self._parts.sleep(self._period_s)
        finally:
            if self._fence is not None:
                try:
                    await self._parts.fences.give_back(self._fence)
                except Exception as error:  # it runs out by itself
                    self._parts.report(error)

    async def round(self) -> None:
        """Look at every question once. One that fails keeps no other from being looked at."""
        parts = self._parts
        self._fence = fence = await parts.fences.take(WORK, self._holder, self._lease_s)
        if fence is None:
            return
        for question in await parts.standing.active():
            try:
                await self._look(question, fence)
            except FenceLost:
                raise
            except Exception as error:
                parts.report(error)

    async def _look(self, question: StandingQuestion, fence: Fence) -> None:
        parts, now = self._parts, self._parts.site_now()
        owner, progress = question.owner, question.progress
        if not await parts.may_keep(owner):
            return
        where = windows(question.rule, progress, now)
        found = await self._events(question, where) if where else []
        if all(one.event_id in progress.seen for one in found):
            if now - progress.position >= _STORED:
                step = look(question, (), now, await parts.catalogue.catalogue(owner))
                await parts.standing.advance(
                    question, step.progress, hits=0, last_hit=None, fence=fence
                )
            return
        step = look(question, found, now, await parts.catalogue.catalogue(owner))
        try:  # it may have been paused or deleted since it was read
            stands = await parts.standing.get(owner, question.standing_question_id)
        except NotFound:
            return
        if stands.paused or stands.etag != question.etag:
            return
        service = Caller(owner.tenant, WORK, role=Role.SERVICE)
        for draft in step.drafts:
            await parts.insights.publish(service, draft, now=parts.now(), fence=fence)
        newest = max(filter(None, (question.last_hit, step.last_hit)), default=None)
        await parts.standing.advance(
            question, step.progress, hits=step.begun, last_hit=newest, fence=fence
        )

    async def _events(self, question: StandingQuestion, where: tuple[Interval, ...]) -> list[Event]:
        """Events that its owner may see; of very many the newest."""
        chosen = replace(question.rule.chosen, windows=where)
        found: list[Event] = []
        token = ""
        for _ in range(_MOST_PAGES):
            page = await self._parts.events.page(
                question.owner, chosen, order=Order.NEWEST, page_size=_PAGE, page_token=token
            )
            found += page.items
            token = page.next_page_token
            if not token:
                break
        return found
