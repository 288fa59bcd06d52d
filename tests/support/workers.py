"""Real processes of the service on one database and one Redis, which a test kills and freezes.

async with workers(folder, 2, database_url=..., redis_url=...) as (one, two):
    one.kill()
    await one.start()  # on the same port
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from .binaries import ROOT
from .postgres import free_port

START_S = 60.0  # an upper bound that a working machine never comes near
STOP_S = 30.0
CONNECT = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
]


class Worker:
    """One process of the service. `home` stays over restarts, and so does the port."""

    def __init__(
        self, home: Path, settings: Mapping[str, str], module: str = "tests.support.serving"
    ) -> None:
        self.home = home
        self.port = free_port()
        self.kills = 0
        self._settings = dict(settings)
        self._module = module
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where its clients connect to."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running.pid

    @property
    def log(self) -> str:
        """The end of what all its processes logged."""
        path = self.home / "log"
        return path.read_text(errors="replace")[-8000:] if path.exists() else ""

    async def start(self) -> None:
        """Start it and wait until it says that it is healthy. Raises RuntimeError with its log."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                cwd=ROOT,
                env={
                    **os.environ,
                    "EPS_HOME": str(self.home),
                    "EPS_PORT": str(self.port),
                    "EPS_PORT_SEARCH": "0",
                    **self._settings,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        healthy = asyncio.create_task(self._healthy())
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait(
                {healthy, ended}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not healthy.done() or healthy.exception() is not None:
                raise RuntimeError(f"the worker did not start:\n{self.log}")
        finally:
            for task in (healthy, ended):
                task.cancel()
            await asyncio.gather(healthy, ended, return_exceptions=True)

    def kill(self) -> None:
        """SIGKILL: it can do nothing about it."""
        self._running.kill()
        self.kills += 1

    async def gone(self) -> int:
        """Wait for its end; the exit status (negative: the signal)."""
        return await self._running.wait()

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open, and nothing of it runs."""
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._running.send_signal(signal.SIGCONT)

    async def terminate(self) -> int:
        """SIGTERM, and wait for the end of its drain; the exit status."""
        self._running.terminate()
        return await asyncio.wait_for(self.gone(), STOP_S)

    async def close(self) -> None:
        """End it, whatever its state."""
        if self._process is None or self._process.returncode is not None:
            return
        self.thaw()
        try:
            await self.terminate()
        except TimeoutError:
            self.kill()
            await self.gone()

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _healthy(self) -> None:
        async with grpc.aio.insecure_channel(self.address, CONNECT) as channel:
            call = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(), wait_for_ready=True
            )
            async for found in call:
                if found.status == health_pb2.HealthCheckResponse.SERVING:
                    call.cancel()
                    return


@asynccontextmanager
async def workers(
    folder: Path,
    count: int,
    *,
    database_url: str,
    redis_url: str,
    module: str = "tests.support.serving",
    **settings: str,
) -> AsyncIterator[tuple[Worker, ...]]:
    """So many running workers; `settings` are further EPS_* variables by their full names.

    `module` is what their processes run.
    """
    shared = {
        "EPS_DATABASE_URL": database_url,
        "EPS_REDIS_URL": redis_url,
        "EPS_REDIS_PREFIX": folder.name,
        "EPS_DRAIN_S": "1",
        **settings,
    }
    made = tuple(Worker(folder / f"worker-{number}", shared, module) for number in range(count))
    try:
        for one in made:  # one by one: the first makes the tables
            await one.start()
        yield made
    finally:
        await asyncio.gather(*(one.close() for one in made))
