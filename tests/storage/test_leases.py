"""Leases of processes, and turns whose process has lost its own, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from enhanced_prompt_service.domain.errors import Conflict, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnError, TurnRow, TurnState
from enhanced_prompt_service.storage import Stores
from tests.storage.makers import NOON

ME = Caller()
OTHER = Caller("other", "local")
LONG_S = 3600.0
GONE_S = -1.0


async def begun(stores: Stores, turn_id: str, process: str, **more: Any) -> TurnRow:
    fields: dict[str, Any] = {
        "turn_id": turn_id,
        "conversation_id": "talk",
        "message_id": "m",
        "request_id": "r",
        "request_hash": "h",
        "query": "what?",
        "runner": f"{process}/{turn_id}",
        "now": NOON,
    }
    return await stores.turns.begin(ME, **fields | more)


async def test_a_process_without_a_lease_counts_as_alive(stores: Stores) -> None:
    assert await stores.turns.runner_alive("nobody/t1")


async def test_a_lease_holds_until_its_time_and_can_be_given_back(stores: Stores) -> None:
    await stores.turns.renew("host/one", LONG_S)
    assert await stores.turns.runner_alive("host/one/t1")
    await stores.turns.renew("host/one", GONE_S)
    assert not await stores.turns.runner_alive("host/one/t1")
    await stores.turns.release("host/one")
    assert await stores.turns.runner_alive("host/one/t1")


async def test_a_running_turn_of_a_live_process_is_joined(stores: Stores) -> None:
    await stores.turns.renew("one", LONG_S)
    await begun(stores, "t1", "one")
    again = await begun(stores, "t2", "two")
    assert (again.turn_id, again.attempt, again.runner) == ("t1", 1, "one/t1")


async def test_a_running_turn_of_a_lost_process_runs_its_next_attempt(stores: Stores) -> None:
    await begun(stores, "t1", "one")
    await stores.turns.renew("one", GONE_S)
    again = await begun(stores, "t2", "two")
    assert (again.turn_id, again.attempt, again.runner) == ("t1", 2, "two/t2")
    late = await stores.turns.finish(
        ME, turn_id="t1", attempt=1, state=TurnState.CANCELLED, now=NOON
    )
    assert not late


async def test_a_lost_turn_does_not_block_its_conversation(stores: Stores) -> None:
    await begun(stores, "t1", "one")
    with pytest.raises(Conflict):
        await begun(stores, "t2", "two", request_id="other")
    await stores.turns.renew("one", GONE_S)
    row = await begun(stores, "t2", "two", request_id="other")
    assert (row.turn_id, row.conversation_turn) == ("t2", 2)
    lost = await stores.turns.get_turn(ME, "t1")
    assert lost.state is TurnState.FAILED
    assert lost.error is not None
    assert lost.error.retryable


async def test_a_wish_to_stop_reaches_the_runner_and_nobody_elses(stores: Stores) -> None:
    await begun(stores, "t1", "one")
    assert await stores.turns.renew("one", LONG_S) == []
    await stores.turns.request_cancel(OTHER, "t1")
    assert await stores.turns.renew("one", LONG_S) == []
    await stores.turns.request_cancel(ME, "t1")
    assert await stores.turns.renew("one", LONG_S) == ["t1"]
    assert await stores.turns.renew("two", LONG_S) == []
    await stores.turns.finish(ME, turn_id="t1", attempt=1, state=TurnState.CANCELLED, now=NOON)
    assert await stores.turns.renew("one", LONG_S) == []


async def test_a_wish_to_stop_is_of_one_attempt_alone(stores: Stores) -> None:
    await begun(stores, "t1", "one")
    await stores.turns.request_cancel(ME, "t1")
    await stores.turns.renew("one", GONE_S)
    await begun(stores, "t2", "two")
    assert await stores.turns.renew("two", LONG_S) == []


async def test_turns_of_lost_processes_are_closed_and_those_of_others_are_not(
    stores: Stores,
) -> None:
    for number, process in enumerate(("lost", "alive", "without"), start=1):
        await begun(stores, f"t{number}", process, conversation_id=process, request_id=process)
    await stores.turns.renew("lost", -5.0)
    await stores.turns.renew("alive", LONG_S)

    assert await stores.turns.fail_lost(60.0, NOON) == 0
    assert await stores.turns.fail_lost(4.0, NOON) == 1
    assert await stores.turns.fail_lost(4.0, NOON) == 0

    closed = await stores.turns.get_turn(ME, "t1")
    assert closed.state is TurnState.FAILED
    assert closed.error is not None
    assert closed.error.retryable
    for turn_id in ("t2", "t3"):
        assert (await stores.turns.get_turn(ME, turn_id)).state is TurnState.RUNNING


async def test_a_start_closes_no_turn_of_a_living_process_of_the_same_home(stores: Stores) -> None:
    await begun(stores, "t1", "home/a", conversation_id="a", request_id="a")
    await begun(stores, "t2", "home/b", conversation_id="b", request_id="b")
    await stores.turns.renew("home/a", LONG_S)
    lost = TurnError(Reason.RUNNER_LOST, "gone", retryable=True)
    assert await stores.turns.fail_orphans("home/", lost, NOON) == 1
    assert (await stores.turns.get_turn(ME, "t1")).state is TurnState.RUNNING
    assert (await stores.turns.get_turn(ME, "t2")).state is TurnState.FAILED


async def test_the_running_turn_of_a_conversation_is_the_callers_own_and_alive(
    stores: Stores,
) -> None:
    assert await stores.turns.running_turn(ME, "talk") == ""
    await begun(stores, "t1", "one")
    assert await stores.turns.running_turn(ME, "talk") == "t1"
    assert await stores.turns.running_turn(OTHER, "talk") == ""
    assert await stores.turns.running_turn(ME, "another") == ""
    await stores.turns.renew("one", GONE_S)
    assert await stores.turns.running_turn(ME, "talk") == ""
    await stores.turns.renew("one", LONG_S)
    await stores.turns.finish(ME, turn_id="t1", attempt=1, state=TurnState.CANCELLED, now=NOON)
    assert await stores.turns.running_turn(ME, "talk") == ""
