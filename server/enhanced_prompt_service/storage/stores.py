"""The stores that the rest of the service calls, over one `Database`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ..domain.analytics import Bucket, PromptAnalytics
from ..domain.answers import ModelUsage, PromptResponse, Usage
from ..domain.audit import AuditLog
from ..domain.catalogue import Catalogue, Site
from ..domain.consent import ConsentStore
from ..domain.conversations import (
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
from ..domain.credentials import KeyStore
from ..domain.detection import DetectionStore
from ..domain.events import (
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
from ..domain.fences import FenceStore
from ..domain.identity import Caller
from ..domain.insights import InsightStore
from ..domain.outbox import Announcer, OutboxStore, Outgoing
from ..domain.retention import Removed, RetentionStore
from ..domain.standing import StandingStore
from ..domain.stores import (
    CatalogueStore,
    ConversationStore,
    CoverageSpan,
    EventStore,
    Page,
    TurnStore,
)
from ..domain.templates import TemplateStore
from ..domain.times import Interval
from ..domain.turns import TurnError, TurnRow, TurnState
from ..domain.usage import UsageAsked, UsagePage, UsageStore
from . import (
    catalogue,
    conversations,
    counting,
    coverage,
    deletion,
    event_rows,
    exporting,
    kinds,
    leases,
    listing,
    message_search,
    model_calls,
    paging,
    permission,
    prompt_sums,
    retention,
    tenancy,
    turns,
)
from .api_keys import SqlKeyStore
from .audit import SqlAuditLog
from .consents import SqlConsentStore
from .database import Database
from .detection import SqlDetectionStore
from .fences import SqlFenceStore
from .ingest import Memory, Stored, ingest
from .insight_store import OnChange, SqlInsightStore, nobody
from .kinds import KindIds
from .outbox_store import OnOutbox, SqlOutboxStore, unheard
from .session import Session
from .standing import SqlStandingStore
from .tables import sites, tenants
from .templates import SqlTemplateStore

T = TypeVar("T")


class EventReader:
    """Questions to one snapshot of the events, each answered at once.

    Comes from `EventStore.snapshot`. Its methods mean what the store's own do.
    """

    def __init__(self, session: Session, caller: Caller) -> None:
        self._session = session
        self._caller = caller

    def get(self, event_id: str) -> Event:
        """One event. Raises NotFound (EVENT_NOT_FOUND)."""
        return event_rows.get(self._session, self._caller, event_id)

    def page(
        self,
        selection: Selection,
        *,
        order: Order = Order.NEWEST,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Event]:
        """Matching events in order, 1 to 1,000 at a time."""
        return paging.page(
            self._session,
            self._caller,
            selection,
            order,
            page_size,
            page_token,
        )

    def totals(self, selection: Selection) -> Totals:
        """Aggregates over all that matches."""
        return counting.totals(self._session, self._caller, selection)

    def grouped(
        self, selection: Selection, by: Sequence[GroupBy], *, limit: int | None = None
    ) -> list[GroupRow]:
        """Counts by key, most matches first, then by the keys."""
        return counting.grouped(self._session, self._caller, selection, by, limit)

    def coverage(
        self, window: Interval, cameras: frozenset[str] | None = None
    ) -> list[CoverageSpan]:
        """Recorded spans inside the window, merged per camera."""
        return coverage.recorded(self._session, self._caller, window, cameras)

    def coverage_known(self) -> dict[str, Interval]:
        """Cameras that ever reported coverage, and from when to when they did."""
        return coverage.known(self._session, self._caller)

    def camera_states(self, at: datetime) -> dict[str, Coverage]:
        """The newest report of each camera that begins at or before an instant."""
        return coverage.states(self._session, self._caller, at)


class SqlEventStore:
    """`domain.stores.EventStore`."""

    def __init__(self, database: Database, default_zone: str) -> None:
        self._database = database
        self._default_zone = default_zone
        self.memory = Memory(KindIds(), {})
        self._kinds: dict[str, tuple[int, list[SeenKind]]] = {}

    async def snapshot(self, caller: Caller, ask: Callable[[EventReader], T]) -> T:
        """Answer several questions from one snapshot, in one go: much cheaper than one by one.

        `ask` gets an `EventReader` and may run in another thread, or twice: it must only read.
        """
        return await self._database.read(lambda session: ask(EventReader(session, caller)))

    async def ingest(self, caller: Caller, events: Sequence[Event]) -> list[Ingested]:
        """Store a batch in one transaction."""
        if not events:
            return []

        def store(session: Session) -> Stored:
            permission.check_events(session, caller, events)
            return ingest(
                session, caller.tenant, events, memory=self.memory, default_zone=self._default_zone
            )

        stored = await self._database.write(store)
        self.memory.kind_ids.remember(caller.tenant, stored.kinds)
        return stored.outcomes

    async def ingest_coverage(self, caller: Caller, spans: Sequence[Coverage]) -> list[Ingested]:
        """Store spans in one transaction; a later report replaces what it overlaps."""
        if not spans:
            return []
        permission.check_spans(caller, spans)
        return await self._database.write(
            lambda session: coverage.ingest(session, caller.tenant, spans, self._default_zone)
        )

    async def get(self, caller: Caller, event_id: str) -> Event:
        """One event. Raises NotFound (EVENT_NOT_FOUND)."""
        return await self.snapshot(caller, lambda reader: reader.get(event_id))

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
        return await self.snapshot(
            caller,
            lambda reader: reader.page(
                selection, order=order, page_size=page_size, page_token=page_token
            ),
        )

    async def totals(self, caller: Caller, selection: Selection) -> Totals:
        """Aggregates over all that matches."""
        return await self.snapshot(caller, lambda reader: reader.totals(selection))

    async def grouped(
        self,
        caller: Caller,
        selection: Selection,
        by: Sequence[GroupBy],
        *,
        limit: int | None = None,
    ) -> list[GroupRow]:
        """Counts by key, most matches first, then by the keys."""
        return await self.snapshot(
            caller, lambda reader: reader.grouped(selection, by, limit=limit)
        )

    async def coverage(
        self, caller: Caller, window: Interval, cameras: frozenset[str] | None = None
    ) -> list[CoverageSpan]:
        """Recorded spans inside the window, merged per camera, sorted by camera, then start."""
        return await self.snapshot(caller, lambda reader: reader.coverage(window, cameras))

    async def coverage_known(self, caller: Caller) -> dict[str, Interval]:
        """Cameras that ever reported coverage, and from when to when they did."""
        return await self.snapshot(caller, lambda reader: reader.coverage_known())

    async def camera_states(self, caller: Caller, at: datetime) -> dict[str, Coverage]:
        """The newest coverage report of each camera that begins at or before an instant."""
        return await self.snapshot(caller, lambda reader: reader.camera_states(at))

    async def kinds(self, caller: Caller) -> list[SeenKind]:
        """Every kind that occurs, from memory while nothing was stored meanwhile."""
        remembered = self._kinds.get(caller.tenant)

        def load(session: Session) -> tuple[int, list[SeenKind]]:
            _, version = tenancy.versions(session, caller.tenant)
            if remembered is not None and remembered[0] == version:
                return remembered
            return version, kinds.seen(session, caller.tenant)

        found = self._kinds[caller.tenant] = await self._database.read(load)
        if caller.sees_all:
            return list(found[1])
        return [one for one in found[1] if caller.sees(one.site, one.camera_id)]


class SqlCatalogueStore:
    """`domain.stores.CatalogueStore`."""

    def __init__(self, database: Database, default_zone: str, memory: Memory) -> None:
        self._database = database
        self._default_zone = default_zone
        self._memory = memory
        self._catalogues: dict[str, tuple[int, Catalogue]] = {}

    async def put_site(self, caller: Caller, site: Site, *, etag: str = "") -> Site:
        """Create or replace a site; returns it with its new etag."""
        permission.check_site(caller, site.site_id)
        clock = self._memory.clock(site.time_zone)
        return await self._database.write(
            lambda session: catalogue.put(
                session, caller.tenant, site, etag, default_zone=self._default_zone, clock=clock
            )
        )

    async def get_site(self, caller: Caller, site_id: str) -> Site:
        """One declared site. Raises NotFound (SITE_NOT_FOUND)."""
        return await self._database.read(lambda session: catalogue.get(session, caller, site_id))

    async def list_sites(
        self, caller: Caller, *, page_size: int = 50, page_token: str = ""
    ) -> Page[Site]:
        """Declared sites by id."""
        return await self._database.read(
            lambda session: catalogue.page(session, caller, page_size, page_token)
        )

    async def catalogue(self, caller: Caller) -> Catalogue:
        """The catalogue, from memory while its version is the database's."""
        remembered = self._catalogues.get(caller.tenant)

        def load(session: Session) -> tuple[int, Catalogue]:
            version, _ = tenancy.versions(session, caller.tenant)
            if remembered is not None and remembered[0] == version:
                return remembered
            return version, catalogue.load(session, caller.tenant, version, self._default_zone)

        found = self._catalogues[caller.tenant] = await self._database.read(load)
        return permission.visible_catalogue(caller, found[1])


class SqlTurnStore:
    """`domain.stores.TurnStore`."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer | None = None,
        on_outbox: OnOutbox = unheard,
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._on_outbox = on_outbox

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
        """Insert a running turn, or return the one that has this request_id already."""
        return await self._database.write(
            lambda session: turns.begin(
                session,
                caller,
                turn_id=turn_id,
                conversation_id=conversation_id,
                message_id=message_id,
                request_id=request_id,
                request_hash=request_hash,
                query=query,
                runner=runner,
                now=now,
            )
        )

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
        """The closing transaction; False when the attempt does not run any more."""
        outgoing: Sequence[Outgoing] = ()
        if self._announcer is not None and response is not None:
            outgoing = self._announcer.turn_ended(caller, state, attempt, response, now)
        closed = await self._database.write(
            lambda session: turns.finish(
                session,
                caller,
                turn_id=turn_id,
                attempt=attempt,
                state=state,
                now=now,
                response=response,
                error=error,
                usage=usage,
                outgoing=outgoing,
            )
        )
        if closed and outgoing:
            self._on_outbox()
        return closed

    async def get_turn(self, caller: Caller, turn_id: str) -> TurnRow:
        """One turn of the caller's own. Raises NotFound (TURN_NOT_FOUND)."""
        return await self._database.read(lambda session: turns.get(session, caller, turn_id))

    async def running_turn(self, caller: Caller, conversation_id: str) -> str:
        """The running turn of a conversation of the caller's own, "" where there is none."""
        return await self._database.read(
            lambda session: turns.running(session, caller, conversation_id)
        )

    async def find_request(
        self, caller: Caller, request_id: str, since: datetime
    ) -> TurnRow | None:
        """The turn of a request_id that was begun at or after `since`."""
        return await self._database.read(
            lambda session: turns.find_request(session, caller, request_id, since)
        )

    async def renew(self, process: str, lease_s: float) -> list[str]:
        """Renew a process's lease; which of its running turns shall stop."""
        return await self._database.write(lambda s: leases.renew(s, process, lease_s))

    async def release(self, process: str) -> None:
        """Give a lease back."""
        await self._database.write(lambda s: leases.release(s, process))

    async def runner_alive(self, runner: str) -> bool:
        """Whether a runner's process has not lost its lease."""
        return await self._database.read(lambda s: leases.alive(s, runner))

    async def request_cancel(self, caller: Caller, turn_id: str) -> None:
        """Note that a running turn of the caller's own shall stop."""
        await self._database.write(lambda s: leases.request_cancel(s, caller, turn_id))

    async def fail_orphans(self, runner_prefix: str, error: TurnError, now: datetime) -> int:
        """Close turns that a former process of this host left running, and that no living one
        holds by a lease; returns how many."""
        return await self._database.write(
            lambda session: turns.fail_orphans(session, runner_prefix, error, now)
        )

    async def fail_lost(self, after_s: float, now: datetime) -> int:
        """Close turns of processes whose lease ran out so long ago; returns how many."""
        return await self._database.write(lambda session: turns.fail_lost(session, after_s, now))


class SqlConversationStore:
    """`domain.stores.ConversationStore`."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer | None = None,
        on_outbox: OnOutbox = unheard,
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._on_outbox = on_outbox

    async def get_conversation(self, caller: Caller, conversation_id: str) -> Conversation:
        """The whole conversation. Raises NotFound (CONVERSATION_NOT_FOUND)."""
        return await self._database.read(
            lambda session: conversations.get(session, caller, conversation_id)
        )

    async def list_conversations(
        self, caller: Caller, *, page_size: int = 50, page_token: str = ""
    ) -> Page[ConversationSummary]:
        """Newest activity first."""
        return await self._database.read(
            lambda session: conversations.page(session, caller, page_size, page_token)
        )

    async def recent_turns(
        self, caller: Caller, conversation_id: str, limit: int
    ) -> list[PromptResponse]:
        """The last completed turns, oldest first."""
        return await self._database.read(
            lambda session: conversations.recent(session, caller, conversation_id, limit)
        )

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
        return await self._database.read(
            lambda session: listing.messages(
                session, caller, conversation_id, newest_first, page_size, page_token
            )
        )

    async def list_responses(
        self,
        caller: Caller,
        chosen: ResponseFilter,
        *,
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[PromptResponse]:
        """Stored responses, newest end first."""
        return await self._database.read(
            lambda session: listing.responses(session, caller, chosen, page_size, page_token)
        )

    async def search_messages(
        self, caller: Caller, asked: MessageSearch, *, page_size: int = 50, page_token: str = ""
    ) -> Page[MessageMatch]:
        """Messages with every word asked for, best match first, then newest."""
        return await self._database.read(
            lambda session: message_search.search(session, caller, asked, page_size, page_token)
        )

    async def delete_conversation(
        self, caller: Caller, conversation_id: str, now: datetime
    ) -> Deleted:
        """Delete a conversation with all that hangs on it."""
        announcer = self._announcer
        deleted = await self._database.write(
            lambda session: deletion.delete(session, caller, conversation_id, now, announcer)
        )
        if announcer is not None:
            self._on_outbox()
        return deleted

    async def next_exported(
        self, caller: Caller, chosen: ExportFilter, resume_token: str = ""
    ) -> Exported | None:
        """The conversation behind a place, in order of last activity, oldest first."""
        return await self._database.read(
            lambda session: exporting.following(session, caller, chosen, resume_token)
        )

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
        return await self._database.read(
            lambda session: prompt_sums.analytics(
                session, caller, period, bucket, zone, whole_tenant
            )
        )


class SqlUsageStore:
    """`domain.usage.UsageStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, caller: Caller, calls: Sequence[ModelUsage], now: datetime) -> None:
        """Note calls that no turn made."""
        if calls:
            await self._database.write(lambda session: model_calls.add(session, caller, calls, now))

    async def sums(
        self, caller: Caller, asked: UsageAsked, *, page_size: int = 100, page_token: str = ""
    ) -> UsagePage:
        """Sums by group. Raises InvalidArgument (PAGE_TOKEN_INVALID)."""
        return await self._database.read(
            lambda session: model_calls.sums(session, caller, asked, page_size, page_token)
        )


class SqlRetentionStore:
    """`domain.retention.RetentionStore`."""

    def __init__(
        self, database: Database, default_zone: str, announcer: Announcer | None = None
    ) -> None:
        self._database = database
        self._default_zone = default_zone
        self._announcer = announcer

    async def remove_old(
        self,
        *,
        conversations_before: datetime | None,
        events_before: datetime | None,
        now: datetime,
        most: int,
        insights_before: datetime | None = None,
    ) -> Removed:
        """One bounded round: a transaction for each kind, and for each tenant's events."""
        write = self._database.write
        rounds = [await write(lambda session: retention.tombstones(session, now))]
        if conversations_before is not None:
            before = conversations_before
            rounds.append(
                await write(
                    lambda session: retention.conversations(
                        session, before, now, most, self._announcer
                    )
                )
            )
        if events_before is not None:
            names = await self._database.read(retention.tenant_names)
            rounds += [await write(self._events(one, events_before, most)) for one in names]
        await write(lambda session: retention.requests(session, now))
        if insights_before is not None:
            before = insights_before
            for tenant in await self._database.read(retention.insight_tenants):
                rounds.append(await write(self._insights(tenant, before, most)))
        return Removed(
            conversations=sum(one.conversations for one in rounds),
            events=sum(one.events for one in rounds),
            tombstones=sum(one.tombstones for one in rounds),
            gone=tuple(gone for one in rounds for gone in one.gone),
            insights=sum(one.insights for one in rounds),
            more=any(one.more for one in rounds),
        )

    def _insights(self, tenant: str, before: datetime, most: int) -> Callable[[Session], Removed]:
        return lambda session: retention.insights_of(session, tenant, before, most)

    def _events(self, tenant: str, before: datetime, most: int) -> Callable[[Session], Removed]:
        zone = self._default_zone
        return lambda session: retention.of_tenant(session, tenant, zone, before, most)


@dataclass(frozen=True, slots=True)
class Stores:
    """All stores over one database."""

    database: Database
    events: EventStore
    catalogue: CatalogueStore
    turns: TurnStore
    conversations: ConversationStore
    retention: RetentionStore
    templates: TemplateStore
    usage: UsageStore
    insights: InsightStore
    fences: FenceStore
    detection: DetectionStore
    keys: KeyStore
    audit: AuditLog
    standing: StandingStore
    outbox: OutboxStore
    consents: ConsentStore


async def open_stores(
    database: Database,
    *,
    default_zone: str = "UTC",
    on_insights: OnChange = nobody,
    announcer: Announcer | None = None,
    on_outbox: OnOutbox = unheard,
) -> Stores:
    """Stores over a migrated database. `on_insights` hears of each tenant whose log grew.

    `announcer` says what others are owed of each change; `on_outbox` hears when that was written.

    `default_zone` is the IANA zone of sites that nobody declared. Where it is another than the
    last time, the local columns of their events are computed anew.
    """
    events_store = SqlEventStore(database, default_zone)
    await database.write(lambda session: _adopt_zone(session, default_zone, events_store.memory))
    return Stores(
        database,
        events_store,
        SqlCatalogueStore(database, default_zone, events_store.memory),
        SqlTurnStore(database, announcer, on_outbox),
        SqlConversationStore(database, announcer, on_outbox),
        SqlRetentionStore(database, default_zone, announcer),
        SqlTemplateStore(database),
        SqlUsageStore(database),
        SqlInsightStore(database, on_change=on_insights, announcer=announcer, on_outbox=on_outbox),
        SqlFenceStore(database),
        SqlDetectionStore(database),
        SqlKeyStore(database),
        SqlAuditLog(database),
        SqlStandingStore(database),
        SqlOutboxStore(database, announcer, on_outbox),
        SqlConsentStore(database),
    )


def _adopt_zone(session: Session, zone: str, memory: Memory) -> None:
    clock = memory.clock(zone)
    others = session.execute(
        select(tenants.c.tenant).where(tenants.c.time_zone != zone).with_for_update()
    ).scalars()
    for tenant in list(others):
        declared = set(
            session.execute(select(sites.c.site_id).where(sites.c.tenant == tenant)).scalars()
        )
        for site_id in kinds.sites_of(session, tenant) - declared:
            catalogue.localise(session, tenant, site_id, clock)
        session.execute(tenants.update().where(tenants.c.tenant == tenant).values(time_zone=zone))
        tenancy.changed(session, tenant, catalogue=True)
