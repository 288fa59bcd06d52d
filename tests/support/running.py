"""`make run` as a test sees it: the script that it calls, in a home of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .binaries import ROOT

READY = "Ctrl-C ends everything."
END_S = 60.0


@dataclass(slots=True)
class RunningSite:
    """A running service with its simulated site. `said` are the lines until it was ready."""

    process: subprocess.Popen[str]
    home: Path
    said: list[str]
    address: str

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C; the exit status, and what it said after `said`."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=END_S)
        return self.process.returncode, rest


@contextmanager
def running_site(home: Path, port: int) -> Iterator[RunningSite]:
    """Run it until the block is left. Raises RuntimeError when it ends before it is ready."""
    process = subprocess.Popen(
        [sys.executable, "scripts/run.py"],
        cwd=ROOT,
        env={**os.environ, "EPS_HOME": str(home), "EPS_PORT": str(port)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = _until_ready(process)
        serving = next(line for line in said if line.startswith("Serving at "))
        yield RunningSite(process, home, said, serving.split()[2])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=END_S)
        if process.stdout is not None:
            process.stdout.close()


def _until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line.rstrip("\n"))
        if line.rstrip().endswith(READY):
            return said
    raise RuntimeError("\n".join(said))
