"""Turn rows: one a request, one running a conversation, closed once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from enhanced_prompt_service.domain.answers import ModelUsage, Usage
from enhanced_prompt_service.domain.errors import Conflict, NotFound, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnError, TurnRow, TurnState
from enhanced_prompt_service.storage import Database, Stores, open_stores

from .makers import ME, NOON, at, begin, response

DAY = timedelta(hours=24)
AGAIN = TurnError("RUNNER_LOST", "the replica went away", retryable=True)
NEVER = TurnError("TURN_FAILED", "it failed", retryable=False, incident_id="i-1")
USAGE = Usage(
    (ModelUsage("m", "provider", 10, 5, None, 0, 0.1 + 0.2), ModelUsage("n", "estimated"))
)


async def _finish(stores: Stores, turn: TurnRow, **fields: object) -> bool:
    values: dict[str, object] = {
        "turn_id": turn.turn_id,
        "attempt": turn.attempt,
        "state": TurnState.COMPLETED,
        "now": at(1),
    }
    if fields.get("state", TurnState.COMPLETED) is not TurnState.FAILED:
        values["response"] = response(turn)
    return await stores.turns.finish(Caller(turn.tenant, turn.user), **(values | fields))  # type: ignore[arg-type]


async def _conflict(reason: Reason, stores: Stores, turn_id: str, **fields: object) -> str:
    with pytest.raises(Conflict) as caught:
        await begin(stores, turn_id, **fields)
    assert caught.value.reason is reason
    return caught.value.metadata["turn_id"]


async def test_a_new_turn_runs_in_its_conversation(stores: Stores) -> None:
    turn = await begin(stores, "t1", query="what \x00 \ud800 😀?")
    assert turn == TurnRow(
        turn_id="t1",
        tenant="default",
        user="local",
        conversation_id="talk",
        conversation_turn=1,
        message_id="m-t1",
        request_id="r-t1",
        request_hash="hash",
        attempt=1,
        runner="host-1:a",
        state=TurnState.RUNNING,
        query="what \x00 \ud800 😀?",
        created_at=NOON,
    )
    assert await stores.turns.get_turn(ME, "t1") == turn


async def test_a_completed_turn_keeps_its_response_and_usage(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    answered = response(turn, usage=USAGE)
    assert await _finish(stores, turn, response=answered)
    kept = await stores.turns.get_turn(ME, "t1")
    assert kept == replace(
        turn, state=TurnState.COMPLETED, ended_at=at(1), response=answered, usage=USAGE
    )


async def test_a_failed_turn_keeps_its_error_and_usage(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    assert await _finish(stores, turn, state=TurnState.FAILED, error=NEVER, usage=USAGE)
    assert await stores.turns.get_turn(ME, "t1") == replace(
        turn, state=TurnState.FAILED, ended_at=at(1), error=NEVER, usage=USAGE
    )


async def test_turns_of_a_conversation_are_numbered(stores: Stores) -> None:
    for number in (1, 2, 3):
        turn = await begin(stores, f"t{number}")
        assert turn.conversation_turn == number
        await _finish(stores, turn)
    assert (await begin(stores, "x", conversation_id="other")).conversation_turn == 1


async def test_the_same_request_joins_its_turn_while_it_runs_and_afterwards(
    stores: Stores,
) -> None:
    turn = await begin(stores, "t1")
    assert await begin(stores, "t2", request_id="r-t1") == turn
    await _finish(stores, turn)
    again = await begin(stores, "t3", request_id="r-t1", conversation_id="new")
    assert (again.turn_id, again.state) == ("t1", TurnState.COMPLETED)
    assert again.response is not None
    with pytest.raises(NotFound):
        await stores.conversations.get_conversation(ME, "new")


async def test_another_request_under_a_known_id_is_refused(stores: Stores) -> None:
    await begin(stores, "t1")
    refused = await _conflict(
        Reason.REQUEST_ID_REUSED, stores, "t2", request_id="r-t1", request_hash="other"
    )
    assert refused == "t1"


async def test_a_request_id_is_kept_for_a_day(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    await _finish(stores, turn)
    kept = await begin(stores, "t2", request_id="r-t1", now=NOON + DAY)
    assert kept.turn_id == "t1"
    late = await begin(
        stores, "t3", request_id="r-t1", request_hash="other", now=NOON + DAY + timedelta(seconds=1)
    )
    assert (late.turn_id, late.state) == ("t3", TurnState.RUNNING)
    assert (await stores.turns.get_turn(ME, "t1")).request_id == "r-t1"


async def test_turns_without_a_request_id_never_join(stores: Stores) -> None:
    first = await begin(stores, "t1", request_id="")
    await _finish(stores, first)
    assert (await begin(stores, "t2", request_id="")).turn_id == "t2"


async def test_a_second_turn_waits_until_the_conversations_turn_has_ended(
    stores: Stores,
) -> None:
    turn = await begin(stores, "t1")
    assert await _conflict(Reason.TURN_IN_PROGRESS, stores, "t2") == "t1"
    assert (await begin(stores, "t3", conversation_id="other")).state is TurnState.RUNNING
    await _finish(stores, turn, state=TurnState.CANCELLED)
    assert (await begin(stores, "t2")).conversation_turn == 2


async def test_what_failed_retryably_runs_again_under_a_new_attempt(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    await _finish(stores, turn, state=TurnState.FAILED, error=AGAIN, usage=USAGE)
    again = await begin(stores, "t2", request_id="r-t1", runner="host-2:b", now=at(5))
    assert again == replace(turn, attempt=2, runner="host-2:b")
    assert not await _finish(stores, turn)
    assert await _finish(stores, again)


async def test_what_failed_for_good_is_not_run_again(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    await _finish(stores, turn, state=TurnState.FAILED, error=NEVER)
    again = await begin(stores, "t2", request_id="r-t1")
    assert (again.state, again.error, again.attempt) == (TurnState.FAILED, NEVER, 1)


async def test_a_retry_waits_for_another_turn_of_the_conversation(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    await _finish(stores, turn, state=TurnState.FAILED, error=AGAIN)
    await begin(stores, "t2")
    assert await _conflict(Reason.TURN_IN_PROGRESS, stores, "t3", request_id="r-t1") == "t2"


async def test_a_turn_is_closed_once(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    closings = await asyncio.gather(
        *(_finish(stores, turn, response=response(turn, f"answer {n}")) for n in range(8))
    )
    assert sorted(closings) == [False] * 7 + [True]
    winner = f"answer {closings.index(True)}"
    kept = await stores.turns.get_turn(ME, "t1")
    assert kept.response is not None
    assert kept.response.answer.response == winner
    talk = await stores.conversations.get_conversation(ME, "talk")
    assert talk.summary.turns == 1


async def test_only_the_running_attempt_of_the_owner_can_be_closed(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    for wrong in (
        replace(turn, attempt=2),
        replace(turn, turn_id="t2"),
        replace(turn, user="other"),
        replace(turn, tenant="other"),
    ):
        assert not await _finish(stores, wrong)
    assert (await stores.turns.get_turn(ME, "t1")).state is TurnState.RUNNING


@pytest.mark.parametrize("conversation", ["talk", None])
async def test_the_same_request_from_two_connections_at_once_makes_one_turn(
    database_url: str, stores: Stores, conversation: str | None
) -> None:
    other = await Database.open(database_url)
    try:
        sides = (stores, await open_stores(other))
        for round_number in range(10):
            rows = await asyncio.gather(
                *(
                    begin(
                        side,
                        f"t{round_number}-{number}",
                        request_id=f"same-{round_number}",
                        conversation_id=(
                            f"{conversation}-{round_number}"
                            if conversation
                            else f"made-{round_number}-{number}"
                        ),
                    )
                    for number, side in enumerate(sides * 3)
                )
            )
            assert len({row.turn_id for row in rows}) == 1
        listed = await stores.conversations.list_conversations(ME)
        assert len(listed.items) == 10
    finally:
        await other.close()


async def test_different_requests_at_once_in_one_conversation_leave_one_running(
    database_url: str, stores: Stores
) -> None:
    other = await Database.open(database_url)
    try:
        sides = (stores, await open_stores(other))
        outcomes = await asyncio.gather(
            *(begin(side, f"t{number}") for number, side in enumerate(sides * 5)),
            return_exceptions=True,
        )
        begun = [one for one in outcomes if isinstance(one, TurnRow)]
        assert len(begun) == 1
        refused = [one for one in outcomes if isinstance(one, Conflict)]
        assert len(refused) == 9
        assert {one.metadata["turn_id"] for one in refused} == {begun[0].turn_id}
    finally:
        await other.close()


async def test_a_request_is_found_while_it_is_recent(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    assert await stores.turns.find_request(ME, "r-t1", NOON) == turn
    assert await stores.turns.find_request(ME, "r-t1", at(1)) is None
    assert await stores.turns.find_request(ME, "other \x00", NOON) is None
    assert await stores.turns.find_request(ME, "", NOON) is None


async def test_an_unknown_turn_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound) as caught:
        await stores.turns.get_turn(ME, "nothing \x00")
    assert caught.value.reason is Reason.TURN_NOT_FOUND


async def test_turns_of_a_former_process_are_failed_and_others_left_alone(
    stores: Stores,
) -> None:
    ended = await begin(stores, "ended", conversation_id="a", runner="host-1:old")
    await _finish(stores, ended)
    await begin(stores, "lost", conversation_id="b", runner="host-1:old")
    await begin(stores, "foreign", Caller("other", "someone"), runner="host-1:old")
    await begin(stores, "alive", conversation_id="c", runner="HOST-1:new")
    await begin(stores, "longer", conversation_id="d", runner="host-10:new")
    assert await stores.turns.fail_orphans("host-1:", AGAIN, at(7)) == 2
    assert await stores.turns.fail_orphans("host-1:", AGAIN, at(8)) == 0
    lost = await stores.turns.get_turn(ME, "lost")
    assert (lost.state, lost.error, lost.ended_at) == (TurnState.FAILED, AGAIN, at(7))
    foreign = await stores.turns.get_turn(Caller("other", "someone"), "foreign")
    assert foreign.state is TurnState.FAILED
    for turn_id, state in (
        ("ended", TurnState.COMPLETED),
        ("alive", TurnState.RUNNING),
        ("longer", TurnState.RUNNING),
    ):
        assert (await stores.turns.get_turn(ME, turn_id)).state is state
    assert (await begin(stores, "new", request_id="r-lost")).attempt == 2
