"""Sites as declared, and what events add to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.domain.catalogue import Camera, DayParts, Site, Zone
from enhanced_prompt_service.domain.errors import Conflict, NotFound, Reason
from enhanced_prompt_service.domain.events import GroupBy, Selection
from enhanced_prompt_service.domain.times import DailyRange, RecurringMask
from enhanced_prompt_service.storage import Database, Stores, open_stores
from tests.support.databases import ZONE

from .makers import ME, event

OFFICE = Site(
    site_id="office",
    time_zone="Europe/Berlin",
    name="Büro \x00 \ud800",
    aliases=("headquarters",),
    cameras=(Camera("G1", "Door", ("entrance",), ("gate",), "ground floor"), Camera("G2")),
    zones=(
        Zone("gate", "Gate", ("gates",), (RecurringMask((DailyRange(1320, 360),)),)),
        Zone("yard", restricted=(RecurringMask(weekdays=frozenset({6, 7})),)),
    ),
    day_parts=DayParts(night=DailyRange(1380, 300)),
    business_hours=RecurringMask((DailyRange(480, 1080),), frozenset({1, 2, 3, 4, 5})),
    synonyms=(("truck", ("vehicle", "lorry")),),
    clip_url_template="https://example.org/{event_id}",
    simulated=True,
)


async def test_a_site_comes_back_as_it_was_put_with_an_etag(stores: Stores) -> None:
    put = await stores.catalogue.put_site(ME, OFFICE)
    assert put.etag
    assert replace(put, etag="") == OFFICE
    assert await stores.catalogue.get_site(ME, "office") == put


async def test_putting_a_site_again_replaces_it(stores: Stores) -> None:
    first = await stores.catalogue.put_site(ME, OFFICE)
    second = await stores.catalogue.put_site(ME, replace(OFFICE, name="New", cameras=()))
    assert second.etag != first.etag
    assert await stores.catalogue.get_site(ME, "office") == second


async def test_a_stale_etag_is_refused_and_the_stored_one_accepted(stores: Stores) -> None:
    first = await stores.catalogue.put_site(ME, OFFICE)
    second = await stores.catalogue.put_site(ME, replace(OFFICE, name="B"), etag=first.etag)
    for site, etag in ((OFFICE, first.etag), (replace(OFFICE, site_id="new"), second.etag)):
        with pytest.raises(Conflict) as caught:
            await stores.catalogue.put_site(ME, site, etag=etag)
        assert caught.value.reason is Reason.ETAG_MISMATCH
    assert await stores.catalogue.get_site(ME, "office") == second


async def test_an_unknown_site_is_not_found(stores: Stores) -> None:
    for site_id in ("nothing", "\x00"):
        with pytest.raises(NotFound) as caught:
            await stores.catalogue.get_site(ME, site_id)
        assert caught.value.reason is Reason.SITE_NOT_FOUND


async def test_sites_are_listed_by_id_page_by_page(stores: Stores) -> None:
    for site_id in ("c", "a", "d", "b", "Z"):
        await stores.catalogue.put_site(ME, Site(site_id, "UTC"))
    first = await stores.catalogue.list_sites(ME, page_size=2)
    second = await stores.catalogue.list_sites(ME, page_size=5, page_token=first.next_page_token)
    assert [site.site_id for site in (*first.items, *second.items)] == ["Z", "a", "b", "c", "d"]
    assert second.next_page_token == ""


async def test_the_catalogue_adds_what_only_events_name(stores: Stores) -> None:
    await stores.catalogue.put_site(ME, OFFICE)
    await stores.events.ingest(
        ME,
        [
            event("a", site="office", camera_id="G9"),
            event("b", site="office", camera_id="G2"),
            event("c", site="garage", camera_id="G1"),
        ],
    )
    garage, office = (await stores.catalogue.catalogue(ME)).sites
    assert garage == Site("garage", ZONE, cameras=(Camera("G1"),))
    assert office.cameras == (*OFFICE.cameras, Camera("G9"))
    assert office.name == OFFICE.name
    assert (await stores.catalogue.get_site(ME, "office")).cameras == OFFICE.cameras


async def test_the_version_changes_with_the_sites_and_the_set_of_kinds_only(
    stores: Stores,
) -> None:
    seen = [(await stores.catalogue.catalogue(ME)).version]

    async def changed() -> bool:
        seen.append((await stores.catalogue.catalogue(ME)).version)
        return seen[-1] != seen[-2]

    await stores.events.ingest(ME, [event("a")])
    assert await changed()
    await stores.events.ingest(ME, [event("b"), event("a")])
    assert not await changed()
    await stores.events.ingest(ME, [event("b", event_type="vehicle_stops")])
    assert await changed()
    await stores.events.ingest(ME, [event("b")])  # the last vehicle is gone
    assert await changed()
    assert {kind.event_type for kind in await stores.events.kinds(ME)} == {"person_walks"}
    await stores.catalogue.put_site(ME, OFFICE)
    assert await changed()
    await stores.catalogue.put_site(ME, OFFICE)
    assert not await changed()
    assert len(set(seen)) == 5


async def test_another_process_sees_the_change_at_once(database_url: str, stores: Stores) -> None:
    other = await Database.open(database_url)
    try:
        others = await open_stores(other, default_zone=ZONE)
        assert (await others.catalogue.catalogue(ME)).sites == ()
        assert await others.events.kinds(ME) == []
        await stores.events.ingest(ME, [event("a")])
        assert len((await others.catalogue.catalogue(ME)).sites) == 1
        assert [kind.matches for kind in await others.events.kinds(ME)] == [1]
        await stores.events.ingest(ME, [event("b")])
        assert [kind.matches for kind in await others.events.kinds(ME)] == [2]
    finally:
        await other.close()


async def _hours(stores: Stores, **rest: object) -> list[tuple[str, int]]:
    rows = await stores.events.grouped(
        ME,
        Selection(**rest),  # type: ignore[arg-type]
        [GroupBy.LOCAL_HOUR],
    )
    return sorted((row.keys[0], row.matches) for row in rows)


async def test_a_new_time_zone_moves_the_local_times_of_its_events(stores: Stores) -> None:
    start = datetime(2018, 3, 15, 20, 45, tzinfo=UTC)
    await stores.events.ingest(
        ME,
        [
            event("a", start_time=start),
            event("autumn", start_time=start + timedelta(days=240)),
            event("elsewhere", start_time=start, site="garage"),
        ],
    )
    mine = frozenset({"school"})
    for zone, expected, minute in (
        ("Asia/Kolkata", [("2018-03-16T02", 1), ("2018-11-11T02", 1)], 2 * 60 + 15),
        ("Europe/Berlin", [("2018-03-15T21", 1), ("2018-11-10T21", 1)], 21 * 60 + 45),
        ("Asia/Tokyo", [("2018-03-16T05", 1), ("2018-11-11T05", 1)], 5 * 60 + 45),
    ):
        await stores.catalogue.put_site(ME, Site("school", zone))
        assert await _hours(stores, sites=mine) == expected
        mask = RecurringMask((DailyRange(minute, minute + 1),))
        assert await _hours(stores, sites=mine, mask=mask) == expected
    assert await _hours(stores, sites=frozenset({"garage"})) == [("2018-03-15T16", 1)]


async def test_another_default_zone_moves_the_events_of_undeclared_sites(
    database: Database, stores: Stores
) -> None:
    start = datetime(2018, 3, 15, 20, 45, tzinfo=UTC)
    await stores.catalogue.put_site(ME, Site("office", "Europe/Berlin"))
    await stores.events.ingest(
        ME, [event("a", start_time=start), event("b", start_time=start, site="office")]
    )
    again = await open_stores(database, default_zone="Asia/Tokyo")
    assert await _hours(again) == [("2018-03-15T21", 1), ("2018-03-16T05", 1)]
    school = (await again.catalogue.catalogue(ME)).sites[1]
    assert (school.site_id, school.time_zone) == ("school", "Asia/Tokyo")
