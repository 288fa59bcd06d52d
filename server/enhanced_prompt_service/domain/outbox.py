"""What is owed to other services: messages written with the change that they tell of.

A turn, a deletion or an insight and its outgoing messages are one transaction, so that a message
exists exactly when what it tells of does. Whoever delivers them holds a fence (`delivery/<name>` of
the destination) and shows it with every write. A message keeps its key for good: receivers see by
it that two arrivals are the same one. Times are UTC, real time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .answers import PromptResponse
from .conversations import Conversation
from .fences import Fence
from .identity import Caller
from .insights import Insight, Seen
from .turns import TurnState


class MessageKind(StrEnum):
    """What a message tells of; the first three are the seeds' payloads."""

    PROMPT_RESPONSE = "prompt_response"
    CONVERSATION_HISTORY = "conversation_history"
    PROACTIVE_INSIGHT = "proactive_insight"
    CONVERSATION_DELETED = "conversation_deleted"


class OutboxState(StrEnum):
    """Where a message stands.

    PENDING is owed; SENT went out and waits for its acknowledgement; PARKED will not be sent unless
    somebody says so; WITHDRAWN was not to be sent any more (its conversation was deleted).
    """

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    PARKED = "parked"
    WITHDRAWN = "withdrawn"


OPEN = (OutboxState.PENDING, OutboxState.SENT)
"""States in which something is still owed."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it is written.

    Attributes:
        destination: Name of the destination.
        kind: What it tells of.
        key: Its name for good, with the revision of what it tells of; unique in a destination.
        tenant: Whose.
        lane: Messages of one lane arrive first in the order in which they were written.
        subject: Id of the conversation or insight, for people.
        payload: JSON as it is handed to the receiver's client; "" where there is none to send.
        deadline: When it is parked if it was not delivered.
        acknowledged: Whether the receiver has to acknowledge it.
        notification_id: Name that acknowledgements use, "" for destinations without any.
        refused: Why it can never be sent; it is then parked from the beginning. "" otherwise.
    """

    destination: str
    kind: MessageKind
    key: str
    tenant: str
    lane: str
    subject: str
    payload: str
    deadline: datetime
    acknowledged: bool = False
    notification_id: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the outbox.

    `attempts` counts those that were begun. `payload` is "" where it is not kept any more: after
    delivery and withdrawal. `ingest_id`, `received` and `status` are what the receiver said of it,
    in its own words, and may be empty.
    """

    id: int
    message: Outgoing
    state: OutboxState
    attempts: int
    created_at: datetime
    next_at: datetime
    reason: str = ""
    ingest_id: str = ""
    received: str = ""
    status: str = ""
    finished_at: datetime | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an attempt.

    `next_at` is when to try, or to ask for the acknowledgement, again.

    `finished_at` is when the message came to its end; None where it has not.
    """

    id: int
    state: OutboxState
    next_at: datetime
    reason: str = ""
    ingest_id: str = ""
    received: str = ""
    status: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A receiver took note of a notification, or said in `refused` why it does not want it."""

    notification_id: str
    at: datetime
    refused: str = ""


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How a destination was when its dispatcher last wrote it down.

    `failures` are connections or probes that failed in a row, `alarm_at` when that became too many;
    None while all is well.
    """

    name: str
    failures: int = 0
    reason: str = ""
    alarm_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages of a destination stand where; counted up to COUNTED each.

    `oldest` is when the oldest one that is owed was written.
    """

    destination: str
    pending: int = 0
    sent: int = 0
    parked: int = 0
    oldest: datetime | None = None


COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries an operator means; empty fields narrow nothing."""

    destination: str = ""
    states: frozenset[OutboxState] = frozenset()
    tenant: str = ""
    ids: frozenset[int] = frozenset()


class Announcer(Protocol):
    """Says which messages a change makes. Pure: the same change makes the same ones. Never raises:
    what cannot be said becomes a refused message."""

    def turn_ended(
        self,
        caller: Caller,
        state: TurnState,
        attempt: int,
        response: PromptResponse,
        now: datetime,
    ) -> Sequence[Outgoing]:
        """A turn was closed with a response: completed, or cancelled in the middle of it."""
        ...

    def insight_said(
        self, tenant: str, insight: Insight, heard: Seen | None, now: datetime
    ) -> Sequence[Outgoing]:
        """An insight has a new revision; `heard` is what its newest unmuted one before said."""
        ...

    def conversation_deleted(
        self, owner: Caller, conversation_id: str, turns: int, now: datetime
    ) -> Sequence[Outgoing]:
        """A conversation was deleted."""
        ...

    def conversation_rested(
        self, owner: Caller, conversation: Conversation, now: datetime, destination: str = ""
    ) -> Sequence[Outgoing]:
        """A conversation has rested, or was exported; for one destination, or for all."""
        ...


class OutboxStore(Protocol):
    """The outbox. What takes a fence raises FenceLost where somebody else delivers now."""

    async def add(self, messages: Sequence[Outgoing], now: datetime) -> int:
        """Write messages; those whose key is there already are left out. Returns how many were."""
        ...

    async def window(
        self,
        destination: str,
        *,
        held: Collection[int],
        lanes: Collection[str],
        most: int,
        most_bytes: int,
    ) -> list[Entry]:
        """The oldest PENDING entries, but those `held` and those of `lanes`, by their number.

        At most so many and with so many bytes of payload, but at least one where there is one.
        """
        ...

    async def unacknowledged(
        self, destination: str, now: datetime, *, held: Collection[int], most: int
    ) -> list[Entry]:
        """SENT entries whose acknowledgement is overdue, the longest first."""
        ...

    async def claim(
        self, fence: Fence, ids: Sequence[int], *, again: bool = False
    ) -> frozenset[int]:
        """Count an attempt of each before it is made; which of them may still be sent.

        `again` counts nothing: it only looks.
        """
        ...

    async def settle(
        self,
        fence: Fence,
        destination: str,
        results: Sequence[Settled],
        acknowledged: Sequence[Acknowledged],
        audit: Sequence[AuditNote],
    ) -> None:
        """Write down what became of attempts, in one transaction."""
        ...

    async def expire(
        self, fence: Fence, destination: str, now: datetime, *, held: Collection[int], most: int
    ) -> list[Entry]:
        """Park what was owed past its deadline, but those `held`; returns it."""
        ...

    async def rested(
        self, fence: Fence, destination: str, before: datetime, now: datetime, most: int
    ) -> int:
        """Write the histories of conversations without activity since `before`, each once.

        Begins with those whose last activity is after the first call. Returns how many were looked
        at, `most` where there may be more.
        """
        ...

    async def forget(self, fence: Fence, destination: str, before: datetime, most: int) -> int:
        """Remove what was delivered or withdrawn before an instant; returns how many."""
        ...

    async def note(self, fence: Fence, state: DestinationState) -> None:
        """Write down how a destination is."""
        ...

    async def noted(self) -> list[DestinationState]:
        """How destinations are, by name."""
        ...

    async def backlog(self) -> list[Backlog]:
        """How much stands where, by destination; those without anything are left out."""
        ...

    # ---- operators ----

    async def entries(self, chosen: EntryFilter, *, most: int = 100) -> list[Entry]:
        """The newest entries, newest first, without their payloads."""
        ...

    async def entry(self, entry_id: int) -> Entry | None:
        """One entry with its payload; None where there is none."""
        ...

    async def retry(self, chosen: EntryFilter, now: datetime, deadline: datetime) -> int:
        """Owe again what is PARKED and has a payload; returns how many."""
        ...

    async def purge(self, chosen: EntryFilter) -> int:
        """Remove entries for good, whatever their state; returns how many."""
        ...


@dataclass(frozen=True, slots=True)
class AuditNote:
    """What the audit log says of a delivery."""

    at: datetime
    tenant: str
    action: str
    outcome: str
    reason: str
    subject: str
    destination: str


def fence_name(destination: str) -> str:
    """The work of delivering to a destination."""
    return f"delivery/{destination}"


def channel(destination: str) -> str:
    """The channel that is signalled when a destination is owed something new."""
    return f"delivery:{destination}"


def conversation_lane(tenant: str, user: str, conversation_id: str) -> str:
    """The lane of a conversation: a digest, since ids are any text of any length."""
    return "conversation:" + digest(tenant, user, conversation_id)


def insight_lane(tenant: str, insight_id: str) -> str:
    """The lane of an insight."""
    return "insight:" + digest(tenant, insight_id)


def digest(*parts: str | int) -> str:
    """32 hexadecimal digits (128 bits of SHA-256) of a list of texts and numbers."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
