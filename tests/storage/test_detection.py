"""What detectors read and keep, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enhanced_prompt_service.domain.events import CoverageState
from enhanced_prompt_service.domain.fences import Fence, FenceLost
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.storage import Stores
from tests.storage.makers import at, event, span

ME = Caller()
HOUR = Interval(at(0), at(60))


async def held(stores: Stores, holder: str = "one", lease_s: float = 60) -> Fence:
    fence = await stores.fences.take("detectors", holder, lease_s)
    assert fence is not None
    return fence


async def test_a_window_holds_the_events_that_begin_in_it(stores: Stores) -> None:
    first = event(
        "a", 1, end_time=at(2), confidence=0.5, label="person", sub_label="guard", zones=("z", "y")
    )
    later = event("b", 59, camera_id="G2", attributes={"severity": "HIGH", "x": "y"})
    await stores.events.ingest(ME, [later, first, event("c", 60), event("d", -1)])
    await stores.events.ingest(Caller("other", "u"), [event("e", 5)])

    found = await stores.detection.observed(ME, HOUR)

    assert [(one.camera_id, one.start) for one in found.sightings] == [
        ("G1", at(1)),
        ("G2", at(59)),
    ]
    one, other = found.sightings
    assert (one.label, one.sub_label, one.zones) == ("person", "guard", ("z", "y"))
    assert (one.duration_s, one.confidence, one.severity) == (60.0, 0.5, "")
    assert (other.duration_s, other.confidence, other.severity) == (None, None, "high")


async def test_an_event_that_comes_twice_or_changes_counts_once(stores: Stores) -> None:
    await stores.events.ingest(ME, [event("a", 1), event("a", 1)])
    await stores.events.ingest(ME, [replace(event("a", 1), end_time=at(3))])
    (only,) = (await stores.detection.observed(ME, HOUR)).sightings
    assert only.duration_s == 120


async def test_a_severity_that_nobody_knows_is_none(stores: Stores) -> None:
    odd = [
        event("a", 1, attributes={"severity": "odd"}),
        event("b", 2, attributes={"note": '"severity"'}),
    ]
    await stores.events.ingest(ME, odd)
    found = await stores.detection.observed(ME, HOUR)
    assert [one.severity for one in found.sightings] == ["", ""]


async def test_coverage_comes_in_every_state_and_cut_to_the_window(stores: Stores) -> None:
    await stores.events.ingest_coverage(
        ME,
        [
            span(-30, 10),
            span(10, 20, CoverageState.OFFLINE),
            span(50, 90, CoverageState.DISABLED),
            span(-90, -60, camera_id="G2"),
        ],
    )
    found = (await stores.detection.observed(ME, HOUR)).coverage
    assert [(one.state, one.start_time, one.end_time) for one in found] == [
        (CoverageState.RECORDING, at(0), at(10)),
        (CoverageState.OFFLINE, at(10), at(20)),
        (CoverageState.DISABLED, at(50), at(60)),
    ]


async def test_it_knows_where_the_next_thing_begins(stores: Stores) -> None:
    assert await stores.detection.first_after(ME, at(0)) is None
    await stores.events.ingest(ME, [event("a", 100)])
    assert await stores.detection.first_after(ME, at(0)) == at(100)
    await stores.events.ingest_coverage(ME, [span(40, 60)])
    assert await stores.detection.first_after(ME, at(0)) == at(40)
    assert await stores.detection.first_after(ME, at(50)) == at(50)
    assert await stores.detection.first_after(ME, at(60)) == at(100)
    assert await stores.detection.first_after(ME, at(101)) is None


async def test_events_before_an_hour_are_counted(stores: Stores) -> None:
    await stores.events.ingest(ME, [event(str(number), number) for number in range(-30, 90)])
    assert await stores.detection.count_before(ME, at(45)) == 30
    assert await stores.detection.count_before(ME, at(60)) == 90
    assert await stores.detection.tenants() == [ME.tenant]


async def test_states_are_kept_and_replaced(stores: Stores) -> None:
    fence = await held(stores)
    save, load = stores.detection.save, stores.detection.load
    await save(ME, {("", ""): b"1", ("s", "c"): b"\x00\xff"}, fence=fence)
    await save(ME, {("s", "c"): b"3"}, fence=fence)
    assert await load(ME) == {("", ""): b"1", ("s", "c"): b"3"}
    assert await load(Caller("other", "u")) == {}
    await save(ME, {("", ""): b"4"}, fence=fence, anew=True)
    assert await load(ME) == {("", ""): b"4"}


async def test_whoever_lost_the_lease_writes_nothing(stores: Stores) -> None:
    old = await held(stores, "one", lease_s=-1)
    new = await held(stores, "two")
    await stores.detection.save(ME, {("", ""): b"new"}, fence=new)
    with pytest.raises(FenceLost):
        await stores.detection.save(ME, {("", ""): b"old"}, fence=old)
    assert await stores.detection.load(ME) == {("", ""): b"new"}
