"""The loop: closes slots as the site's clock passes, on one replica at a time.

A fenced lease says which replica. Every write shows its number, so that one which stalled and came
back writes nothing. What was said is published before the state is kept; what is said again after a
crash in between has the same request_id and changes nothing. After a pause it catches up in steps
of bounded work; it waits while a history is being imported, and counts anew where much came for
slots that were closed already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..domain.catalogue import Catalogue
from ..domain.detection import DetectionStore
from ..domain.errors import Conflict
from ..domain.events import Order, Selection
from ..domain.evidence import evidence_of
from ..domain.fences import Fence, FenceLost, FenceStore
from ..domain.identity import Caller, Role
from ..domain.insights import InsightDraft, InsightStore
from ..domain.stores import CatalogueStore, EventStore
from .camera import OTHERS
from .tenant import TenantWatch
from .words import Passed, Say, Word

WORK = "detectors"
EVIDENCE = 10


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How the loop works.

    Attributes:
        minutes: Length of a slot.
        most_slots: Slots closed in one step.
        published: What is older by the site clock teaches and is not published.
        lease_s: How long the lease lasts without being renewed.
        period_s: Pause between rounds in which nothing more is due.
        import_events: So many new events within a period are an import, and waited for.
        import_rounds: The most rounds that an import is waited for.
    """

    minutes: int = 15
    most_slots: int = 48
    published: timedelta = timedelta(days=14)
    lease_s: float = 60.0
    period_s: float = 10.0
    import_events: int = 2_000
    import_rounds: int = 60


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop works on. Times are real, but for `site_now`."""

    detection: DetectionStore
    insights: InsightStore
    fences: FenceStore
    events: EventStore
    catalogue: CatalogueStore
    now: Callable[[], datetime]
    site_now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    report: Callable[[Exception], None]


class Loop:
    """Runs until it is cancelled, and gives its lease back then."""

    def __init__(
        self, parts: Parts, holder: str, *, default_zone: str, options: LoopOptions | None = None
    ) -> None:
        self._parts = parts
        self._holder = holder
        self._default_zone = default_zone
        self._options = options or LoopOptions()
        self._fence: Fence | None = None
        self._tenants: dict[str, TenantWatch] = {}
        self._seen: dict[str, tuple[int, int]] = {}  # tenant → events there, rounds waited

    async def run(self) -> None:
        """Never returns."""
        try:
            while True:
                more = False
                try:
                    more = await self.round()
                except Exception as error:  # whatever it was: the next round starts from the state
                    self._forget()
                    if not isinstance(error, FenceLost):
                        self._parts.report(error)
                await self._parts.sleep(0.02 if more else self._options.period_s)
        finally:
            if self._fence is not None:
                try:
                    await self._parts.fences.give_back(self._fence)
                except Exception as error:  # it runs out by itself
                    self._parts.report(error)

    async def round(self) -> bool:
        """One step of every tenant; True where more is due at once."""
        fence = await self._parts.fences.take(WORK, self._holder, self._options.lease_s)
        if fence != self._fence:
            self._forget()
            self._fence = fence
        if fence is None:
            return False
        more = False
        for tenant in await self._parts.detection.tenants():
            more |= await self._step(Caller(tenant, WORK, role=Role.SERVICE), fence)
        return more

    def _forget(self) -> None:
        self._tenants.clear()

    async def _step(self, caller: Caller, fence: Fence) -> bool:
        parts, options = self._parts, self._options
        watch = self._tenants.get(caller.tenant)
        if watch is None:
            watch = TenantWatch(
                parts.detection, caller, minutes=options.minutes, default_zone=self._default_zone
            )
            await watch.load()
            self._tenants[caller.tenant] = watch
        now = parts.site_now()
        if await self._importing(watch, now):
            return False
        anew = await watch.behind(now)
        if anew:
            told = (await parts.insights.ends(caller)).newest > 0
            watch.begin_anew(told=told)
        catalogue = await parts.catalogue.catalogue(caller)
        closed = await watch.advance(now, catalogue, options.most_slots)
        if closed is None:
            return False
        for slot, word in _newest(closed.words):
            if watch.quiet_until is not None and slot <= watch.quiet_until:
                continue
            await self._publish(caller, catalogue, slot, word, now, fence)
        states = await asyncio.to_thread(watch.dump)
        await parts.detection.save(caller, states, fence=fence, anew=anew)
        return closed.more

    async def _importing(self, watch: TenantWatch, now: datetime) -> bool:
        """Whether a history is coming in: what is far behind waits until it is whole."""
        tenant, options = watch.caller.tenant, self._options
        far = watch.position is None or watch.due(now) - watch.position > options.most_slots
        if not far:
            self._seen.pop(tenant, None)
            return False
        there = await self._parts.detection.count_before(watch.caller, now + timedelta(days=1))
        if tenant not in self._seen:
            self._seen[tenant] = (there, 0)
            return options.import_rounds > 0  # nobody knows yet: the next round does
        before, waited = self._seen[tenant]
        grew = there - before > options.import_events
        self._seen[tenant] = (there, waited + 1 if grew else 0)
        return grew and waited < options.import_rounds

    async def _publish(
        self,
        caller: Caller,
        catalogue: Catalogue,
        slot: int,
        word: Word,
        now: datetime,
        fence: Fence,
    ) -> None:
        parts = self._parts
        if isinstance(word, Passed):
            if word.at < now - self._options.published:
                return
            await parts.insights.resolve(caller, word.dedupe_key, now=parts.now(), fence=fence)
            return
        if word.draft.window.end < now - self._options.published:
            return
        draft = await self._evident(caller, catalogue, word.draft)
        try:
            await parts.insights.publish(
                caller,
                draft,
                now=parts.now(),
                fence=fence,
                request_id=f"{slot}:{draft.dedupe_key}"[:128],
                request_hash=WORK,
            )
        except FenceLost:
            raise
        except Conflict:
            return  # said before a crash, with other words: it stands

    async def _evident(
        self, caller: Caller, catalogue: Catalogue, draft: InsightDraft
    ) -> InsightDraft:
        """With some of its events, and where their clips are."""
        if not draft.event_count:
            return draft
        label = draft.metadata.get("label")
        names = frozenset({label}) if isinstance(label, str) and label not in ("", OTHERS) else None
        chosen = Selection(
            windows=(draft.window,),
            cameras=frozenset(draft.cameras),
            sites=frozenset(draft.sites),
            zones=frozenset(draft.zones) or None,
            event_types=names,  # what has no label is counted under its type
            labels=names,
            type_or_label=True,
        )
        found = await self._parts.events.page(
            caller, chosen, order=Order.NEWEST, page_size=EVIDENCE
        )
        sites = {site.site_id: site for site in catalogue.sites}
        evidence = tuple(evidence_of(one, sites.get(one.site)) for one in reversed(found.items))
        return replace(draft, evidence=evidence)


def _newest(words: tuple[tuple[int, Word], ...]) -> list[tuple[int, Word]]:
    """Of what grew several times within the step only the last word of each stretch."""
    kept: list[tuple[int, Word] | None] = []
    latest: dict[str, int] = {}
    for slot, word in words:
        if isinstance(word, Say):
            key = word.draft.dedupe_key
            if key in latest:
                kept[latest[key]] = None
            latest[key] = len(kept)
        else:
            latest.pop(word.dedupe_key, None)
        kept.append((slot, word))
    return [one for one in kept if one is not None]
