"""What the rest needs of storage. `storage` implements these once, for SQLite and PostgreSQL.

Every method takes the `Caller` and never sees another tenant's rows. All raise
`errors.Unavailable` (STORAGE_UNAVAILABLE) when the database is away. Page tokens are opaque and
bound to the caller and the arguments they came from; a foreign or broken one raises
`InvalidArgument` (PAGE_TOKEN_INVALID, field `page_token`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from .analytics import Bucket, PromptAnalytics
from .answers import PromptResponse, Usage
from .catalogue import Catalogue, Site
from .conversations import (
    Conversation,
    ConversationSummary,
    Deleted,
    Exported,
    ExportFilter,
    Message,
    MessageMatch,
    MessageSearch,
    ResponseFilter,
)
from .events import (
    Coverage,
    Event,
    GroupBy,
    GroupRow,
    Ingested,
    Order,
    SeenKind,
    Selection,
    Totals,
)
from .identity import Caller
from .times import Interval
from .turns import TurnError, TurnRow, TurnState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of rows and the opaque token of the next page, "" at the end."""

    items: tuple[T, ...]
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class CoverageSpan:
    """Recorded time of one camera, merged, cut to the window asked for."""

    site: str
    camera_id: str
    interval: Interval


class EventReader(Protocol):
    """Questions to one snapshot of the events; the methods mean what those of `EventStore` do."""

    def get(self, event_id: str) -> Event: ...

    def page(
        self,
        selection: Selection,
        *,
        order: Order = Order.NEWEST,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Event]: ...

    def totals(self, selection: Selection) -> Totals: ...

    def grouped(
        self, selection: Selection, by: Sequence[GroupBy], *, limit: int | None = None
    ) -> list[GroupRow]: ...

    def coverage(
        self, window: Interval, cameras: frozenset[str] | None = None
    ) -> list[CoverageSpan]: ...

    def coverage_known(self) -> dict[str, Interval]: ...

    def camera_states(self, at: datetime) -> dict[str, Coverage]: ...


class EventStore(Protocol):
    """Events, coverage, and what the engine asks of them."""

    async def snapshot(self, caller: Caller, ask: Callable[[EventReader], T]) -> T:
        """Answer several questions from one snapshot, in one go: cheaper than one by one.

        `ask` is a plain function of the reader. It may run in another thread, and twice: it must
        only read, and change nothing else.
        """
        ...

    async def ingest(self, caller: Caller, events: Sequence[Event]) -> list[Ingested]:
        """Store a batch in one transaction, one outcome an event in its order.

        A known event_id with the same content is DUPLICATE; with other content it UPDATES the row
        as a whole. Events were validated before. Local date, minute of day and weekday are stored
        beside UTC microseconds, in the zone of the event's site (the tenant default if unknown).
        """
        ...

    async def ingest_coverage(self, caller: Caller, spans: Sequence[Coverage]) -> list[Ingested]:
        """Store spans in one transaction; a later report replaces what it overlaps."""
        ...

    async def get(self, caller: Caller, event_id: str) -> Event:
        """One event. Raises NotFound (EVENT_NOT_FOUND)."""
        ...

    async def page(
        self,
        caller: Caller,
        selection: Selection,
        *,
        order: Order = Order.NEWEST,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Event]:
        """Matching events in order, 1 to 1,000 at a time."""
        ...

    async def totals(self, caller: Caller, selection: Selection) -> Totals:
        """Aggregates over all that matches."""
        ...

    async def grouped(
        self,
        caller: Caller,
        selection: Selection,
        by: Sequence[GroupBy],
        *,
        limit: int | None = None,
    ) -> list[GroupRow]:
        """Counts by key, most matches first, then by the keys.

        An event in several zones counts in each of them.
        """
        ...

    async def coverage(
        self, caller: Caller, window: Interval, cameras: frozenset[str] | None = None
    ) -> list[CoverageSpan]:
        """Recorded spans inside the window, merged per camera, sorted by camera, then start."""
        ...

    async def coverage_known(self, caller: Caller) -> dict[str, Interval]:
        """Cameras that ever reported coverage, and from when to when they did."""
        ...

    async def camera_states(self, caller: Caller, at: datetime) -> dict[str, Coverage]:
        """The newest coverage report of each camera that begins at or before an instant."""
        ...

    async def kinds(self, caller: Caller) -> list[SeenKind]:
        """Every (site, camera, type, label, sub_label, zones) that occurs; kept up to date by
        ingest, so cheap: one row a combination, never a scan of events."""
        ...


class CatalogueStore(Protocol):
    """Sites as their owner declared them, and what events add."""

    async def put_site(self, caller: Caller, site: Site, *, etag: str = "") -> Site:
        """Create or replace a site; returns it with its new etag.

        A non-empty `etag` must be the stored one, else Conflict (ETAG_MISMATCH). A changed time
        zone re-computes the local columns of the site's events.
        """
        ...

    async def get_site(self, caller: Caller, site_id: str) -> Site:
        """One declared site. Raises NotFound (SITE_NOT_FOUND)."""
        ...

    async def list_sites(
        self, caller: Caller, *, page_size: int = 50, page_token: str = ""
    ) -> Page[Site]:
        """Declared sites by id."""
        ...

    async def catalogue(self, caller: Caller) -> Catalogue:
        """Declared sites plus bare entries for sites and cameras that only events name. Cheap
        when nothing changed: cached by version in the process."""
        ...


class TurnStore(Protocol):
    """Turn rows (rules 9, 10, 12, 13)."""

    async def begin(
        self,
        caller: Caller,
        *,
        turn_id: str,
        conversation_id: str,
        message_id: str,
        request_id: str,
        request_hash: str,
        query: str,
        runner: str,
        now: datetime,
    ) -> TurnRow:
        """Insert a running turn and, where needed, its conversation, in one transaction.

        Returns the new row (attempt 1, the next conversation_turn), or the row that already has
        this (tenant, user, request_id): the caller tells them apart by turn_id. An existing row
        that failed retryably, or was left running by a process that lost its lease, comes back
        RUNNING under a new attempt and runner where the hash is the same. A row that runs under
        this runner has its conversation's `stamp`. Raises Conflict:
        REQUEST_ID_REUSED when the hash differs (metadata turn_id),
        TURN_IN_PROGRESS when the conversation has another running turn (metadata turn_id).
        Raises NotFound (CONVERSATION_NOT_FOUND) for a request of a conversation that was deleted.
        """
        ...

    async def finish(
        self,
        caller: Caller,
        *,
        turn_id: str,
        attempt: int,
        state: TurnState,
        now: datetime,
        response: PromptResponse | None = None,
        error: TurnError | None = None,
        usage: Usage | None = None,
    ) -> bool:
        """The closing transaction, conditional on (turn_id, attempt, RUNNING).

        False: another runner closed or superseded it, and the caller discards its result.
        Completed and cancelled turns store their response, evidence and messages with it.
        """
        ...

    async def get_turn(self, caller: Caller, turn_id: str) -> TurnRow:
        """One turn of the caller's own. Raises NotFound (TURN_NOT_FOUND)."""
        ...

    async def running_turn(self, caller: Caller, conversation_id: str) -> str:
        """The turn of a conversation of the caller's own that runs now, wherever; "" where none
        does. One whose process lost its lease does not run any more."""
        ...

    async def find_request(
        self, caller: Caller, request_id: str, since: datetime
    ) -> TurnRow | None:
        """The turn of a request_id that was begun at or after `since`."""
        ...

    async def renew(self, process: str, lease_s: float) -> list[str]:
        """Renew a process's lease (rule 10); returns which of its running turns somebody asked to
        stop. A process that never took one counts as alive: nobody shares turns with it."""
        ...

    async def release(self, process: str) -> None:
        """Give a lease back: the process runs no turns any more."""
        ...

    async def runner_alive(self, runner: str) -> bool:
        """Whether the process of a row's runner (`<process>/<turn_id>`) has not lost its lease."""
        ...

    async def request_cancel(self, caller: Caller, turn_id: str) -> None:
        """Note that a turn of the caller's own shall stop, if it runs."""
        ...

    async def fail_orphans(self, runner_prefix: str, error: TurnError, now: datetime) -> int:
        """Close turns that a former process of this host left running, and that no living one
        holds by a lease; returns how many."""
        ...

    async def fail_lost(self, after_s: float, now: datetime) -> int:
        """Close turns of processes whose lease ran out so many seconds ago, and forget those
        leases; returns how many."""
        ...


class ConversationStore(Protocol):
    """Stored conversations, the caller's own."""

    async def get_conversation(self, caller: Caller, conversation_id: str) -> Conversation:
        """The whole conversation. Raises NotFound (CONVERSATION_NOT_FOUND)."""
        ...

    async def list_conversations(
        self, caller: Caller, *, page_size: int = 50, page_token: str = ""
    ) -> Page[ConversationSummary]:
        """Newest activity first."""
        ...

    async def recent_turns(
        self, caller: Caller, conversation_id: str, limit: int
    ) -> list[PromptResponse]:
        """The last completed turns, oldest first: what a follow-up question refers to."""
        ...

    async def list_messages(
        self,
        caller: Caller,
        conversation_id: str,
        *,
        newest_first: bool = False,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Message]:
        """Messages of one conversation, by turn. Raises NotFound (CONVERSATION_NOT_FOUND)."""
        ...

    async def list_responses(
        self,
        caller: Caller,
        chosen: ResponseFilter,
        *,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[PromptResponse]:
        """Stored responses, those of cancelled turns included, newest end first."""
        ...

    async def search_messages(
        self, caller: Caller, asked: MessageSearch, *, page_size: int = 50, page_token: str = ""
    ) -> Page[MessageMatch]:
        """Messages with every word asked for, best match first, then newest."""
        ...

    async def delete_conversation(
        self, caller: Caller, conversation_id: str, now: datetime
    ) -> Deleted:
        """Delete a conversation with all that hangs on it. `now` is real time.

        A turn of it that still runs finds no row to close: it stores nothing. For 24 hours its
        requests raise NotFound in `TurnStore.begin`, and deleting it again says the same. Raises
        NotFound (CONVERSATION_NOT_FOUND).
        """
        ...

    async def next_exported(
        self, caller: Caller, chosen: ExportFilter, resume_token: str = ""
    ) -> Exported | None:
        """The conversation behind a place, in order of last activity, oldest first.

        None where no more are. One that goes on meanwhile comes again, in its newest form. Raises
        InvalidArgument (RESUME_TOKEN_INVALID) for a token of other arguments, or of nobody.
        """
        ...

    async def prompt_analytics(
        self,
        caller: Caller,
        period: Interval,
        bucket: Bucket,
        zone: ZoneInfo,
        *,
        whole_tenant: bool = False,
    ) -> PromptAnalytics:
        """Sums of the turns that ended in a period, and of those in the one before it."""
        ...
