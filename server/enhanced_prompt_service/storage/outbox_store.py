"""The store of what is owed to other services, over one `Database`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import select

from ..domain.fences import Fence
from ..domain.identity import Caller
from ..domain.outbox import (
    Acknowledged,
    Announcer,
    AuditNote,
    Backlog,
    DestinationState,
    Entry,
    EntryFilter,
    Outgoing,
    Settled,
)
from . import conversations, dialects, fences, outbox
from .database import Database
from .instants import to_us
from .outbox_tables import outbox_destinations
from .session import Session
from .tables import conversations as talks

OnOutbox = Callable[[], None]
"""Told after a commit that may have written something. Must not raise, nor take long."""


def unheard() -> None:
    """Where nobody wants to know."""


class SqlOutboxStore:
    """`domain.outbox.OutboxStore`. Without an announcer nothing has rested."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer | None = None,
        on_outbox: OnOutbox = unheard,
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._on_outbox = on_outbox

    async def add(self, messages: Sequence[Outgoing], now: datetime) -> int:
        """Write messages; those whose key is there already are left out."""
        if not messages:
            return 0
        count = await self._database.write(lambda s: outbox.add(s, messages, now))
        self._on_outbox()
        return count

    async def window(
        self,
        destination: str,
        *,
        held: Collection[int],
        lanes: Collection[str],
        most: int,
        most_bytes: int,
    ) -> list[Entry]:
        """The oldest entries that are owed, but those `held` and those of `lanes`."""
        return await self._database.read(
            lambda s: outbox.window(s, destination, held, lanes, most, most_bytes)
        )

    async def unacknowledged(
        self, destination: str, now: datetime, *, held: Collection[int], most: int
    ) -> list[Entry]:
        """Entries whose acknowledgement is overdue."""
        return await self._database.read(
            lambda s: outbox.unacknowledged(s, destination, now, held, most)
        )

    async def claim(
        self, fence: Fence, ids: Sequence[int], *, again: bool = False
    ) -> frozenset[int]:
        """Count an attempt of each; which of them may still be sent."""
        return await self._database.write(lambda s: outbox.claim(s, fence, ids, again))

    async def settle(
        self,
        fence: Fence,
        destination: str,
        results: Sequence[Settled],
        acknowledged: Sequence[Acknowledged],
        audit: Sequence[AuditNote],
    ) -> None:
        """Write down what became of attempts, in one transaction."""
        await self._database.write(
            lambda s: outbox.settle(s, fence, destination, results, acknowledged, audit)
        )

    async def expire(
        self, fence: Fence, destination: str, now: datetime, *, held: Collection[int], most: int
    ) -> list[Entry]:
        """Park what was owed past its deadline."""
        return await self._database.write(
            lambda s: outbox.expire(s, fence, destination, now, held, most)
        )

    async def rested(
        self, fence: Fence, destination: str, before: datetime, now: datetime, most: int
    ) -> int:
        """Write the histories of conversations that have rested since `before`."""
        announcer = self._announcer
        if announcer is None:
            return 0
        return await self._database.write(
            lambda s: _rested(s, fence, announcer, destination, before, now, most)
        )

    async def forget(self, fence: Fence, destination: str, before: datetime, most: int) -> int:
        """Remove what was delivered or withdrawn before an instant."""
        return await self._database.write(
            lambda s: outbox.forget(s, fence, destination, before, most)
        )

    async def note(self, fence: Fence, state: DestinationState) -> None:
        """Write down how a destination is."""
        await self._database.write(lambda s: outbox.note(s, fence, state))

    async def noted(self) -> list[DestinationState]:
        """How destinations are, by name."""
        return await self._database.read(outbox.noted)

    async def backlog(self) -> list[Backlog]:
        """How much stands where, by destination."""
        return await self._database.read(outbox.backlog)

    async def entries(self, chosen: EntryFilter, *, most: int = 100) -> list[Entry]:
        """The newest entries, newest first, without their payloads."""
        return await self._database.read(lambda s: outbox.entries(s, chosen, most))

    async def entry(self, entry_id: int) -> Entry | None:
        """One entry with its payload."""
        return await self._database.read(lambda s: outbox.entry(s, entry_id))

    async def retry(self, chosen: EntryFilter, now: datetime, deadline: datetime) -> int:
        """Owe again what is parked."""
        return await self._database.write(lambda s: outbox.retry(s, chosen, now, deadline))

    async def purge(self, chosen: EntryFilter) -> int:
        """Remove entries for good."""
        return await self._database.write(lambda s: outbox.purge(s, chosen))


def _rested(
    session: Session,
    fence: Fence,
    announcer: Announcer,
    destination: str,
    before: datetime,
    now: datetime,
    most: int,
) -> int:
    fences.check(session, fence)
    mine = outbox_destinations.c.destination == destination
    since = session.execute(
        select(outbox_destinations.c.rested_us).where(mine)
    ).scalar_one_or_none()
    if since is None:  # what rested before anybody wanted to know is nobody's business
        _move(session, destination, to_us(before))
        return 0
    row = talks.c
    columns = (row.tenant, row.user_id, row.conversation_id, row.last_activity_us)
    due = select(*columns).where(
        row.last_activity_us > since, row.last_activity_us <= to_us(before)
    )
    found = list(session.execute(due.order_by(row.last_activity_us).limit(most)))
    if not found:
        return 0
    last = found[-1].last_activity_us
    if len(found) == most:  # all of the last microsecond: the place is nothing but a time
        found = [one for one in found if one.last_activity_us < last]
        found += session.execute(select(*columns).where(row.last_activity_us == last))
    for one in found:
        owner = Caller(one.tenant, one.user_id)
        talk = conversations.get(session, owner, one.conversation_id)
        outbox.add(session, announcer.conversation_rested(owner, talk, now, destination), now)
    _move(session, destination, last)
    return len(found)


def _move(session: Session, destination: str, place: int) -> None:
    session.execute(
        dialects.insert(session, outbox_destinations)
        .values(destination=destination, failures=0, reason="", rested_us=place)
        .on_conflict_do_update(
            index_elements=[outbox_destinations.c.destination], set_={"rested_us": place}
        )
    )
