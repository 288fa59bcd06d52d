"""Turns and insights with their messages, and delivery of them, in a process that may be killed.

    python -m tests.support.deliverer DATABASE DESTINATIONS TALKS TURNS INSIGHTS

Everything has a name that a later process gives it again, so that a killed one is carried on from
where it was. It prints `WRITTEN` when all is written, and `DONE` and ends when nothing is owed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enhanced_prompt_service.delivery import Announcements, Options, read_destinations
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import InsightDraft, InsightType, Severity
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.storage import Database, Stores, open_stores
from tests.delivery.kit import delivery, until_settled
from tests.storage.makers import begin, response

ME = Caller()
POISON_EACH = 97  # one turn, and one insight, of so many
_AT_ONCE = 8


async def turn(stores: Stores, talk: int, number: int) -> None:
    """One turn of a conversation, if it is not there."""
    poison = (talk * 31 + number) % POISON_EACH == 0
    row = await begin(
        stores,
        f"turn_{talk}_{number}",
        conversation_id=f"talk-{talk}",
        query="poison" if poison else "how many people?",
        now=datetime.now(UTC),
    )
    if row.state.ended:
        return
    text = ("poison " if poison else "") + f"answer {number} of {talk}. " + "word " * 20
    await stores.turns.finish(
        ME,
        turn_id=row.turn_id,
        attempt=row.attempt,
        state=TurnState.COMPLETED,
        now=datetime.now(UTC),
        response=response(row, text),
    )


async def insight(stores: Stores, number: int) -> None:
    """An insight, and its rise."""
    now = datetime.now(UTC)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    draft = InsightDraft(
        type=InsightType.SECURITY_ANOMALY,
        severity=Severity.MEDIUM,
        title=f"Unusual {number}" + (" poison" if number % POISON_EACH == 5 else ""),
        message="More than usual.",
        window=Interval(start, start + timedelta(hours=1)),
        dedupe_key=f"key-{number}",
        cameras=("G1",),
        event_count=3,
    )
    for severity in (Severity.MEDIUM, Severity.HIGH):
        await stores.insights.publish(
            ME,
            replace(draft, severity=severity),
            now=now,
            request_id=f"request-{number}-{severity}",
            request_hash="hash",
        )


async def write(stores: Stores, talks: int, turns: int, insights: int) -> None:
    """All of it, a few conversations at a time, each in its order."""

    async def talk(number: int) -> None:
        for one in range(turns):
            await turn(stores, number, one)

    jobs: list[Callable[[], Awaitable[None]]] = []
    for n in range(max(talks, insights)):
        if n < talks:
            jobs.append(lambda n=n: talk(n))
        if n < insights:
            jobs.append(lambda n=n: insight(stores, n))
    waiting = iter(jobs)

    async def some() -> None:
        for job in waiting:
            await job()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(some())


async def main() -> None:
    """See the module."""
    url, path, *sizes = sys.argv[1:]
    database = await Database.open(url)
    await database.migrate()
    to = read_destinations(Path(path), os.environ)
    wake: list[Callable[[], None]] = []
    stores = await open_stores(
        database, announcer=Announcements(to), on_outbox=lambda: [one() for one in wake]
    )
    made, nudger = delivery(stores, to, options=Options(lease_s=1.5, poll_s=0.2))
    wake.append(nudger)
    async with made.running():
        await write(stores, *(int(one) for one in sizes))
        print("WRITTEN", flush=True)
        await until_settled(stores)
        print("DONE", flush=True)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
