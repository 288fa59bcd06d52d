"""Messages found by their words, with the places of the words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.domain.conversations import MessageMatch, MessageSearch, Role
from enhanced_prompt_service.domain.errors import InvalidArgument
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.storage import Stores
from enhanced_prompt_service.storage.words import word_spans, words

from .makers import ME, at, begin, response


async def say(
    stores: Stores,
    turn_id: str,
    query: str,
    answer: str,
    *,
    minute: float = 0,
    talk: str = "talk",
    caller: Caller = ME,
) -> None:
    turn = await begin(stores, turn_id, caller, conversation_id=talk, query=query, now=at(minute))
    assert await stores.turns.finish(
        caller,
        turn_id=turn_id,
        attempt=1,
        state=TurnState.COMPLETED,
        now=at(minute + 0.5),
        response=response(turn, answer, timestamp=at(minute + 0.4)),
    )


async def find(stores: Stores, text: str, **fields: object) -> list[MessageMatch]:
    asked = MessageSearch(text, **fields)  # type: ignore[arg-type]
    return list((await stores.conversations.search_messages(ME, asked)).items)


def marked(match: MessageMatch) -> list[str]:
    return [match.message.content[start:end] for start, end in match.highlights]


async def test_messages_with_every_word_are_found_by_stem_and_their_words_marked(
    stores: Stores,
) -> None:
    await say(stores, "t1", "How many Trucks?", "Two trucks; a TRUCK parked, and a van.")
    await say(stores, "t2", "any vans?", "No vans.", minute=1, talk="other")
    found = await find(stores, "parking trucks")
    assert [(one.message.turn_id, one.message.role) for one in found] == [("t1", Role.ASSISTANT)]
    assert marked(found[0]) == ["trucks", "TRUCK", "parked"]
    assert found[0].conversation.conversation_id == "talk"
    assert found[0].conversation.title == "How many Trucks?"
    assert {one.message.turn_id for one in await find(stores, "van")} == {"t1", "t2"}


async def test_highlights_are_code_points_of_the_message_as_it_was_written(
    stores: Stores,
) -> None:
    text = "😀 Le CAFÉ était fermé — ﬁre in the cafe\u0301s; x"
    await say(stores, "t1", text, "nothing")
    (found,) = await find(stores, "café")
    assert found.message.content == text
    assert [one[:4] for one in marked(found)] == ["CAFÉ", "cafe"]


async def test_the_best_match_comes_first_then_the_newest(stores: Stores) -> None:
    for number in range(3):
        await say(stores, f"t{number}", "a dog?", "none here", minute=number)
    await say(stores, "best", "dog dog dog", "none here", minute=-5)
    found = await find(stores, "dog")
    assert [one.message.turn_id for one in found] == ["best", "t2", "t1", "t0"]
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


async def test_a_search_is_narrowed_by_conversation_role_and_time(stores: Stores) -> None:
    await say(stores, "t1", "a bike?", "one bike", talk="a")
    await say(stores, "t2", "a bike?", "no bike", talk="b", minute=10)

    async def ids(**fields: object) -> list[tuple[str, str]]:
        return sorted(
            (one.message.turn_id, one.message.role.value)
            for one in await find(stores, "bikes", **fields)
        )

    assert await ids(conversation_id="b") == [("t2", "assistant"), ("t2", "user")]
    assert await ids(role=Role.USER) == [("t1", "user"), ("t2", "user")]
    assert await ids(time_range=Interval(at(0), at(0.4))) == [("t1", "user")]
    assert await ids(time_range=Interval(at(0.4), at(10.4))) == [
        ("t1", "assistant"),
        ("t2", "user"),
    ]


async def test_pages_of_a_search_are_the_whole_of_it(stores: Stores) -> None:
    for number in range(5):
        await say(stores, f"t{number}", "a cat?", "one cat", minute=number)
    whole = [(one.message.turn_id, one.message.role) for one in await find(stores, "cat")]
    assert len(whole) == 10
    found: list[tuple[str, Role]] = []
    token = ""
    while True:
        page = await stores.conversations.search_messages(
            ME, MessageSearch("cat"), page_size=3, page_token=token
        )
        found += [(one.message.turn_id, one.message.role) for one in page.items]
        token = page.next_page_token
        if not token:
            break
        last = token
    assert found == whole
    with pytest.raises(InvalidArgument):
        await stores.conversations.search_messages(ME, MessageSearch("dog"), page_token=last)


@pytest.mark.parametrize("text", ["the of and", "?!", '" OR words:*', "💥 \x00"])
async def test_what_is_no_word_finds_nothing_and_is_no_error(stores: Stores, text: str) -> None:
    await say(stores, "t1", "the of and ?", "here")
    assert await find(stores, text) == []


async def test_nobody_finds_what_another_user_or_tenant_said(stores: Stores) -> None:
    await say(stores, "t1", "secret", "secret", caller=Caller(ME.tenant, "ana"))
    await say(stores, "t1", "secret", "secret", caller=Caller("other", ME.user))
    assert await find(stores, "secret") == []


@given(st.text())
def test_words_with_places_are_the_words_that_are_indexed(text: str) -> None:
    assert [word for word, _, _ in word_spans(text)] == words(text)
    for _, start, end in word_spans(text):
        assert 0 <= start < end <= len(text)
