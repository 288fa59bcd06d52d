"""The simulated site as the clock passes: the same events as its history, and nothing twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.events import CoverageState, Event
from enhanced_prompt_service.domain.times import Interval, union
from enhanced_prompt_service.sources.backoff import Backoff
from enhanced_prompt_service.sources.checkpoints import Checkpoints
from enhanced_prompt_service.sources.files import Run
from enhanced_prompt_service.sources.simulate import LiveBatch, SimulatedSite, fill, go_on, live
from enhanced_prompt_service.sources.simulate.live import COVERAGE_EVERY, MAX_BATCH

from ..helpers import MemorySink, Stop

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


# ---- into a sink --------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(checkpoints=Checkpoints(tmp_path / "imports"))


async def test_history_is_filled_and_life_goes_on_from_there(run: Run) -> None:
    site, sink = SimulatedSite(1), MemorySink()
    progress = await fill(site, sink, NOON, run, weeks=1)
    assert progress.rows == progress.created == len(sink.events) > 3_000
    assert sink.sites == [site.site()]
    assert max(sink.batches) <= 500
    time = Passing(NOON, NOON + timedelta(minutes=30))
    with pytest.raises(Stop):
        await go_on(site, sink, time.clock, NOON, run, wait=time.wait)
    window = Interval(NOON - timedelta(weeks=1), time.end)
    assert sink.events == {one.event_id: one for one in site.events(window, as_of=time.end)}


async def test_a_later_start_sends_only_what_is_missing(run: Run) -> None:
    site, sink = SimulatedSite(1), MemorySink()
    await fill(site, sink, NOON, run, weeks=1)
    later = NOON + timedelta(days=1)
    again = await fill(site, sink, later, run, weeks=1)
    assert again.duplicates < 300 < again.created
    window = Interval(NOON - timedelta(weeks=1), later)
    assert sink.events == {one.event_id: one for one in site.events(window, as_of=later)}
    third = await fill(site, sink, later, run, weeks=1)
    assert (third.created, third.updated) == (0, 0)


async def test_without_notes_a_later_start_makes_duplicates_and_nothing_else() -> None:
    site, sink = SimulatedSite(1), MemorySink()
    await fill(site, sink, NOON, weeks=1)
    known = set(sink.events)
    again = await fill(site, sink, NOON + timedelta(hours=2), weeks=1)
    assert again.duplicates > 3_000
    fresh = set(sink.events) - known
    assert again.created == len(fresh)
    assert all(sink.events[one].start_time >= NOON for one in fresh)


@pytest.mark.parametrize("other", ["target", "seed", "weeks", "restart"])
async def test_notes_hold_only_for_what_they_were_made_for(run: Run, other: str) -> None:
    sink = MemorySink()
    await fill(SimulatedSite(1), sink, NOON, run, weeks=1)
    weeks, seed = (2 if other == "weeks" else 1), (2 if other == "seed" else 1)
    target = "elsewhere" if other == "target" else ""
    again = Run(checkpoints=run.checkpoints, target=target, restart=other == "restart")
    progress = await fill(SimulatedSite(seed), MemorySink(), NOON, again, weeks=weeks)
    assert progress.created > 3_000


async def test_while_the_sink_is_away_a_live_batch_is_kept(run: Run) -> None:
    site, sink = SimulatedSite(1), MemorySink()
    failures = iter([Unavailable("gone")] * 3)
    sink.fail = lambda batch: next(failures, None)
    time = Passing(NOON, NOON + timedelta(minutes=10))
    with pytest.raises(Stop):
        await go_on(site, sink, time.clock, NOON, run, wait=time.wait, backoff=Backoff(first_s=1))
    assert next(failures, None) is None
    window = Interval(NOON, time.end)
    expected = {one.event_id for one in site.events(window)}
    assert expected <= set(sink.events)
