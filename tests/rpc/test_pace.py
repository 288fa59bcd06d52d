"""A stream is read at a pace; nobody is refused for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from enhanced_prompt.v1 import chat_pb2
from enhanced_prompt_service.rpc.pace import Pace

from .stack import running
from .test_chat import Talk


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_a_burst_goes_through_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()
    pace = Pace(10, 5, monotonic=clock, sleep=clock.sleep)
    for _ in range(5):
        await pace.wait()
    assert clock.now == pytest.approx(100.0)
    for _ in range(20):
        await pace.wait()
    assert clock.now == pytest.approx(102.0)


async def test_who_was_silent_may_send_a_burst_again_and_no_more() -> None:
    clock = Clock()
    pace = Pace(10, 5, monotonic=clock, sleep=clock.sleep)
    for _ in range(10):
        await pace.wait()
    clock.now += 3600
    began = clock.now
    for _ in range(6):
        await pace.wait()
    assert clock.now - began == pytest.approx(0.1)


async def test_each_frame_of_a_chat_keeps_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = 0

    async def wait(pace: Pace) -> None:
        nonlocal waited
        waited += 1

    monkeypatch.setattr(Pace, "wait", wait)
    async with running(tmp_path) as stack:
        talk = Talk(stack)
        await talk.setup()
        for _ in range(3):
            await talk.send(ping=chat_pb2.ChatPing())
            await talk.next("pong")
        assert waited == 4
