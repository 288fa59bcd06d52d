"""A whole service of two workers as its own processes, for tests that kill and drain them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.binaries import ROOT
from tests.support.redis import RedisServer

WAIT_S = 100.0  # an upper bound that a working machine never comes near


@dataclass(slots=True)
class Workers:
    """A running supervisor with its workers."""

    process: subprocess.Popen[str]
    home: Path

    @property
    def record(self) -> dict[str, Any]:
        """What the home says now."""
        return json.loads((self.home / "server.json").read_text())

    @property
    def address(self) -> str:
        """The shared port."""
        return self.record["address"]

    def own(self, index: int) -> str:
        """A worker's own port."""
        return self.record["workers"][index]["address"]

    def pid(self, index: int) -> int:
        """The process at a place now."""
        return self.record["workers"][index]["pid"]

    def kill(self, index: int, number: int = signal.SIGKILL) -> int:
        """Send a worker a signal; its pid."""
        pid = self.pid(index)
        os.kill(pid, number)
        return pid

    def replaced(self, index: int, pid: int) -> None:
        """Wait until another process serves at a place."""
        until(lambda: self.pid(index) != pid)

    def end(self, within_s: float) -> int:
        """SIGTERM to the whole; its exit status. Raises TimeoutExpired."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)


@contextmanager
def workers(
    home: Path, redis: RedisServer, *, pause_s: float = 0.01, count: int = 2, **settings: object
) -> Iterator[Workers]:
    """Run them until the block is left. Raises RuntimeError where they do not come up."""
    names = {f"EPS_{name.upper()}": str(value) for name, value in settings.items()}
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "enhanced_prompt_service.workers"]
    agent = [sys.executable, "-m", "tests.workers.paced", str(pause_s)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *agent],
            cwd=ROOT,
            env={
                **os.environ,
                "EPS_HOME": str(home),
                "EPS_PORT": "0",
                "EPS_WORKERS": str(count),
                "EPS_REDIS_URL": redis.url,
                "EPS_REDIS_PREFIX": home.name,
                **names,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
    service = Workers(process, home)
    try:
        record = home / "server.json"
        until(lambda: record.exists() or process.poll() is not None)
        if process.poll() is not None:
            raise RuntimeError((home / "log").read_text())
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def until(condition: Callable[[], Any], within_s: float = WAIT_S) -> None:
    """Wait for something that only looking at processes and files can tell."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about")
        time.sleep(0.01)
