"""Storing events: each once, whole or not at all, with everything that is derived from it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from enhanced_prompt_service.domain.catalogue import Site
from enhanced_prompt_service.domain.errors import NotFound, Reason
from enhanced_prompt_service.domain.events import Event, GroupBy, Ingested, Selection
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.storage import Database, Stores, open_stores
from enhanced_prompt_service.storage.tables import events as event_table

from .makers import ME, NOON, at, event

CREATED, UPDATED, DUPLICATE = Ingested.CREATED, Ingested.UPDATED, Ingested.DUPLICATE


async def test_an_event_comes_back_as_it_was_sent(stores: Stores) -> None:
    sent = Event(
        event_id="clip#3",
        start_time=NOON + timedelta(microseconds=123_457),
        site="school",
        camera_id="G330",
        event_type="person_opens_facility_door",
        end_time=NOON + timedelta(seconds=8, microseconds=1),
        zones=("yard", "gate", "yard"),
        label="person",
        sub_label="Ann",
        confidence=0.1 + 0.2,
        participants=3,
        description="A person opens the door — twice\n",
        clip_url="https://example.org/a?b=c",
        snapshot_url="https://example.org/d",
        attributes={"colour": "grün", "": "\x00"},
        source="file",
    )
    assert await stores.events.ingest(ME, [sent]) == [CREATED]
    assert await stores.events.get(ME, "clip#3") == sent
    assert (await stores.events.page(ME, Selection())).items == (sent,)


async def test_a_repeated_event_is_a_duplicate_and_one_with_more_is_an_update(
    stores: Stores,
) -> None:
    one = event("a")
    ended = replace(one, end_time=at(2), description="walked away")
    assert await stores.events.ingest(ME, [one]) == [CREATED]
    assert await stores.events.ingest(ME, [one]) == [DUPLICATE]
    assert await stores.events.ingest(ME, [ended]) == [UPDATED]
    assert await stores.events.ingest(ME, [ended]) == [DUPLICATE]
    assert await stores.events.get(ME, "a") == ended
    assert (await stores.events.totals(ME, Selection())).matches == 1


async def test_a_batch_may_say_an_event_several_times_and_the_last_one_stays(
    stores: Stores,
) -> None:
    first, second = event("a"), event("a", 5)
    outcomes = await stores.events.ingest(ME, [first, event("b"), first, second, second, first])
    assert outcomes == [CREATED, CREATED, DUPLICATE, UPDATED, DUPLICATE, UPDATED]
    assert await stores.events.get(ME, "a") == first


@pytest.mark.parametrize(
    "change",
    [
        {"site": "hospital"},
        {"camera_id": "G2"},
        {"event_type": "vehicle_stops"},
        {"label": "car"},
        {"sub_label": "blue"},
        {"zones": ("gate",)},
        {"start_time": at(500)},
        {"start_time": at(0.001)},
        {"end_time": at(9)},
        {"end_time": None},
        {"confidence": None},
        {"confidence": 0.25},
        {"participants": 7},
        {"description": "other"},
        {"clip_url": "https://example.org/1"},
        {"snapshot_url": "https://example.org/1"},
        {"attributes": {"k": "v"}},
        {"source": "other"},
    ],
)
async def test_every_field_can_be_updated_and_all_sums_follow(
    stores: Stores, change: dict[str, object]
) -> None:
    before = event("a", end_time=at(3), confidence=0.5, participants=2)
    other = event("b", 1, end_time=at(2), confidence=1.0)
    after = replace(before, **change)  # type: ignore[arg-type]
    await stores.events.ingest(ME, [before, other])
    assert await stores.events.ingest(ME, [after, other]) == [UPDATED, DUPLICATE]
    assert await stores.events.get(ME, "a") == after
    kinds = {
        (k.site, k.camera_id, k.event_type, k.label, k.sub_label, k.zones): k.matches
        for k in await stores.events.kinds(ME)
    }
    expected: dict[object, int] = {}
    for one in (after, other):
        kind = (one.site, one.camera_id, one.event_type, one.label, one.sub_label, one.zones)
        expected[kind] = expected.get(kind, 0) + 1
    assert kinds == expected
    by_sums = await stores.events.totals(ME, Selection())
    by_events = await stores.events.totals(
        ME,
        Selection(
            ongoing_at=None,
            windows=(
                Interval(at(-1), at(0.5)),
                Interval(at(0.5), at(59)),
                Interval(at(480.5), at(520.5)),
            ),
        ),
    )
    assert by_sums == by_events
    assert by_sums.participants == after.participants + 1


async def test_a_moved_event_is_found_by_its_new_words_only(stores: Stores) -> None:
    await stores.events.ingest(ME, [event("a", description="red truck")])
    await stores.events.ingest(ME, [event("a", description="white van")])

    async def found(text: str) -> int:
        return (await stores.events.totals(ME, Selection(text=text))).matches

    assert await found("truck") == 0
    assert await found("van") == 1
    assert await found("walks") == 1


async def test_nothing_of_a_batch_that_fails_is_stored(stores: Stores) -> None:
    broken = event("b", participants=2**70)
    with pytest.raises(Exception, match=r"(?i)int|range|out of"):
        await stores.events.ingest(ME, [event("a"), broken])
    assert (await stores.events.totals(ME, Selection())).matches == 0
    assert await stores.events.kinds(ME) == []
    assert await stores.events.ingest(ME, [event("a")]) == [CREATED]
    assert len(await stores.events.kinds(ME)) == 1


async def test_an_empty_batch_does_nothing(stores: Stores) -> None:
    assert await stores.events.ingest(ME, []) == []


async def test_fifty_batches_at_once_with_overlapping_ids_lose_and_double_nothing(
    stores: Stores,
) -> None:
    batches = [
        [event(f"e{number}", number, camera_id=f"G{number % 4}") for number in range(low, low + 40)]
        for low in range(0, 500, 10)
    ]
    outcomes = await asyncio.gather(*(stores.events.ingest(ME, batch) for batch in batches))
    ids = {one.event_id for batch in batches for one in batch}
    flat = [outcome for batch in outcomes for outcome in batch]
    assert flat.count(CREATED) == len(ids)
    assert flat.count(UPDATED) == 0
    assert (await stores.events.totals(ME, Selection())).matches == len(ids)
    assert sum(kind.matches for kind in await stores.events.kinds(ME)) == len(ids)
    hours = await stores.events.grouped(ME, Selection(), [GroupBy.LOCAL_HOUR])
    assert sum(row.matches for row in hours) == len(ids)


async def test_two_processes_storing_at_once_lose_nothing(
    database_url: str, stores: Stores
) -> None:
    """Two `Database` objects share nothing but the database, as two processes do."""
    other = await Database.open(database_url)
    try:
        others = await open_stores(other)
        await asyncio.gather(
            *(stores.events.ingest(ME, [event(f"a{n}", n), event(f"s{n}", n)]) for n in range(30)),
            *(others.events.ingest(ME, [event(f"b{n}", n), event(f"s{n}", n)]) for n in range(30)),
        )
        assert (await stores.events.totals(ME, Selection())).matches == 90
        assert (await others.events.kinds(ME))[0].matches == 90
    finally:
        await other.close()


async def test_local_date_minute_and_weekday_are_the_sites(
    stores: Stores, database: Database
) -> None:
    await stores.catalogue.put_site(ME, Site("depot", "Asia/Kolkata"))
    late = datetime(2018, 3, 15, 20, 45, tzinfo=UTC)  # 16:45 in Indiana, 2:15 the next day in India
    old = datetime(1, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    await stores.events.ingest(
        ME,
        [
            event("undeclared", start_time=late),
            event("declared", start_time=late, site="depot"),
            event("old", start_time=old, site="depot"),
            event("last", start_time=last, site="depot"),
        ],
    )
    row = event_table.c
    rows = await database.read(
        lambda session: session.execute(
            select(row.event_id, row.local_day, row.local_minute, row.local_weekday)
        ).all()
    )
    day = (late - datetime(1970, 1, 1, tzinfo=UTC)).days
    found = {event_id: values for event_id, *values in rows}
    assert found["undeclared"] == [day, 16 * 60 + 45, 4]
    assert found["declared"] == [day + 1, 2 * 60 + 15, 5]
    assert len(found) == 4


async def test_an_unknown_event_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound) as caught:
        await stores.events.get(ME, "nothing")
    assert caught.value.reason is Reason.EVENT_NOT_FOUND


@pytest.mark.parametrize(
    "strange", ["\x00", "a\x00b", "\ud800", "😀", "'; DROP TABLE events; --", "%", '"', "\\", "é"]
)
async def test_strange_text_in_any_field_is_stored_and_found_again(
    stores: Stores, strange: str
) -> None:
    sent = event(
        f"id {strange}",
        camera_id=f"camera {strange}",
        site=f"site {strange}",
        event_type=f"type {strange}",
        label=f"label {strange}",
        sub_label=strange,
        zones=(f"zone {strange}",),
        description=f"word {strange}",
        source=strange,
        attributes={strange: strange},
    )
    assert await stores.events.ingest(ME, [sent]) == [CREATED]
    assert await stores.events.ingest(ME, [sent]) == [DUPLICATE]
    kept = await stores.events.get(ME, sent.event_id)
    assert kept.attributes == {strange: strange}
    assert kept.description.startswith("word ")
    for selection in (
        Selection(cameras=frozenset({sent.camera_id})),
        Selection(sites=frozenset({sent.site})),
        Selection(zones=frozenset({sent.zones[0]})),
        Selection(event_types=frozenset({sent.event_type}), labels=frozenset({sent.label})),
        Selection(text="word"),
    ):
        assert (await stores.events.totals(ME, selection)).matches == 1
        assert (await stores.events.page(ME, selection)).items == (kept,)
    await stores.catalogue.catalogue(ME)
