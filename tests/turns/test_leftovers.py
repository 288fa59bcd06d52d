"""What deleted conversations leave in the bus."""

from __future__ import annotations

import pytest

from enhanced_prompt_service.bus import MemoryBus
from enhanced_prompt_service.domain.bus import LogEntry
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.turns.leftovers import Leftovers
from tests.turns.fakes import ManualMonotonic


class FlakyBus(MemoryBus):
    """A bus that a test takes away."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.up = True

    async def delete(self, *keys: str) -> None:
        if not self.up:
            raise Unavailable("away", reason=Reason.BUS_UNAVAILABLE)
        await super().delete(*keys)


@pytest.fixture
async def bus() -> FlakyBus:
    made = FlakyBus()
    await fill(made)
    return made


async def fill(bus: FlakyBus) -> None:
    await bus.put("k", b"v", 60)
    await bus.append("t", 1, [LogEntry(1, "started", b"")])


async def left(bus: FlakyBus) -> tuple[bytes | None, int]:
    return await bus.get("k"), await bus.newest_attempt("t")


async def test_what_is_left_is_deleted_at_once_and_what_comes_late_soon_after(
    bus: FlakyBus,
) -> None:
    clock = ManualMonotonic()
    leftovers = Leftovers(bus, clock)
    await leftovers.drop(["k"], ["t"])
    assert await left(bus) == (None, 0)
    await fill(bus)  # a replica that had just closed the turn
    await leftovers.sweep()
    assert await left(bus) == (b"v", 1)
    clock.at = 5.0
    await leftovers.sweep()
    assert await left(bus) == (None, 0)
    assert leftovers.waiting == 0


async def test_what_a_bus_that_is_away_keeps_is_deleted_when_it_is_back(bus: FlakyBus) -> None:
    clock = ManualMonotonic()
    leftovers = Leftovers(bus, clock)
    bus.up = False
    await leftovers.drop(["k"], ["t"])
    clock.at = 100.0
    await leftovers.sweep()
    assert await left(bus) == (b"v", 1)
    bus.up = True
    await leftovers.sweep()
    assert await left(bus) == (None, 0)


async def test_many_are_deleted_in_batches_and_all_of_them(bus: FlakyBus) -> None:
    turn_ids = [f"t{number}" for number in range(1201)]
    for turn_id in turn_ids:
        await bus.append(turn_id, 1, [LogEntry(1, "started", b"")])
    await Leftovers(bus, ManualMonotonic()).drop(["k"], turn_ids)
    assert [turn_id for turn_id in turn_ids if await bus.newest_attempt(turn_id)] == []
