"""The loop over real databases: slots closed once, by one replica, with nothing lost in between."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event
from enhanced_prompt_service.domain.fences import FenceLost
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import Change, InsightFilter, InsightStatus, Revision
from enhanced_prompt_service.insights.loop import Loop, LoopOptions, Parts
from enhanced_prompt_service.storage import Stores

ME = Caller()
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
NOW = datetime(2030, 1, 1, tzinfo=UTC)  # real time: nothing that detectors mean
OPTIONS = LoopOptions(minutes=60, most_slots=24 * 7, import_rounds=0)


def counts(
    length: timedelta, start: datetime = START, mean: float = 12
) -> list[tuple[datetime, int]]:
    """Hours and how many events each has."""
    dice = np.random.default_rng(7)
    hours = [start + number * HOUR for number in range(int(length / HOUR))]
    return [(hour, int(dice.poisson(mean if 6 <= hour.hour < 22 else 2))) for hour in hours]


def events(hours: Iterable[tuple[datetime, int]], camera: str = "c1") -> list[Event]:
    return [
        Event(
            event_id=f"{camera}-{hour:%m%d%H}-{number}",
            start_time=hour + timedelta(seconds=number * 7 + 1),
            end_time=hour + timedelta(seconds=number * 7 + 4),
            site="s",
            camera_id=camera,
            event_type="person_detected",
            label="person",
            confidence=0.8,
        )
        for hour, count in hours
        for number in range(count)
    ]


def recording(start: datetime, end: datetime, camera: str = "c1") -> Coverage:
    return Coverage("s", camera, CoverageState.RECORDING, start, end)


async def put(stores: Stores, found: list[Event], *coverage: Coverage) -> None:
    await stores.events.ingest_coverage(ME, coverage)
    for first in range(0, len(found), 500):
        await stores.events.ingest(ME, found[first : first + 500])


class Running:
    """A loop whose time is set by hand."""

    def __init__(
        self, stores: Stores, at: datetime, holder: str = "one", options: LoopOptions = OPTIONS
    ) -> None:
        self.clock = FixedClock(at)
        self.errors: list[Exception] = []

        async def never(_: float) -> None:
            raise AssertionError("nobody waits here")

        parts = Parts(
            stores.detection,
            stores.insights,
            stores.fences,
            stores.events,
            stores.catalogue,
            now=lambda: NOW,
            site_now=self.clock.now,
            sleep=never,
            report=self.errors.append,
        )
        self.loop = Loop(parts, holder, default_zone="UTC", options=options)

    async def until(self, at: datetime) -> None:
        """Let the site clock show a time, and do all that is due."""
        self.clock.at = at
        while await self.loop.round():
            pass
        assert self.errors == []


async def log(stores: Stores) -> list[Revision]:
    return list((await stores.insights.after(ME, 0, 1_000)).revisions)


def spiky(length: timedelta) -> list[tuple[datetime, int]]:
    """Usual hours, and in the last four of them eight times as many."""
    found = counts(length)
    return [*found[:-4], *((hour, count * 8 + 20) for hour, count in found[-4:])]


END = START + 2 * WEEK + 16 * HOUR


async def test_a_spike_in_stored_events_becomes_an_insight_with_evidence(stores: Stores) -> None:
    await put(stores, events(spiky(END - START)), recording(START, END))
    running = Running(stores, END)
    await running.until(END + HOUR)

    (page,) = (await stores.insights.page(ME, InsightFilter(), now=NOW)).items
    content = page.content
    assert content.dedupe_key == "activity_spike:s:c1"
    assert content.window.end == END
    assert content.cameras == ("c1",)
    assert len(content.evidence) == 10
    assert content.evidence[0].description.startswith("Person detected at c1, ")
    assert content.metadata["detector"] == "activity_spike"
    assert page.status is InsightStatus.OPEN


async def test_it_grows_hour_by_hour_and_is_resolved_when_it_is_over(stores: Stores) -> None:
    hours = spiky(END - START)
    await put(stores, events(hours), recording(START, END + 4 * HOUR))
    await put(stores, events(counts(4 * HOUR, END)))
    running = Running(stores, START)
    at = END - 5 * HOUR
    await running.until(at)
    while at < END + 4 * HOUR:
        at += HOUR
        await running.until(at + timedelta(minutes=10))
    changes = [one.change for one in await log(stores)]
    assert changes[0] is Change.CREATED
    assert changes[-1] is Change.RESOLVED
    assert set(changes[1:-1]) == {Change.GREW}


async def test_a_slot_is_closed_ten_minutes_after_its_end_and_late_events_count(
    stores: Stores,
) -> None:
    hours = spiky(END - START)
    await put(stores, events(hours[:-4]), recording(START, END))
    running = Running(stores, START)
    await running.until(END - 3 * HOUR + timedelta(minutes=9))
    assert await log(stores) == []
    await put(stores, events(hours[-4:-3]))  # late: the hour is over, but not yet closed
    await running.until(END - 3 * HOUR + timedelta(minutes=10))
    assert [one.change for one in await log(stores)] == [Change.CREATED]


async def test_order_batches_and_repetitions_change_nothing(stores: Stores) -> None:
    found = events(spiky(END - START))
    random.Random(3).shuffle(found)
    await put(stores, found, recording(START, END))
    await put(stores, found[:700])
    await put(stores, [replace(one, end_time=None) for one in found[:50]])
    running = Running(stores, END)
    await running.until(END + HOUR)
    (only,) = await log(stores)
    last = spiky(END - START)[-4:]
    assert only.insight.content.observed == sum(count for _, count in last)


async def test_events_of_the_future_wait_until_they_are_past(stores: Stores) -> None:
    hours = spiky(END - START)
    await put(stores, events(hours), recording(START, END))
    running = Running(stores, END - 4 * HOUR)
    await running.until(END - 4 * HOUR)
    assert await log(stores) == []
    await running.until(END + HOUR)
    assert await log(stores)


async def test_a_clock_that_is_set_back_says_nothing_twice(stores: Stores) -> None:
    await put(stores, events(spiky(END - START)), recording(START, END))
    running = Running(stores, END)
    await running.until(END + HOUR)
    before = await log(stores)
    for back in (HOUR, DAY, 2 * WEEK):
        await running.until(END - back)
    await running.until(END + HOUR)
    assert await log(stores) == before


async def test_a_clock_that_is_set_far_ahead_costs_little_and_tells_of_one_outage(
    stores: Stores,
) -> None:
    await put(stores, events(counts(END - START)), recording(START, END))
    running = Running(stores, END)
    await running.until(END + HOUR)
    await running.until(END + 4_000 * DAY)
    # It is told of in its time, which is too long ago to be published.
    assert await log(stores) == []
    states = await stores.detection.load(ME)
    assert states[("s", "c1")]


async def test_a_camera_that_stops_reporting_is_offline(stores: Stores) -> None:
    await put(stores, events(counts(END - START)), recording(START, END))
    running = Running(stores, END)
    await running.until(END + 6 * HOUR)
    keys = {one.insight.content.dedupe_key for one in await log(stores)}
    assert keys == {"offline:s:c1"}


async def test_a_restart_at_any_time_changes_no_insight(stores: Stores) -> None:
    """Slot by slot with another process each time, against one that never stops: the same words."""
    await put(stores, events(spiky(END - START)), recording(START, END + 2 * HOUR))
    await put(stores, events(counts(2 * HOUR, END)))
    at = END - 6 * HOUR
    await Running(stores, START).until(at)
    while at < END + 2 * HOUR:
        at += timedelta(minutes=20)  # in mid-slot as well
        await Running(stores, START).until(at)
    broken = [(one.change, one.insight.content) for one in await log(stores)]
    keys = {one.insight.content.dedupe_key for one in await log(stores)}
    assert keys == {"activity_spike:s:c1"}
    content = broken[-1][1]
    expected = spiky(END - START)[-4:]
    assert content.observed == sum(count for _, count in expected)
    assert broken[0][0] is Change.CREATED
    assert [change for change, _ in broken].count(Change.CREATED) == 1


async def test_only_one_replica_works_and_a_stale_one_writes_nothing(stores: Stores) -> None:
    await put(stores, events(spiky(END - START)), recording(START, END))
    short = replace(OPTIONS, lease_s=0.0)
    first = Running(stores, END, "one", OPTIONS)
    second = Running(stores, END, "two", short)
    await first.until(END - DAY)
    second.clock.at = END
    assert not await second.loop.round()
    assert ("s", "c1") in await stores.detection.load(ME)

    stalled = Running(stores, END - DAY, "one", short)
    await stalled.until(END - 5 * HOUR)  # its lease has run out
    await second.until(END + HOUR)
    before = await log(stores)
    fence = stalled.loop._fence  # pyright: ignore[reportPrivateUsage]
    assert fence is not None
    with pytest.raises(FenceLost):
        await stores.detection.save(ME, {("", ""): b"{}"}, fence=fence)
    assert await log(stores) == before


async def test_a_history_that_is_being_imported_is_waited_for(stores: Stores) -> None:
    hours = spiky(END - START)
    options = replace(OPTIONS, import_rounds=60, import_events=300)
    running = Running(stores, END + HOUR, options=options)
    half = len(hours) // 2
    await put(stores, events(hours[:half]), recording(START, END))
    for _ in range(2):
        assert not await running.loop.round()  # the first looks, the second sees growth
        await put(stores, events(hours[half:]))
    assert await stores.detection.load(ME) == {}
    await running.until(END + HOUR)
    assert {one.insight.content.dedupe_key for one in await log(stores)} == {"activity_spike:s:c1"}


async def test_much_that_comes_too_late_is_counted_anew(stores: Stores) -> None:
    hours = spiky(END - START)
    await put(stores, events(hours[-30:]), recording(END - 30 * HOUR, END))
    running = Running(stores, END)
    await running.until(END + HOUR)
    assert await log(stores) == []
    await put(stores, events(hours[:-30]), recording(START, END - 30 * HOUR))
    await running.until(END + 2 * HOUR)
    keys = {one.insight.content.dedupe_key for one in await log(stores)}
    assert "activity_spike:s:c1" in keys


async def test_what_was_told_in_its_time_is_not_told_again_when_all_is_counted_anew(
    stores: Stores,
) -> None:
    await put(stores, events(spiky(END - START)), recording(START, END + 3 * HOUR))
    await put(stores, events(counts(3 * HOUR, END)))
    running = Running(stores, START)
    await running.until(END)
    await running.until(END + 4 * HOUR)
    before = await log(stores)
    assert [one.change for one in before][-1] is Change.RESOLVED
    earlier = counts(3 * DAY, START - 3 * DAY)
    await put(stores, events(earlier), recording(START - 3 * DAY, START))
    await running.until(END + 6 * HOUR)
    new = (await log(stores))[len(before) :]
    assert {one.insight.content.dedupe_key for one in new} <= {"offline:s:c1"}
    position = json.loads((await stores.detection.load(ME))["", ""])
    assert position["counted"] >= sum(count for _, count in earlier)


async def test_a_label_that_is_only_a_type_has_its_evidence_too(stores: Stores) -> None:
    usual = [replace(one, label="") for one in events(counts(END - START, mean=40))]
    beside = [
        replace(one, event_type="door_opened", label="", event_id=f"d{one.event_id}")
        for one in events(spiky(END - START), "c1")
    ]
    await put(stores, [*usual, *beside], recording(START, END))
    running = Running(stores, END)
    await running.until(END + HOUR)
    found = [one.insight.content for one in await log(stores)]
    assert found
    for one in found:
        assert one.evidence
        named = {piece.event_type for piece in one.evidence}
        label = one.metadata.get("label")
        assert not label or named == {label}


async def test_a_cancelled_loop_gives_its_lease_back(stores: Stores) -> None:
    waiting = asyncio.Event()

    async def wait(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    running = Running(stores, END)
    running.loop._parts = replace(running.loop._parts, sleep=wait)  # pyright: ignore
    task = asyncio.create_task(running.loop.run())
    await waiting.wait()
    assert await stores.fences.take("detectors", "two", 60) is None
    task.cancel()
    await asyncio.wait({task})
    assert await stores.fences.take("detectors", "two", 60) is not None


async def test_tenants_do_not_see_each_other(stores: Stores) -> None:
    other = Caller("other", "u")
    await put(stores, events(spiky(END - START)), recording(START, END))
    await stores.events.ingest(other, events(counts(DAY, END - DAY))[:400])
    running = Running(stores, END)
    await running.until(END + HOUR)
    assert await log(stores)
    assert (await stores.insights.after(other, 0, 10)).revisions == ()
    assert set(await stores.detection.load(other)) == {("", ""), ("s", ""), ("s", "c1")}
