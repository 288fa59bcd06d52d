"""What a dispatcher needs of the client of a receiver, and what that says of each message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..domain.outbox import Entry


class Verdict(StrEnum):
    """What became of a message.

    SENT waits for an acknowledgement. RETRY may work later, PARK never will. DOWN says nothing of
    the message: it did not get anywhere.
    """

    DELIVERED = "delivered"
    SENT = "sent"
    RETRY = "retry"
    PARK = "park"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A message's verdict, and what was said.

    Attributes:
        verdict: What became of it.
        reason: Why it was not delivered; never what was in it.
        after_s: How long the receiver wants to be left alone, seconds.
        counts: Whether it counts as a failure of the receiver (a 5xx does, a 429 does not).
        ingest_id: The receiver's name for it.
        received: The receiver's time of it, as it wrote it.
        status: The receiver's word for what it does with it.
    """

    verdict: Verdict
    reason: str = ""
    after_s: float | None = None
    counts: bool = True
    ingest_id: str = ""
    received: str = ""
    status: str = ""


class Down(Exception):
    """The receiver can't be reached; the text says why, for people."""


class Sender(Protocol):
    """The client of one receiver. Used by one dispatcher; `close` may be followed by new use."""

    async def keep(self) -> None:
        """Have a connection where the receiver wants one all the time. Raises Down."""
        ...

    async def send(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Send these together; one outcome each, in order. Raises Down for all of them."""
        ...

    async def check(self) -> None:
        """Make sure that the connection over which things went is still there. Raises Down."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
