"""The checker of readers can fail: a faulty way to a turn is found out, whatever its fault."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt.v1 import turns_pb2
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from tests.support.agents import TalkativeAgent

from .checker import CLOSING, Broken, Reading, check, check_log, kind_of
from .drivers import Driver, Frames, InProcess
from .readers import DETAILS, Plan, replay, whole_log

Fault = Callable[[list[bytes]], list[bytes]]


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[Driver]:
    settings = Settings(home=tmp_path / "home", port=0)
    async with create_app(settings, make_agent=TalkativeAgent()) as app:
        yield InProcess(app)


class Faulty:
    """A driver whose streams of frames have a fault at their fourth and fifth frame."""

    def __init__(self, driver: Driver, fault: Fault) -> None:
        self._driver = driver
        self._fault = fault
        self.stored = driver.stored

    def ask(self, request: pb.AskRequest) -> Frames:
        return self._broken(self._driver.ask(request))

    def watch(self, request: pb.WatchTurnRequest) -> Frames:
        whole = self._driver.watch(request)
        # Readers of everything from the beginning are the truth that the others are held against.
        truth = request.detail == turns_pb2.DETAIL_REASONING and request.after_sequence == 0
        return whole if truth or request.frame_kinds else self._broken(whole)

    async def _broken(self, stream: Frames) -> Frames:
        held: list[bytes] = []
        count = 0
        async with aclosing(stream):
            async for raw in stream:
                count += 1
                held.append(raw)
                if count == 4:
                    continue
                for one in self._fault(held) if count == 5 else held:
                    yield one
                held = []
        for one in held:
            yield one


def _dropped(two: list[bytes]) -> list[bytes]:
    return two[1:]


def _doubled(two: list[bytes]) -> list[bytes]:
    return [two[0], *two]


def _swapped(two: list[bytes]) -> list[bytes]:
    return two[::-1]


def _altered(two: list[bytes]) -> list[bytes]:
    message = pb.WatchTurnResponse.FromString(two[0])
    message.turn.turn_id = "another"
    return [message.SerializeToString(), two[1]]


@pytest.mark.parametrize("fault", [_dropped, _doubled, _swapped, _altered])
async def test_a_driver_with_a_fault_is_found_out(driver: Driver, fault: Fault) -> None:
    found = 0
    for number in range(8):
        try:
            await replay(Faulty(driver, fault), Plan(number, f"instant 1 {number}", 3))
        except* Broken:
            found += 1
    assert found >= 2


async def test_a_driver_without_one_is_not(driver: Driver) -> None:
    for number in range(8):
        await replay(Faulty(driver, lambda two: two), Plan(number, f"instant 1 {number}", 3))


# ---- the checker alone --------------------------------------------------------------------------

Edit = Callable[[list[turns_pb2.TurnFrame]], object]
EDITS: dict[str, Edit] = {
    "a lost frame": lambda frames: frames.pop(len(frames) // 2),
    "a doubled frame": lambda frames: frames.insert(3, frames[2]),
    "no closing frame": lambda frames: frames.pop(),
    "two closing frames": lambda frames: frames.append(frames[-1]),
    "frames in another order": lambda frames: frames.reverse(),
    "no first frame": lambda frames: frames.pop(0),
    "a replayed one": lambda frames: setattr(frames[-1], "replayed", True),
    "another text": lambda frames: next(
        setattr(one.text_delta, "text", "x") for one in frames if kind_of(one) == "text_delta"
    ),
    "a wrong previous sequence": lambda frames: setattr(frames[4], "previous_sequence", 1),
}


async def a_log(driver: Driver) -> list[turns_pb2.TurnFrame]:
    reading = Reading(turns_pb2.DETAIL_REASONING)
    async for raw in driver.ask(pb.AskRequest(query="instant", detail=reading.detail)):
        reading.take(raw)
    return await whole_log(driver, reading.frames[0].turn_id)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
async def test_what_a_reader_must_not_see_is_broken(driver: Driver, edit: Edit) -> None:
    log = await a_log(driver)
    for detail in DETAILS:
        seen = read_by(log, detail)
        check(seen, {1: log})
        edit(seen.frames)
        with pytest.raises(Broken):
            check(seen, {1: log})


@pytest.mark.parametrize(
    "edit",
    [
        lambda log: log.pop(3),
        lambda log: log.pop(),
        lambda log: log.insert(2, log[-1]),
        lambda log: setattr(log[0], "attempt", 2),
        lambda log: setattr(log[-1].completed.response, "response", "something else"),
    ],
)
async def test_what_no_log_may_be_is_broken(driver: Driver, edit: Edit) -> None:
    log = await a_log(driver)
    check_log(log)
    edit(log)
    with pytest.raises(Broken):
        check_log(log)


async def test_a_newest_attempt_that_was_not_seen_is_broken(driver: Driver) -> None:
    log = await a_log(driver)
    seen = read_by(log, turns_pb2.DETAIL_ANSWER)
    with pytest.raises(Broken):
        check(seen, {1: log, 2: log})


def read_by(log: list[turns_pb2.TurnFrame], detail: turns_pb2.Detail.ValueType) -> Reading:
    """What a reader of this detail has to see of a log."""
    hidden = {"agent_started", "thinking", "tool_started", "tool_finished"}
    seen = Reading(detail)
    previous = 0
    for frame in log:
        if detail == turns_pb2.DETAIL_ANSWER and kind_of(frame) in hidden:
            continue
        copy = turns_pb2.TurnFrame()
        copy.CopyFrom(frame)
        copy.previous_sequence, previous = previous, frame.sequence
        seen.frames.append(copy)
    assert kind_of(seen.frames[-1]) in CLOSING
    return seen
