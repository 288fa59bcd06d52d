"""Conversations deleted for good."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from enhanced_prompt_service.domain.conversations import Gone, MessageSearch, ResponseFilter
from enhanced_prompt_service.domain.errors import NotFound, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnRow, TurnState
from enhanced_prompt_service.storage import Database, Stores, open_stores
from enhanced_prompt_service.storage.tables import (
    conversations,
    message_text,
    messages,
    turn_names,
    turns,
)

from .makers import ME, at, begin, response

ANA = Caller(ME.tenant, "ana")
FOREIGN = Caller("other", ME.user)


async def finish(stores: Stores, turn: TurnRow) -> bool:
    return await stores.turns.finish(
        Caller(turn.tenant, turn.user),
        turn_id=turn.turn_id,
        attempt=turn.attempt,
        state=TurnState.COMPLETED,
        now=at(1),
        response=response(turn),
    )


async def rows(stores: Stores) -> dict[str, int]:
    tables = (conversations, turns, messages, message_text, turn_names)
    return await stores.database.read(
        lambda session: {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }
    )


async def test_nothing_of_a_deleted_conversation_is_left_and_others_stay(stores: Stores) -> None:
    await finish(stores, await begin(stores, "kept", conversation_id="kept"))
    for caller in (ANA, FOREIGN):
        await finish(stores, await begin(stores, f"of-{caller}", caller))
    before = await rows(stores)
    for number in range(3):
        await finish(stores, await begin(stores, f"t{number}"))
    deleted = await stores.conversations.delete_conversation(ME, "talk", at(2))
    assert (deleted.turns, set(deleted.turn_ids)) == (3, {"t0", "t1", "t2"})
    assert await rows(stores) == before
    with pytest.raises(NotFound):
        await stores.conversations.get_conversation(ME, "talk")
    with pytest.raises(NotFound):
        await stores.turns.get_turn(ME, "t0")
    found = await stores.conversations.search_messages(ME, MessageSearch("people"))
    assert {one.conversation.conversation_id for one in found.items} == {"kept"}
    listed = await stores.conversations.list_responses(ME, ResponseFilter())
    assert [one.turn_id for one in listed.items] == ["kept"]
    for caller in (ANA, FOREIGN):
        assert (await stores.conversations.get_conversation(caller, "talk")).messages


async def test_a_turn_that_ends_after_the_deletion_stores_nothing(stores: Stores) -> None:
    turn = await begin(stores, "t1")
    deleted = await stores.conversations.delete_conversation(ME, "talk", at(0.5))
    assert (deleted.turns, deleted.gone) == (1, Gone(ME, "talk", ("t1",), "t1", turn.runner))
    assert not await finish(stores, turn)
    assert set((await rows(stores)).values()) == {0}


async def test_a_request_of_a_deleted_conversation_cannot_bring_it_back(stores: Stores) -> None:
    await begin(stores, "t1")
    await stores.conversations.delete_conversation(ME, "talk", at(1))
    with pytest.raises(NotFound) as caught:
        await begin(stores, "t2", request_id="r-t1", now=at(2))
    assert caught.value.reason is Reason.CONVERSATION_NOT_FOUND
    assert set((await rows(stores)).values()) == {0}
    # Somebody else's request of the same id, and the same one after a day, are others.
    assert (await begin(stores, "t3", ANA, request_id="r-t1")).turn_id == "t3"
    late = at(1) + timedelta(hours=24, seconds=1)
    assert (await begin(stores, "t4", request_id="r-t1", now=late)).turn_id == "t4"


async def test_another_question_begins_a_new_conversation_under_the_same_id(
    stores: Stores,
) -> None:
    await finish(stores, await begin(stores, "t1", query="the old one"))
    await stores.conversations.delete_conversation(ME, "talk", at(1))
    turn = await begin(stores, "t2", query="the new one")
    await finish(stores, turn)
    talk = await stores.conversations.get_conversation(ME, "talk")
    assert (turn.conversation_turn, talk.summary.title) == (1, "the new one")
    assert (await stores.conversations.delete_conversation(ME, "talk", at(2))).turn_ids == ("t2",)


async def test_deleting_again_says_the_same_for_a_day(stores: Stores) -> None:
    await finish(stores, await begin(stores, "t1"))
    await stores.conversations.delete_conversation(ME, "talk", at(1))
    again = await stores.conversations.delete_conversation(ME, "talk", at(2))
    assert (again.turns, again.turn_ids) == (1, ())
    late = at(1) + timedelta(hours=24, seconds=1)
    for caller, now in ((ME, late), (ANA, at(2)), (FOREIGN, at(2))):
        with pytest.raises(NotFound) as caught:
            await stores.conversations.delete_conversation(caller, "talk", now)
        assert caught.value.reason is Reason.CONVERSATION_NOT_FOUND


async def test_deleting_while_turns_begin_and_end_leaves_nothing_half_deleted(
    database_url: str, stores: Stores
) -> None:
    other = await Database.open(database_url)
    try:
        sides = (stores, await open_stores(other))

        async def ask(number: int) -> None:
            turn = await begin(sides[number % 2], f"t{number}", conversation_id=f"c{number % 3}")
            await finish(sides[(number + 1) % 2], turn)

        async def remove(number: int) -> None:
            await sides[number % 2].conversations.delete_conversation(ME, f"c{number}", at(1))

        await asyncio.gather(
            *(ask(number) for number in range(9)),
            *(remove(number % 3) for number in range(6)),
            return_exceptions=True,
        )
        for number in range(3):
            await stores.conversations.delete_conversation(ME, f"c{number}", at(2))
        assert set((await rows(stores)).values()) == {0}
    finally:
        await other.close()
