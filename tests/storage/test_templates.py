"""Templates, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from enhanced_prompt_service.domain.errors import Conflict, InvalidArgument, NotFound, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.stores import Page
from enhanced_prompt_service.domain.templates import (
    Template,
    TemplateRequest,
    Variable,
    VariableType,
)
from enhanced_prompt_service.storage import Stores

from .makers import ME, at

COLLEAGUE = Caller(ME.tenant, "colleague")
STRANGER = Caller("other", ME.user)
WHOLE = Template(
    "gate",
    "Gate \x00 \ud800 Überblick",
    "What happened at {{camera}} {{when}}? 🎥",
    "for the morning",
    "rounds",
    (
        Variable("camera", VariableType.CAMERA, "which", required=True),
        Variable("when", VariableType.CHOICE, "", False, "today", ("today", "yesterday")),
    ),
    source_conversation_id="talk",
)


def small(name: str, **fields: object) -> Template:
    return Template(**{"template_id": name, "title": name, "body": name, **fields})  # type: ignore[arg-type]


def allow(_: Template) -> None:
    """Everybody may."""


async def ids(stores: Stores, caller: Caller = ME, **asked: str) -> list[str]:
    found: list[str] = []
    token = ""
    while True:
        page = await stores.templates.page(caller, page_size=2, page_token=token, **asked)  # type: ignore[arg-type]
        found += [one.template_id for one in page.items]
        token = page.next_page_token
        if not token:
            return found


async def test_a_template_is_kept_as_it_was_made_and_seen_by_the_whole_tenant(
    stores: Stores,
) -> None:
    made = await stores.templates.create(ME, WHOLE, at())
    assert made.etag
    assert made == replace(WHOLE, user=ME.user, create_time=at(), update_time=at(), etag=made.etag)
    assert await stores.templates.get(COLLEAGUE, "gate") == made
    assert (await stores.templates.page(COLLEAGUE)).items == (made,)
    assert await stores.templates.has_body(COLLEAGUE, WHOLE.body)
    assert not await stores.templates.has_body(ME, "another")


async def test_another_tenant_sees_changes_and_deletes_nothing(stores: Stores) -> None:
    mine = await stores.templates.create(ME, WHOLE, at())
    with pytest.raises(NotFound) as caught:
        await stores.templates.get(STRANGER, "gate")
    assert caught.value.reason is Reason.TEMPLATE_NOT_FOUND
    with pytest.raises(NotFound):
        await stores.templates.update(STRANGER, "gate", lambda one: one, at())
    with pytest.raises(NotFound):
        await stores.templates.delete(STRANGER, "gate", allow)
    assert await stores.templates.page(STRANGER) == Page(())
    assert await stores.templates.page(STRANGER, text="happened") == Page(())
    assert await stores.templates.categories(STRANGER) == ()
    assert not await stores.templates.has_body(STRANGER, WHOLE.body)
    theirs = await stores.templates.create(STRANGER, small("gate"), at(1))
    assert theirs.title == "gate"
    assert await stores.templates.get(ME, "gate") == mine


async def test_an_id_is_taken_once_in_a_tenant(stores: Stores) -> None:
    await stores.templates.create(ME, small("a"), at())
    with pytest.raises(Conflict) as caught:
        await stores.templates.create(COLLEAGUE, small("a"), at())
    assert caught.value.reason is Reason.TEMPLATE_ALREADY_EXISTS


async def test_the_same_request_makes_one_template_for_a_day(stores: Stores) -> None:
    create = stores.templates.create
    request = TemplateRequest("r", "hash")
    first = await create(ME, small("a"), at(), request)
    assert await create(ME, small("b"), at(1), request) == first
    with pytest.raises(Conflict) as caught:
        await create(ME, small("b"), at(1), TemplateRequest("r", "other"))
    assert caught.value.reason is Reason.REQUEST_ID_REUSED
    assert (await create(COLLEAGUE, small("b"), at(1), request)).template_id == "b"
    later = at() + timedelta(hours=25)
    assert (await create(ME, small("c"), later, TemplateRequest("r", "other"))).template_id == "c"
    assert await ids(stores) == ["c", "b", "a"]


async def test_requests_that_come_together_make_one_template(stores: Stores) -> None:
    request = TemplateRequest("r", "hash")
    made = await asyncio.gather(
        *(stores.templates.create(ME, small(f"t{n}"), at(n), request) for n in range(4))
    )
    assert len({one.template_id for one in made}) == 1
    assert len(await ids(stores)) == 1


async def test_a_change_is_stored_with_a_new_etag_and_its_time(stores: Stores) -> None:
    made = await stores.templates.create(ME, WHOLE, at())
    changed = await stores.templates.update(
        ME, "gate", lambda one: replace(one, title="new", category=""), at(5), etag=made.etag
    )
    assert (changed.title, changed.category, changed.body) == ("new", "", WHOLE.body)
    assert (changed.create_time, changed.update_time) == (at(), at(5))
    assert changed.etag != made.etag
    assert await stores.templates.get(ME, "gate") == changed
    again = await stores.templates.update(ME, "gate", lambda one: one, at(9))
    assert again == changed
    back = await stores.templates.update(
        ME, "gate", lambda one: replace(one, title=made.title, category=made.category), at(9)
    )
    assert back.etag not in (made.etag, changed.etag)


async def test_a_stale_etag_changes_and_deletes_nothing(stores: Stores) -> None:
    made = await stores.templates.create(ME, WHOLE, at())
    with pytest.raises(Conflict) as caught:
        await stores.templates.update(
            ME, "gate", lambda one: replace(one, title="x"), at(1), etag="stale"
        )
    assert caught.value.reason is Reason.ETAG_MISMATCH
    with pytest.raises(Conflict):
        await stores.templates.delete(ME, "gate", allow, etag="stale")
    assert await stores.templates.get(ME, "gate") == made


async def test_whoever_may_not_is_refused_before_anything_happens(stores: Stores) -> None:
    made = await stores.templates.create(ME, WHOLE, at())

    def refuse(_: Template) -> Template:
        raise InvalidArgument.of("x", "no")

    with pytest.raises(InvalidArgument):
        await stores.templates.update(COLLEAGUE, "gate", refuse, at(1))
    with pytest.raises(InvalidArgument):
        await stores.templates.delete(COLLEAGUE, "gate", lambda one: refuse(one) and None)
    assert await stores.templates.get(ME, "gate") == made


async def test_what_was_deleted_is_gone_with_its_words(stores: Stores) -> None:
    made = await stores.templates.create(ME, WHOLE, at())
    await stores.templates.delete(ME, "gate", allow, etag=made.etag)
    with pytest.raises(NotFound):
        await stores.templates.delete(ME, "gate", allow)
    assert await ids(stores) == []
    assert await ids(stores, text="happened") == []
    await stores.templates.create(ME, small("gate"), at(1))


async def test_a_list_shows_the_newest_change_first_page_by_page(stores: Stores) -> None:
    for number, name in enumerate("abcde"):
        await stores.templates.create(
            ME, small(name, category="x" if name < "d" else "y"), at(number)
        )
    for name in "ab":  # at the same time: then by id
        await stores.templates.update(ME, name, lambda one: replace(one, body="new"), at(9))
    assert await ids(stores) == ["a", "b", "e", "d", "c"]
    assert await ids(stores, category="x") == ["a", "b", "c"]
    assert await ids(stores, category="z") == []
    assert await stores.templates.categories(ME) == ("x", "y")


async def test_a_token_is_good_for_its_own_list_only(stores: Stores) -> None:
    for name in "abc":
        await stores.templates.create(ME, small(name), at())
    page = await stores.templates.page(ME, page_size=1)
    with pytest.raises(InvalidArgument) as caught:
        await stores.templates.page(ME, category="x", page_token=page.next_page_token)
    assert caught.value.reason is Reason.PAGE_TOKEN_INVALID


async def test_words_are_found_by_stem_in_titles_first(stores: Stores) -> None:
    create = stores.templates.create
    await create(ME, small("body", body="how many trucks came, and what else was there?"), at(3))
    await create(ME, small("title", title="Trucks", body="how many of them came at all?"), at(1))
    await create(ME, small("told", description="for the TRUCK at the dock", category="c"), at(2))
    await create(ME, small("none", body="people only"), at(4))
    found = await ids(stores, text="truck")
    assert found[0] == "title"
    assert sorted(found) == ["body", "title", "told"]
    assert await ids(stores, text="trucks dock") == ["told"]
    assert await ids(stores, text="truck", category="c") == ["told"]
    assert await ids(stores, text="the and of") == []
    await stores.templates.update(ME, "title", lambda one: replace(one, title="Vans"), at(9))
    assert "title" not in await ids(stores, text="truck")
    assert await ids(stores, text="van") == ["title"]
