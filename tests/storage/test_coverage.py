"""When cameras recorded: later reports win, spans come merged."""

from __future__ import annotations

import itertools
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.domain.events import Coverage, CoverageState, Ingested
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.stores import CoverageSpan
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.storage import Stores
from tests.support.require import scaled

from .makers import ME, NOON, at, span

CREATED, UPDATED, DUPLICATE = Ingested.CREATED, Ingested.UPDATED, Ingested.DUPLICATE
OFFLINE, DISABLED = CoverageState.OFFLINE, CoverageState.DISABLED
_tenants = itertools.count(1)


async def _recorded(stores: Stores, start: float, end: float) -> list[tuple[float, float]]:
    spans = await stores.events.coverage(ME, Interval(at(start), at(end)))
    return [
        (
            (one.interval.start - NOON).total_seconds() / 60,
            (one.interval.end - NOON).total_seconds() / 60,
        )
        for one in spans
    ]


async def test_a_later_report_replaces_what_it_overlaps(stores: Stores) -> None:
    assert await stores.events.ingest_coverage(ME, [span(0, 60)]) == [CREATED]
    assert await stores.events.ingest_coverage(ME, [span(10, 20, OFFLINE)]) == [UPDATED]
    assert await _recorded(stores, -10, 100) == [(0, 10), (20, 60)]
    assert await stores.events.ingest_coverage(ME, [span(15, 30)]) == [UPDATED]
    assert await _recorded(stores, -10, 100) == [(0, 10), (15, 60)]


async def test_a_repeated_report_is_a_duplicate(stores: Stores) -> None:
    reports = [span(0, 5), span(5, 10), span(10, 15, OFFLINE)]
    assert await stores.events.ingest_coverage(ME, reports) == [CREATED, CREATED, CREATED]
    assert await stores.events.ingest_coverage(ME, reports) == [DUPLICATE] * 3
    assert await stores.events.ingest_coverage(ME, [span(2, 8)]) == [DUPLICATE]
    assert await stores.events.ingest_coverage(ME, [span(2, 12)]) == [UPDATED]
    assert await stores.events.ingest_coverage(ME, []) == []


async def test_spans_are_merged_and_cut_to_the_window(stores: Stores) -> None:
    await stores.events.ingest_coverage(ME, [span(0, 5), span(5, 10), span(20, 30)])
    assert await _recorded(stores, -5, 40) == [(0, 10), (20, 30)]
    assert await _recorded(stores, 3, 22) == [(3, 10), (20, 22)]
    assert await _recorded(stores, 10, 20) == []
    assert await _recorded(stores, 5, 5.5) == [(5, 5.5)]


async def test_cameras_of_two_sites_with_one_id_stay_apart(stores: Stores) -> None:
    await stores.events.ingest_coverage(
        ME, [span(0, 10), span(5, 20, OFFLINE, site="hospital"), span(20, 30, site="hospital")]
    )
    window = Interval(at(0), at(60))
    assert await stores.events.coverage(ME, window) == [
        CoverageSpan("hospital", "G1", Interval(at(20), at(30))),
        CoverageSpan("school", "G1", Interval(at(0), at(10))),
    ]
    assert await stores.events.coverage_known(ME) == {"G1": Interval(at(0), at(30))}


async def test_cameras_narrow_and_an_empty_set_does_not(stores: Stores) -> None:
    await stores.events.ingest_coverage(ME, [span(0, 10), span(5, 20, camera_id="G2")])
    window = Interval(at(-5), at(15))

    async def cameras(names: frozenset[str] | None) -> list[str]:
        return [one.camera_id for one in await stores.events.coverage(ME, window, names)]

    assert await cameras(None) == ["G1", "G2"]
    assert await cameras(frozenset()) == ["G1", "G2"]
    assert await cameras(frozenset({"G2", "nothing\x00"})) == ["G2"]


async def test_what_was_ever_reported_is_known_whatever_the_state(stores: Stores) -> None:
    await stores.events.ingest_coverage(
        ME, [span(10, 20, OFFLINE), span(0, 5), span(0, 1, camera_id="G2")]
    )
    assert await stores.events.coverage_known(ME) == {
        "G1": Interval(at(0), at(20)),
        "G2": Interval(at(0), at(1)),
    }


async def test_the_state_of_a_camera_is_its_newest_report_that_has_begun(stores: Stores) -> None:
    await stores.events.ingest_coverage(
        ME, [span(0, 10), span(10, 20, OFFLINE), span(5, 15, DISABLED, camera_id="G2")]
    )
    assert await stores.events.camera_states(ME, at(-1)) == {}
    assert await stores.events.camera_states(ME, at(7)) == {
        "G1": span(0, 10),
        "G2": span(5, 15, DISABLED, camera_id="G2"),
    }
    assert (await stores.events.camera_states(ME, at(10)))["G1"] == span(10, 20, OFFLINE)
    assert (await stores.events.camera_states(ME, at(500)))["G1"] == span(10, 20, OFFLINE)


async def test_a_camera_that_only_reported_coverage_is_in_the_catalogue(stores: Stores) -> None:
    before = await stores.catalogue.catalogue(ME)
    await stores.events.ingest_coverage(ME, [span(0, 10, camera_id="quiet")])
    after = await stores.catalogue.catalogue(ME)
    assert [c.camera_id for site in after.sites for c in site.cameras] == ["quiet"]
    assert before.version != after.version


_minutes = st.integers(0, 40)
_reports = st.builds(
    lambda two, state, camera: span(*sorted(two), state, camera),
    st.tuples(_minutes, _minutes).filter(lambda two: two[0] != two[1]),
    st.sampled_from(CoverageState),
    st.sampled_from(["G1", "G2"]),
)


@settings(
    deadline=None,
    max_examples=scaled(800, 40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    batches=st.lists(st.lists(_reports, max_size=8), max_size=4),
    window=st.tuples(_minutes, _minutes).filter(lambda two: two[0] != two[1]),
)
async def test_spans_equal_a_line_painted_minute_by_minute(
    stores: Stores, batches: list[list[Coverage]], window: tuple[int, int]
) -> None:
    caller = Caller(tenant=f"tenant{next(_tenants)}")
    line: dict[tuple[str, int], CoverageState] = {}
    for batch in batches:
        for report, outcome in zip(
            batch, await stores.events.ingest_coverage(caller, batch), strict=True
        ):
            first = round((report.start_time - NOON) / timedelta(minutes=1))
            last = round((report.end_time - NOON) / timedelta(minutes=1))
            minutes = [(report.camera_id, minute) for minute in range(first, last)]
            said = {line.get(minute) for minute in minutes}
            expected = UPDATED
            if said == {None}:
                expected = CREATED
            elif said == {report.state}:
                expected = DUPLICATE
            assert outcome is expected
            line.update(dict.fromkeys(minutes, report.state))
    low, high = sorted(window)
    spans = await stores.events.coverage(caller, Interval(at(low), at(high)))
    painted = {
        (one.camera_id, minute)
        for one in spans
        for minute in range(
            round((one.interval.start - NOON) / timedelta(minutes=1)),
            round((one.interval.end - NOON) / timedelta(minutes=1)),
        )
    }
    assert painted == {
        minute
        for minute, state in line.items()
        if state is CoverageState.RECORDING and low <= minute[1] < high
    }
    gaps = [(a, b) for a, b in itertools.pairwise(spans) if a.camera_id == b.camera_id]
    assert all(a.interval.end < b.interval.start for a, b in gaps)
