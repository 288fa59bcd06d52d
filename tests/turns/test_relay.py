"""Logs copied to the bus and followed on another replica."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from enhanced_prompt_service.bus import MemoryBus
from enhanced_prompt_service.domain.bus import LogEntry
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.domain.turns import (
    Failed,
    FrameKind,
    TextDelta,
    TurnError,
    TurnRow,
    TurnState,
)
from enhanced_prompt_service.turns import Cursor, TakenFrame, TurnLog
from enhanced_prompt_service.turns.mirror import Mirror, MirrorParts
from enhanced_prompt_service.turns.relay import relay
from tests.turns.fakes import CALLER, NOW, MemoryTurnStore, encode
from tests.turns.test_log import STARTED, closing, drain


class FlakyBus(MemoryBus):
    """A bus that a test takes away."""

    shared = True

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self.away = False
        self.refused = asyncio.Event()
        self.appends = 0

    async def append(self, turn_id: str, attempt: int, entries: Any) -> None:
        if self.away:
            self.refused.set()
            raise Unavailable("away", reason=Reason.BUS_UNAVAILABLE)
        self.appends += 1
        await asyncio.sleep(0)
        await super().append(turn_id, attempt, entries)

    def lose_memory(self) -> None:
        self._logs.clear()
        self._log_ends.clear()


def unexpected() -> None:
    raise AssertionError("nobody took the turn over")


def abandon(log: TurnLog) -> None:
    log.abandon(TurnError(Reason.RUNNER_LOST, "taken over", retryable=True))


async def only_the_loss(reader: Cursor) -> bool:
    rest = [(frame.sequence, frame.kind) for frame in await read_all(reader)]
    return rest == [(0, FrameKind.FAILED)]


def always() -> bool:
    return True


async def read_all(cursor: Cursor) -> list[TakenFrame]:
    return [frame async for frame in cursor]


async def test_readers_get_frames_only_once_the_bus_has_them() -> None:
    bus = FlakyBus()
    log = TurnLog("t", 1, encode, gated=True)
    reader = log.cursor()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            relay(log, bus, keep_s=60, give_up_s=1, leased=always, on_superseded=unexpected)
        )
        log.append(STARTED)
        for word in ("a", "b", "c"):
            log.text(word)
            frame = await reader.take()
            assert frame is not None
            assert len(await bus.read("t", 1, after=0)) >= frame.sequence
        log.append(closing())
        rest = await read_all(reader)
    assert rest[-1].closing
    copied = await bus.read("t", 1, after=0)
    assert [one.sequence for one in copied] == list(range(1, log.last_sequence + 1))


async def test_while_the_bus_is_away_readers_go_on_and_all_is_copied_when_it_is_back() -> None:
    bus = FlakyBus()
    log = TurnLog("t", 1, encode, gated=True)
    reader = log.cursor()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            relay(log, bus, keep_s=60, give_up_s=60, leased=always, on_superseded=unexpected)
        )
        log.append(STARTED)
        assert await reader.take() is not None
        bus.away = True
        log.text("unaccepted")
        frame = await reader.take()
        assert frame is not None
        assert frame.payload == TextDelta("unaccepted")
        bus.lose_memory()
        log.append(closing())
        assert (await read_all(reader))[-1].closing
        bus.away = False
    copied = await bus.read("t", 1, after=0)
    assert [one.sequence for one in copied] == [1, 2, 3]


async def test_a_bus_that_stays_away_does_not_hold_an_ended_turn_for_ever() -> None:
    bus = FlakyBus()
    bus.away = True
    log = TurnLog("t", 1, encode, gated=True)
    log.append(closing())
    await relay(log, bus, keep_s=60, give_up_s=0.0, leased=always, on_superseded=unexpected)
    assert bus.refused.is_set()
    assert (await read_all(log.cursor()))[-1].closing


async def test_an_attempt_that_was_taken_over_shows_nothing_that_the_bus_refused() -> None:
    bus = FlakyBus()
    log = TurnLog("t", 1, encode, gated=True)
    reader = log.cursor()
    log.append(STARTED)

    copying = asyncio.create_task(
        relay(log, bus, keep_s=60, give_up_s=1, leased=always, on_superseded=lambda: abandon(log))
    )
    first = await reader.take()
    assert first is not None
    await bus.append("t", 2, [LogEntry(1, "reset", b"r")])
    log.text("too late")
    await copying
    assert await only_the_loss(reader)


async def test_a_process_that_is_not_sure_of_its_lease_shows_nothing_unaccepted() -> None:
    """It was stopped for a while: its command timed out, and another has taken the turn over."""
    bus = FlakyBus()
    log = TurnLog("t", 1, encode, gated=True)
    reader = log.cursor()
    log.append(STARTED)

    copying = asyncio.create_task(
        relay(
            log,
            bus,
            keep_s=60,
            give_up_s=1,
            leased=lambda: False,
            on_superseded=lambda: abandon(log),
        )
    )
    first = await reader.take()
    assert first is not None
    bus.away = True
    log.text("nobody shall see this")
    await bus.refused.wait()
    assert reader.take_now() is None
    bus.away = False
    await bus.append("t", 2, [LogEntry(1, "reset", b"r")])
    await copying
    assert await only_the_loss(reader)


async def test_once_it_is_sure_again_readers_go_on_while_the_bus_is_away() -> None:
    bus = FlakyBus()
    bus.away = True
    log = TurnLog("t", 1, encode, gated=True)
    reader = log.cursor()
    leases: list[bool] = []

    def leased() -> bool:
        leases.append(len(leases) > 2)
        return leases[-1]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            relay(log, bus, keep_s=60, give_up_s=60, leased=leased, on_superseded=unexpected)
        )
        log.append(STARTED)
        assert await reader.take() is not None
        assert leases[:4] == [False, False, False, True]
        bus.away = False
        log.append(closing())


async def test_what_ended_while_neither_bus_nor_lease_could_be_had_is_shown_in_the_end() -> None:
    bus = FlakyBus()
    bus.away = True
    log = TurnLog("t", 1, encode, gated=True)
    log.append(closing())
    await relay(log, bus, keep_s=60, give_up_s=0.0, leased=lambda: False, on_superseded=unexpected)
    assert (await read_all(log.cursor()))[-1].closing


# ---- mirrors ------------------------------------------------------------------------------------


class Watched(MemoryTurnStore):
    """A store whose runners a test kills."""

    def __init__(self) -> None:
        super().__init__()
        self.dead = False

    async def runner_alive(self, runner: str) -> bool:
        return not self.dead


async def a_mirror(bus: MemoryBus) -> tuple[Mirror, Watched]:
    store = Watched()
    row = await store.begin(
        CALLER,
        turn_id="t",
        conversation_id="c",
        message_id="m",
        request_id="r",
        request_hash="h",
        query="q",
        runner="other/t",
        now=NOW,
    )
    failed = Failed(TurnError("TURN_FAILED", "failed", retryable=False))
    parts = MirrorParts(bus, store, encode, lambda encoded: failed)
    mirror = Mirror(parts, CALLER, row)
    mirror.readers = 1
    return mirror, store


async def test_a_mirror_shows_the_same_frames_as_the_log_itself() -> None:
    bus = FlakyBus()
    log = TurnLog("t", 1, encode, gated=True)
    mirror, _ = await a_mirror(bus)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            relay(log, bus, keep_s=60, give_up_s=1, leased=always, on_superseded=unexpected)
        )
        tasks.create_task(mirror.follow())
        near, far = tasks.create_task(read_all(log.cursor())), read_all(mirror.log.cursor())
        log.append(STARTED)
        for word in ("a", "b", "c"):
            log.text(word)
            await asyncio.sleep(0)
        log.append(closing())
        seen_far = await far
    seen_near = near.result()
    place = [(f.kind, f.sequence, f.previous_sequence, f.encoded) for f in seen_near]
    assert [(f.kind, f.sequence, f.previous_sequence, f.encoded) for f in seen_far] == place


async def test_a_mirror_that_nobody_reads_ends_by_itself() -> None:
    """Also where its cancellation was lost on the way."""
    mirror, _ = await a_mirror(FlakyBus())
    mirror.readers = 0
    async with asyncio.timeout(10):
        await mirror.follow()
    assert not mirror.log.ended


async def test_views_of_a_mirror_leave_out_what_they_leave_out_of_a_log() -> None:
    bus = FlakyBus()
    await bus.append("t", 1, [LogEntry(1, "started", b"s"), LogEntry(2, "thinking", b"t")])
    mirror, _ = await a_mirror(bus)
    await mirror.load()
    assert [f.kind for f in drain(mirror.log.cursor(frozenset({FrameKind.STARTED})))] == [
        FrameKind.STARTED
    ]


async def test_a_lost_runner_closes_the_readers_of_its_mirrors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("enhanced_prompt_service.turns.mirror.LOOK_S", 0.01)
    bus = FlakyBus()
    await bus.append("t", 1, [LogEntry(1, "started", b"s")])
    mirror, store = await a_mirror(bus)
    store.dead = True
    await mirror.follow()
    frames = await read_all(mirror.log.cursor())
    assert [f.sequence for f in frames] == [1, 0]
    failed = frames[-1].payload
    assert isinstance(failed, Failed)
    assert failed.error.reason == Reason.RUNNER_LOST
    assert failed.error.retryable


async def test_a_gap_in_the_bus_is_said_and_never_shown_as_a_whole() -> None:
    bus = FlakyBus()
    await bus.append("t", 1, [LogEntry(3, "text_delta", b"x")])
    mirror, _ = await a_mirror(bus)
    await mirror.follow()
    with pytest.raises(Unavailable) as caught:  # and no closing frame: the turn may go on
        await read_all(mirror.log.cursor())
    assert caught.value.reason is Reason.BUS_UNAVAILABLE


async def test_readers_of_a_turn_elsewhere_are_cut_and_not_closed_when_the_bus_goes_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("enhanced_prompt_service.turns.mirror.LOOK_S", 0.01)
    bus = FlakyBus()
    await bus.append("t", 1, [LogEntry(1, "started", b"s")])
    mirror, _ = await a_mirror(bus)
    following = asyncio.ensure_future(mirror.follow())
    reader = mirror.log.cursor()
    first = await reader.take()
    assert first is not None

    async def away(*_: object) -> list[LogEntry]:
        raise Unavailable("away", reason=Reason.BUS_UNAVAILABLE)

    monkeypatch.setattr(bus, "read", away)
    with pytest.raises(Unavailable):
        await reader.take()
    await following
    assert reader.last_sequence == 1
    assert mirror.lost  # the next reader follows anew


async def test_readers_who_come_at_the_same_moment_do_not_make_a_gap() -> None:
    """Each of them reads the bus: what one took over while the other waited is there already."""
    bus = FlakyBus()
    await bus.append("t", 1, [LogEntry(n, "text_delta", b"x") for n in range(1, 4)])
    mirror, _ = await a_mirror(bus)
    both = asyncio.Event()
    reads = 0
    read = bus.read

    async def slow(*place: Any) -> list[LogEntry]:
        nonlocal reads
        found = await read(*place)
        reads += 1
        if reads == 2:
            both.set()
        await both.wait()
        return found

    bus.read = slow  # type: ignore[method-assign]
    await asyncio.gather(mirror.load(), mirror.load())
    assert mirror.log.last_sequence == 3
    assert not mirror.log.ended


async def test_the_last_frames_of_a_turn_that_has_just_ended_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The closing transaction comes before the closing frame: whoever looks between them waits."""
    monkeypatch.setattr("enhanced_prompt_service.turns.mirror.LOOK_S", 0.01)
    bus = FlakyBus()
    await bus.append("t", 1, [LogEntry(1, "started", b"s")])
    mirror, store = await a_mirror(bus)
    store.rows["t"] = replace(store.rows["t"], state=TurnState.COMPLETED, ended_at=NOW)
    looked = asyncio.Event()
    get_turn = store.get_turn

    async def look(*place: Any) -> TurnRow:
        looked.set()
        monkeypatch.setattr("enhanced_prompt_service.turns.mirror.LOOK_S", 60.0)
        return await get_turn(*place)

    store.get_turn = look  # type: ignore[method-assign]
    following = asyncio.create_task(mirror.follow())
    await looked.wait()
    await bus.append("t", 1, [LogEntry(2, "completed", b"c")])
    await following
    assert mirror.log.closed


async def test_a_watcher_of_a_busy_turn_keeps_it_alive() -> None:
    """Frames come all the time: saying that somebody watches does not wait for a quiet moment."""
    bus = FlakyBus()
    await bus.append("t", 1, [LogEntry(1, "started", b"s")])
    mirror, _ = await a_mirror(bus)
    following = asyncio.create_task(mirror.follow())
    frames = mirror.log.cursor()
    await frames.take()
    assert await bus.get("watched:t") is not None
    await bus.append("t", 1, [LogEntry(2, "completed", b"c")])
    await following
