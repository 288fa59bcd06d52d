"""A receiver process, destinations, messages and clocks for tests of delivery."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from enhanced_prompt_service.bus.memory import MemoryBus
from enhanced_prompt_service.delivery import (
    Announcements,
    Delivery,
    Destination,
    Nudger,
    Options,
    delivery_of,
)
from enhanced_prompt_service.domain.outbox import Entry, MessageKind, OutboxState, Outgoing
from enhanced_prompt_service.storage import Database, Stores, open_stores
from tests.support.binaries import ROOT
from tests.support.receiver import Plan

EPOCH = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = "a-bearer-key"


@dataclass(frozen=True)
class Receiving:
    """A receiver that runs; its log so far."""

    port: int
    ws_port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}/ws/prompt-service"

    def arrivals(self) -> list[dict[str, Any]]:
        """What it has read, in order."""
        if not self.log.exists():
            return []
        whole = self.log.read_text().rpartition("\n")[0]  # the last line may still be written
        return [json.loads(line) for line in whole.splitlines()]


@asynccontextmanager
async def receiving(folder: Path, plan: Plan | None = None) -> AsyncIterator[Receiving]:
    """A receiver in a process of its own."""
    log = folder / f"arrivals-{random.randrange(10**9)}.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.support.receiver", str(log), (plan or Plan()).text()),
        cwd=ROOT,
        env={**os.environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        words = (await process.stdout.readline()).split()
        yield Receiving(int(words[1]), int(words[2]), log)
    finally:
        process.kill()
        await process.wait()


def destination(name: str = "archive", **fields: Any) -> Destination:
    """A destination with defaults that suit tests: quick, and without limits that matter."""
    return Destination(
        **{
            "name": name,
            "kind": "ingest",
            "url": "http://127.0.0.1:9",
            "api_key": {"env": "KEY"},
            "key": SecretStr(KEY),
            "rate": 100_000.0,
            "batch_wait_s": 0.0,
            "retry_first_s": 0.01,
            "retry_most_s": 0.1,
            "reconnect_s": 0.05,
            "reconnect_most_s": 0.2,
            **fields,
        }
    )


def outgoing(number: int = 1, to: str = "archive", lane: str = "a", **fields: Any) -> Outgoing:
    """A message that is owed."""
    return Outgoing(
        **{
            "destination": to,
            "kind": MessageKind.PROMPT_RESPONSE,
            "key": f"prompt_response:turn_{number}:r1",
            "tenant": "default",
            "lane": lane,
            "subject": "talk",
            "payload": json.dumps({"conversation_id": lane, "number": number}),
            "deadline": EPOCH + timedelta(days=36500),
            **fields,
        }
    )


def entry(number: int = 1, **fields: Any) -> Entry:
    """One that was read from the outbox."""
    own = {one: fields.pop(one) for one in ("state", "attempts", "next_at") if one in fields}
    message = outgoing(number, **fields)
    size = len(message.payload.encode())
    made = Entry(number, message, OutboxState.PENDING, 0, EPOCH, EPOCH, size=size)
    return replace(made, **own)


def delivery(
    stores: Stores, destinations: Sequence[Destination], *, options: Options | None = None
) -> tuple[Delivery, Nudger]:
    """A delivery by the machine's clock, on a bus of its own."""
    bus = MemoryBus(time.monotonic, 60)
    nudger = Nudger([one.name for one in destinations], bus)

    def report(name: str, what: str, error: Exception | None) -> None:
        if error is not None:
            print(f"{name}: {what}: {error!r}", flush=True)

    made = delivery_of(
        destinations,
        stores.outbox,
        stores.fences,
        bus,
        nudger,
        f"holder-{random.randrange(10**9)}",
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        report=report,
        user_agent="eps-test",
        options=options,
    )
    return made, nudger


async def announcing(database: Database, destinations: Sequence[Destination]) -> Stores:
    """Stores that write what is owed to these destinations."""
    return await open_stores(database, announcer=Announcements(destinations))


async def until_settled(stores: Stores, *states: OutboxState) -> None:
    """Until nothing is in these states (by default: nothing is owed)."""
    wanted = states or (OutboxState.PENDING, OutboxState.SENT)
    while True:
        backlog = await stores.outbox.backlog()
        counts = {
            OutboxState.PENDING: sum(one.pending for one in backlog),
            OutboxState.SENT: sum(one.sent for one in backlog),
        }
        if not any(counts[one] for one in wanted):
            return
        await asyncio.sleep(0.02)
