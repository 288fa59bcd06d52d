"""Sums of a period's turns: totals, a series of local hours, days or weeks, and what occurred most.

A response is a turn that completed; averages are over responses. All times are UTC, real time.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from .answers import ResponseType
from .times import Interval
from .turns import TurnState

_MOST_HOURS = timedelta(hours=60)
_MOST_DAYS = timedelta(days=60)


class Bucket(StrEnum):
    """Length of a point of the series."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class PromptTotals:
    """Numbers of a period; averages and the percentile are None without a response."""

    responses: int = 0
    answers: int = 0
    clarifications: int = 0
    proactive_insights: int = 0
    failed_turns: int = 0
    cancelled_turns: int = 0
    conversations: int = 0
    users: int = 0
    average_confidence: float | None = None
    average_processing_time_ms: float | None = None
    p95_processing_time_ms: float | None = None
    evidence_items: int = 0


@dataclass(frozen=True, slots=True)
class EndedTurn:
    """What is summed up of one turn that ended; the numbers are a response's, else None."""

    state: TurnState
    user: str
    conversation_id: str
    response_type: ResponseType | None
    confidence: float | None
    processing_ms: int | None
    evidence_count: int | None


@dataclass(frozen=True, slots=True)
class PromptAnalytics:
    """A period, beside the one of the same length before it. Names come with their counts."""

    period: Interval
    totals: PromptTotals
    previous: PromptTotals
    points: tuple[tuple[Interval, PromptTotals], ...]
    top_cameras: tuple[tuple[str, int], ...]
    top_topics: tuple[tuple[str, int], ...]


class Tally:
    """Adds turns up."""

    def __init__(self) -> None:
        self._types = dict.fromkeys(ResponseType, 0)
        self._states = dict.fromkeys(TurnState, 0)
        self._conversations: set[tuple[str, str]] = set()
        self._users: set[str] = set()
        self._confidences = array("d")
        self._times = array("q")
        self._evidence = 0

    def add(self, turn: EndedTurn) -> None:
        """Count one more turn."""
        self._states[turn.state] += 1
        self._users.add(turn.user)
        if turn.state is not TurnState.COMPLETED:
            return
        self._conversations.add((turn.user, turn.conversation_id))
        if turn.response_type is not None:
            self._types[turn.response_type] += 1
        if turn.confidence is not None:
            self._confidences.append(turn.confidence)
        if turn.processing_ms is not None:
            self._times.append(turn.processing_ms)
        self._evidence += turn.evidence_count or 0

    def totals(self) -> PromptTotals:
        """The sums so far. The percentile is by nearest rank: a time that really occurred."""
        times = sorted(self._times)
        return PromptTotals(
            responses=self._states[TurnState.COMPLETED],
            answers=self._types[ResponseType.ANSWER],
            clarifications=self._types[ResponseType.CLARIFICATION],
            proactive_insights=self._types[ResponseType.PROACTIVE_INSIGHT],
            failed_turns=self._states[TurnState.FAILED],
            cancelled_turns=self._states[TurnState.CANCELLED],
            conversations=len(self._conversations),
            users=len(self._users),
            average_confidence=(
                math.fsum(self._confidences) / len(self._confidences) if self._confidences else None
            ),
            average_processing_time_ms=sum(times) / len(times) if times else None,
            p95_processing_time_ms=(
                float(times[(len(times) * 95 + 99) // 100 - 1]) if times else None
            ),
            evidence_items=self._evidence,
        )


def bucket_for(period: Interval) -> Bucket:
    """The bucket that gives a series of 60 points at most."""
    length = period.end - period.start
    if length <= _MOST_HOURS:
        return Bucket.HOUR
    return Bucket.DAY if length <= _MOST_DAYS else Bucket.WEEK


def points_of(period: Interval, bucket: Bucket, zone: ZoneInfo) -> Iterator[Interval]:
    """The period cut at local hours, midnights, or Mondays; the first and last may be shorter."""
    start = period.start
    while start < period.end:
        end = min(_next_cut(start, bucket, zone), period.end)
        yield Interval(start, end)
        start = end


def _next_cut(at: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    """The first cut after an instant."""
    local = at.astimezone(zone)
    if bucket is Bucket.HOUR:
        # Hours are cut in UTC at the zone's offset: local hours repeat, or fail, where it changes.
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return (at - into + timedelta(hours=1)).astimezone(UTC)
    days = 1 if bucket is Bucket.DAY else 7 - local.weekday()
    day = local.date() + timedelta(days=days)
    cut = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    while cut <= at:  # a midnight that the zone left out, at its change of date
        day += timedelta(days=1)
        cut = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return cut
