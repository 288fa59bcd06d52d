"""The rounds that resolve what no longer matters."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from enhanced_prompt_service.insights.expiry import Expiry

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SITE = datetime(2018, 3, 15, tzinfo=UTC)


async def test_rounds_go_by_the_sites_clock_and_survive_failures() -> None:
    failure = RuntimeError("away")
    outcomes: list[int | Exception] = [100, 3, failure]
    asked: list[dict[str, Any]] = []
    slept: list[float] = []
    heard: list[Exception] = []

    class Store:
        async def expire(self, **given: Any) -> int:
            asked.append(given)
            if not outcomes:
                raise asyncio.CancelledError
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    store: Any = Store()
    expiry = Expiry(
        store,
        now=lambda: NOW,
        site_now=lambda: SITE,
        sleep=sleep,
        report=heard.append,
        period_s=60.0,
    )
    with pytest.raises(asyncio.CancelledError):
        await expiry.run()
    assert asked[0] == {"site_now": SITE, "now": NOW, "most": 100}
    assert slept[0] < slept[1] == slept[2] == 60.0
    assert heard == [failure]
