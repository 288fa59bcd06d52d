"""Fenced leases on both databases: one holder at a time, and a number that tells the stale one."""

from __future__ import annotations

import pytest

from enhanced_prompt_service.domain.fences import Fence, FenceLost
from enhanced_prompt_service.storage import Stores, fences

LONG_S = 3600.0
GONE_S = -1.0


async def test_a_lease_is_held_by_one_until_its_time_is_over(stores: Stores) -> None:
    assert await stores.fences.take("detectors", "a", LONG_S) == Fence("detectors", 1)
    assert await stores.fences.take("detectors", "b", LONG_S) is None
    assert await stores.fences.take("delivery", "b", LONG_S) == Fence("delivery", 1)


async def test_renewing_keeps_the_number_and_taking_over_raises_it(stores: Stores) -> None:
    await stores.fences.take("detectors", "a", LONG_S)
    assert await stores.fences.take("detectors", "a", GONE_S) == Fence("detectors", 1)
    assert await stores.fences.take("detectors", "b", LONG_S) == Fence("detectors", 2)


async def test_what_is_given_back_is_free_at_once_but_not_by_a_stale_holder(stores: Stores) -> None:
    first = await stores.fences.take("detectors", "a", LONG_S)
    assert first is not None
    await stores.fences.give_back(first)
    second = await stores.fences.take("detectors", "b", LONG_S)
    assert second == Fence("detectors", 2)
    await stores.fences.give_back(first)
    assert await stores.fences.take("detectors", "c", LONG_S) is None


async def test_a_write_behind_a_lost_fence_is_refused(stores: Stores) -> None:
    stale = await stores.fences.take("detectors", "a", GONE_S)
    assert stale is not None
    # Nobody took it over yet: its holder may finish what it does.
    await stores.database.write(lambda session: fences.check(session, stale))
    await stores.fences.take("detectors", "b", LONG_S)
    with pytest.raises(FenceLost):
        await stores.database.write(lambda session: fences.check(session, stale))
    with pytest.raises(FenceLost):
        await stores.database.write(lambda session: fences.check(session, Fence("unknown", 1)))
