"""Positions of the log: whoever has seen one has seen all before it (design 3, rule 17).

Two transactions that overlap are the whole difficulty: the first to get a number need not be the
first to commit. The counter's row makes it so; a sequence, shown beside it, does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.util import await_only

from enhanced_prompt_service.storage import Database, Stores, insight_changes, insight_log
from enhanced_prompt_service.storage.session import Session
from tests.support.insights import make_sequence, sequence_instead_of_counter

from .makers import ME, at
from .test_insights import draft

Take = Callable[[Session, str, int], int]


def publish(session: Session, key: str) -> None:
    insight_changes.publish(
        session,
        ME,
        draft(key),
        new_id=lambda: f"insight_{key}",
        now=at(0),
        fence=None,
        request_id="",
        request_hash="",
    )


async def positions(stores: Stores, after: int) -> list[int]:
    part = await stores.insights.after(ME, after, 100)
    return [one.position for one in part.revisions]


async def overlapping(stores: Stores) -> tuple[list[int], list[int]]:
    """A writer takes its position and commits only after a second one had time to do both.

    Returns what a reader sees in between, and what it sees from there on after both.
    """
    taken, go_on = asyncio.Event(), asyncio.Event()

    def slow(session: Session) -> None:
        publish(session, "slow")
        taken.set()
        await_only(go_on.wait())

    first = asyncio.create_task(stores.database.write(slow))
    await taken.wait()
    second = asyncio.create_task(stores.database.write(lambda session: publish(session, "quick")))
    await blocked_or_done(stores.database, second)
    between = await positions(stores, 0)
    go_on.set()
    await asyncio.gather(first, second)
    return between, await positions(stores, between[-1] if between else 0)


async def blocked_or_done(database: Database, task: asyncio.Task[None]) -> None:
    """Until the second writer has either committed or waits for the first one's lock."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not task.done():
        if await database.read(lambda session: session.execute(waiting).scalar_one()):
            return


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_nobody_overtakes_a_writer_that_has_its_position(stores: Stores) -> None:
    between, afterwards = await overlapping(stores)
    assert between == []
    assert afterwards == [1, 2]


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_plain_sequence_would_skip_an_entry_for_ever(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_sequence(stores.database)
    sequence_instead_of_counter(monkeypatch)
    between, afterwards = await overlapping(stores)
    assert between == [2]  # the reader goes on from here …
    assert afterwards == []  # … and never sees 1
    assert await positions(stores, 0) == [1, 2]


async def test_a_writer_that_gives_up_leaves_no_gap(stores: Stores) -> None:
    class GivenUp(Exception):
        pass

    def give_up(session: Session) -> None:
        publish(session, "never")
        raise GivenUp

    await stores.insights.publish(ME, draft("a"), now=at(0))
    with pytest.raises(GivenUp):
        await stores.database.write(give_up)
    await stores.insights.publish(ME, replace(draft("b")), now=at(0))
    assert await positions(stores, 0) == [1, 2]


async def test_tenants_count_for_themselves(stores: Stores) -> None:
    def take(session: Session) -> list[int]:
        return [insight_log.take(session, tenant, count) for tenant, count in WANTED]

    assert await stores.database.write(take) == [1, 1, 4, 2]


WANTED = [("a", 1), ("b", 1), ("a", 3), ("b", 1)]
