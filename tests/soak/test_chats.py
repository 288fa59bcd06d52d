"""A thousand chats on one worker, each with a turn every ten seconds, for five minutes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.bench.figures import percentile
from tests.bench.processes import ROOT, Server, serving
from tests.support.require import scaled

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

CHATS = scaled(1000, 20)
SECONDS = max(10, scaled(310) - 10)  # 300 in full
EVERY_S = SECONDS / 30  # turns a chat
# Logs of ended turns are kept for a while: a budget that is full after the warm-up.
LOG_BYTES = max(1024 * 1024, CHATS * 16 * 1024)
GROWTH = 1.10
NOISE_BYTES = 8 * 1024 * 1024


async def test_chats_stay_open_answers_are_complete_and_memory_is_flat(tmp_path: Path) -> None:
    env = {
        "EPS_HOME": str(tmp_path),
        "EPS_TURN_LOG_BYTES": str(LOG_BYTES),
        "EPS_HEARTBEAT_S": str(EVERY_S / 4),
        "EPS_CHAT_PING_S": str(max(EVERY_S * 2, 5)),
        "EPS_LOG_LEVEL": "warning",
    }
    async with serving(["-m", "tests.bench.servers.ours", "node"], env) as server:
        before = server.cpu_s()
        talking = asyncio.create_task(_talk(server))
        resident, own = await _watched(server, talking)
        said = await talking
        cpu = server.cpu_s() - before
    answers = said.pop("answer_s")
    thirds = len(own) // 3
    warm, late = median(own[thirds : 2 * thirds]), median(own[-thirds:])
    print(
        f"{CHATS} chats, {SECONDS} s: {said}, answered in p50 {percentile(answers, 0.5):.3f} s, "
        f"p99 {percentile(answers, 0.99):.3f} s; server {cpu:.0f} s of CPU; "
        f"RSS {_series(resident)} MiB; without mapped files {_series(own)} MiB"
    )
    assert said["failures"] == []
    assert said["chats"] == CHATS
    assert said["turns"] >= CHATS * 25
    assert said["pongs"] == said["pings"] >= CHATS * 25
    assert said["heartbeats"] >= CHATS
    assert late <= warm * GROWTH + NOISE_BYTES


async def _talk(server: Server) -> dict[str, Any]:
    sizes = ["--chats", str(CHATS), "--every", str(EVERY_S), "--seconds", str(SECONDS)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.soak.chats", server.address, *sizes),
        cwd=ROOT,
        env=os.environ,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return json.loads(output)


async def _watched(server: Server, while_running: asyncio.Task[Any]) -> tuple[list[int], list[int]]:
    """Resident bytes of the server, with and without files that it maps, each second or so."""
    resident: list[int] = []
    own: list[int] = []
    while not while_running.done():
        resident.append(server.rss())
        own.append(server.anonymous())
        await asyncio.wait([while_running], timeout=min(1.0, EVERY_S / 2))
    return resident, own


def _series(sizes: list[int]) -> list[int]:
    return [round(one / 2**20) for one in sizes[:: max(1, len(sizes) // 30)]]
