"""What this machine and this process use, read from /proc; zeros where there is none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from .domain.health import Load
from .gpu import Gpus

_PROC = Path("/proc")
_LEAST_S = 0.5  # between two readings of the clocks: a share of less says nothing


class Machine:
    """Shares are of the time since the reading before, and at least half a second of it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._read_at = monotonic()
        self._busy, self._total = _processors()
        self._process_s = time.process_time()
        self._shares = (0.0, 0.0)
        self._gpus = Gpus()
        self._gpu = self._gpus.busiest()

    def load(self) -> Load:
        """What is used now."""
        passed = self._monotonic() - self._read_at
        if passed >= _LEAST_S:
            busy, total = _processors()
            process_s = time.process_time()
            machine = 100.0 * (busy - self._busy) / max(total - self._total, 1)
            self._shares = machine, 100.0 * (process_s - self._process_s) / passed
            self._busy, self._total, self._process_s = busy, total, process_s
            self._gpu = self._gpus.busiest()
            self._read_at += passed
        return Load(self._shares[0], _memory(), self._shares[1], _resident(), self._gpu)


def _processors() -> tuple[int, int]:
    """Busy time and all time of all cores, in ticks."""
    try:
        line = (_PROC / "stat").read_text().partition("\n")[0]
        ticks = [int(one) for one in line.split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    idle = sum(ticks[3:5])  # idle, and waiting for devices
    return sum(ticks) - idle, sum(ticks)


def _memory() -> float:
    try:
        lines = (_PROC / "meminfo").read_text().splitlines()
        found = {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines)}
        return 100.0 * (1 - found["MemAvailable"] / found["MemTotal"])
    except (OSError, ValueError, LookupError, ZeroDivisionError):
        return 0.0


def _resident() -> int:
    try:
        pages = int((_PROC / "self" / "statm").read_text().split()[1])
    except (OSError, ValueError, LookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
