"""The rounds of retention."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enhanced_prompt_service.domain.conversations import Gone
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.retention import Keeper, Removed, Retention

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SITE = datetime(2018, 3, 15, tzinfo=UTC)
GONE = (Gone(Caller(), "c", ("t1",)),)


class Store:
    """Gives what the test lined up, and then stops the keeper."""

    def __init__(self, *outcomes: Removed | Exception) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[dict[str, Any]] = []

    async def remove_old(self, **asked: Any) -> Removed:
        self.asked.append(asked)
        if not self.outcomes:
            raise asyncio.CancelledError
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_rounds_follow_at_once_while_there_is_more_and_go_on_after_a_failure() -> None:
    failure = RuntimeError("away")
    store = Store(Removed(1, gone=GONE, more=True), Removed(), failure)
    slept: list[float] = []
    forgotten: list[tuple[Gone, ...]] = []
    heard: list[Removed | Exception] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def forget(gone: tuple[Gone, ...]) -> None:
        forgotten.append(gone)

    keeper = Keeper(
        store,
        Retention(conversations=timedelta(days=2)),
        now=lambda: NOW,
        site_now=lambda: SITE,
        sleep=sleep,
        forget=forget,
        report=heard.append,
        period_s=600,
        most=7,
    )
    with pytest.raises(asyncio.CancelledError):
        await keeper.run()
    assert slept[0] < slept[1] == slept[2] == 600
    assert forgotten == [GONE, ()]
    assert heard == [Removed(1, gone=GONE, more=True), failure]
    assert store.asked[0] == {
        "conversations_before": NOW - timedelta(days=2),
        "events_before": None,
        "insights_before": None,
        "now": NOW,
        "most": 7,
    }


async def test_events_age_by_the_sites_clock() -> None:
    store = Store(Removed())

    async def nothing(_: object) -> None: ...

    keeper = Keeper(
        store,
        Retention(events=timedelta(hours=5)),
        now=lambda: NOW,
        site_now=lambda: SITE,
        sleep=nothing,
        forget=nothing,
        report=lambda _: None,
    )
    await keeper.round()
    assert store.asked[0]["events_before"] == SITE - timedelta(hours=5)
    assert store.asked[0]["conversations_before"] is None
