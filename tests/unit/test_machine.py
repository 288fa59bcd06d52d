"""What the machine and this process use."""

from __future__ import annotations

from enhanced_prompt_service.machine import Machine


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
