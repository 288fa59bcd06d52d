"""The simulated site as the clock passes: the same events as its history, and nothing twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.events import CoverageState, Event
from enhanced_prompt_service.domain.times import Interval, union
from enhanced_prompt_service.sources.simulate import LiveBatch, SimulatedSite, live
from enhanced_prompt_service.sources.simulate.live import COVERAGE_EVERY, MAX_BATCH

from ..helpers import Stop

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class Passing:
    """A clock, and a wait that lets it pass until an end."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.clock = FixedClock(start)
        self.end = end
        self.waits: list[float] = []

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.clock.at >= self.end:
            raise Stop
        self.clock.at = min(self.end, self.clock.at + timedelta(seconds=seconds))


async def collect(site: SimulatedSite, time: Passing, since: datetime) -> list[LiveBatch]:
    batches: list[LiveBatch] = []
    with suppress(Stop):
        async for batch in live(site, time.clock, since, wait=time.wait):
            batches.append(batch)  # noqa: PERF401 - Stop must not lose them
    return batches


async def test_an_hour_of_live_events_is_the_hour_of_history() -> None:
    site = SimulatedSite(1)
    end = NOON + timedelta(hours=1)
    time = Passing(NOON, end)
    latest: dict[str, Event] = {}
    for batch in await collect(site, time, NOON):
        for event in batch.events:
            latest[event.event_id] = event
    history = {one.event_id: one for one in site.events(Interval(NOON, end), as_of=end)}
    before = site.events(Interval(NOON - timedelta(hours=1), NOON))
    ended = {one.event_id: one for one in before if one.end_time and one.end_time >= NOON}
    assert latest == history | {
        key: one for key, one in ended.items() if one.end_time and one.end_time < end
    }


async def test_events_come_when_they_begin_and_again_when_they_end() -> None:
    site = SimulatedSite(1)
    time = Passing(NOON, NOON + timedelta(minutes=20))
    seen: dict[str, list[Event]] = {}
    with suppress(Stop):
        async for batch in live(site, time.clock, NOON, wait=time.wait):
            for event in batch.events:
                seen.setdefault(event.event_id, []).append(event)
                moment = event.end_time or event.start_time
                assert timedelta(0) <= time.clock.at - moment <= timedelta(seconds=1)
    twice = [events for events in seen.values() if len(events) == 2]
    assert len(twice) > 20
    assert all(first.end_time is None and second.end_time for first, second in twice)


async def test_coverage_is_never_far_behind_and_the_waits_are_short() -> None:
    site = SimulatedSite(1)
    end = NOON + timedelta(minutes=10)
    time = Passing(NOON, end)
    batches = await collect(site, time, NOON)
    spans = [one for batch in batches for one in batch.coverage if one.camera_id == "cam-02"]
    (covered,) = union(Interval(one.start_time, one.end_time) for one in spans)
    assert covered.start == datetime(2026, 3, 4, tzinfo=UTC)
    assert end - covered.end < COVERAGE_EVERY
    assert {one.state for one in spans} == {CoverageState.RECORDING}
    assert all(0 < wait <= COVERAGE_EVERY.total_seconds() for wait in time.waits)
    assert len(time.waits) < 1_000


async def test_after_a_pause_it_goes_on_with_what_it_missed() -> None:
    site = SimulatedSite(1)
    time = Passing(NOON + timedelta(hours=20), NOON + timedelta(hours=20))
    batches = await collect(site, time, NOON)
    assert all(len(batch.events) <= MAX_BATCH for batch in batches)
    got = {event.event_id for batch in batches for event in batch.events}
    assert {one.event_id for one in site.events(Interval(NOON, time.end))} <= got
    untils = [batch.until for batch in batches]
    assert untils == sorted(untils)
    assert untils[-1] == time.end


async def test_a_clock_that_is_set_back_repeats_nothing() -> None:
    site = SimulatedSite(1)
    time = Passing(NOON, NOON + timedelta(minutes=5))
    got: list[str] = []
    moved = False
    with suppress(Stop):
        async for batch in live(site, time.clock, NOON, wait=time.wait):
            got += [f"{event.event_id} {event.end_time}" for event in batch.events]
            if not moved and time.clock.at > NOON + timedelta(minutes=3):
                moved = True
                time.clock.at -= timedelta(minutes=2)
    assert moved
    assert max(time.waits) <= COVERAGE_EVERY.total_seconds()
    assert len(set(got)) == len(got) > 10


async def test_history_and_life_from_there_are_one_past() -> None:
    site = SimulatedSite(1)
    start, end = NOON - timedelta(days=2), NOON + timedelta(minutes=30)
    stored = {one.event_id: one for one in site.events(Interval(start, NOON), as_of=NOON)}
    for batch in await collect(site, Passing(NOON, end), NOON):
        stored |= {one.event_id: one for one in batch.events}
    expected = site.events(Interval(start, end), as_of=end)
    assert stored == {one.event_id: one for one in expected}


async def test_a_later_start_makes_the_same_events_with_the_same_ids() -> None:
    first = {
        one.event_id: one
        for one in SimulatedSite(1).events(Interval(NOON - timedelta(weeks=1), NOON))
    }
    later = NOON + timedelta(days=2, hours=5)
    again = {
        one.event_id: one
        for one in SimulatedSite(1).events(Interval(later - timedelta(weeks=1), later))
    }
    both = first.keys() & again.keys()
    assert len(both) > 1_000
    assert all(first[one] == again[one] for one in both)
    start = later - timedelta(weeks=1)
    assert {one for one, event in first.items() if event.start_time >= start} == both
