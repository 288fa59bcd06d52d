"""The log of insights as the subscribers of this process read it (design 3, rule 20).

One reader a tenant follows the log and serialises each entry once, into a ring. Subscribers take
from the ring; one that fell out of it, or begins before it, reads from the store at its own pace
until it is back. Nobody waits for a subscriber: not the reader, and not who publishes.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum

from ..domain.bus import Bus
from ..domain.errors import Exhausted, OutOfRange, Reason
from ..domain.identity import Caller
from ..domain.insights import InsightFilter, InsightStore, LogEnds, Revision, visible

Encode = Callable[[str, Revision], bytes]
"""The bytes of an entry's message, for any subscriber of a tenant."""

_PART = 64  # entries of one read from the store by a subscriber that is behind
_READ = 256  # the same, by the reader
_READERS = 4  # subscribers that read from the store at the same time
_POLL_S = 5.0  # a signal may be lost: the reader also looks by itself
_POLL_AWAY_S = 0.5  # the same while the bus is away, or after a failure


def channel(tenant: str) -> str:
    """What is signalled when a tenant's log grew."""
    return f"insights:{tenant}"


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry for one subscriber: the bytes are the same for all."""

    revision: Revision
    encoded: bytes


class Mark(Enum):
    """What `Subscription.take` gives where there is no entry."""

    CAUGHT_UP = "the end of history was reached"
    IDLE = "the time passed, or somebody nudged"


class TooSlow(Exhausted):
    """The subscriber fell behind what is kept. `position` is where it was."""

    reason = Reason.SUBSCRIBER_TOO_SLOW

    def __init__(self, position: int) -> None:
        super().__init__("the subscriber fell behind what is kept of the log")
        self.position = position


class BeyondLog(OutOfRange):
    """The place to begin at is older than what is kept, or newer than what exists."""

    def __init__(self, ends: LogEnds) -> None:
        super().__init__("the place is not in what is kept of the log")
        self.ends = ends


class _Ring:
    """The newest entries. Every entry after `floor` up to `newest` is in it."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bytes = 0
        self._entries: deque[Taken] = deque()
        self._positions: list[int] = []
        self._dropped = 0  # how many of `_positions` have left the ring
        self.floor = 0
        self.newest = 0

    def begin(self, position: int) -> None:
        """Forget everything; the next entry follows this position."""
        self._entries.clear()
        self._positions.clear()
        self._bytes = self._dropped = 0
        self.floor = self.newest = position

    def add(self, entry: Taken) -> None:
        """Add the next entry; the oldest ones make room for it."""
        self._entries.append(entry)
        self._positions.append(entry.revision.position)
        self._bytes += len(entry.encoded)
        self.newest = entry.revision.position
        while self._bytes > self._budget and len(self._entries) > 1:
            old = self._entries.popleft()
            self._bytes -= len(old.encoded)
            self._dropped += 1
            self.floor = old.revision.position
        if self._dropped > len(self._entries) + 1024:
            del self._positions[: self._dropped]
            self._dropped = 0

    def after(self, position: int) -> Taken | None:
        """The entry that follows a position that is not below the floor."""
        index = bisect_right(self._positions, position, self._dropped)
        if index == len(self._positions):
            return None
        return self._entries[index - self._dropped]


class _TenantFeed:
    """One tenant's ring, its reader, and who waits."""

    def __init__(self, tenant: str, feeds: Feeds) -> None:
        self.caller = Caller(tenant)
        self.ring = _Ring(feeds.ring_bytes)
        self.subscribers = 0
        self._feeds = feeds
        self._waiting: set[asyncio.Future[None]] = set()
        self._ready = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(), name=f"insights of {tenant}")

    async def ready(self) -> None:
        """Until the ring has a beginning. Raises what kept the reader from one."""
        await asyncio.shield(self._ready)

    async def wait(self, own: asyncio.Future[None]) -> None:
        """Until something came, or somebody set the future."""
        self._waiting.add(own)
        try:
            await own
        finally:
            self._waiting.discard(own)

    async def _run(self) -> None:
        store, bus = self._feeds.store, self._feeds.bus
        async with bus.listen(channel(self.caller.tenant)) as signals:
            try:
                self.ring.begin((await store.ends(self.caller)).newest)
            except Exception as error:
                self._ready.set_exception(error)
                self._ready.exception()  # whoever waits gets it; if nobody does, nobody minds
                return
            self._ready.set_result(None)
            while True:
                poll_s = _POLL_S if bus.up else _POLL_AWAY_S
                try:
                    await self._read_on()
                except Exception as error:  # the store is away: subscribers stay, and so do we
                    self._feeds.report(error)
                    poll_s = _POLL_AWAY_S
                await signals.wait(poll_s)

    async def _read_on(self) -> None:
        while True:
            part = await self._feeds.store.after(self.caller, self.ring.newest, _READ)
            if part.ends.oldest > self.ring.newest:
                self.ring.begin(part.ends.oldest)
            for revision in part.revisions:
                self.ring.add(self._feeds.taken(self.caller.tenant, revision))
            if part.revisions:
                for one in list(self._waiting):
                    _set(one)
            if len(part.revisions) < _READ:
                return


class Subscription:
    """One subscriber's place in the log. Belongs to one task; only `nudge` is for others.

    `position` is the place up to which everything was delivered or filtered out.
    """

    __slots__ = (
        *("_behind", "_behind_to", "_caller", "_chosen", "_feed", "_feeds", "_first", "_goal"),
        *("_held", "_nudged", "_own", "_timer", "_until", "position"),
    )

    def __init__(
        self,
        feeds: Feeds,
        feed: _TenantFeed,
        caller: Caller,
        position: int,
        goal: int,
        chosen: InsightFilter,
        *,
        first: bool,
    ) -> None:
        self._feeds = feeds
        self._feed = feed
        self._caller = caller
        self._goal: int | None = goal  # the end of history; None once that was said
        self._chosen = chosen
        self._first = first
        self._held: Taken | None = None  # the next entry, found and not given yet
        self._behind: deque[Taken] | None = None  # from the store; None while not needed
        self._behind_to = 0  # where they end, with those that the filter left out
        self._own: asyncio.Future[None] | None = None
        self._nudged = False
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.position = position

    def close(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()

    def nudge(self) -> None:
        """Let a waiting `take` return."""
        self._nudged = True
        if self._own is not None:
            _set(self._own)

    async def take(self, timeout_s: float) -> Taken | Mark:
        """The next entry that the filter lets through, or why there is none.

        CAUGHT_UP comes once, before the first entry that is younger than the subscription. Raises
        TooSlow.
        """
        loop = asyncio.get_running_loop()
        self._until = loop.time() + timeout_s
        while True:
            entry = self._find()
            if self._goal is not None and (
                self.position >= self._goal
                or (entry is not None and entry.revision.position > self._goal)
            ):
                self._goal = None
                return Mark.CAUGHT_UP
            if entry is not None:
                self._held = None
                self.position = entry.revision.position
                return entry
            if self._nudged or loop.time() >= self._until:
                self._nudged = False
                return Mark.IDLE
            if self.position < max(self._feed.ring.floor, self._goal or 0):
                await self._read()
                continue
            if self._timer is None or self._timer.when() > self._until:
                self.close()
                self._timer = loop.call_at(self._until, self._tick, loop)
            self._own = loop.create_future()
            try:
                await self._feed.wait(self._own)
            finally:
                self._own = None

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """The time may have passed. One timer serves many waits: making one for each entry, and
        ending it, would cost ten thousand subscribers more than their entries do."""
        self._timer = None
        if self._own is None:
            return
        if loop.time() >= self._until:
            _set(self._own)
        else:
            self._timer = loop.call_at(self._until, self._tick, loop)

    def _find(self) -> Taken | None:
        """The next entry that is wanted, of those at hand; steps over the others."""
        if self._held is not None:
            return self._held
        if self._behind is not None:
            if self._behind:
                self._held = self._behind.popleft()
                return self._held
            self._behind = None
            self.position = max(self.position, self._behind_to)
        ring = self._feed.ring
        while self.position >= ring.floor:
            entry = ring.after(self.position)
            if entry is None or self._wanted(entry.revision):
                self._held = entry
                return entry
            self.position = entry.revision.position
        return None

    async def _read(self) -> None:
        """The next entries from the store: few at a time, and not all subscribers at once."""
        caller = self._feed.caller
        async with self._feeds.reading:
            part = await self._feeds.store.after(caller, self.position, _PART)
        if part.ends.oldest > self.position:
            raise TooSlow(self.position)
        self._behind = deque(
            self._feeds.taken(caller.tenant, one) for one in part.revisions if self._wanted(one)
        )
        last = part.revisions[-1].position if part.revisions else part.ends.newest
        self._behind_to = max(self.position, last)

    def _wanted(self, revision: Revision) -> bool:
        return (
            self._chosen.passes(revision)
            and not (self._first and not self._chosen.first(revision))
            and visible(self._caller, revision.insight.content)
        )


class Feeds:
    """All tenants' logs, for the subscribers of one process.

    `encode` makes the bytes of an entry. `ring_bytes` bounds each tenant's ring. `report` hears of
    failures of the reader, which goes on by itself.
    """

    def __init__(
        self,
        store: InsightStore,
        bus: Bus,
        encode: Encode,
        *,
        report: Callable[[Exception], None],
        ring_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self.store = store
        self.bus = bus
        self.report = report
        self.ring_bytes = ring_bytes
        self.reading = asyncio.Semaphore(_READERS)
        self._encode = encode
        self._tenants: dict[str, _TenantFeed] = {}

    def taken(self, tenant: str, revision: Revision) -> Taken:
        """An entry with its bytes."""
        return Taken(revision, self._encode(tenant, revision))

    @property
    def subscribers(self) -> int:
        """How many there are now."""
        return sum(feed.subscribers for feed in self._tenants.values())

    @asynccontextmanager
    async def subscribe(
        self,
        caller: Caller,
        position: int | None,
        chosen: InsightFilter,
        *,
        first: bool = False,
    ) -> AsyncGenerator[Subscription]:
        """A subscription from a position on, None for now; it ends with the block.

        `first`: only the first entry of each insight that the filter lets through. Raises
        BeyondLog where the position is older than what is kept, or beyond what exists.
        """
        tenant = caller.tenant
        feed = self._tenants.get(tenant)
        if feed is None or feed.task.done():
            feed = self._tenants[tenant] = _TenantFeed(tenant, self)
        feed.subscribers += 1
        try:
            await feed.ready()
            ends = await self.store.ends(caller)
            start = ends.newest if position is None else position
            if not ends.oldest <= start <= ends.newest:
                raise BeyondLog(ends)
            subscription = Subscription(self, feed, caller, start, ends.newest, chosen, first=first)
            try:
                yield subscription
            finally:
                subscription.close()
        finally:
            feed.subscribers -= 1
            if not feed.subscribers and self._tenants.get(tenant) is feed:
                del self._tenants[tenant]
                feed.task.cancel()
                await asyncio.wait({feed.task})


def _set(one: asyncio.Future[None]) -> None:
    if not one.done():
        one.set_result(None)
