"""Rules of insights: urgency, and how one grows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.domain.answers import Evidence
from enhanced_prompt_service.domain.insights import (
    MATTERS_FOR,
    MAX_EVIDENCE,
    InsightDraft,
    InsightType,
    Severity,
    grown,
    priority_of,
    settled,
)
from enhanced_prompt_service.domain.times import Interval

NOON = datetime(2018, 3, 15, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPIKE = InsightDraft(
    type=InsightType.ACTIVITY_SPIKE,
    severity=Severity.MEDIUM,
    title="Much more than usual",
    message="42 events where 10 are usual.",
    window=Interval(NOON, NOON + HOUR),
    dedupe_key="spike:G1:person",
    observed=42.0,
    cameras=("G1",),
    event_count=42,
)


def evidence(number: int) -> Evidence:
    return Evidence(f"e{number}", NOON, "G1", "person_walks", 1.0, "a person walks")


@pytest.mark.parametrize(
    ("severity", "restricted", "cameras", "repeated", "expected"),
    [
        (Severity.LOW, False, 1, False, 2),
        (Severity.CRITICAL, False, 1, False, 5),
        (Severity.MEDIUM, True, 1, False, 4),
        (Severity.MEDIUM, False, 3, False, 4),
        (Severity.MEDIUM, True, 3, False, 4),
        (Severity.CRITICAL, True, 3, False, 5),
        (Severity.LOW, False, 1, True, 1),
    ],
)
def test_priority_follows_severity_zones_cameras_and_repetition(
    severity: Severity, restricted: bool, cameras: int, repeated: bool, expected: int
) -> None:
    found = priority_of(severity, restricted=restricted, cameras=cameras, repeated=repeated)
    assert found == expected


def test_what_a_draft_leaves_open_is_filled_in() -> None:
    found = settled(SPIKE, repeated=False)
    assert found.priority == 3
    assert found.expires_at == SPIKE.window.end + MATTERS_FOR


def test_the_same_draft_again_changes_nothing() -> None:
    for repeated in (False, True):
        known = settled(SPIKE, repeated=repeated)
        assert grown(known, SPIKE) == known


def test_growing_spans_both_windows_and_says_what_the_later_one_says() -> None:
    known = settled(SPIKE, repeated=False)
    later = replace(
        SPIKE,
        window=Interval(NOON + HOUR, NOON + 2 * HOUR),
        observed=90.0,
        cameras=("G2",),
        message="90 events.",
    )
    found = grown(known, later)
    assert found.window == Interval(NOON, NOON + 2 * HOUR)
    assert (found.observed, found.message) == (90.0, "90 events.")
    assert found.cameras == ("G1", "G2")


def test_a_late_draft_of_an_earlier_window_does_not_take_words_back() -> None:
    known = settled(
        replace(SPIKE, window=Interval(NOON, NOON + 2 * HOUR), observed=90.0), repeated=False
    )
    found = grown(known, replace(SPIKE, window=Interval(NOON - HOUR, NOON + HOUR)))
    assert found.observed == 90.0
    assert found.window.start == NOON - HOUR


def test_growing_never_makes_it_milder_or_less_urgent() -> None:
    known = settled(replace(SPIKE, severity=Severity.CRITICAL), repeated=False)
    found = grown(known, replace(SPIKE, severity=Severity.LOW))
    assert (found.severity, found.priority) == (Severity.CRITICAL, 5)


def test_a_repeated_insight_regains_its_urgency_only_by_getting_worse() -> None:
    known = settled(SPIKE, repeated=True)
    assert known.priority == 2
    assert grown(known, SPIKE).priority == 2
    assert grown(known, replace(SPIKE, severity=Severity.HIGH)).priority == 4


def test_evidence_is_bounded_and_its_count_is_not() -> None:
    known = settled(
        replace(SPIKE, evidence=tuple(evidence(n) for n in range(40)), event_count=40),
        repeated=False,
    )
    found = grown(
        known, replace(SPIKE, evidence=tuple(evidence(n) for n in range(20, 80)), event_count=60)
    )
    assert len(found.evidence) == MAX_EVIDENCE
    assert found.event_count == 70  # e0 to e69: the second draft was cut to 50
