"""Conversations read back."""

from __future__ import annotations

import pytest

from enhanced_prompt_service.domain.answers import ResponseType
from enhanced_prompt_service.domain.conversations import Message, ResponseFilter, Role
from enhanced_prompt_service.domain.errors import InvalidArgument, NotFound, Reason
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnError, TurnState
from enhanced_prompt_service.storage import Stores

from .makers import ME, NOON, at, begin, response


async def _turn(
    stores: Stores,
    turn_id: str,
    conversation_id: str,
    minute: float,
    state: TurnState = TurnState.COMPLETED,
) -> None:
    turn = await begin(
        stores, turn_id, conversation_id=conversation_id, query=f"ask {turn_id}", now=at(minute)
    )
    failed = state is TurnState.FAILED
    await stores.turns.finish(
        ME,
        turn_id=turn_id,
        attempt=1,
        state=state,
        now=at(minute + 0.5),
        response=None if failed else response(turn, f"say {turn_id}", timestamp=at(minute + 0.4)),
        error=TurnError("TURN_FAILED", "no", retryable=False) if failed else None,
    )


async def test_a_conversation_has_the_messages_and_responses_of_its_answered_turns(
    stores: Stores,
) -> None:
    await _turn(stores, "t1", "talk", 0)
    await _turn(stores, "t2", "talk", 1, TurnState.FAILED)
    await _turn(stores, "t3", "talk", 2, TurnState.CANCELLED)
    await begin(stores, "t4", conversation_id="talk", now=at(3))
    talk = await stores.conversations.get_conversation(ME, "talk")
    assert talk.messages == (
        Message(Role.USER, "ask t1", at(0), "t1", 1, {}, "r-t1"),
        Message(Role.ASSISTANT, "say t1", at(0.4), "t1", 1, {"ai_model": "grounded"}, "m-t1"),
        Message(Role.USER, "ask t3", at(2), "t3", 3, {}, "r-t3"),
        Message(Role.ASSISTANT, "say t3", at(2.4), "t3", 3, {"ai_model": "grounded"}, "m-t3"),
    )
    assert [one.turn_id for one in talk.responses] == ["t1", "t3"]
    assert talk.running_turn_id == "t4"
    summary = talk.summary
    assert (summary.conversation_id, summary.user, summary.title) == ("talk", "local", "ask t1")
    assert (summary.created_at, summary.last_activity, summary.turns) == (NOON, at(3), 2)


async def test_a_title_is_the_beginning_of_the_first_question_in_one_line(
    stores: Stores,
) -> None:
    await begin(stores, "t1", query="how\n many \x00 " + "people " * 40)
    title = (await stores.conversations.get_conversation(ME, "talk")).summary.title
    assert title.startswith("how many � people")
    assert len(title) == 80


async def test_an_unknown_conversation_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound) as caught:
        await stores.conversations.get_conversation(ME, "nothing \x00")
    assert caught.value.reason is Reason.CONVERSATION_NOT_FOUND


async def test_conversations_are_listed_by_their_newest_activity(stores: Stores) -> None:
    for number, name in enumerate(("a", "b", "c", "d", "e")):
        await _turn(stores, f"t{number}", name, number)
    await _turn(stores, "again", "b", 10)
    await _turn(stores, "tie", "c", 10)
    names: list[str] = []
    token = ""
    for _ in range(3):
        page = await stores.conversations.list_conversations(ME, page_size=2, page_token=token)
        names += [one.conversation_id for one in page.items]
        token = page.next_page_token
    assert names == ["b", "c", "e", "d", "a"]
    assert token == ""


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 50])
async def test_pages_of_messages_are_all_messages_in_order(
    stores: Stores, newest_first: bool, size: int
) -> None:
    for number in range(4):
        state = TurnState.FAILED if number == 1 else TurnState.COMPLETED
        await _turn(stores, f"t{number}", "talk", number, state)
    whole = (await stores.conversations.get_conversation(ME, "talk")).messages
    found: list[Message] = []
    token = ""
    while True:
        page = await stores.conversations.list_messages(
            ME, "talk", newest_first=newest_first, page_size=size, page_token=token
        )
        assert 0 < len(page.items) <= size
        found += page.items
        token = page.next_page_token
        if not token:
            break
    assert found == list(whole[::-1] if newest_first else whole)


async def test_a_message_token_is_good_for_its_own_listing_only(stores: Stores) -> None:
    for number, talk in enumerate(("a", "a", "b", "b")):
        await _turn(stores, f"t{number}", talk, number)
    token = (await stores.conversations.list_messages(ME, "a", page_size=1)).next_page_token
    with pytest.raises(InvalidArgument) as caught:
        await stores.conversations.list_messages(ME, "b", page_token=token)
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID
    with pytest.raises(InvalidArgument):
        await stores.conversations.list_messages(ME, "a", newest_first=True, page_token=token)
    with pytest.raises(NotFound):
        await stores.conversations.list_messages(ME, "nothing \x00")


async def test_responses_are_listed_newest_first_and_narrowed(stores: Stores) -> None:
    async def ids(chosen: ResponseFilter, size: int = 2) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            page = await stores.conversations.list_responses(
                ME, chosen, page_size=size, page_token=token
            )
            found += [one.turn_id for one in page.items]
            token = page.next_page_token
            if not token:
                return found

    for number, (talk, state) in enumerate(
        (
            ("a", TurnState.COMPLETED),
            ("b", TurnState.COMPLETED),
            ("a", TurnState.FAILED),
            ("a", TurnState.CANCELLED),
            ("b", TurnState.COMPLETED),
        )
    ):
        await _turn(stores, f"t{number}", talk, number, state)
    assert await ids(ResponseFilter()) == ["t4", "t3", "t1", "t0"]
    assert await ids(ResponseFilter(conversation_id="a")) == ["t3", "t0"]
    half_past = ResponseFilter(time_range=Interval(at(0.5), at(3.5)))
    assert await ids(half_past) == ["t1", "t0"]
    assert await ids(ResponseFilter(response_type=ResponseType.ANSWER), 50) == [
        *("t4", "t3", "t1", "t0")
    ]
    assert await ids(ResponseFilter(response_type=ResponseType.CLARIFICATION)) == []


async def test_recent_turns_are_the_last_completed_ones_oldest_first(stores: Stores) -> None:
    for number in range(5):
        await _turn(stores, f"t{number}", "talk", number)
    await _turn(stores, "failed", "talk", 6, TurnState.FAILED)
    await _turn(stores, "cancelled", "talk", 7, TurnState.CANCELLED)
    recent = await stores.conversations.recent_turns(ME, "talk", 3)
    assert [one.turn_id for one in recent] == ["t2", "t3", "t4"]
    assert await stores.conversations.recent_turns(ME, "talk", 0) == []
    assert await stores.conversations.recent_turns(ME, "nothing", 3) == []
