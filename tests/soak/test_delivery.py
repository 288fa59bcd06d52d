"""Ten thousand messages to receivers that fail on plan, while our process is killed twenty times.

Each arrives at least once and is recognisable by its key; first arrivals are in order by
conversation; none is lost; none is sent after its parking was committed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt_service.domain.outbox import Entry, EntryFilter, OutboxState
from enhanced_prompt_service.storage import Database, open_stores
from tests.delivery.kit import Receiving, receiving
from tests.support.binaries import ROOT
from tests.support.receiver import Plan
from tests.support.require import scaled

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3000)]

KILLS = scaled(20, 3)
TALKS = scaled(130, 6)
TURNS = 20  # each makes three messages, an insight twice three
INSIGHTS = scaled(400, 20)
FAILING = Plan(
    hang=0.002,
    hang_s=2.0,
    cut=0.01,
    busy=0.005,
    storms=7,
    slow=0.01,
    refuse=5,
    close=0.005,
    late=0.2,
    twice=0.2,
    never=0.1,
    bodies=False,
)
FILE = """
[destinations.archive]
kind = "ingest"
url = "{archive}"
api_key = {{ env = "TEST_KEY" }}
signing_key = {{ env = "TEST_KEY" }}
types = ["prompt_response", "proactive_insight"]
batch_size = 20
batch_wait_s = 0.2
{common}
[destinations.bell]
kind = "notifier"
url = "{bell}"
api_key = {{ env = "TEST_KEY" }}
ack_s = 1.0
{common}
[destinations.hook]
kind = "webhook"
url = "{hook}/hook"
types = ["prompt_response", "proactive_insight"]
batch_size = 1
{common}
"""
COMMON = """
timeout_s = 1.0
rate = 100000
retry_first_s = 0.05
retry_most_s = 0.5
retry_after_most_s = 0.2
reconnect_s = 0.05
reconnect_most_s = 0.5
"""


async def test_nothing_is_lost_overtaken_or_sent_after_it_was_parked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'eps.db'}"
    async with AsyncExitStack() as stack:
        there = {
            name: await stack.enter_async_context(receiving(tmp_path, _plan(seed)))
            for seed, name in enumerate(("archive", "bell", "hook"))
        }
        file = tmp_path / "destinations.toml"
        file.write_text(
            FILE.format(
                archive=there["archive"].url,
                bell=there["bell"].ws_url,
                hook=there["hook"].url,
                common=COMMON,
            )
        )
        kills = await _delivered(url, file, list(there.values()))
        arrivals = {name: one.arrivals() for name, one in there.items()}
    entries = await _entries(url)
    sent = sum(len(one["keys"]) for many in arrivals.values() for one in many)
    parked = [one for one in entries if one.state is OutboxState.PARKED]
    print(
        f"{len(entries)} messages, {kills} kills, {sent} arrivals, {len(parked)} parked, "
        f"{sum(one.attempts for one in entries)} attempts"
    )
    assert kills == KILLS
    assert len(entries) == 3 * TALKS * TURNS + 6 * INSIGHTS
    for name, many in arrivals.items():
        _check(name, [one for one in entries if one.message.destination == name], many)


def _plan(seed: int) -> Plan:
    return Plan(**{**FAILING.__dict__, "seed": seed})


async def _delivered(url: str, file: Path, there: list[Receiving]) -> int:
    """Run it until all is done, and kill it on the way; how often it was killed."""
    total = 3 * TALKS * TURNS + 6 * INSIGHTS
    kills = 0
    seen = [_Seen(one) for one in there]
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.support.deliverer", url, str(file)),
            *(str(one) for one in (TALKS, TURNS, INSIGHTS)),
            cwd=ROOT,
            env={**os.environ, "TEST_KEY": "a-key-that-is-long-enough"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        ending = asyncio.create_task(process.communicate())
        try:
            while not ending.done():
                await asyncio.wait({ending}, timeout=0.1)
                lines = sum(one.count() for one in seen)
                if kills < KILLS and lines >= total * (kills + 1) / (KILLS + 2):
                    process.kill()
                    await ending
                    kills += 1
                    break
            else:
                output, _ = await ending
                assert process.returncode == 0
                assert b"DONE" in output, output[-2000:]
                return kills
        finally:
            if process.returncode is None:
                process.kill()
                await ending


class _Seen:
    """How many different keys have arrived, read on from where it was."""

    def __init__(self, there: Receiving) -> None:
        self._log = there.log
        self._place = 0
        self._keys: set[str] = set()

    def count(self) -> int:
        if self._log.exists():
            with self._log.open("rb") as file:
                file.seek(self._place)
                whole = file.read().rpartition(b"\n")
            self._place += len(whole[0]) + len(whole[1])
            self._keys |= {
                key for line in whole[0].splitlines() for key in json.loads(line)["keys"]
            }
        return len(self._keys)


async def _entries(url: str) -> list[Entry]:
    database = await Database.open(url)
    try:
        stores = await open_stores(database)
        found = await stores.outbox.entries(EntryFilter(), most=1_000_000)
    finally:
        await database.close()
    return sorted(found, key=lambda one: one.id)


def _check(name: str, entries: list[Entry], arrivals: list[dict[str, Any]]) -> None:
    first: dict[str, int] = {}
    last_at: dict[str, int] = {}
    accepted: set[str] = set()
    for place, line in enumerate(arrivals):
        for index, key in enumerate(line["keys"]):
            first.setdefault(key, place * 1000 + index)
            last_at[key] = line["at"]
            if line["status"] == 200:
                accepted.add(key)
    keys = {one.message.key for one in entries}
    assert len(keys) == len(entries)
    assert keys == set(first), name  # all have arrived, and nothing else has
    lanes: defaultdict[str, list[int]] = defaultdict(list)
    for one in entries:
        lanes[one.message.lane].append(first[one.message.key])
        assert one.state in (OutboxState.DELIVERED, OutboxState.PARKED), one
        if one.state is OutboxState.DELIVERED:
            assert one.message.key in accepted
        else:
            assert one.finished_at is not None
            parked_us = int(one.finished_at.timestamp() * 1_000_000)
            assert last_at[one.message.key] <= parked_us, one
            assert one.message.key not in accepted or name == "archive"
    for lane, places in lanes.items():
        assert places == sorted(places), lane
