"""Standing questions, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from enhanced_prompt_service.domain.answers import Interpretation, QuestionType
from enhanced_prompt_service.domain.errors import Conflict, InvalidArgument, NotFound, Reason
from enhanced_prompt_service.domain.events import Selection
from enhanced_prompt_service.domain.fences import Fence, FenceLost
from enhanced_prompt_service.domain.identity import Caller, Role
from enhanced_prompt_service.domain.insights import Severity
from enhanced_prompt_service.domain.standing import (
    MOST_A_USER,
    Progress,
    Rule,
    Spell,
    StandingQuestion,
)
from enhanced_prompt_service.domain.times import DailyRange, RecurringMask
from enhanced_prompt_service.storage import Stores

from .makers import ME, at

OWNER = Caller(ME.tenant, ME.user, role=Role.OPERATOR, cameras=frozenset({"G330"}))
COLLEAGUE = Caller(ME.tenant, "colleague")
STRANGER = Caller("other", ME.user)
MASK = RecurringMask((DailyRange(22 * 60, 6 * 60),), frozenset({1, 5}))
WHOLE = StandingQuestion(
    "night",
    "tell me when \x00 \ud800 anyone enters 🎥",
    OWNER,
    Rule(
        Selection(
            cameras=frozenset({"G330"}),
            zones=frozenset(),
            event_types=frozenset({"b", "a"}),
            type_or_label=True,
            text="red",
            min_confidence=0.25,
        ),
        "America/New_York",
        MASK,
        Interpretation(QuestionType.RECURRING, recurring=MASK, rendered="Watching."),
    ),
    Progress(
        at(1),
        at(2),
        {"e\n1": at(2)},
        (Spell(at(0), at(9), 3, at(1), at(2), ("G330",), ("s",), ("z",), True),),
    ),
    time_zone="Europe/Berlin",
    severity=Severity.HIGH,
    hits=2,
    last_hit=at(2),
)


def small(name: str, owner: Caller = ME) -> StandingQuestion:
    rule = Rule(Selection(sites=frozenset({"s"})), "UTC")
    return StandingQuestion(name, name, owner, rule, Progress.beginning(at()))


async def fence(stores: Stores, holder: str = "one") -> Fence:
    taken = await stores.fences.take("standing questions", holder, 60)
    assert taken is not None
    return taken


async def test_a_question_is_read_as_it_was_kept(stores: Stores) -> None:
    made = await stores.standing.create(WHOLE, now=at(3))
    assert made.etag
    assert made == replace(WHOLE, created_at=at(3), etag=made.etag)
    assert await stores.standing.get(ME, "night") == made
    assert (await stores.standing.page(ME)).items == (made,)
    assert await stores.standing.active() == [made]


@pytest.mark.parametrize("other", [COLLEAGUE, STRANGER], ids=["colleague", "stranger"])
async def test_nobody_else_sees_changes_or_deletes_it(stores: Stores, other: Caller) -> None:
    await stores.standing.create(small("mine"), now=at())
    assert (await stores.standing.page(other)).items == ()
    for call in (
        stores.standing.get(other, "mine"),
        stores.standing.update(other, "mine", lambda one: replace(one, paused=True)),
        stores.standing.delete(other, "mine"),
    ):
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.reason is Reason.STANDING_QUESTION_NOT_FOUND
    assert not (await stores.standing.get(ME, "mine")).paused


async def test_pages_are_newest_first_and_each_question_is_on_one(stores: Stores) -> None:
    for number in range(5):
        await stores.standing.create(small(f"q{number}"), now=at(number))
    found: list[str] = []
    token = ""
    while True:
        page = await stores.standing.page(ME, page_size=2, page_token=token)
        found += [one.standing_question_id for one in page.items]
        token = page.next_page_token
        if not token:
            break
    assert found == ["q4", "q3", "q2", "q1", "q0"]
    with pytest.raises(InvalidArgument):
        await stores.standing.page(COLLEAGUE, page_token="x" * 40)


async def test_a_repeated_request_makes_no_second_one(stores: Stores) -> None:
    first = await stores.standing.create(small("a"), now=at(), request_id="r", request_hash="h")
    again = await stores.standing.create(small("b"), now=at(60), request_id="r", request_hash="h")
    assert again == first
    with pytest.raises(Conflict) as caught:
        await stores.standing.create(small("c"), now=at(), request_id="r", request_hash="other")
    assert caught.value.reason is Reason.REQUEST_ID_REUSED
    later = at() + timedelta(hours=25)
    new = await stores.standing.create(small("d"), now=later, request_id="r", request_hash="x")
    assert new.standing_question_id == "d"


async def test_requests_at_the_same_time_make_one(stores: Stores) -> None:
    made = await asyncio.gather(
        *(
            stores.standing.create(small(f"q{n}"), now=at(), request_id="r", request_hash="h")
            for n in range(5)
        )
    )
    assert len({one.standing_question_id for one in made}) == 1


async def test_a_user_has_no_more_than_the_limit(stores: Stores) -> None:
    for number in range(MOST_A_USER):
        await stores.standing.create(small(f"q{number}"), now=at())
    with pytest.raises(InvalidArgument) as caught:
        await stores.standing.create(small("more"), now=at())
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    await stores.standing.create(small("theirs", COLLEAGUE), now=at())
    await stores.standing.delete(ME, "q0")
    await stores.standing.create(small("more"), now=at())


async def test_an_etag_changes_with_each_change_and_guards_against_others(stores: Stores) -> None:
    made = await stores.standing.create(small("a"), now=at())
    paused = await stores.standing.update(
        ME, "a", lambda one: replace(one, paused=True), etag=made.etag
    )
    assert paused.paused
    assert await stores.standing.active() == []
    with pytest.raises(Conflict) as caught:
        await stores.standing.update(ME, "a", lambda one: one, etag=made.etag)
    assert caught.value.reason is Reason.ETAG_MISMATCH
    back = await stores.standing.update(ME, "a", lambda one: replace(one, paused=False))
    assert len({made.etag, paused.etag, back.etag}) == 3
    assert await stores.standing.update(ME, "a", lambda one: one) == back


async def test_progress_is_kept_and_leaves_the_etag(stores: Stores) -> None:
    made = await stores.standing.create(small("a"), now=at())
    progress = replace(WHOLE.progress, position=at(50))
    held = await fence(stores)
    assert await stores.standing.advance(made, progress, hits=2, last_hit=at(49), fence=held)
    assert await stores.standing.advance(made, progress, hits=1, last_hit=None, fence=held)
    kept = await stores.standing.get(ME, "a")
    assert kept == replace(made, progress=progress, hits=3, last_hit=at(49))


async def test_progress_of_what_was_changed_paused_or_deleted_is_not_kept(stores: Stores) -> None:
    held = await fence(stores)
    made = await stores.standing.create(small("a"), now=at())
    moved = Progress.beginning(at(99))
    changed = await stores.standing.update(ME, "a", lambda one: replace(one, query="b"))
    assert not await stores.standing.advance(made, moved, hits=1, last_hit=None, fence=held)
    paused = await stores.standing.update(ME, "a", lambda one: replace(one, paused=True))
    assert not await stores.standing.advance(paused, moved, hits=1, last_hit=None, fence=held)
    assert (await stores.standing.get(ME, "a")).progress == changed.progress
    await stores.standing.delete(ME, "a")
    assert not await stores.standing.advance(paused, moved, hits=1, last_hit=None, fence=held)


async def test_whoever_lost_the_lease_keeps_no_progress(stores: Stores) -> None:
    made = await stores.standing.create(small("a"), now=at())
    old = await fence(stores)
    await stores.fences.give_back(old)
    await fence(stores, "two")
    with pytest.raises(FenceLost):
        await stores.standing.advance(
            made, Progress.beginning(at(9)), hits=1, last_hit=at(9), fence=old
        )
    assert await stores.standing.get(ME, "a") == made
