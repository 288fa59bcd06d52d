"""Incidents are drawn by the week, lie where they should, and are the same whenever they are asked
for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.sources.simulate import (
    SHIPPED,
    Incident,
    IncidentKind,
    IncidentPlan,
    SimulatedSite,
)

NOW = datetime(2026, 4, 10, 14, 20, tzinfo=UTC)
TEN_WEEKS = Interval(NOW - timedelta(weeks=10), NOW)
MANY = IncidentPlan(
    spikes=6, silences=6, visits=4, drifts=1, missing=3, slot_minutes=60, least_mean=2
)


def drawn(plan: IncidentPlan, kind: IncidentKind | None = None) -> list[Incident]:
    found = SimulatedSite(3, plan=plan).truth_of(TEN_WEEKS)
    return [one for one in found if kind is None or one.kind is kind]


def test_a_plan_draws_the_same_whatever_window_is_asked_for() -> None:
    whole = drawn(MANY)
    site, day = SimulatedSite(3, plan=MANY), TEN_WEEKS.start
    by_day: list[Incident] = []
    while day < TEN_WEEKS.end:
        window = Interval(day, min(day + timedelta(days=1), TEN_WEEKS.end))
        by_day += (one for one in site.truth_of(window) if one not in by_day)
        day += timedelta(days=1)
    assert len(whole) > 100
    assert sorted(whole, key=str) == sorted(by_day, key=str)


def test_a_site_with_a_plan_has_the_same_past_from_any_start() -> None:
    week = timedelta(weeks=1)
    early = SimulatedSite(1, plan=SHIPPED)
    late = SimulatedSite(1, plan=SHIPPED)
    first = {one.event_id: one for one in early.events(Interval(NOW - 2 * week, NOW))}
    second = {one.event_id: one for one in late.events(Interval(NOW - week, NOW + week / 7))}
    both = first.keys() & second.keys()
    assert len(both) > 5_000
    assert all(first[one] == second[one] for one in both)
    assert {one for one, event in first.items() if event.start_time >= NOW - week} == both


def test_incidents_of_one_camera_keep_apart() -> None:
    by_camera: dict[str, list[Incident]] = {}
    for one in drawn(MANY):
        if one.kind is not IncidentKind.CONFIDENCE_DRIFT:
            by_camera.setdefault(one.camera_id, []).append(one)
    pairs = [pair for found in by_camera.values() for pair in pairwise(found)]
    assert len(pairs) > 50
    assert all(left.interval.end < right.interval.start for left, right in pairs)


@pytest.mark.parametrize("kind", [IncidentKind.SPIKE, IncidentKind.SILENCE])
def test_spikes_and_silences_lie_where_something_is_expected(kind: IncidentKind) -> None:
    site = SimulatedSite(3)
    found = drawn(MANY, kind)
    assert len(found) > 20
    for one in found:
        moment = one.interval.start
        while moment < one.interval.end:
            assert site.expected(one.camera_id, moment) >= MANY.least_mean
            moment += timedelta(minutes=5)


def test_sizes_and_lengths_are_drawn_log_uniformly_from_their_ranges() -> None:
    plan = IncidentPlan(spikes=60, slot_minutes=60, least_mean=0.5)
    spikes = drawn(plan)
    assert all(2 <= one.size <= 8 for one in spikes)
    assert all(30 <= one.interval.seconds / 60 <= 120 for one in spikes)
    below = sum(one.size < 4 for one in spikes) / len(spikes)
    assert abs(below - 0.5) < 4.5 * (0.25 / len(spikes)) ** 0.5


def test_visits_begin_at_night_by_the_sites_own_clock() -> None:
    site = SimulatedSite(3, "America/New_York", plan=MANY)
    visits = [one for one in site.truth_of(TEN_WEEKS) if one.kind is IncidentKind.OFF_HOURS_VISIT]
    assert len(visits) > 20
    assert all(one.interval.start.astimezone(site.zone).hour < 5 for one in visits)


def test_a_plan_of_nothing_changes_no_event() -> None:
    window = Interval(NOW - timedelta(days=2), NOW)
    plain, planned = SimulatedSite(3), SimulatedSite(3, plan=IncidentPlan())
    assert list(plain.events(window)) == list(planned.events(window))
    assert plain.fingerprint != SimulatedSite(3, plan=SHIPPED).fingerprint


def test_what_finds_no_room_is_left_out() -> None:
    assert drawn(IncidentPlan(spikes=2, least_mean=10_000)) == []
