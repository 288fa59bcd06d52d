"""The whole of a conversation's life, by the client, over TCP, on both databases."""

from __future__ import annotations

import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.errors import ConversationNotFound

from .conftest import Start


async def test_a_conversation_is_asked_found_summed_up_exported_and_deleted(start: Start) -> None:
    async with start() as app, AsyncClient(app.address) as client:
        for query in ("how many people today?", "and yesterday?"):
            await client.answer(query, conversation_id="c")
        await client.answer("any trucks?", conversation_id="d")
        messages = [one async for one in client.list_messages("c", page_size=1)]
        newest = [one async for one in client.list_messages("c", newest_first=True)]
        found = [one async for one in client.search_messages("yesterdays", role="user")]
        responses = [one async for one in client.list_prompt_responses(conversation_id="c")]
        sums = await client.get_prompt_analytics()
        exported = [one async for one in client.export_conversations()]
        rest = [
            one async for one in client.export_conversations(resume_token=exported[0].resume_token)
        ]
        deleted = await client.delete_conversation("c")
        with pytest.raises(ConversationNotFound):
            await client.get_conversation("c")
        left = [one.conversation_id async for one in client.list_conversations()]
        after = [one async for one in client.search_messages("yesterday")]
    assert [one.content for one in messages[::2]] == ["how many people today?", "and yesterday?"]
    assert newest == messages[::-1]
    assert [one.message.content for one in found] == ["and yesterday?"]
    assert [one.query for one in responses] == ["and yesterday?", "how many people today?"]
    assert (sums.totals.responses, sums.totals.conversations) == (3, 2)
    names = [one.exported.conversation.conversation_id for one in exported]
    assert (names, len(rest)) == (["c", "d"], 1)
    assert (deleted, left, after) == (2, ["d"], [])
