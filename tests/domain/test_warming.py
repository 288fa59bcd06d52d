"""Making the next question fast: once, without failing, and saying so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.warming import Warmer, WarmStatus

CALLER = Caller()


class Parts:
    """Parts that count, wait and fail as the test says; a clock that is moved by them."""

    def __init__(self) -> None:
        self.at = 0.0
        self.calls: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()
        self.began = asyncio.Event()

    def part(self, name: str) -> Callable[[Caller], Awaitable[str]]:
        async def warm(_: Caller) -> str:
            self.calls.append(name)
            self.began.set()
            if name in self.gates:
                await self.gates[name].wait()
            self.at += 2.0
            if name in self.broken:
                raise ConnectionError("no route to secret-host")
            return f"{name} is warm"

        return warm

    def warmer(self, *names: str) -> Warmer:
        return Warmer(
            "agent-1",
            {name: self.part(name) for name in names},
            monotonic=lambda: self.at,
            on_failure=lambda name, error: self.failures.append((name, str(error))),
            conversation=self._conversation,
        )

    async def _conversation(self, caller: Caller, conversation_id: str) -> str:
        self.calls.append(f"conversation {conversation_id}")
        return "20 turns"


async def test_everything_is_warmed_once_and_reported_in_order() -> None:
    parts = Parts()
    async with parts.warmer("storage", "agent") as warmer:
        first = await warmer.prewarm(CALLER, wait=True)
        second = await warmer.prewarm(CALLER, wait=True)
    assert parts.calls == ["storage", "agent"]
    assert first.status is second.status is WarmStatus.READY
    assert first.initialized
    assert [(p.name, p.ready, p.warmed_before, p.detail) for p in first.parts] == [
        ("storage", True, False, "storage is warm"),
        ("agent", True, False, "agent is warm"),
    ]
    assert [(p.warmed_before, p.duration_s) for p in second.parts] == [(True, 2.0), (True, 2.0)]


async def test_without_waiting_it_says_what_is_not_ready_and_goes_on() -> None:
    parts = Parts()
    gate = parts.gates["agent"] = asyncio.Event()
    async with parts.warmer("agent") as warmer:
        first = await warmer.prewarm(CALLER)
        assert first.status is WarmStatus.INITIALIZING
        assert not first.initialized
        assert [one.ready for one in first.parts] == [False]
        gate.set()
        last = await warmer.prewarm(CALLER, wait=True)
    assert last.initialized
    assert parts.calls == ["agent"]


async def test_two_callers_share_one_warming_of_a_tenant_and_tenants_do_not() -> None:
    parts = Parts()
    async with parts.warmer("agent") as warmer:
        await asyncio.gather(*(warmer.prewarm(CALLER, wait=True) for _ in range(3)))
        await warmer.prewarm(Caller("other"), wait=True)
    assert parts.calls == ["agent", "agent"]


async def test_a_part_that_fails_is_degraded_logged_and_tried_again() -> None:
    parts = Parts()
    parts.broken.add("model:a")
    async with parts.warmer("agent", "model:a") as warmer:
        found = await warmer.prewarm(CALLER, wait=True)
        assert found.status is WarmStatus.DEGRADED
        assert [one.ready for one in found.parts] == [True, False]
        assert "secret" not in found.parts[1].detail
        assert parts.failures == [("model:a", "no route to secret-host")]
        parts.broken.clear()
        again = await warmer.prewarm(CALLER, wait=True)
    assert again.initialized
    assert parts.calls == ["agent", "model:a", "model:a"]


async def test_a_model_chooses_among_models_alone() -> None:
    parts = Parts()
    async with parts.warmer("agent", "model:a", "model:b") as warmer:
        found = await warmer.prewarm(CALLER, model="b", wait=True)
    assert [one.name for one in found.parts] == ["agent", "model:b"]


async def test_a_conversation_is_loaded_by_each_call_that_names_it() -> None:
    parts = Parts()
    async with parts.warmer("agent") as warmer:
        found = await warmer.prewarm(CALLER, conversation_id="c-1", wait=True)
    assert [one.name for one in found.parts] == ["agent", "conversation"]
    assert parts.calls == ["agent", "conversation c-1"] or parts.calls == [
        "conversation c-1",
        "agent",
    ]


async def test_leaving_ends_what_still_warms() -> None:
    parts = Parts()
    parts.gates["agent"] = asyncio.Event()
    async with parts.warmer("agent") as warmer:
        await warmer.prewarm(CALLER)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "warm agent"]


async def test_a_caller_that_goes_while_it_waits_does_not_stop_the_warming() -> None:
    parts = Parts()
    gate = parts.gates["agent"] = asyncio.Event()
    async with parts.warmer("agent") as warmer:
        waiting = asyncio.create_task(warmer.prewarm(CALLER, wait=True))
        await parts.began.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        gate.set()
        assert (await warmer.prewarm(CALLER, wait=True)).initialized
    assert parts.calls == ["agent"]
