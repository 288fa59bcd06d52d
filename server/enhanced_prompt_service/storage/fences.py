"""Fenced leases: work that one replica does at a time (`domain.fences`)."""

from __future__ import annotations

from sqlalchemy import select

from ..domain.fences import Fence, FenceLost
from . import dialects
from .database import Database
from .failures import RunAgain
from .insight_tables import fences
from .instants import SECOND
from .leases import now_us
from .session import Session


def check(session: Session, fence: Fence) -> None:
    """Raises FenceLost where the work has changed hands; keeps it from doing so until the commit.

    A lease that has run out is still good while nobody took it over.
    """
    number = session.execute(
        select(fences.c.number).where(fences.c.name == fence.name).with_for_update(read=True)
    ).scalar_one_or_none()
    if number != fence.number:
        raise FenceLost(fence)


def take(session: Session, name: str, holder: str, lease_s: float) -> Fence | None:
    """Take or renew; None while somebody else's lease lasts."""
    now = now_us(session)
    until = now + round(lease_s * SECOND)
    row = session.execute(
        select(fences).where(fences.c.name == name).with_for_update()
    ).one_or_none()
    if row is None:
        made = session.execute(
            dialects.insert(session, fences)
            .values(name=name, number=1, holder=holder, until_us=until)
            .on_conflict_do_nothing()
            .returning(fences.c.number)
        ).one_or_none()
        if made is None:
            raise RunAgain
        return Fence(name, 1)
    if row.holder != holder and row.until_us > now:
        return None
    number = row.number + (row.holder != holder)
    session.execute(
        fences.update()
        .where(fences.c.name == name)
        .values(number=number, holder=holder, until_us=until)
    )
    return Fence(name, number)


def give_back(session: Session, fence: Fence) -> None:
    """Let others take it at once."""
    session.execute(
        fences.update()
        .where(fences.c.name == fence.name, fences.c.number == fence.number)
        .values(until_us=0)
    )


class SqlFenceStore:
    """`domain.fences.FenceStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, name: str, holder: str, lease_s: float) -> Fence | None:
        """Take or renew a lease; None while another holder's lasts."""
        return await self._database.write(lambda s: take(s, name, holder, lease_s))

    async def give_back(self, fence: Fence) -> None:
        """Let others take it at once."""
        await self._database.write(lambda s: give_back(s, fence))
