"""A private Redis server for tests: its own folder, its own free port, gone afterwards."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .postgres import free_port
from .require import program


class RedisServer:
    """A server that a test can stop, freeze and start again, with its data kept or lost."""

    def __init__(self, binary: Path, folder: Path, port: int, *, cluster: bool = False) -> None:
        self._binary = binary
        self._cluster = cluster
        self._folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers. Raises RuntimeError after ten seconds."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        if self._cluster:
            settings += ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
        self._process = subprocess.Popen(
            [str(self._binary), *settings, "--save", "", "--appendonly", "no"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.01)
        if self._cluster:
            self._say("CLUSTER ADDSLOTSRANGE 0 16383")
            while b"cluster_state:ok" not in self._say("CLUSTER INFO"):
                if time.monotonic() > deadline:
                    raise RuntimeError("the cluster of one did not come up")
                time.sleep(0.01)

    def stop(self) -> None:
        """Stop; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Connections stay open, and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return self._say("PING").startswith(b"+PONG")
        except OSError:
            return False

    def _say(self, command: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(4096)


@contextmanager
def redis_server(*, cluster: bool = False) -> Iterator[RedisServer]:
    """Run a server until the block is left; skips the test where Redis is missing.

    `cluster` makes it the one node of a Redis Cluster, which takes no command whose keys are in
    different slots.
    """
    folder = Path(tempfile.mkdtemp(prefix="eps-redis-"))
    server = RedisServer(program("redis-server"), folder, free_port(), cluster=cluster)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
