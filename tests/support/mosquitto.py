"""A private Mosquitto for tests: its own folder, free port, log and saved sessions.

A test kills it, starts it again on the same port, and reads in its log what it took and gave.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .postgres import free_port
from .require import program

START_S = 20.0
_POLL_S = 0.02


class Mosquitto:
    """A broker that keeps sessions and messages in a file, and logs each packet."""

    def __init__(
        self,
        binary: Path,
        folder: Path,
        settings: str = "allow_anonymous true",
        *,
        plain: bool = True,
    ) -> None:
        self._plain = plain
        self._binary = binary
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.log_file = folder / "log"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"""
user root
listener {self.port} 127.0.0.1
{settings}
persistence true
persistence_location {folder}/
autosave_interval 0
max_queued_messages 0
log_dest file {self.log_file}
log_type all
connection_messages true
"""
        )

    @property
    def url(self) -> str:
        """The broker's address."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything that it logged so far, over all its processes."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def given(self, client_id: str, topic: str) -> int:
        """How many messages of a topic it sent to a client, repetitions included."""
        return len(re.findall(rf"Sending PUBLISH to {client_id} .*'{re.escape(topic)}'", self.log))

    def taken(self, topic: str) -> int:
        """How many messages of a topic it received."""
        return len(re.findall(rf"Received PUBLISH from .*'{re.escape(topic)}'", self.log))

    def start(self) -> None:
        """Start and wait until it listens. Raises RuntimeError with its log."""
        self._process = subprocess.Popen(
            [str(self._binary), "-c", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._until(self._listens, "mosquitto did not start")

    def save(self) -> None:
        """Have sessions and messages written to the file, and wait until they are."""
        assert self._process is not None
        before = self.log.count("Saving in-memory database")
        self._process.send_signal(signal.SIGUSR1)
        # The line is written when saving begins, in a loop of one thread: once it answers a
        # connection made afterwards, the file is complete.
        self._until(
            lambda: self.log.count("Saving in-memory database") > before and self._listens(),
            "mosquitto did not save",
        )

    def kill(self) -> None:
        """Gone at once, whatever was in its memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + START_S
        while not true():
            if time.monotonic() > deadline or (
                self._process is not None and self._process.poll() is not None
            ):
                raise RuntimeError(f"{otherwise}:\n{self.log[-4000:]}")
            time.sleep(_POLL_S)

    def _listens(self) -> bool:
        """Whether it answers: an MQTT 3.1.1 CONNECT, of whom is told yes or no."""
        name = b"prober"
        body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2, "big") + name
        hello = b"\x10" + bytes([len(body)]) + body
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                if not self._plain:
                    return True  # it speaks TLS only
                connection.sendall(hello)
                return bool(connection.recv(4))
        except OSError:
            return False


@contextmanager
def mosquitto(settings: str = "allow_anonymous true", *, plain: bool = True) -> Iterator[Mosquitto]:
    """Run a broker until the block is left; skips the test where Mosquitto is missing. `settings`
    are lines of its configuration; not `plain`: they make it speak TLS."""
    folder = Path(tempfile.mkdtemp(prefix="eps-mosquitto-"))
    broker = Mosquitto(program("mosquitto"), folder, settings, plain=plain)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
