"""Replays: what would have been said, and why the rest is silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.insights.detectors import DETECTORS
from enhanced_prompt_service.insights.replay import replay
from enhanced_prompt_service.insights.rows import score_rows
from enhanced_prompt_service.sources.meva_files import read_sample, sample_sites
from enhanced_prompt_service.storage import Database, Stores, open_stores
from tests.support.require import data

from .feeding import MONDAY
from .test_loop import END, START, events, put, recording, spiky

ME = Caller()


async def test_a_replay_says_what_the_loop_would_and_keeps_nothing(stores: Stores) -> None:
    await put(stores, events(spiky(END - START)), recording(START, END))
    found = await replay(
        stores.detection,
        stores.catalogue,
        ME,
        minutes=60,
        default_zone="UTC",
        until=END + timedelta(hours=1),
    )
    (only,) = found.insights
    assert only.dedupe_key == "activity_spike:s:c1"
    assert only.window.end == END
    assert {one.detector for one in found.silent} == set(DETECTORS)
    reasons = {one.detector: one.reasons for one in found.silent}
    assert reasons["restricted"] == (("no restricted zone here", 1),)
    assert reasons["activity_spike"] == ()
    assert found.events == len(events(spiky(END - START)))
    assert await stores.detection.load(ME) == {}
    assert (await stores.insights.after(ME, 0, 10)).revisions == ()


async def test_a_replay_of_nothing_says_nothing(stores: Stores) -> None:
    found = await replay(
        stores.detection, stores.catalogue, ME, minutes=15, default_zone="UTC", until=END
    )
    assert found.insights == ()
    assert all(one.cameras == 0 for one in found.silent)


def rows(days: int, step: timedelta) -> Iterator[tuple[datetime, float]]:
    at = MONDAY
    while at < MONDAY + timedelta(days=days):
        busy = 8 <= at.hour < 18
        yield at, (40.0 if busy else 4.0) + (at.minute + at.day) % 3
        at += step


@pytest.mark.parametrize("minutes", [5, 15, 60])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.001, -0.02), (1e6, 0.0)])
def test_a_strange_row_of_any_series_has_the_highest_score(
    minutes: int, scale: float, shift: float
) -> None:
    found = list(rows(21, timedelta(minutes=minutes)))
    strange = len(found) - 5 * (60 // minutes)
    found[strange] = (found[strange][0], 160.0)
    scaled = [(at, value * scale + shift) for at, value in found]
    scored = list(score_rows(scaled, ZoneInfo("UTC")))
    assert [one.time for one in scored] == [at for at, _ in scaled]
    assert scored[0].score == 0
    assert scored[0].expected is None
    best = max(range(len(scored)), key=lambda row: scored[row].score)
    assert strange <= best <= strange + 2
    assert scored[best].score > 4


def test_a_row_is_judged_by_those_before_it_alone() -> None:
    found = list(rows(14, timedelta(minutes=15)))
    changed = [*found[:-1], (found[-1][0], 44.0)]
    first, second = (list(score_rows(one, ZoneInfo("UTC"))) for one in (found, changed))
    assert first[:-1] == second[:-1]


def test_a_row_that_lies_before_an_earlier_one_teaches_nothing() -> None:
    found = list(rows(14, timedelta(minutes=15)))
    late = [*found, (MONDAY, 1e4), (datetime(2026, 3, 16, tzinfo=UTC), 4.0)]
    scored = list(score_rows(late, ZoneInfo("UTC")))
    assert scored[-2].score == 0


@pytest.mark.data
async def test_on_the_recorded_site_nearly_everything_is_silent_and_says_why(
    tmp_path: Path,
) -> None:
    folder = data() / "meva"
    found, coverage = read_sample(folder)
    database = await Database.open(f"sqlite:///{tmp_path}/eps.db")
    try:
        await database.migrate()
        stores = await open_stores(database)
        for site in sample_sites(folder):
            await stores.catalogue.put_site(ME, site)
        for first in range(0, len(found), 5_000):
            await stores.events.ingest(ME, found[first : first + 5_000])
        await stores.events.ingest_coverage(ME, coverage)
        said = await replay(
            stores.detection,
            stores.catalogue,
            ME,
            minutes=15,
            default_zone="UTC",
            until=datetime(2018, 6, 1, tzinfo=UTC),
        )
    finally:
        await database.close()
    assert said.events == len(found)
    silent = {one.detector: one for one in said.silent}
    for detector in ("activity_spike", "silence", "rarity", "duration", "new_label", "forecast"):
        one = silent[detector]
        assert one.speaking == 0
        assert one.cameras > 20
        assert all("needs" in reason for reason, _ in one.reasons)
    assert silent["restricted"].reasons == (("no restricted zone here", one.cameras),)
    assert len(said.insights) <= one.cameras
