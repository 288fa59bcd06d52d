"""Two real workers on one port, one database and one Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1 import prompt_service_pb2, prompt_service_pb2_grpc
from tests.bench.models import TOKENS
from tests.support.redis import RedisServer, redis_server
from tests.support.require import scaled
from tests.workers.service import Workers, until, workers

pytestmark = pytest.mark.redis
WHOLE = "".join(TOKENS)
ALONE = (("grpc.use_local_subchannel_pool", 1),)  # a channel is a connection of its own


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer) -> Iterator[Workers]:
    with workers(tmp_path_factory.mktemp("two"), redis) as running:
        yield running


def stub(channel: grpc.aio.Channel) -> prompt_service_pb2_grpc.PromptServiceAsyncStub:
    return prompt_service_pb2_grpc.PromptServiceStub(channel)  # type: ignore[return-value]


async def replica_at(address: str) -> str:
    """The name that answers on a new connection."""
    async with grpc.aio.insecure_channel(address, ALONE) as channel:
        call = stub(channel).Prewarm(prompt_service_pb2.PrewarmRequest())
        await call
        return str(dict(await call.trailing_metadata() or ())["x-replica"])


async def test_connections_to_the_shared_port_go_to_both_workers(service: Workers) -> None:
    names = [await replica_at(service.address) for _ in range(40)]
    assert set(names) == {one["replica"] for one in service.record["workers"]}


async def test_a_workers_own_port_is_its_alone(service: Workers) -> None:
    for index, one in enumerate(service.record["workers"]):
        names = {await replica_at(service.own(index)) for _ in range(5)}
        assert names == {one["replica"]}


async def test_a_stream_names_its_replica_before_its_first_frame(service: Workers) -> None:
    async with grpc.aio.insecure_channel(service.own(1), ALONE) as channel:
        call = stub(channel).Ask(prompt_service_pb2.AskRequest(query="what happened?"))
        first = dict(await call.initial_metadata() or ())
        assert first["x-replica"] == service.record["workers"][1]["replica"]
        call.cancel()


def test_only_workers_know_grpc(service: Workers) -> None:
    def loaded(pid: int) -> bool:
        return "cygrpc" in Path(f"/proc/{pid}/maps").read_text()

    assert loaded(service.pid(0))
    assert not loaded(service.process.pid)


async def test_a_killed_worker_comes_back_and_the_other_one_goes_on(service: Workers) -> None:
    async with AsyncClient(service.own(1)) as client, client.ask("what happened?") as turn:
        started = await anext(aiter(turn))
        assert started
        pid = service.kill(0)
        assert (await turn.result()).response == WHOLE
    service.replaced(0, pid)
    assert (await replica_at(service.own(0))).startswith("0-")


@pytest.mark.soak
async def test_a_drained_worker_is_replaced_and_no_call_raises(
    tmp_path: Path, redis: RedisServer
) -> None:
    asked = 0

    async def ask_on(address: str, stop: asyncio.Event) -> int:
        answered = 0
        async with AsyncClient(address) as client:
            while not stop.is_set():
                async with client.ask("what happened?") as turn:
                    assert (await turn.result()).response == WHOLE
                answered += 1
        return answered

    with workers(tmp_path / "drained", redis) as service:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            callers = [
                tasks.create_task(ask_on(service.address, stop)) for _ in range(scaled(40, 10))
            ]
            for index in (0, 1):
                pid = service.kill(index, signal.SIGTERM)
                await asyncio.to_thread(service.replaced, index, pid)
            stop.set()
        asked = sum(one.result() for one in callers)
        assert service.end(35) == 0
    log = [json.loads(line) for line in (tmp_path / "drained" / "log").read_text().splitlines()]
    assert [one["code"] for one in log if one["event"] == "worker ended"] == [0, 0]
    assert asked >= len(callers)


@pytest.mark.soak
async def test_the_whole_ends_well_and_every_stream_is_told(
    tmp_path: Path, redis: RedisServer
) -> None:
    """Turns of 100 s, which outlast any drain: each ends as failed, retryably, its partial kept."""
    drain_s = scaled(30, 1)

    async def last_words(address: str) -> tuple[set[str], grpc.StatusCode]:
        async with grpc.aio.insecure_channel(address, ALONE) as channel:
            call = stub(channel).Ask(prompt_service_pb2.AskRequest(query="what happened?"))
            said: set[str] = set()
            try:
                async for frame in call:
                    which = str(frame.WhichOneof("frame"))
                    said.add(str(frame.turn.WhichOneof("payload")) if which == "turn" else which)
                    begun.release()
            except grpc.aio.AioRpcError:
                pass
            return said, await call.code()

    begun = asyncio.Semaphore(0)
    with workers(tmp_path / "whole", redis, pause_s=1.0, drain_s=drain_s) as service:
        addresses = [service.own(0), service.own(1)] * 5
        streams = [asyncio.create_task(last_words(one)) for one in addresses]
        for _ in range(2 * len(streams)):
            await begun.acquire()
        ended = asyncio.create_task(asyncio.to_thread(service.end, drain_s + 5))
        for said, code in await asyncio.gather(*streams):
            assert {"failed", "go_away"} <= said
            assert code is grpc.StatusCode.UNAVAILABLE
        assert await ended == 0
    assert not (tmp_path / "whole" / "server.json").exists()


def test_workers_end_with_their_supervisor(tmp_path: Path, redis: RedisServer) -> None:
    with workers(tmp_path / "orphans", redis, drain_s=0) as service:
        pids = [service.pid(0), service.pid(1)]
        service.process.kill()
        service.process.wait()
        for pid in pids:
            until(lambda pid=pid: not running(pid))
    log = (tmp_path / "orphans" / "log").read_text()
    assert log.count('"event": "stopped"') == 2


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_several_workers_without_redis_are_refused_with_the_setting_to_make() -> None:
    env = {name: value for name, value in os.environ.items() if name != "EPS_REDIS_URL"}
    command = [sys.executable, "-m", "enhanced_prompt_service.cli", "serve", "--workers", "2"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "EPS_REDIS_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_workers_that_cannot_start_say_why_once(tmp_path: Path, redis: RedisServer) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    with (
        pytest.raises(RuntimeError, match="cannot start: ") as raised,
        workers(tmp_path / "bad", redis, database_url=nowhere),
    ):
        pytest.fail("it started without a database")
    assert "Traceback" not in str(raised.value)


def test_eps_serve_with_workers_becomes_the_supervisor(tmp_path: Path, redis: RedisServer) -> None:
    command = [sys.executable, "-m", "enhanced_prompt_service.cli", "serve", "--workers", "2"]
    options = ["--port", "0", "--home", str(tmp_path), "--redis-url", redis.url]
    with subprocess.Popen(
        [*command, *options], stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL
    ) as process:
        until(lambda: (tmp_path / "server.json").exists() or process.poll() is not None)
        record = json.loads((tmp_path / "server.json").read_text())
        assert record["pid"] == process.pid
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
