"""What is too old is deleted, a bounded number at a time, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enhanced_prompt_service.domain.errors import NotFound
from enhanced_prompt_service.domain.events import GroupBy, Selection
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.retention import Removed
from enhanced_prompt_service.storage import Stores

from .makers import ME, NOON, at, begin, event
from .test_message_search import find, say

OTHER = Caller("other", "ana")
LATER = NOON + timedelta(days=30)


async def remove(stores: Stores, *, most: int = 100, **before: object) -> Removed:
    given = {"conversations_before": None, "events_before": None} | before
    return await stores.retention.remove_old(now=LATER, most=most, **given)  # type: ignore[arg-type]


async def test_nothing_is_deleted_unless_it_is_asked_for(stores: Stores) -> None:
    await say(stores, "t1", "q", "a")
    await stores.events.ingest(ME, [event("e1")])
    assert await remove(stores) == Removed()
    assert (await stores.events.totals(ME, Selection())).matches == 1
    assert (await stores.conversations.get_conversation(ME, "talk")).messages


async def test_conversations_go_by_their_last_activity_whosever_they_are(stores: Stores) -> None:
    for number in range(3):
        await say(stores, f"old{number}", "an elk?", "a", talk=f"old{number}", minute=number)
    await say(stores, "theirs", "an elk?", "a", talk="theirs", caller=OTHER)
    await say(stores, "went-on", "an elk?", "a", talk="went-on")
    await say(stores, "went-on-2", "more", "a", talk="went-on", minute=100)
    await begin(stores, "running", conversation_id="running", now=at(0))
    first = await remove(stores, conversations_before=at(60), most=3)
    assert (first.conversations, first.more) == (3, True)
    assert sorted(gone.conversation_id for gone in first.gone) == ["old0", "old1", "theirs"]
    assert {gone.owner for gone in first.gone} == {ME, OTHER}
    second = await remove(stores, conversations_before=at(60), most=3)
    assert (second.conversations, second.more) == (1, False)
    listed = await stores.conversations.list_conversations(ME)
    assert [one.conversation_id for one in listed.items] == ["went-on", "running"]
    with pytest.raises(NotFound):
        await stores.conversations.get_conversation(OTHER, "theirs")
    assert {one.message.turn_id for one in await find(stores, "elk")} == {"went-on"}


async def test_events_go_by_whole_hours_and_sums_and_names_with_them(stores: Stores) -> None:
    await stores.events.ingest(ME, [event(f"e{n}", n * 20, description="elk") for n in range(9)])
    await stores.events.ingest(ME, [event("gone", 0, camera_id="G9")])
    await stores.events.ingest(OTHER, [event("theirs", 0)])
    rounds = [await remove(stores, events_before=at(90), most=2) for _ in range(3)]
    assert [(one.events, one.more) for one in rounds] == [(3, True), (2, True), (0, False)]
    assert (await stores.events.totals(ME, Selection())).matches == 6
    assert (await stores.events.totals(ME, Selection(text="elk"))).matches == 6
    groups = await stores.events.grouped(ME, Selection(), [GroupBy.CAMERA])
    assert [(one.keys, one.matches) for one in groups] == [(("G1",), 6)]
    assert [(one.camera_id, one.matches) for one in await stores.events.kinds(ME)] == [("G1", 6)]
    assert (await stores.events.totals(OTHER, Selection())).matches == 0


async def test_tombstones_go_when_they_have_stood_for_a_day(stores: Stores) -> None:
    await say(stores, "t1", "q", "a")
    await stores.conversations.delete_conversation(ME, "talk", LATER - timedelta(hours=23))
    assert not await remove(stores)
    await say(stores, "t2", "q", "a")
    await stores.conversations.delete_conversation(ME, "talk", LATER - timedelta(hours=25))
    assert (await remove(stores)).tombstones >= 1
