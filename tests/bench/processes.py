"""Servers under measurement: each a process of its own, pinned to one core.

A server module prints `LISTENING <port>` once it serves, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
_USABLE = tuple(sorted(os.sched_getaffinity(0)))  # read before anything is pinned
SERVER_CORES = _USABLE[:1]
CALLER_CORES = _USABLE[1:2] or _USABLE[:1]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server process."""

    port: int
    process: psutil.Process
    started_s: float

    @property
    def address(self) -> str:
        """Where its clients connect to."""
        return f"127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """CPU seconds that the process and its children have used, user and system."""
        total = 0.0
        for one in (self.process, *self.process.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
        return total

    def exact_cpu_s(self) -> float:
        """The same of the process alone, to the nanosecond where Linux says so: the ticks of
        `cpu_s` are ten milliseconds, which is a hundred questions."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        if not tasks.is_dir():
            return self.cpu_s()
        total = 0
        for one in tasks.iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                total += int((one / "schedstat").read_text().split()[0])
        return total / 1e9

    def rss(self) -> int:
        """Resident bytes."""
        return self.process.memory_info().rss

    def anonymous(self) -> int:
        """Resident bytes of its own: without pages of files, which the kernel takes back when it
        needs them (SQLite maps its database)."""
        memory = self.process.memory_info()
        return memory.rss - memory.shared


def pin_caller() -> None:
    """Keep this process, which makes the load, off the server's core."""
    os.sched_setaffinity(0, CALLER_CORES)


async def output_of(command: Sequence[str]) -> str:
    """Run `python *command` to its end on the server's core; what it printed.

    Raises RuntimeError when it fails.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    os.sched_setaffinity(process.pid, SERVER_CORES)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    return output.decode()


@asynccontextmanager
async def serving(
    command: Sequence[str], env: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """Run `python *command` on the server's core until the block is left.

    Raises RuntimeError with the end of what it said when it does not come up.
    """
    with tempfile.TemporaryFile() as said:
        async with _running(command, env or {}, said) as server:
            yield server


@asynccontextmanager
async def _running(
    command: Sequence[str], env: Mapping[str, str], said: IO[bytes]
) -> AsyncIterator[Server]:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=said,
    )
    try:
        os.sched_setaffinity(process.pid, SERVER_CORES)  # before it has other threads
        assert process.stdout is not None
        port = await asyncio.wait_for(_listening(process.stdout), START_S)
        if port is None:
            said.seek(0)
            raise RuntimeError(
                f"{' '.join(command)} did not start:\n{said.read()[-4000:].decode()}"
            )
        yield Server(port, psutil.Process(process.pid), time.perf_counter() - began)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _listening(output: asyncio.StreamReader) -> int | None:
    """The port, None when the output ended without one."""
    async for line in output:
        word, _, rest = line.decode().partition(" ")
        if word == "LISTENING":
            return int(rest)
    return None
