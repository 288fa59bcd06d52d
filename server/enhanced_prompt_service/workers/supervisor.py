"""Starts workers, starts dead ones again, ends them all.

Ports are reserved here, so that they stay while workers die and come back. A worker that ends
without being asked to is started again at once, one that keeps dying after growing waits; a worker
that never served at the first start ends the whole start, for its reason will not go away.

SIGTERM or SIGINT: every worker drains; exit 0 when all of them did. SIGTERM to one worker alone
replaces it: its port's next connections go to the others meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import time
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from ..home import clear_record, write_record
from ..rpc.ports import join_address, reserve
from .place import Place

_log = structlog.get_logger("eps.workers")

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_STEADY_S = 10.0  # a worker that lived so long did not die of its start
_LAST_S = 10.0  # beyond the drain, before a worker that does not end is killed


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start.

    Attributes:
        workers: How many.
        host: Address to listen on.
        port: The shared port; 0 for any free one. Own ports are searched from the next one on.
        port_search: How many ports above a taken one are tried.
        drain_s: How long running turns may go on after SIGTERM, in seconds.
        home: Where the record of the running server is written.
        command: Starts a worker, with its place as one more argument.
    """

    workers: int
    host: str
    port: int
    port_search: int
    drain_s: float
    home: Path
    command: Sequence[str]


class StartFailedError(RuntimeError):
    """A worker ended before it ever served; it has said why itself."""


@dataclass(slots=True)
class _Slot:
    """One place for a worker, whoever fills it now."""

    index: int
    own: socket.socket
    process: Process | None = None
    record: Mapping[str, Any] | None = None
    served: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def own_port(self) -> int:
        return int(self.own.getsockname()[1])


class Supervisor:
    """Runs a plan until `stop`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stopping = asyncio.Event()
        self._slots: list[_Slot] = []
        self._shared: socket.socket | None = None
        self._life: tuple[int, int] = (-1, -1)

    def stop(self) -> None:
        """Ask all workers to drain. Idempotent."""
        self._stopping.set()
        for slot in self._slots:
            _terminate(slot.process)

    async def run(self) -> bool:
        """Serve until `stop`; whether every worker then ended well.

        Raises:
            StartFailedError: a worker never served.
            NoFreePortError: there is nowhere to listen.
        """
        plan = self._plan
        with ExitStack() as stack:
            self._shared = stack.enter_context(reserve(plan.host, plan.port, plan.port_search))
            after = self._port + 1 if plan.port else 0
            for index in range(plan.workers):
                own = stack.enter_context(reserve(plan.host, after, plan.port_search))
                after = own.getsockname()[1] + 1 if plan.port else 0
                self._slots.append(_Slot(index, own))
            self._life = os.pipe()
            stack.callback(os.close, self._life[1])
            stack.callback(os.close, self._life[0])
            try:
                return await self._serve()
            finally:
                clear_record(plan.home)

    @property
    def _port(self) -> int:
        assert self._shared is not None
        return int(self._shared.getsockname()[1])

    async def _serve(self) -> bool:
        keepers = [
            asyncio.create_task(self._keep(slot), name=f"worker {slot.index}")
            for slot in self._slots
        ]
        announcing = asyncio.create_task(self._announce(), name="announce")
        try:
            ended = await asyncio.gather(*keepers)
        except StartFailedError:
            self.stop()
            await asyncio.gather(*keepers, return_exceptions=True)
            raise
        finally:
            announcing.cancel()
            await asyncio.wait({announcing})
        return all(ended)

    async def _announce(self) -> None:
        """Say where the server is once all workers serve."""
        started = time.monotonic()
        for slot in self._slots:
            await slot.served.wait()
        self._write()
        _log.info(
            "serving",
            address=join_address(self._plan.host, self._port),
            workers=[slot.own_port for slot in self._slots],
            start_ms=round((time.monotonic() - started) * 1000),
        )

    def _write(self) -> None:
        records = [slot.record for slot in self._slots if slot.record is not None]
        if len(records) < len(self._slots):
            return
        host = self._plan.host
        write_record(
            self._plan.home,
            {
                **records[0],
                "address": join_address(host, self._port),
                "grpc_port": self._port,
                "pid": os.getpid(),
                "workers": [
                    {
                        **record,
                        "index": slot.index,
                        "address": join_address(host, slot.own_port),
                        "pid": None if slot.process is None else slot.process.pid,
                    }
                    for slot, record in zip(self._slots, records, strict=True)
                ],
            },
        )

    async def _keep(self, slot: _Slot) -> bool:
        """Keep one worker alive until all stop; whether the last one ended well."""
        wait_s = _FIRST_WAIT_S
        while True:
            began = time.monotonic()
            code = await self._live(slot)
            if self._stopping.is_set():
                return code == 0
            if not slot.served.is_set():
                raise StartFailedError(f"worker {slot.index} ended with {code} before it served")
            lived_s = time.monotonic() - began
            _log.warning("worker ended", worker=slot.index, code=code, lived_s=round(lived_s, 1))
            if lived_s >= _STEADY_S:
                wait_s = _FIRST_WAIT_S
            # Full jitter: what killed one may have killed all.
            if await self._stops_within(random.uniform(0.0, wait_s)):
                return True
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def _live(self, slot: _Slot) -> int:
        """One worker's life; its exit status."""
        ready, say = os.pipe()
        place = Place(slot.index, self._port, slot.own_port, say, self._life[0])
        try:
            slot.process = process = await asyncio.create_subprocess_exec(
                *self._plan.command,
                place.dump(),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(say, self._life[0]),
            )
        except BaseException:
            os.close(ready)
            raise
        finally:
            os.close(say)
        if self._stopping.is_set():  # asked while it was being started
            _terminate(process)
        hearing = asyncio.create_task(self._hear(slot, ready), name=f"ready {slot.index}")
        try:
            return await self._end(process)
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})

    async def _hear(self, slot: _Slot, ready: int) -> None:
        """Wait for a worker's one line."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        with os.fdopen(ready, "rb", buffering=0) as pipe:
            transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
            try:
                line = await reader.readline()
            finally:
                transport.close()
        if line:
            slot.record = json.loads(line)
            if slot.served.is_set():  # it came back
                self._write()
                _log.info("worker is back", worker=slot.index)
            slot.served.set()

    async def _end(self, process: Process) -> int:
        """Wait for a worker's end; when all stop, not longer than a drain takes."""
        ending = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                await asyncio.wait({ending}, timeout=self._plan.drain_s + _LAST_S)
            if not ending.done():
                _log.error("worker does not end: killed", pid=process.pid)
                process.kill()
            return await ending
        finally:
            ending.cancel()
            stopping.cancel()
            await asyncio.wait({ending, stopping})

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


async def supervise(plan: Plan) -> bool:
    """Run a plan until SIGTERM or SIGINT. See `Supervisor.run`."""
    supervisor = Supervisor(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    return await supervisor.run()


def _terminate(process: Process | None) -> None:
    if process is not None and process.returncode is None:
        process.terminate()
