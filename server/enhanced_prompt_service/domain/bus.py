"""What replicas share beside the database: turn logs, signals, mailboxes, short-lived values.

`bus` implements this twice, in the process and on Redis; one contract test holds both. Nothing
here is the only copy of what a user would miss: SQL is the truth. Every method but those that
only listen raises `errors.Unavailable` (BUS_UNAVAILABLE) while the bus is away.

A signal means "look again", and nothing else: it may come late, twice, or be merged with others,
and whoever waits for one also looks now and then by himself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One frame of a turn's log, as the bus keeps it: `kind` is a `FrameKind`'s value."""

    sequence: int
    kind: str
    encoded: bytes


class Superseded(Exception):
    """A newer attempt of the turn has begun: nobody waits for this one's frames any more."""


class Listener(Protocol):
    """Hears the signals of one channel since it was opened; many signals count as one."""

    async def wait(self, timeout_s: float) -> bool:
        """True when a signal came since the last wait, False when the time passed without one.

        True also when the bus came back after it was away: something may have been missed.
        """
        ...


class Bus(Protocol):
    """Shared state of all replicas of one service."""

    @property
    def shared(self) -> bool:
        """Whether other processes can see it."""
        ...

    @property
    def up(self) -> bool:
        """Whether the last use of it worked. A bus that is away tries again by itself."""
        ...

    async def ping(self) -> None:
        """Do nothing, and notice whether that works."""
        ...

    # ---- turn logs ----

    async def append(self, turn_id: str, attempt: int, entries: Sequence[LogEntry]) -> None:
        """Add frames, in order, and signal `log_channel(turn_id)`.

        Idempotent: a sequence that is there already stays as it is. A new attempt follows the
        older ones in the same log, and ends them: raises Superseded where there is a newer one.
        """
        ...

    async def read(
        self, turn_id: str, attempt: int, after: int, limit: int = 1000
    ) -> list[LogEntry]:
        """Frames of one attempt with a sequence above `after`, in order; empty when none."""
        ...

    async def newest_attempt(self, turn_id: str) -> int:
        """The newest attempt that has frames, 0 when the log is not there."""
        ...

    async def expire_log(self, turn_id: str, ttl_s: float) -> None:
        """Let a log go after a time; until then it is kept as long as the bus keeps logs."""
        ...

    async def drop_log(self, *turn_ids: str) -> None:
        """Delete logs now."""
        ...

    # ---- signals and mailboxes ----

    async def signal(self, channel: str) -> None:
        """Wake all listeners of a channel, in every process."""
        ...

    def listen(self, channel: str) -> AbstractAsyncContextManager[Listener]:
        """Hear a channel: once entered, no signal sent after it is missed while the bus is up."""
        ...

    async def post(self, mailbox: str, letter: str, ttl_s: float) -> None:
        """Put a letter in a mailbox and signal the channel of the same name."""
        ...

    async def collect(self, mailbox: str) -> list[str]:
        """Take all letters out, oldest first; each is taken once."""
        ...

    # ---- short-lived values ----

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep a value for a time, or for less where there is not room for all."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The value, None when it is not there or has expired."""
        ...

    async def delete(self, *keys: str) -> None:
        """Forget values."""
        ...

    # ---- boards: what each process says of itself; ledgers: what all of them have counted ----

    async def pin(self, board: str, name: str, value: bytes, ttl_s: float) -> None:
        """Put a note on a board, in place of the one of this name, for a time. All notes of a
        board have the same time."""
        ...

    async def notes(self, board: str) -> dict[str, bytes]:
        """All notes of a board whose time has not passed, by name."""
        ...

    async def unpin(self, board: str, name: str) -> None:
        """Take a note away."""
        ...

    async def add(
        self,
        ledger: str,
        writer: str,
        number: int,
        amounts: Mapping[str, float],
        *,
        since: float,
        ttl_s: float,
    ) -> str:
        """Add amounts to the sums of a ledger, which is kept for so long after its last addition.

        Each writer numbers its additions, upwards: one whose number is not above the writer's last
        one was made before and changes nothing, so that an addition of which nobody knows whether
        it was made can be made again. The ledger's `SINCE` is the least that any writer said.

        Returns the ledger's id: another one than before says that what was added before is lost.
        """
        ...

    async def sums(self, ledger: str) -> dict[str, float]:
        """All sums of a ledger, and its `SINCE`; empty where it is not there."""
        ...


SINCE = "since"
"""The name under which a ledger keeps from when on it counts: whatever its writers mean by it."""


def log_channel(turn_id: str) -> str:
    """The channel that is signalled when a turn's log grew."""
    return f"turn:{turn_id}"
