"""The supervisor, with workers that only live and die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt_service.rpc import ports
from enhanced_prompt_service.workers import supervisor as module
from enhanced_prompt_service.workers.supervisor import Plan, StartFailedError, Supervisor
from tests.workers import fake


def plan(folder: Path, **more: Any) -> Plan:
    fields: dict[str, Any] = {
        "workers": 2,
        "host": "127.0.0.1",
        "port": 0,
        "port_search": 0,
        "drain_s": 5.0,
        "home": folder,
        "command": (sys.executable, fake.__file__, str(folder)),
    }
    return Plan(**fields | more)


async def seen(condition: Callable[[], Any]) -> Any:
    """What a condition over files becomes: their processes can only be watched."""
    async with asyncio.timeout(20):
        while not (found := condition()):  # noqa: ASYNC110 - files have no events
            await asyncio.sleep(0.01)
    return found


def record(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / "server.json").read_text())
    except FileNotFoundError:
        return None


@asynccontextmanager
async def running(made: Plan) -> AsyncIterator[tuple[Supervisor, asyncio.Task[bool]]]:
    supervisor = Supervisor(made)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, task
    finally:
        supervisor.stop()
        await asyncio.wait({task})


async def test_all_workers_share_a_port_and_each_has_its_own(tmp_path: Path) -> None:
    async with running(plan(tmp_path, workers=3)) as (supervisor, task):
        found = await seen(lambda: record(tmp_path))
        assert found["pid"] == os.getpid()
        assert found["address"] == f"127.0.0.1:{found['grpc_port']}"
        workers = found["workers"]
        assert [one["index"] for one in workers] == [0, 1, 2]
        assert len({one["pid"] for one in workers}) == 3
        own = {one["address"] for one in workers}
        assert len(own | {found["address"]}) == 4
        supervisor.stop()
        assert await task
    assert record(tmp_path) is None
    assert [(tmp_path / f"ended-{index}").read_text() for index in range(3)] == ["term"] * 3


async def test_ports_are_found_above_the_wanted_one_and_nobody_else_gets_them(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        async with running(plan(tmp_path, port=wanted, port_search=50)):
            found = await seen(lambda: record(tmp_path))
            given = [found["grpc_port"]]
            given += [int(one["address"].rpartition(":")[2]) for one in found["workers"]]
            assert given == sorted(set(given))
            assert given[0] > wanted
            assert not any(ports.is_free("127.0.0.1", port) for port in given)


async def test_a_dead_worker_is_started_again_at_its_place(tmp_path: Path) -> None:
    async with running(plan(tmp_path)):
        first = (await seen(lambda: record(tmp_path)))["workers"]
        os.kill(first[1]["pid"], signal.SIGKILL)
        again = await seen(
            lambda: (found := record(tmp_path)) and found["workers"][1]["pid"] != first[1]["pid"]
        )
        assert again
        now = record(tmp_path)
        assert now is not None
        assert now["workers"][0] == first[0]
        assert now["workers"][1]["address"] == first[1]["address"]
        assert now["workers"][1]["replica"] == f"fake {now['workers'][1]['pid']}"


async def test_a_worker_that_dies_at_each_start_is_tried_again_and_again(tmp_path: Path) -> None:
    async with running(plan(tmp_path, workers=1)):
        found = await seen(lambda: record(tmp_path))
        (tmp_path / "dies-0").touch()
        os.kill(found["workers"][0]["pid"], signal.SIGKILL)
        begun = tmp_path / "begun-0"
        await seen(lambda: len(begun.read_text().split()) >= 4)
        (tmp_path / "dies-0").unlink()
        await seen(lambda: record(tmp_path) != found)


async def test_a_worker_that_never_serves_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "dies-1").touch()
    with pytest.raises(StartFailedError, match="worker 1 ended with 7"):
        await Supervisor(plan(tmp_path)).run()
    assert record(tmp_path) is None
    begun = tmp_path / "begun-0"
    for pid in begun.read_text().split() if begun.exists() else []:  # or ended before it said so
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


async def test_a_worker_that_does_not_end_is_killed_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_S", 0.05)
    (tmp_path / "stays-0").touch()
    async with running(plan(tmp_path, drain_s=0.0)) as (supervisor, task):
        await seen(lambda: record(tmp_path))
        supervisor.stop()
        assert not await task


async def test_no_free_port_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ports.NoFreePortError):
        await Supervisor(plan(tmp_path, port=taken.getsockname()[1])).run()
    assert not (tmp_path / "begun-0").exists()
