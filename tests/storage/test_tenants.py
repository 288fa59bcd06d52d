"""Nobody sees, finds or changes what belongs to another tenant, or another user's conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import pytest

from enhanced_prompt_service.domain.analytics import Bucket, PromptTotals
from enhanced_prompt_service.domain.catalogue import Site
from enhanced_prompt_service.domain.conversations import ExportFilter, MessageSearch, ResponseFilter
from enhanced_prompt_service.domain.errors import NotFound
from enhanced_prompt_service.domain.events import GroupBy, Ingested, Order, Selection, Totals
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.stores import (
    CatalogueStore,
    ConversationStore,
    EventStore,
    Page,
    TurnStore,
)
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.storage import Stores

from .makers import ME, NOON, at, begin, event, response, span

OTHER = Caller(tenant="other", user=ME.user)
_NOTHING = Totals(0, 0, None, None, None)

Ask = Callable[[Stores, Caller], Awaitable[object]]


def _text() -> Selection:
    return Selection(text="truck")


async def _sums(stores: Stores, caller: Caller) -> PromptTotals:
    found = await stores.conversations.prompt_analytics(
        caller, Interval(at(0), at(60)), Bucket.HOUR, ZoneInfo("UTC")
    )
    return found.totals


READS: dict[str, tuple[Ask, object]] = {
    "EventStore.snapshot": (
        lambda s, c: s.events.snapshot(c, lambda reader: reader.totals(Selection())),
        _NOTHING,
    ),
    "EventStore.get": (lambda s, c: s.events.get(c, "a"), NotFound),
    "EventStore.page": (lambda s, c: s.events.page(c, Selection()), Page(())),
    "EventStore.page by rank": (
        lambda s, c: s.events.page(c, _text(), order=Order.BEST_MATCH),
        Page(()),
    ),
    "EventStore.totals": (lambda s, c: s.events.totals(c, Selection()), _NOTHING),
    "EventStore.totals of a text": (lambda s, c: s.events.totals(c, _text()), _NOTHING),
    "EventStore.totals of names": (
        lambda s, c: s.events.totals(c, Selection(zones=frozenset({"gate"}))),
        _NOTHING,
    ),
    "EventStore.totals going on": (
        lambda s, c: s.events.totals(c, Selection(ongoing_at=at(5))),
        _NOTHING,
    ),
    "EventStore.grouped": (
        lambda s, c: s.events.grouped(c, Selection(), [GroupBy.CAMERA, GroupBy.ZONE]),
        [],
    ),
    "EventStore.coverage": (lambda s, c: s.events.coverage(c, Interval(at(0), at(60))), []),
    "EventStore.coverage_known": (lambda s, c: s.events.coverage_known(c), {}),
    "EventStore.camera_states": (lambda s, c: s.events.camera_states(c, at(5)), {}),
    "EventStore.kinds": (lambda s, c: s.events.kinds(c), []),
    "CatalogueStore.get_site": (lambda s, c: s.catalogue.get_site(c, "school"), NotFound),
    "CatalogueStore.list_sites": (lambda s, c: s.catalogue.list_sites(c), Page(())),
    "TurnStore.get_turn": (lambda s, c: s.turns.get_turn(c, "t1"), NotFound),
    "TurnStore.find_request": (lambda s, c: s.turns.find_request(c, "r-t1", NOON), None),
    "ConversationStore.get_conversation": (
        lambda s, c: s.conversations.get_conversation(c, "talk"),
        NotFound,
    ),
    "ConversationStore.list_conversations": (
        lambda s, c: s.conversations.list_conversations(c),
        Page(()),
    ),
    "ConversationStore.list_messages": (
        lambda s, c: s.conversations.list_messages(c, "talk"),
        NotFound,
    ),
    "ConversationStore.search_messages": (
        lambda s, c: s.conversations.search_messages(c, MessageSearch("people")),
        Page(()),
    ),
    "ConversationStore.list_responses": (
        lambda s, c: s.conversations.list_responses(c, ResponseFilter()),
        Page(()),
    ),
    "ConversationStore.next_exported": (
        lambda s, c: s.conversations.next_exported(c, ExportFilter()),
        None,
    ),
    "ConversationStore.prompt_analytics": (_sums, PromptTotals()),
    "ConversationStore.recent_turns": (
        lambda s, c: s.conversations.recent_turns(c, "talk", 5),
        [],
    ),
}
WRITES = {
    "EventStore.ingest",
    "EventStore.ingest_coverage",
    "CatalogueStore.put_site",
    "CatalogueStore.catalogue",
    "TurnStore.begin",
    "TurnStore.finish",
    "ConversationStore.delete_conversation",  # its own tests
    "TurnStore.fail_orphans",  # the host's, of all tenants
    "TurnStore.fail_lost",  # likewise
    "TurnStore.renew",  # processes', of no tenant
    "TurnStore.release",
    "TurnStore.runner_alive",
    "TurnStore.request_cancel",  # tests/storage/test_leases.py
    "TurnStore.running_turn",  # likewise
}


@pytest.fixture
async def mine(stores: Stores) -> Stores:
    """Everything there is, all of it of one tenant."""
    await stores.catalogue.put_site(ME, Site("school", "America/New_York"))
    sent = event("a", zones=("gate",), description="truck", end_time=at(50))
    await stores.events.ingest(ME, [sent])
    await stores.events.ingest_coverage(ME, [span(0, 30)])
    turn = await begin(stores, "t1")
    await stores.turns.finish(
        ME,
        turn_id="t1",
        attempt=1,
        state=TurnState.COMPLETED,
        now=at(1),
        response=response(turn),
    )
    return stores


def test_every_method_of_the_stores_is_looked_at() -> None:
    methods = {
        f"{store.__name__}.{name}"
        for store in (EventStore, CatalogueStore, TurnStore, ConversationStore)
        for name in vars(store)
        if not name.startswith("_")
    }
    assert methods == {name.split(" ")[0] for name in READS} | WRITES


@pytest.mark.parametrize("name", READS)
async def test_another_tenant_reads_nothing(mine: Stores, name: str) -> None:
    ask, nothing = READS[name]
    assert await ask(mine, ME) != nothing
    if nothing is NotFound:
        with pytest.raises(NotFound):
            await ask(mine, OTHER)
    else:
        assert await ask(mine, OTHER) == nothing


@pytest.mark.parametrize(
    "name", [name for name in READS if name.startswith(("TurnStore", "ConversationStore"))]
)
async def test_another_user_of_the_tenant_reads_no_conversation(mine: Stores, name: str) -> None:
    ask, nothing = READS[name]
    other = Caller(ME.tenant, "other")
    if nothing is NotFound:
        with pytest.raises(NotFound):
            await ask(mine, other)
    else:
        assert await ask(mine, other) == nothing


async def test_the_catalogue_of_another_tenant_is_empty(mine: Stores) -> None:
    assert (await mine.catalogue.catalogue(ME)).sites != ()
    assert (await mine.catalogue.catalogue(OTHER)).sites == ()


async def test_another_tenants_writes_change_nothing_of_mine(mine: Stores) -> None:
    before = await mine.events.get(ME, "a")
    kinds = await mine.events.kinds(ME)
    catalogue = await mine.catalogue.catalogue(ME)
    same_id = event("a", camera_id="X", end_time=at(1), event_type="vehicle_stops")
    assert await mine.events.ingest(OTHER, [same_id]) == [Ingested.CREATED]
    await mine.events.ingest_coverage(OTHER, [span(0, 30, camera_id="X")])
    await mine.catalogue.put_site(OTHER, Site("school", "Asia/Tokyo"))
    assert await mine.events.get(ME, "a") == before
    assert await mine.events.get(OTHER, "a") == same_id
    assert await mine.events.kinds(ME) == kinds
    assert await mine.catalogue.catalogue(ME) == catalogue
    assert set(await mine.events.coverage_known(ME)) == {"G1"}


async def test_ids_of_turns_requests_and_conversations_are_free_in_each_tenant(
    mine: Stores,
) -> None:
    turn = await begin(mine, "t1", OTHER, request_hash="other")
    assert (turn.tenant, turn.conversation_turn, turn.state) == ("other", 1, TurnState.RUNNING)
    assert (await mine.turns.get_turn(ME, "t1")).state is TurnState.COMPLETED
    neighbour = Caller(ME.tenant, "neighbour")
    turn = await begin(mine, "t2", neighbour, request_id="r-t1", request_hash="other")
    assert (turn.user, turn.conversation_turn) == ("neighbour", 1)
