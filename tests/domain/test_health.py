"""What the service says of its health."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from enhanced_prompt_service.domain.dependencies import Dependency
from enhanced_prompt_service.domain.health import Health, Load, Part, Replica, Reporter
from enhanced_prompt_service.domain.warming import WarmPart, WarmStatus, Warmth

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Asked:
    """A part that is there or not, as the test says."""

    def __init__(self, name: str, *, required: bool) -> None:
        self.there = True
        self.part = Part(
            Dependency(name, lambda: NOW, lambda: 0.0),
            self.ask,
            "answers",
            f"no {name}",
            required=required,
        )

    async def ask(self) -> None:
        if not self.there:
            raise OSError("secret address")


def reporter(warmth: Warmth, *asked: Asked) -> Reporter:
    replica = Replica(
        name="0-abc",
        version="1.2",
        started=NOW,
        draining=lambda: False,
        connections=lambda: 3,
        waiting=lambda: 4,
        load=lambda: Load(10.0, 20.0, 30.0, 40),
    )
    return Reporter(
        replica,
        [one.part for one in asked],
        now=lambda: NOW,
        warmth=lambda: warmth,
        providers=lambda: (),
    )


READY = Warmth("agent", WarmStatus.READY, 0.0)


@pytest.mark.parametrize(
    ("storage", "bus", "status"),
    [
        (True, True, Health.HEALTHY),
        (True, False, Health.DEGRADED),
        (False, True, Health.UNHEALTHY),
        (False, False, Health.UNHEALTHY),
    ],
)
async def test_the_whole_is_as_bad_as_what_it_cannot_do_without(
    storage: bool, bus: bool, status: Health
) -> None:
    parts = Asked("storage", required=True), Asked("bus", required=False)
    parts[0].there, parts[1].there = storage, bus
    found = await reporter(READY, *parts).system_health()
    assert found.status is status
    said = {one.name: (one.status, one.detail) for one in found.components}
    for name, there in (("storage", storage), ("bus", bus)):
        good, bad = (Health.HEALTHY, "answers"), (Health.UNHEALTHY, f"no {name}")
        assert said[name] == (good if there else bad)
    assert "secret" not in repr(found)


async def test_an_agent_that_is_not_ready_degrades_the_service_and_says_what_is_cold() -> None:
    warmth = Warmth(
        "agent",
        WarmStatus.DEGRADED,
        0.0,
        (WarmPart("catalogue", False, 0.1), WarmPart("storage", True, 0.1)),
    )
    found = await reporter(warmth, Asked("storage", required=True)).system_health()
    assert (found.status, found.agent_initialized) == (Health.DEGRADED, False)
    assert "catalogue" in found.components[-1].detail
    assert "storage" not in found.components[-1].detail


async def test_it_says_who_answers() -> None:
    found = await reporter(READY, Asked("storage", required=True)).system_health()
    assert (found.version, found.agent_id, found.agent_initialized) == ("1.2", "agent", True)
    assert (found.machine_cpu, found.machine_memory, found.queue_size) == (10.0, 20.0, 4)
    (replica,) = found.replicas
    assert (replica.name, replica.active_connections, replica.cpu_percent) == ("0-abc", 3, 30.0)
    assert replica.memory_bytes == 40
