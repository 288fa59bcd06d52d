"""What the machine and this process use."""

from __future__ import annotations

from pathlib import Path

from enhanced_prompt_service.machine import Headroom, Machine, memory_size, trim_memory


def test_shares_are_of_the_time_since_the_reading_before_and_kept_where_that_is_short() -> None:
    at = [0.0]
    machine = Machine(lambda: at[0])
    assert (machine.load().machine_cpu, machine.load().process_cpu) == (0.0, 0.0)
    sum(number * number for number in range(200_000))  # some work
    at[0] = 0.4
    assert machine.load().process_cpu == 0.0
    at[0] = 0.5
    busy = machine.load()
    assert busy.process_cpu > 0.0
    assert 0.0 <= busy.machine_cpu <= 100.0
    assert machine.load().process_cpu == busy.process_cpu


def test_memory_is_that_of_this_machine_and_this_process() -> None:
    load = Machine().load()
    assert 0.0 < load.machine_memory < 100.0
    assert load.memory_bytes > 2**20


class Process:
    """Takes memory, gives back what is `freed` when it is trimmed, and counts looks."""

    def __init__(self, taken: int) -> None:
        self.at = 0.0
        self.bytes = taken
        self.freed = 0
        self.looks = 0
        self.trims = 0
        self.said: list[tuple[bool, int]] = []
        self.headroom = Headroom(
            100,
            changed=lambda tight, taken: self.said.append((tight, taken)),
            monotonic=lambda: self.at,
            taken=self.taken,
            trim=self.trim,
        )

    def taken(self) -> int:
        self.looks += 1
        return self.bytes

    def trim(self) -> None:
        self.trims += 1
        self.bytes -= self.freed
        self.freed = 0

    def tight(self, at: float) -> bool:
        self.at = at
        return self.headroom.tight()


def test_a_process_at_its_limit_has_no_room_until_it_is_below_again() -> None:
    process = Process(99)
    assert not process.tight(0.0)
    process.bytes = 100
    assert process.tight(1.0)
    process.bytes = 99
    assert not process.tight(2.0)
    assert process.said == [(True, 100), (False, 99)]


def test_memory_is_looked_at_four_times_a_second_at_most() -> None:
    process = Process(1)
    for at in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6):
        process.tight(at)
    assert process.looks == 3


def test_what_was_freed_is_given_back_before_anybody_is_refused() -> None:
    process = Process(150)
    process.freed = 60
    assert not process.tight(0.0)
    assert process.said == []
    process.bytes = 120
    assert process.tight(5.0)  # trimming stops the process a while: not more than each 10 s
    assert process.trims == 1
    process.freed = 60
    assert not process.tight(10.0)
    assert process.trims == 2


def test_trimming_works_here_or_does_nothing() -> None:
    trim_memory()


def test_a_group_that_has_less_than_the_machine_is_what_counts(tmp_path: Path) -> None:
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    assert memory_size(proc, cgroup) == 0
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal:       1000 kB\nMemFree: 1 kB\n")
    assert memory_size(proc, cgroup) == 1_024_000
    inner = cgroup / "outer" / "inner"
    inner.mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/outer/inner\n")
    (inner / "memory.max").write_text("max\n")
    assert memory_size(proc, cgroup) == 1_024_000
    (cgroup / "outer" / "memory.max").write_text("500000\n")
    assert memory_size(proc, cgroup) == 500_000
    (cgroup / "memory").mkdir()
    (cgroup / "memory" / "memory.limit_in_bytes").write_text("400000\n")  # version 1
    assert memory_size(proc, cgroup) == 400_000


def test_this_machine_has_memory() -> None:
    assert memory_size() > 2**20
