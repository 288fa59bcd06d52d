"""Work that one replica does at a time: a lease with a number that every write shows.

A holder that stalls and comes back after its lease was taken over still believes that it holds it.
Its number is then older than the one in the database, and the database refuses what it writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .errors import Conflict


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to do one kind of work (`detectors`), as of one taking over of it.

    `number` rises with each time that the work changes hands.
    """

    name: str
    number: int


class FenceLost(Conflict):
    """Somebody else does this work now: what was to be written is not."""

    def __init__(self, fence: Fence) -> None:
        super().__init__(f"the lease of {fence.name} has gone to another process")


class FenceStore(Protocol):
    """Leases of kinds of work, for all tenants. Time is the database's."""

    async def take(self, name: str, holder: str, lease_s: float) -> Fence | None:
        """Take or renew a lease for so many seconds; None while another holder's lasts.

        The same holder keeps its number as long as nobody took the lease in between.
        """
        ...

    async def give_back(self, fence: Fence) -> None:
        """Let others take it at once. Does nothing where it was lost already."""
        ...
