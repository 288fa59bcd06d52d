"""Pages cover everything once, and their tokens are good for nothing else."""

from __future__ import annotations

import base64

import pytest

from enhanced_prompt_service.domain.errors import InvalidArgument, Reason
from enhanced_prompt_service.domain.events import Order, Selection
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.storage import Stores

from .makers import ME, begin, event


async def _listings(stores: Stores) -> None:
    await stores.events.ingest(ME, [event(f"e{number}", number) for number in range(5)])


@pytest.mark.parametrize("order", list(Order))
async def test_events_of_one_instant_are_paged_by_camera_then_id(
    stores: Stores, order: Order
) -> None:
    batch = [event(f"e{n}", camera_id=f"G{n % 3}", description="truck") for n in range(10)]
    await stores.events.ingest(ME, batch)
    expected = sorted(batch, key=lambda one: (one.camera_id, one.event_id))
    for selection in (Selection(), Selection(text="truck"), Selection(sites=frozenset({"school"}))):
        found = []
        token = ""
        for _ in range(4):
            page = await stores.events.page(
                ME, selection, order=order, page_size=3, page_token=token
            )
            found += page.items
            token = page.next_page_token
        assert found == expected
        assert token == ""


async def test_events_stored_between_two_pages_neither_hide_nor_repeat_others(
    stores: Stores,
) -> None:
    await _listings(stores)
    page = await stores.events.page(ME, Selection(), page_size=2)
    await stores.events.ingest(ME, [event("newer", 60), event("older", -60)])
    rest = await stores.events.page(ME, Selection(), page_token=page.next_page_token)
    assert [one.event_id for one in rest.items] == ["e2", "e1", "e0", "older"]


async def test_a_page_has_at_least_one_and_at_most_a_thousand_events(stores: Stores) -> None:
    await stores.events.ingest(ME, [event(f"e{number:04}", number) for number in range(1_002)])
    assert len((await stores.events.page(ME, Selection(), page_size=0)).items) == 1
    page = await stores.events.page(ME, Selection(), page_size=5_000)
    assert len(page.items) == 1_000
    assert page.next_page_token


async def test_another_page_size_may_go_on_from_a_token(stores: Stores) -> None:
    await _listings(stores)
    page = await stores.events.page(ME, Selection(), page_size=2)
    rest = await stores.events.page(ME, Selection(), page_size=100, page_token=page.next_page_token)
    assert [one.event_id for one in rest.items] == ["e2", "e1", "e0"]


async def test_a_token_is_refused_by_other_callers_and_for_other_arguments(
    stores: Stores,
) -> None:
    await _listings(stores)
    token = (await stores.events.page(ME, Selection(), page_size=2)).next_page_token
    for caller, selection, order in (
        (Caller(tenant="other"), Selection(), Order.NEWEST),
        (Caller(user="other"), Selection(), Order.NEWEST),
        (ME, Selection(cameras=frozenset({"G1"})), Order.NEWEST),
        (ME, Selection(), Order.OLDEST),
    ):
        with pytest.raises(InvalidArgument) as caught:
            await stores.events.page(caller, selection, order=order, page_token=token)
        assert caught.value.reason is Reason.PAGE_TOKEN_INVALID
        assert [one.field for one in caught.value.violations] == ["page_token"]


async def test_made_up_and_altered_tokens_are_refused_by_every_listing(stores: Stores) -> None:
    await _listings(stores)
    for turn in ("a", "b", "c"):
        await begin(stores, turn, conversation_id=turn)
    token = (await stores.events.page(ME, Selection(), page_size=2)).next_page_token
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    altered = base64.urlsafe_b64encode(raw[:-2] + b"0]").decode().rstrip("=")
    for wrong in ("x", "é", "====", "\x00", token[:-3], altered, token + "A", "a" * 10_000):
        for listing in (
            stores.events.page(ME, Selection(), page_token=wrong),
            stores.conversations.list_conversations(ME, page_token=wrong),
            stores.catalogue.list_sites(ME, page_token=wrong),
        ):
            with pytest.raises(InvalidArgument) as caught:
                await listing
            assert caught.value.reason is Reason.PAGE_TOKEN_INVALID
    with pytest.raises(InvalidArgument):
        await stores.conversations.list_conversations(ME, page_token=token)
