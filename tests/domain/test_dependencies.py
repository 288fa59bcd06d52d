"""Whether what the service depends on is there, and how long it was not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.domain.dependencies import (
    DOWN_S,
    UP_S,
    Dependencies,
    Dependency,
    probe,
    watch,
)

START = datetime(2026, 1, 2, tzinfo=UTC)


class Clock:
    """Real and monotonic time, moved together by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return 1000.0 + self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def part(clock: Clock) -> Dependency:
    return Dependencies(clock.now, clock.monotonic).add("bus")


def test_time_away_is_summed_up_while_it_passes_and_afterwards(
    clock: Clock, part: Dependency
) -> None:
    clock.at = 10
    part.note(True)
    assert (part.state.up, part.state.since, part.state.degraded_s) == (True, START, 0)
    part.note(False)
    clock.at = 13
    part.note(False)  # still away: since the first time
    assert part.state.since == START + timedelta(seconds=10)
    assert (part.up, part.degraded_s) == (False, 3)
    part.note(True)
    clock.at = 20
    assert (part.up, part.degraded_s) == (True, 3)
    part.note(False)
    clock.at = 22
    assert part.degraded_s == 5


async def test_what_fails_or_does_not_answer_in_time_is_away(part: Dependency) -> None:
    async def fail() -> None:
        raise OSError("no")

    async def hang() -> None:
        await asyncio.Event().wait()

    async def answer() -> None:
        pass

    for ask, there in ((fail, False), (answer, True), (hang, False), (answer, True)):
        assert await probe(part, ask, timeout_s=0.01) is there
        assert part.up is there


async def test_a_watch_asks_more_often_while_the_part_is_away(part: Dependency) -> None:
    answers = [True, False, False, True]
    slept: list[float] = []

    async def ask() -> None:
        if not answers.pop(0):
            raise OSError("no")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if not answers:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await watch(part, ask, sleep)
    assert slept == [UP_S, DOWN_S, DOWN_S, UP_S]
