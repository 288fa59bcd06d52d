"""Points of a series, and sums."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from enhanced_prompt_service.domain.analytics import (
    Bucket,
    EndedTurn,
    PromptTotals,
    Tally,
    bucket_for,
    points_of,
)
from enhanced_prompt_service.domain.answers import ResponseType
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnState

ROME = ZoneInfo("Europe/Rome")


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ROME).astimezone(UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize("bucket", list(Bucket))
@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Kathmandu", "Europe/Rome", "Australia/Lord_Howe", "Pacific/Apia"]
)
def test_points_cover_the_period_without_gap_or_overlap(bucket: Bucket, zone: str) -> None:
    for start in (datetime(2011, 12, 1, 5, 7, tzinfo=UTC), datetime(2025, 3, 1, 1, tzinfo=UTC)):
        period = Interval(start, start + timedelta(days=60))
        points = list(points_of(period, bucket, ZoneInfo(zone)))
        assert points[0].start == period.start
        assert points[-1].end == period.end
        for one, after in pairwise(points):
            assert one.start < one.end == after.start


def test_days_are_cut_at_local_midnight_also_where_the_clock_changes() -> None:
    period = Interval(local(2025, 3, 29, 12), local(2025, 3, 31, 12))
    assert list(points_of(period, Bucket.DAY, ROME)) == [
        Interval(local(2025, 3, 29, 12), local(2025, 3, 30)),
        Interval(local(2025, 3, 30), local(2025, 3, 31)),
        Interval(local(2025, 3, 31), local(2025, 3, 31, 12)),
    ]


def test_weeks_begin_on_monday() -> None:
    period = Interval(local(2025, 6, 4), local(2025, 6, 17))
    assert [one.start for one in points_of(period, Bucket.WEEK, ROME)] == [
        local(2025, 6, 4),
        local(2025, 6, 9),
        local(2025, 6, 16),
    ]


@pytest.mark.parametrize(
    ("length", "bucket"),
    [
        (timedelta(hours=24), Bucket.HOUR),
        (timedelta(days=30), Bucket.DAY),
        (timedelta(days=366), Bucket.WEEK),
    ],
)
def test_the_default_bucket_gives_24_to_60_points(length: timedelta, bucket: Bucket) -> None:
    period = Interval(local(2025, 1, 1), local(2025, 1, 1) + length)
    assert bucket_for(period) is bucket
    assert 24 <= len(list(points_of(period, bucket, ROME))) <= 60


def test_averages_are_over_responses_and_the_percentile_is_one_of_their_times() -> None:
    tally = Tally()
    assert tally.totals() == PromptTotals()
    for number in range(20):
        kind = ResponseType.CLARIFICATION if number == 0 else ResponseType.ANSWER
        tally.add(EndedTurn(TurnState.COMPLETED, "u", f"c{number % 2}", kind, 0.5, number * 10, 2))
    tally.add(EndedTurn(TurnState.CANCELLED, "v", "c9", ResponseType.ANSWER, 0.0, 99_999, 7))
    tally.add(EndedTurn(TurnState.FAILED, "v", "c9", None, None, None, None))
    assert tally.totals() == PromptTotals(
        responses=20,
        answers=19,
        clarifications=1,
        failed_turns=1,
        cancelled_turns=1,
        conversations=2,
        users=2,
        average_confidence=0.5,
        average_processing_time_ms=95.0,
        p95_processing_time_ms=180.0,
        evidence_items=40,
    )
