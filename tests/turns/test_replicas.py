"""What a process does about its own turns when its lease had run out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import pytest

from enhanced_prompt_service.bus import MemoryBus
from enhanced_prompt_service.domain.errors import Reason
from enhanced_prompt_service.domain.turns import Completed, Failed, TurnRequest
from enhanced_prompt_service.turns import Replicas, Turns
from tests.turns.fakes import CALLER, NOW, MemoryTurnStore, encode, make_turns
from tests.turns.test_service import HeldAgent


class LeasedStore(MemoryTurnStore):
    """A store with one lease; says when it was renewed."""

    def __init__(self) -> None:
        super().__init__()
        self.renewals = 0
        self.renewed = asyncio.Event()

    async def renew(self, process: str, lease_s: float) -> list[str]:
        self.renewals += 1
        self.renewed.set()
        return []

    async def release(self, process: str) -> None:
        return

    async def fail_lost(self, after_s: float, now: datetime) -> int:
        return 0

    async def renewals_from_now(self, count: int) -> None:
        """Wait until it was renewed so often."""
        for _ in range(count):
            self.renewed.clear()
            await self.renewed.wait()


@asynccontextmanager
async def lapsing(agent: HeldAgent) -> AsyncIterator[tuple[Turns, LeasedStore]]:
    """Turns whose process finds its lease lapsed with every renewal."""
    store = LeasedStore()
    bus = MemoryBus(time.monotonic)

    def decode(_: bytes) -> Failed:
        raise AssertionError("nobody follows another process here")

    replicas = Replicas(
        bus,
        store,
        process="test",
        encode=encode,
        decode=decode,
        keep_s=60.0,
        now=lambda: NOW,
    )
    turns, _, _ = make_turns(agent, store, replicas=replicas)
    async with turns:
        yield turns, store


@pytest.fixture(autouse=True)
def quick_lapses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhanced_prompt_service.turns.replicas.LEASE_S", 0.0)
    monkeypatch.setattr("enhanced_prompt_service.turns.replicas.RENEW_S", 0.01)


async def test_a_turn_that_says_nothing_finds_out_that_it_was_taken_over() -> None:
    """Its model is stopped: nobody waits for what it would say."""
    agent = HeldAgent()
    async with lapsing(agent) as (turns, store):
        with await turns.start(CALLER, TurnRequest("q", request_id="r")) as attached:
            await agent.said.wait()
            row = store.rows[attached.turn_id]
            store.rows[attached.turn_id] = replace(row, attempt=2, runner="other/turn")
            await agent.cancelled.wait()
            frames = [frame async for frame in attached.cursor()]
        assert store.rows[attached.turn_id].attempt == 2
        assert store.rows[attached.turn_id].response is None
    lost = frames[-1]
    assert isinstance(lost.payload, Failed)
    assert lost.payload.error.reason == Reason.RUNNER_LOST
    assert lost.payload.error.retryable
    assert lost.sequence == 0


async def test_a_turn_that_nobody_took_over_goes_on_although_the_lease_had_lapsed() -> None:
    agent = HeldAgent()
    async with lapsing(agent) as (turns, store):
        with await turns.start(CALLER, TurnRequest("q")) as attached:
            await agent.said.wait()
            await store.renewals_from_now(3)
            agent.release.set()
            frames = [frame async for frame in attached.cursor()]
    assert isinstance(frames[-1].payload, Completed)
