"""The simulated site is a function of its seed: whatever is asked for, the past stays the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event
from enhanced_prompt_service.domain.times import Interval, union
from enhanced_prompt_service.sources.simulate import Incident, IncidentKind, SimulatedSite
from enhanced_prompt_service.sources.simulate.building import POSTS, ZONES
from enhanced_prompt_service.sources.simulate.generator import LONGEST_EVENT

NOW = datetime(2026, 4, 10, 14, 20, tzinfo=UTC)  # a Friday, and clocks went forward on March 29
FORTNIGHT = Interval(NOW - timedelta(days=14), NOW)


def events(site: SimulatedSite, start: datetime, end: datetime) -> list[Event]:
    return list(site.events(Interval(start, end)))


def test_the_same_seed_makes_the_same_events() -> None:
    first, second = SimulatedSite(5), SimulatedSite(5)
    assert list(first.events(FORTNIGHT)) == list(second.events(FORTNIGHT))


def test_another_seed_makes_other_events_under_other_ids() -> None:
    first = {one.event_id: one for one in SimulatedSite(5).events(FORTNIGHT)}
    second = {one.event_id: one for one in SimulatedSite(6).events(FORTNIGHT)}
    assert not first.keys() & second.keys()
    assert {one.start_time for one in first.values()} != {one.start_time for one in second.values()}


@given(
    start=st.integers(0, 20 * 24 * 60),
    length=st.integers(1, 6 * 24 * 60),
    zone=st.sampled_from(
        ["Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
    ),
)
@settings(max_examples=15, deadline=None)
def test_any_window_shows_its_part_of_the_same_past(start: int, length: int, zone: str) -> None:
    base = datetime(2026, 3, 20, tzinfo=UTC)
    window = Interval(base + timedelta(minutes=start), base + timedelta(minutes=start + length))
    whole = Interval(base, base + timedelta(days=27))
    part = list(SimulatedSite(3, zone).events(window))
    assert part == [one for one in _past(zone, whole) if window.contains(one.start_time)]
    assert part == sorted(part, key=lambda one: (one.start_time, one.camera_id, one.event_id))


_PASTS: dict[str, list[Event]] = {}


def _past(zone: str, whole: Interval) -> list[Event]:
    if zone not in _PASTS:
        _PASTS[zone] = list(SimulatedSite(3, zone).events(whole))
    return _PASTS[zone]


def test_adjacent_windows_make_each_event_once() -> None:
    site = SimulatedSite(2)
    middle = datetime(2026, 3, 29, 0, 40, tzinfo=UTC)
    both = events(site, FORTNIGHT.start, middle) + events(site, middle, NOW)
    assert both == events(site, FORTNIGHT.start, NOW)
    assert len({one.event_id for one in both}) == len(both)


def test_events_fit_the_catalogue_and_the_contract() -> None:
    site = SimulatedSite(1)
    catalogue = site.site()
    assert catalogue.simulated
    assert "simulation" in catalogue.name
    zones = {camera.camera_id: set(camera.zones) for camera in catalogue.cameras}
    for event in site.events(FORTNIGHT):
        assert set(event.zones) <= zones[event.camera_id]
        assert event.end_time is not None
        assert event.start_time < event.end_time <= event.start_time + LONGEST_EVENT
        assert event.confidence is not None
        assert 0 < event.confidence <= 1
        assert 1 <= event.participants <= 4
        assert event.description[0].isupper()
        assert "{" not in event.description
        assert event.source == "simulation"


def test_every_zone_belongs_to_a_camera_and_names_are_told_apart() -> None:
    catalogue = SimulatedSite(1).site()
    assert {zone for camera in catalogue.cameras for zone in camera.zones} == {
        zone.zone_id for zone in ZONES
    }
    names = [
        name.lower()
        for camera in catalogue.cameras
        for name in {camera.camera_id, camera.name, *camera.aliases}
    ]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert "camera 3" in names


def test_eight_weeks_are_some_tens_of_thousands_of_events() -> None:
    made = events(SimulatedSite(1), NOW - timedelta(weeks=8), NOW)
    assert 40_000 < len(made) < 80_000
    assert {one.camera_id for one in made} == {post.camera_id for post in POSTS}


def test_hourly_counts_follow_the_expected_rhythm() -> None:
    site = SimulatedSite(4, "UTC")
    start = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
    counted: Counter[tuple[int, int]] = Counter()
    recorded: Counter[tuple[int, int]] = Counter()
    window = Interval(start, start + timedelta(weeks=16))
    for event in site.events(window):
        if event.camera_id == "cam-02":
            counted[event.start_time.isoweekday(), event.start_time.hour] += 1
    for span in site.coverage(window):
        if span.camera_id == "cam-02" and span.state is CoverageState.RECORDING:
            at = span.start_time
            while at < span.end_time:
                recorded[at.isoweekday(), at.hour] += 1
                at += timedelta(minutes=1)
    for weekday, hour in ((1, 8), (3, 12), (5, 17), (6, 10), (7, 3)):
        hours = recorded[weekday, hour] / 60
        mean = site.expected("cam-02", start + timedelta(days=weekday - 1, hours=hour))
        spread = (mean / hours + site.phi * mean**2 / hours) ** 0.5
        assert abs(counted[weekday, hour] / hours - mean) < 4.5 * spread + 0.05


# ---- coverage -----------------------------------------------------------------------------------


def spans(site: SimulatedSite, window: Interval, camera: str) -> list[Coverage]:
    return [span for span in site.coverage(window) if span.camera_id == camera]


def test_coverage_says_one_state_for_every_moment_of_every_camera() -> None:
    site = SimulatedSite(1)
    for post in POSTS:
        found = spans(site, FORTNIGHT, post.camera_id)
        assert found[0].start_time == FORTNIGHT.start
        assert found[-1].end_time == FORTNIGHT.end
        for left, right in pairwise(found):
            assert left.end_time == right.start_time


def test_nothing_is_seen_where_nothing_is_recorded() -> None:
    site = SimulatedSite(1)
    recorded = {
        post.camera_id: union(
            Interval(span.start_time, span.end_time)
            for span in spans(site, FORTNIGHT, post.camera_id)
            if span.state is CoverageState.RECORDING
        )
        for post in POSTS
    }
    for event in site.events(FORTNIGHT):
        assert any(span.contains(event.start_time) for span in recorded[event.camera_id])


def test_an_event_ends_where_recording_ends_and_not_at_midnight() -> None:
    midnight = datetime(2026, 4, 8, tzinfo=UTC)
    evening = Interval(midnight - timedelta(minutes=10), midnight)
    spike = Incident(IncidentKind.SPIKE, "cam-12", evening, 40_000)
    found = list(SimulatedSite(1, "UTC", incidents=[spike]).events(evening))
    ends = {one.end_time for one in found if one.end_time is not None and one.end_time > midnight}
    assert len(ends) > 10
    gap = Interval(midnight + timedelta(minutes=1), midnight + timedelta(hours=1))
    missing = Incident(IncidentKind.MISSING_COVERAGE, "cam-12", gap)
    cut = SimulatedSite(1, "UTC", incidents=[spike, missing]).events(evening)
    assert max(one.end_time for one in cut if one.end_time is not None) == gap.start


def test_a_gap_is_the_same_whatever_window_shows_it() -> None:
    site = SimulatedSite(1)
    whole = Interval(NOW - timedelta(weeks=8), NOW)
    gaps = [
        Interval(span.start_time, span.end_time)
        for span in site.coverage(whole)
        if span.state is CoverageState.OFFLINE and span.camera_id == "cam-05"
    ]
    assert len(gaps) > 8  # the Sundays' restarts and more
    for gap in gaps:
        middle = gap.start + (gap.end - gap.start) / 2
        window = Interval(middle, middle + timedelta(seconds=1))
        assert [one.state for one in spans(site, window, "cam-05")] == [CoverageState.OFFLINE]


# ---- as of --------------------------------------------------------------------------------------


def test_what_still_goes_on_has_no_end_yet() -> None:
    site = SimulatedSite(1)
    long = max(site.events(FORTNIGHT), key=lambda one: (one.end_time or NOW) - one.start_time)
    middle = long.start_time + timedelta(seconds=1)
    window = Interval(FORTNIGHT.start, middle)
    seen = {one.event_id: one for one in site.events(window, as_of=middle)}
    assert seen[long.event_id].end_time is None
    ended = [one for one in seen.values() if one.end_time is not None]
    assert ended
    assert all(one.end_time is not None and one.end_time < middle for one in ended)


# ---- incidents ----------------------------------------------------------------------------------

TUESDAY = datetime(2026, 4, 7, 9, tzinfo=UTC)
TWO_HOURS = Interval(TUESDAY + timedelta(minutes=10), TUESDAY + timedelta(minutes=130))


def with_incident(kind: IncidentKind, size: float = 0.0) -> tuple[list[Event], list[Event]]:
    """Events of cam-02 over the fortnight without the incident, and with it."""
    incident = Incident(kind, "cam-02", TWO_HOURS, size)
    site = SimulatedSite(9, incidents=[incident])
    assert site.truth == (incident,)
    plain = list(SimulatedSite(9).events(FORTNIGHT))
    touched = list(site.events(FORTNIGHT))

    def touchable(one: Event) -> bool:
        return one.camera_id == "cam-02" and TWO_HOURS.contains(one.start_time)

    assert [one for one in plain if not touchable(one)] == [
        one for one in touched if not touchable(one)
    ]
    inside = [one for one in plain if touchable(one)]
    assert inside
    return inside, [one for one in touched if touchable(one)]


def test_a_spike_adds_to_what_would_have_been_there() -> None:
    before, after = with_incident(IncidentKind.SPIKE, 4)
    assert {one.event_id for one in before} < {one.event_id for one in after}
    assert len(after) > 2 * len(before)


def test_a_silence_takes_events_and_leaves_coverage() -> None:
    _, after = with_incident(IncidentKind.SILENCE)
    assert after == []
    incident = Incident(IncidentKind.SILENCE, "cam-02", TWO_HOURS)
    assert spans(SimulatedSite(9, incidents=[incident]), TWO_HOURS, "cam-02") == spans(
        SimulatedSite(9), TWO_HOURS, "cam-02"
    )


def test_a_visit_adds_people() -> None:
    before, after = with_incident(IncidentKind.OFF_HOURS_VISIT, 6)
    added = [one for one in after if one.event_id not in {old.event_id for old in before}]
    assert 4 <= len(added) <= 8
    assert all(one.event_type.startswith("person_") for one in added)


def test_confidence_drifts_downwards() -> None:
    before, after = with_incident(IncidentKind.CONFIDENCE_DRIFT, 0.4)
    assert [one.event_id for one in before] == [one.event_id for one in after]
    falls = [
        round((old.confidence or 0) - (new.confidence or 0), 2)
        for old, new in zip(before, after, strict=True)
    ]
    assert falls == sorted(falls)
    assert falls[-1] > 0.3


def test_missing_coverage_takes_events_and_recording() -> None:
    _, after = with_incident(IncidentKind.MISSING_COVERAGE)
    assert after == []
    incident = Incident(IncidentKind.MISSING_COVERAGE, "cam-02", TWO_HOURS)
    found = spans(SimulatedSite(9, incidents=[incident]), TWO_HOURS, "cam-02")
    assert [one.state for one in found] == [CoverageState.OFFLINE]


def test_an_incident_at_an_unknown_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="no camera 'cam-99'"):
        SimulatedSite(incidents=[Incident(IncidentKind.SILENCE, "cam-99", TWO_HOURS)])


def test_this_seed_makes_these_events_on_every_machine() -> None:
    """Evaluation sets rest on it. A deliberate change of the generator changes this line too."""
    window = Interval(datetime(2026, 3, 3, 8, tzinfo=UTC), datetime(2026, 3, 3, 9, tzinfo=UTC))
    digest = hashlib.sha256()
    for one in SimulatedSite(1).events(window):
        when = (one.start_time.isoformat(), one.end_time and one.end_time.isoformat())
        shown = (one.event_id, *when, one.event_type, one.label, one.zones)
        digest.update(repr((shown, one.confidence, one.participants, one.description)).encode())
    assert digest.hexdigest()[:16] == "3d9e7e03145794ec"
