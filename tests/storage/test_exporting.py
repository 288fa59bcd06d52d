"""Conversations exported from a place in the order of their last activity."""

from __future__ import annotations

import pytest

from enhanced_prompt_service.domain.conversations import ExportFilter
from enhanced_prompt_service.domain.errors import InvalidArgument, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.storage import Stores

from .makers import ME, at
from .test_message_search import say

ANA = Caller(ME.tenant, "ana")
ALL = ExportFilter(whole_tenant=True)


async def export(
    stores: Stores, chosen: ExportFilter, token: str = ""
) -> tuple[list[tuple[str, str]], list[str]]:
    """(user, conversation) of all that follow a token, and the token behind each."""
    names: list[tuple[str, str]] = []
    tokens: list[str] = []
    while found := await stores.conversations.next_exported(ME, chosen, token):
        summary = found.conversation.summary
        names.append((summary.user, summary.conversation_id))
        token = found.resume_token
        tokens.append(token)
    return names, tokens


async def some(stores: Stores) -> None:
    await say(stores, "t1", "q", "a", talk="late", minute=9)
    for user in (ANA, ME):
        await say(stores, "t2" + user.user, "q", "a", talk="tie", minute=5, caller=user)
    await say(stores, "t3", "q", "a", talk="early")
    await say(stores, "t4", "q", "a", talk="foreign", caller=Caller("other", ME.user))


async def test_an_export_is_in_order_of_last_activity_and_of_ones_own(stores: Stores) -> None:
    await some(stores)
    mine, _ = await export(stores, ExportFilter())
    assert mine == [("local", "early"), ("local", "tie"), ("local", "late")]
    whole, _ = await export(stores, ALL)
    assert whole == [("local", "early"), ("ana", "tie"), ("local", "tie"), ("local", "late")]
    some_time, _ = await export(stores, ExportFilter(Interval(at(0.5), at(9.5))))
    assert some_time == [("local", "early"), ("local", "tie")]


async def test_an_export_goes_on_behind_every_token(stores: Stores) -> None:
    await some(stores)
    whole, tokens = await export(stores, ALL)
    for number, token in enumerate(tokens, 1):
        assert (await export(stores, ALL, token))[0] == whole[number:]


async def test_what_goes_on_after_it_was_exported_comes_again_whole(stores: Stores) -> None:
    await some(stores)
    _, tokens = await export(stores, ExportFilter())
    await say(stores, "t9", "more", "a", talk="early", minute=30)
    found = await stores.conversations.next_exported(ME, ExportFilter(), tokens[-1])
    assert found is not None
    assert [one.content for one in found.conversation.messages] == ["q", "a", "more", "a"]


async def test_a_token_is_good_for_its_own_export_only(stores: Stores) -> None:
    await some(stores)
    _, tokens = await export(stores, ExportFilter())
    for caller, chosen, token in (
        (ME, ALL, tokens[0]),
        (ANA, ExportFilter(), tokens[0]),
        (ME, ExportFilter(), "broken"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            await stores.conversations.next_exported(caller, chosen, token)
        assert caught.value.reason is Reason.RESUME_TOKEN_INVALID
