"""What this machine and this process use, read from /proc; zeros where there is none.

`Headroom` says when a process has taken as much memory as it should.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

from .domain.health import Load
from .gpu import Gpus

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_LOOK_S = 0.25
_TRIM_S = 10.0
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
        return Load(self._shares[0], _memory(), self._shares[1], resident(), self._gpu)


def resident() -> int:
    """Bytes of memory that this process takes."""
    try:
        pages = int((_PROC / "self" / "statm").read_text().split()[1])
    except (OSError, ValueError, LookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def trim_memory() -> None:
    """Give back what was freed, where the C library can (glibc's `malloc_trim`)."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return
    trim(0)


def memory_size(proc: Path = _PROC, cgroup: Path = _CGROUP) -> int:
    """Bytes that there are: of the machine, or of the control group that the process is in (a
    container) where that is less. 0 where nobody says."""
    found: list[int] = []
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        found += [int(one.split()[1]) * 1024 for one in lines if one.startswith("MemTotal:")]
    except (OSError, ValueError, LookupError):
        pass
    for path in (*_groups(proc, cgroup), cgroup / "memory" / "memory.limit_in_bytes"):
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):  # "max" is no limit
            continue
    return min(found, default=0)


def _groups(proc: Path, cgroup: Path) -> list[Path]:
    """Where limits of the process's group stand, and of those that it is inside of (version 2)."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    name = next((one.removeprefix("0::/") for one in lines if one.startswith("0::/")), None)
    if name is None:
        return []
    group = cgroup / name
    inside = [group, *group.parents]
    return [one / "memory.max" for one in inside if one == cgroup or cgroup in one.parents]


class Headroom:
    """Whether this process may take on more: not while it takes `most` bytes or more.

    Looked at four times a second at most. What was freed inside a process is not given back by
    itself, and a process that stayed large would refuse for ever: so while it is too large, `trim`
    is called now and then. `changed` hears when it becomes too large, and when it is not any more.
    """

    def __init__(
        self,
        most: int,
        *,
        changed: Callable[[bool, int], None],
        monotonic: Callable[[], float] = time.monotonic,
        taken: Callable[[], int] = resident,
        trim: Callable[[], None] = trim_memory,
    ) -> None:
        self._most = most
        self._changed = changed
        self._monotonic = monotonic
        self._taken = taken
        self._trim = trim
        self._looked_at = self._trimmed_at = float("-inf")
        self._tight = False

    def tight(self) -> bool:
        """Whether it is too large."""
        now = self._monotonic()
        if now - self._looked_at < _LOOK_S:
            return self._tight
        self._looked_at = now
        taken = self._taken()
        if taken >= self._most and now - self._trimmed_at >= _TRIM_S:
            self._trimmed_at = now
            self._trim()
            taken = self._taken()
        tight = taken >= self._most
        if tight != self._tight:
            self._tight = tight
            self._changed(tight, taken)
        return tight


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
