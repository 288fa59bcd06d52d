"""Delivery: messages a second to receivers in a process of their own, and what it adds to a turn.

The receiver takes everything and is on the other core. References: for single POSTs httpx alone,
with the same bodies and as many connections, from this process; for a turn the same turn without
destinations, one after the other by turns.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from enhanced_prompt_service.delivery import Announcements, Destination
from enhanced_prompt_service.domain.outbox import MessageKind, Outgoing
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.storage import Database, Stores, open_stores
from tests.delivery.kit import Receiving, delivery, destination, outgoing, receiving
from tests.storage.makers import ME, begin, response
from tests.support.receiver import Plan as Failing

from ..figures import Figure, figure
from ..plan import Plan

MESSAGES = 10_000
POSTS = 2_000
TURNS = 400
LANES = 200
CONNECTIONS = 8
QUIET = Failing(bodies=False)


async def measure(plan: Plan) -> list[Figure]:
    """Throughput over both clients, and the cost on a turn's way."""
    sockets: list[float] = []
    batches: list[float] = []
    posts: list[float] = []
    bare: list[float] = []
    added: list[float] = []
    plain: list[float] = []
    for _ in range(min(plan.runs, 3)):
        count, singles = plan.scaled(MESSAGES, 1000), plan.scaled(POSTS, 300)
        with tempfile.TemporaryDirectory(dir=plan.work) as work:
            folder = Path(work)
            async with receiving(folder, QUIET) as there, _stores(folder) as stores:
                bell = destination(kind="notifier", url=there.ws_url, rate=1e6, audit=True)
                sockets.append(await _rate(stores, bell, _notices(count)))
                many = destination("many", url=there.url, rate=1e6)
                insights = [
                    _message(n, "many", kind=MessageKind.PROACTIVE_INSIGHT) for n in range(count)
                ]
                batches.append(await _rate(stores, many, insights))
                single = destination("single", url=there.url, rate=1e6, concurrency=CONNECTIONS)
                some = [_message(n, "single") for n in range(singles)]
                posts.append(await _rate(stores, single, some))
                bare.append(await _bare(there, some))
            without, with_it = await _turns(folder, plan.scaled(TURNS, 100))
            plain.append(without * 1e3)
            added.append((with_it - without) * 1e3)
    return [
        figure(
            "delivery: notifications over one WebSocket, outbox to written outcome",
            "messages/s",
            sockets,
            better="more",
            limit=2000,
            note="SQLite, audited",
        ),
        figure(
            "delivery: insights in batches of 100, outbox to written outcome",
            "messages/s",
            batches,
            better="more",
            limit=2000,
        ),
        figure(
            "delivery: single POSTs, outbox to written outcome",
            "messages/s",
            posts,
            better="more",
            reference="bare httpx: the same bodies over as many connections",
            reference_values=bare,
            of_reference=0.7,
        ),
        figure(
            "delivery: added to the closing transaction of a turn, an ingest and a notifier",
            "ms",
            added,
            limit=1.0,
            reference="the transaction without destinations",
            reference_values=plain,
            note="by turns in one loop, medians",
        ),
    ]


@asynccontextmanager
async def _stores(
    folder: Path, destinations: Sequence[Destination] = (), name: str = "eps"
) -> AsyncIterator[Stores]:
    database = await Database.open(f"sqlite:///{folder / f'{name}.db'}")
    try:
        await database.migrate()
        announcer = Announcements(destinations) if destinations else None
        yield await open_stores(database, announcer=announcer)
    finally:
        await database.close()


def _payload(number: int) -> dict[str, Any]:
    evidence = {
        "event_id": f"event-{number}",
        "timestamp": "2026-01-02T03:04:05Z",
        "camera_id": "G1",
        "event_type": "person_detected",
        "confidence": 0.9,
        "description": "A person walks along the loading dock.",
    }
    return {"conversation_id": "c", "response": "word " * 60, "evidence": [evidence] * 5}


def _message(number: int, to: str, **fields: Any) -> Outgoing:
    text = json.dumps(_payload(number))
    return outgoing(number, to=to, lane=f"lane{number % LANES}", payload=text, **fields)


def _notices(count: int) -> list[Outgoing]:
    def one(number: int) -> Outgoing:
        about = {"notification_id": f"n{number}", "idempotency_key": f"k{number}"}
        said = {"type": "prompt_response", "data": _payload(number), "metadata": about}
        return outgoing(
            number,
            lane=f"lane{number % LANES}",
            payload=json.dumps(said),
            notification_id=f"n{number}",
        )

    return [one(number) for number in range(count)]


async def _rate(stores: Stores, to: Destination, messages: Sequence[Outgoing]) -> float:
    """Messages a second from the first look at the outbox until nothing is owed."""
    for start in range(0, len(messages), 1000):
        await stores.outbox.add(messages[start : start + 1000], datetime.now(UTC))
    made, _ = delivery(stores, [to])
    began = time.perf_counter()
    async with made.running():
        tally = made.tallies[to.name]
        while True:
            await asyncio.sleep(0.01)
            if tally.outcomes["delivered"] >= len(messages) and not tally.held:
                break
        took = time.perf_counter() - began
    return len(messages) / took


async def _bare(there: Receiving, messages: Sequence[Outgoing]) -> float:
    """The same bodies by httpx alone."""
    waiting = iter(messages)
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:

        async def some() -> None:
            for one in waiting:
                answer = await client.post(
                    f"{there.url}/bare",
                    content=one.payload.encode(),
                    headers={"content-type": "application/json", "idempotency-key": one.key},
                )
                answer.raise_for_status()
                answer.json()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CONNECTIONS):
                tasks.create_task(some())
        return len(messages) / (time.perf_counter() - began)


async def _turns(folder: Path, count: int) -> tuple[float, float]:
    """Median seconds of a closing transaction, without and with two destinations."""
    to = [
        destination("archive"),
        destination("bell", kind="notifier", url="ws://127.0.0.1:9"),
    ]
    took: dict[bool, list[float]] = {False: [], True: []}
    async with _stores(folder, name="plain") as plain, _stores(folder, to, "owing") as owing:
        for number in range(count):
            for stores in (plain, owing) if number % 2 else (owing, plain):
                row = await begin(stores, f"t{number}", conversation_id=f"c{number % 20}")
                answer = response(row, "word " * 60)
                began = time.perf_counter()
                await stores.turns.finish(
                    ME,
                    turn_id=row.turn_id,
                    attempt=1,
                    state=TurnState.COMPLETED,
                    now=datetime.now(UTC),
                    response=answer,
                )
                took[stores is owing].append(time.perf_counter() - began)
    middle = count // 2
    return sorted(took[False])[middle], sorted(took[True])[middle]
