"""What a caller may not see changes nothing of what they are told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.domain.catalogue import Camera, Site, Zone
from enhanced_prompt_service.domain.errors import NotFound, PermissionDenied, ServiceError
from enhanced_prompt_service.domain.events import (
    Coverage,
    CoverageState,
    Event,
    GroupBy,
    Ingested,
    Order,
    Selection,
)
from enhanced_prompt_service.domain.identity import Caller, Role
from enhanced_prompt_service.domain.insights import (
    InsightDraft,
    InsightFilter,
    InsightPage,
    Verdict,
)
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from enhanced_prompt_service.domain.turns import TurnRequest
from enhanced_prompt_service.storage import Database, Stores, open_stores
from enhanced_prompt_service.storage.insight_store import SqlInsightStore

from .makers import ME, at, event, span
from .test_insights import draft

ONLY_G1 = Caller(ME.tenant, "vic", role=Role.VIEWER, cameras=frozenset({"G1"}))
ONLY_SCHOOL = Caller(ME.tenant, "vic", role=Role.VIEWER, sites=frozenset({"school"}))
BOTH = replace(ONLY_G1, sites=frozenset({"school"}))
NOTHING = replace(ONLY_G1, cameras=frozenset())
LIMITED = (ONLY_G1, ONLY_SCHOOL, BOTH, NOTHING)

SELECTIONS = {
    "all": Selection(),
    "named": Selection(cameras=frozenset({"G1", "V1"})),
    "hidden": Selection(cameras=frozenset({"V1"})),
    "sites": Selection(sites=frozenset({"school", "vault"})),
    "zones": Selection(zones=frozenset({"gate", "safe"})),
    "labels": Selection(labels=frozenset({"person", "truck"})),
    "window": Selection(windows=(Interval(at(-200), at(300)),)),
    "mask": Selection(mask=RecurringMask((DailyRange(0, 13 * 60),))),
    "ongoing": Selection(ongoing_at=at(5)),
    "text": Selection(text="truck"),
    "texts": Selection(text="blue truck"),
    "sure": Selection(min_confidence=0.5),
}


def permitted(caller: Caller, site: str, camera_id: str) -> bool:
    """The rule, said once more."""
    if caller.sites is not None and site not in caller.sites:
        return False
    return caller.cameras is None or camera_id in caller.cameras


async def outcome(work: Any) -> object:
    """What a store says: its answer, or its error."""
    try:
        return await work
    except ServiceError as error:
        return type(error), error.reason, error.message


async def everything(stores: Stores, caller: Caller) -> dict[str, object]:
    """All that the stores of events and sites tell a caller."""
    events, catalogue = stores.events, stores.catalogue
    found: dict[str, object] = {
        "kinds": await events.kinds(caller),
        "coverage": await events.coverage(caller, Interval(at(-500), at(500))),
        "coverage of V1": await events.coverage(
            caller, Interval(at(-500), at(500)), frozenset({"V1"})
        ),
        "known": await events.coverage_known(caller),
        "states": await events.camera_states(caller, at(500)),
        "catalogue": (await catalogue.catalogue(caller)).sites,
        "sites": await catalogue.list_sites(caller),
        "first site": await catalogue.list_sites(caller, page_size=1),
    }
    for site in ("school", "vault", "nowhere"):
        found[f"site {site}"] = await outcome(catalogue.get_site(caller, site))
    for event_id in ("e0", "h0", "nowhere"):
        found[f"event {event_id}"] = await outcome(events.get(caller, event_id))
    for name, selection in SELECTIONS.items():
        found[f"{name}: totals"] = await events.totals(caller, selection)
        for by in ((GroupBy.CAMERA,), (GroupBy.ZONE, GroupBy.LABEL), (GroupBy.LOCAL_HOUR,), ()):
            found[f"{name}: by {by}"] = await events.grouped(caller, selection, by)
        found[f"{name}: most"] = await events.grouped(caller, selection, (GroupBy.SITE,), limit=1)
        for order in Order:
            found[f"{name}: {order}"] = await events.page(caller, selection, order=order)
            page = await events.page(caller, selection, order=order, page_size=1)
            found[f"{name}: {order}, one"] = page.items, bool(page.next_page_token)
            if page.next_page_token:
                found[f"{name}: {order}, next"] = (
                    await events.page(
                        caller,
                        selection,
                        order=order,
                        page_size=1,
                        page_token=page.next_page_token,
                    )
                ).items
    for chosen in (InsightFilter(), InsightFilter(cameras=frozenset({"V1"}))):
        insights = await stores.insights.page(caller, chosen, now=at(500))
        found[f"insights of {set(chosen.cameras)}"] = insights.items
        log = (await stores.insights.after(caller, 0, 100)).revisions
        within = chosen.within(caller)
        found[f"log of {set(chosen.cameras)}"] = [
            (one.insight, one.change) for one in log if within.passes(one)
        ]
    return found


QUESTIONS = (
    "Anything out of the ordinary today?",
    "Anything unusual at V1 today?",
    "How many trucks were there today?",
    "What happened at the safe?",
    "What did the Vault camera see?",
    "Compare the cameras today",
    "Which camera was busiest today?",
    "Was anything recorded at V1 today?",
    "Which cameras are there?",
    "Is anybody at the vault site?",
    "trends by hour today",
    "blue truck",
)


async def answers(stores: Stores, caller: Caller) -> list[object]:
    """What the embedded engine says to a caller. It keeps an index: one engine asks for all."""

    def noticed(who: Caller, chosen: InsightFilter, window: Interval) -> Awaitable[InsightPage]:
        return stores.insights.page(who, chosen, now=at(500), window=window)

    engine = GroundedEngine(stores.events, stores.catalogue, "UTC", noticed)
    await engine.answer(ME, TurnRequest(QUESTIONS[0]), (), at(300))
    return [await engine.answer(caller, TurnRequest(one), (), at(300)) for one in QUESTIONS]


SITES = (
    Site(
        "school",
        "America/New_York",
        cameras=(Camera("G1", zones=("gate",)), Camera("V1", name="Vault", zones=("safe",))),
        zones=(Zone("gate"), Zone("safe", name="The safe")),
    ),
    Site("vault", "UTC", cameras=(Camera("V1"),), zones=(Zone("safe"),)),
)

_events = st.builds(
    lambda number, minutes, words, zones, label, sure, length: {
        "event_id": f"{number}",
        "minutes": minutes,
        "description": " ".join(words),
        "zones": tuple(zones),
        "label": label,
        "confidence": sure,
        "end_time": None if length is None else at(minutes + length),
    },
    st.integers(0, 3),
    st.integers(-240, 240),
    st.lists(st.sampled_from(["blue", "truck", "gate", "runs"]), max_size=4),
    st.lists(st.sampled_from(["gate", "safe"]), max_size=2, unique=True),
    st.sampled_from(["person", "truck", ""]),
    st.sampled_from([None, 0.25, 0.75]),
    st.sampled_from([None, 1, 30]),
)
_places = st.sampled_from([("school", "G1"), ("school", "V1"), ("vault", "V1"), ("vault", "G1")])
_world = st.lists(st.tuples(_places, _events), max_size=8)
_spans = st.lists(
    st.tuples(
        _places, st.integers(-200, 0), st.integers(1, 200), st.sampled_from([*CoverageState])
    ),
    max_size=4,
)
_insights = st.lists(st.sets(_places, max_size=2), max_size=3)
_numbers = itertools.count()


def noticed_at(number: int, places: Collection[tuple[str, str]], prefix: str) -> InsightDraft:
    """Something unusual at these cameras."""
    return draft(
        f"{prefix}{number}",
        cameras=tuple(sorted({camera for _, camera in places})),
        sites=tuple(sorted({site for site, _ in places})),
        window=Interval(at(number), at(60)),
    )


def may_know(caller: Caller, what: InsightDraft) -> bool:
    """The rule for insights, said once more."""
    pairs = ((caller.cameras, what.cameras), (caller.sites, what.sites))
    return all(allowed is None or (names and set(names) <= allowed) for allowed, names in pairs)


def made(given: Sequence[tuple[tuple[str, str], dict[str, Any]]], prefix: str) -> list[Event]:
    found: dict[str, Event] = {}
    for (site, camera_id), fields in given:
        event_id = f"{prefix}{fields['event_id']}"
        others = {key: value for key, value in fields.items() if key not in ("event_id", "minutes")}
        found[event_id] = event(
            event_id, fields["minutes"], site=site, camera_id=camera_id, **others
        )
    return list(found.values())


@pytest.mark.parametrize("caller", LIMITED, ids=["camera", "site", "both", "nothing"])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seen=_world,
    hidden=_world,
    seen_spans=_spans,
    hidden_spans=_spans,
    seen_insights=_insights,
    hidden_insights=_insights,
)
def test_worlds_that_differ_only_in_what_is_hidden_look_the_same(
    tmp_path: Path,
    caller: Caller,
    seen: Any,
    hidden: Any,
    seen_spans: Any,
    hidden_spans: Any,
    seen_insights: Any,
    hidden_insights: Any,
) -> None:
    """On SQLite: the conditions are the same on both databases, and so are these stores."""

    def may(place: tuple[str, str]) -> bool:
        return permitted(caller, *place)

    common = made([one for one in seen if may(one[0])], "e")
    secret = made([one for one in hidden if not may(one[0])], "h")
    spans = [one for one in seen_spans if may(one[0])]
    secret_spans = [one for one in hidden_spans if not may(one[0])]

    known = [noticed_at(number, one, "e") for number, one in enumerate(seen_insights)]
    known = [one for one in known if may_know(caller, one)]
    unknown = [noticed_at(number, one, "h") for number, one in enumerate(hidden_insights)]
    unknown = [one for one in unknown if not may_know(caller, one)]

    async def told(more: Sequence[Event], more_spans: Sequence[Any], *, all_sites: bool) -> object:
        said: list[str] = []
        path = tmp_path / f"{next(_numbers)}.db"
        database = await Database.open(f"sqlite:///{path}")
        try:
            await database.migrate()
            stores = await open_stores(database)
            insights = SqlInsightStore(database, new_id=lambda: f"insight {said[-1]}")
            stores = replace(stores, insights=insights)
            for one in (*(unknown if all_sites else ()), *known):
                said.append(one.dedupe_key)
                await insights.publish(ME, one, now=at(len(one.dedupe_key)))
            for site in SITES:
                await declare(stores, caller, site, hidden=all_sites)
            await stores.events.ingest(ME, [*more, *common])
            for (site, camera_id), start, length, state in (*more_spans, *spans):
                report = Coverage(site, camera_id, state, at(start), at(start + length))
                await stores.events.ingest_coverage(ME, [report])
            return await everything(stores, caller), await answers(stores, caller)
        finally:
            await database.close()

    with_it = asyncio.run(told(secret, secret_spans, all_sites=True))
    without = asyncio.run(told((), (), all_sites=False))
    assert with_it == without


async def declare(stores: Stores, caller: Caller, site: Site, *, hidden: bool) -> None:
    """Declare a site, with or without what the caller may not see of it."""
    if not hidden:
        cameras = tuple(
            one for one in site.cameras if permitted(caller, site.site_id, one.camera_id)
        )
        if not cameras:
            return
        zones = {zone for one in cameras for zone in one.zones}
        kept = tuple(one for one in site.zones if one.zone_id in zones)
        site = replace(site, cameras=cameras, zones=kept)
    await stores.catalogue.put_site(ME, site)


@pytest.fixture
async def both(stores: Stores) -> Stores:
    """A camera that may be seen and one that may not, on either database."""
    for site in SITES:
        await stores.catalogue.put_site(ME, site)
    await stores.events.ingest(
        ME,
        [
            event("e0", zones=("gate",), label="truck", description="blue truck"),
            event("h0", 5, camera_id="V1", zones=("safe",), label="truck", description="truck"),
            event("h1", 6, site="vault", camera_id="V1", end_time=at(30)),
        ],
    )
    await stores.events.ingest_coverage(ME, [span(0, 30), span(0, 40, camera_id="V1")])
    return stores


@pytest.mark.parametrize("caller", [ONLY_G1, BOTH])
async def test_a_hidden_camera_is_in_no_answer(both: Stores, caller: Caller) -> None:
    told = await everything(both, caller)
    own_names = {"named", "hidden", "coverage of V1", "site vault", "event h0"}
    for name, answer in told.items():
        if name.split(":")[0] not in own_names:
            assert "V1" not in repr(answer), name
            assert "safe" not in repr(answer), name
    assert told["all: totals"].matches == 1  # type: ignore[attr-defined]
    assert told["hidden: totals"].matches == 0  # type: ignore[attr-defined]
    for hidden, absent in (("event h0", "event nowhere"), ("site vault", "site nowhere")):
        assert str(told[hidden]).replace(hidden.split()[1], "nowhere") == str(told[absent])


async def test_whoever_sees_all_sees_all(both: Stores) -> None:
    assert (await both.events.totals(ME, Selection())).matches == 3
    assert (await both.events.totals(ONLY_SCHOOL, Selection())).matches == 2
    assert (await both.events.totals(NOTHING, Selection())).matches == 0


async def test_nobody_writes_to_a_camera_that_they_may_not_see(both: Stores) -> None:
    bridge = replace(ONLY_G1, role=Role.SERVICE)
    assert await both.events.ingest(bridge, [event("e5", 7)]) == [Ingested.CREATED]
    for refused in (
        [event("h9", camera_id="V1")],
        [event("e6"), event("h9", camera_id="V1")],
        [event("h0")],  # would become an event of their own camera
    ):
        with pytest.raises(PermissionDenied):
            await both.events.ingest(bridge, refused)
    with pytest.raises(PermissionDenied):
        await both.events.ingest_coverage(bridge, [span(0, 1, camera_id="V1")])
    with pytest.raises(PermissionDenied):
        await both.catalogue.put_site(bridge, SITES[0])
    with pytest.raises(NotFound):
        await both.events.get(ME, "e6")
    assert (await both.events.get(ME, "h0")).camera_id == "V1"


async def test_a_site_is_declared_only_by_those_who_may_see_all_of_it(both: Stores) -> None:
    manager = replace(ONLY_SCHOOL, role=Role.ADMIN)
    school = await both.catalogue.get_site(manager, "school")
    assert await both.catalogue.put_site(manager, school, etag=school.etag)
    with pytest.raises(PermissionDenied):
        await both.catalogue.put_site(manager, SITES[1])


KEYS = {
    "own": draft("own", cameras=("G1",), sites=("school",)),
    "both": draft("both", cameras=("G1", "V1"), sites=("school",)),
    "hidden": draft("hidden", cameras=("V1",), sites=("vault",)),
    "of none": draft("of none", cameras=(), sites=()),
    "without a site": draft("without a site", cameras=("G1",), sites=()),
}
SHOWN = {
    "all": (ME, set(KEYS)),
    "camera": (ONLY_G1, {"own", "without a site"}),
    "site": (ONLY_SCHOOL, {"own", "both"}),
    "camera and site": (BOTH, {"own"}),
    "nothing": (NOTHING, set[str]()),
}


@pytest.mark.parametrize("name", SHOWN)
async def test_an_insight_is_shown_to_those_who_may_see_all_that_it_speaks_of(
    stores: Stores, name: str
) -> None:
    caller, shown = SHOWN[name]
    ids = {
        key: (await stores.insights.publish(ME, one, now=at(0))).insight.insight_id
        for key, one in KEYS.items()
    }
    page = await stores.insights.page(caller, InsightFilter(), now=at(1))
    assert {one.content.dedupe_key for one in page.items} == shown
    named = await stores.insights.page(caller, InsightFilter(cameras=frozenset({"V1"})), now=at(1))
    assert {one.content.dedupe_key for one in named.items} == shown & {"both", "hidden"}
    log = (await stores.insights.after(ME, 0, 100)).revisions
    wanted = InsightFilter().within(caller)
    assert {one.insight.content.dedupe_key for one in log if wanted.passes(one)} == shown
    for key, insight_id in ids.items():
        got = await outcome(stores.insights.get(caller, insight_id, now=at(1)))
        noted = await outcome(
            stores.insights.acknowledge(
                caller, [insight_id], verdict=Verdict.USEFUL, note="", now=at(1)
            )
        )
        if key not in shown:
            nowhere = await outcome(stores.insights.get(caller, "nowhere", now=at(1)))
            assert got == noted
            assert str(got).replace(insight_id, "nowhere") == str(nowhere)


async def test_an_insight_that_grows_beyond_what_is_seen_is_not_shown_any_more(
    stores: Stores,
) -> None:
    await stores.insights.publish(ME, KEYS["own"], now=at(0))
    grown = replace(KEYS["own"], cameras=("G1", "V1"), event_count=9)
    await stores.insights.publish(ME, grown, now=at(1))
    first, second = (await stores.insights.after(ME, 0, 100)).revisions
    wanted = InsightFilter().within(ONLY_G1)
    assert (wanted.passes(first), wanted.passes(second)) == (True, False)
    assert (await stores.insights.page(ONLY_G1, InsightFilter(), now=at(2))).items == ()


async def test_only_those_who_see_all_publish_or_mute(stores: Stores) -> None:
    bridge = replace(ONLY_G1, role=Role.SERVICE)
    with pytest.raises(PermissionDenied):
        await stores.insights.publish(bridge, KEYS["own"], now=at(0))
    with pytest.raises(PermissionDenied):
        await stores.insights.mute(bridge, "own", until=at(9), note="", now=at(0))
    assert (await stores.insights.page(ME, InsightFilter(), now=at(1))).items == ()


@pytest.mark.parametrize("common", ["blue", "truck"])
async def test_the_order_of_best_matches_tells_nothing_of_hidden_words(
    stores: Stores, common: str
) -> None:
    """A word that is common among hidden texts is worth no less in those that are seen."""
    seen = [event("e0", description="blue gate"), event("e1", 1, description="truck gate")]
    hidden = [
        event(f"h{number}", number, camera_id="V1", description=common) for number in range(20)
    ]
    await stores.events.ingest(ME, [*seen, *hidden])
    asked = Selection(text="blue truck")
    page = await stores.events.page(ONLY_G1, asked, order=Order.BEST_MATCH)
    assert [one.event_id for one in page.items] == ["e0", "e1"]
