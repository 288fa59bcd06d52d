"""Frigate's messages as they come: in order and not, once and again, over restarts."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.events import CoverageState
from enhanced_prompt_service.domain.insights import Severity
from enhanced_prompt_service.sources.frigate import FrigateOptions
from enhanced_prompt_service.sources.frigate_live import FrigateLive
from enhanced_prompt_service.sources.mqtt_messages import Cut, Joined, Message, Taken
from enhanced_prompt_service.sources.patient import PatientSink
from enhanced_prompt_service.sources.progress import Progress

from .helpers import MemorySink, Script

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
T = NOW.timestamp()


def message(name: str, told: object, *, retained: bool = False) -> Message:
    payload = told.encode() if isinstance(told, str) else json.dumps(told).encode()
    return Message(f"frigate/{name}", payload, retained)


def seen(event_id: str, at: float = 0.0, end: float | None = None, **more: Any) -> Message:
    after = {
        "id": event_id, "camera": "yard", "label": "person", "sub_label": None,
        "frame_time": T + at, "top_score": 0.7, "score": 0.6, "false_positive": False,
        "start_time": T,
        "end_time": None if end is None else T + end, "current_zones": [], "entered_zones": [],
        "has_clip": False, "has_snapshot": False, **more,
    }  # fmt: skip
    kind = "end" if end is not None else "update" if at else "new"
    return message("events", {"type": kind, "before": after, "after": after})


def review(
    review_id: str, severity: str, detections: Sequence[str], end: float | None = None, **more: Any
) -> Message:
    after = {
        "id": review_id, "camera": "yard", "start_time": T, "severity": severity,
        "end_time": None if end is None else T + end, "thumb_path": "/media/x.webp",
        "data": {"detections": list(detections), "objects": ["person", "car-verified"],
                 "sub_labels": ["Ann"], "zones": ["lawn"], "audio": [], **more},
    }  # fmt: skip
    return message("reviews", {"type": "update", "before": {}, "after": after})


class Bench:
    """A live source over a sink that remembers; `again` is the same after a restart."""

    def __init__(self, sink: MemorySink | None = None) -> None:
        self.sink = sink or MemorySink()
        self.clock = FixedClock(NOW)
        self.waits = Script()
        self.live = FrigateLive(
            PatientSink(self.sink, wait=self.waits),
            FrigateOptions("home"),
            self.clock,
            Progress("broker"),
        )

    async def take(self, *batch: Taken, at: float = 0.0) -> None:
        self.clock.at = NOW + timedelta(seconds=at)
        await self.live.take(batch)

    def again(self) -> Bench:
        return Bench(self.sink)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_an_event_begins_and_gets_its_end(bench: Bench) -> None:
    await bench.take(seen("1"))
    assert bench.sink.events["1"].end_time is None
    await bench.take(seen("1", 2.0, zones=["lawn"]), seen("1", 3.0, end=3.0, zones=["lawn"]))
    event = bench.sink.events["1"]
    assert (event.end_time, event.zones) == (NOW + timedelta(seconds=3), ("lawn",))
    assert bench.sink.batches == [1, 1]  # of two states in one batch the newest is enough


async def test_in_whatever_order_and_however_often_messages_come_the_end_is_the_same() -> None:
    told = [
        seen("1"), seen("1", 1.0, top_score=0.8), seen("1", 2.0, end=2.0, top_score=0.9),
        seen("2"), seen("2", 5.0, entered_zones=["lawn"]),
    ]  # fmt: skip
    straight = Bench()
    for one in told:
        await straight.take(one)
    dice = random.Random(7)
    for order in itertools.islice(itertools.permutations(told), 0, None, 5):
        shuffled = Bench()
        repeated = [*order, *dice.choices(told, k=4)]
        for first in range(0, len(repeated), 2):
            await shuffled.take(*repeated[first : first + 2])
        assert shuffled.sink.events == straight.sink.events


async def test_after_a_restart_a_late_message_does_not_open_what_has_ended(bench: Bench) -> None:
    await bench.take(seen("1"), seen("1", 3.0, end=3.0))
    again = bench.again()
    await again.take(seen("1"), seen("1", 1.0))
    assert again.sink.events["1"].end_time == NOW + timedelta(seconds=3)


async def test_what_frigate_takes_back_is_no_event_and_what_is_broken_is_told(bench: Bench) -> None:
    await bench.take(
        seen("1", false_positive=True),
        seen("", 1.0),
        message("events", "no json"),
        Message("frigate/events", b"\xff"),
        seen("2"),
    )
    assert list(bench.sink.events) == ["2"]
    progress = bench.live.progress
    assert (progress.dropped, progress.rejected, progress.created) == (1, 3, 1)
    assert [one.field for one in progress.rejections] == ["event_id", "", ""]


async def test_descriptions_and_names_that_come_later_are_added_and_stay(bench: Bench) -> None:
    await bench.take(seen("1"))
    await bench.take(
        message("tracked_object_update", {"type": "face", "id": "1", "name": "Ann", "score": 0.9}),
        message("tracked_object_update", {"type": "description", "id": "1", "description": "A."}),
        message("tracked_object_update", {"type": "description", "id": "x", "description": "?"}),
    )
    await bench.take(seen("1", 4.0, end=4.0))
    event = bench.sink.events["1"]
    assert (event.sub_label, event.description) == ("Ann", "A.")
    assert event.end_time is not None
    assert list(bench.sink.events) == ["1"]


async def test_while_the_service_is_away_nothing_is_lost(bench: Bench) -> None:
    away = [Unavailable("away"), Unavailable("away")]
    bench.sink.fail = lambda _: away.pop() if away else None
    bench.waits.steps = [lambda: None, lambda: None]
    await bench.take(seen("1"))
    assert list(bench.sink.events) == ["1"]
    assert len(bench.waits.waits) == 2


async def test_a_review_is_an_insight_that_grows_and_rests_on_stored_events(bench: Bench) -> None:
    one, two = f"{T:.6f}-aaaaaa", f"{T + 4:.6f}-bbbbbb"
    await bench.take(seen(one), review("r", "detection", [one]))
    await bench.take(review("r", "alert", [one, two]))
    await bench.take(seen(two, start_time=T + 4), review("r", "alert", [one, two], end=9.0))
    (first, on), (second, on_one), (third, on_both) = bench.sink.insights
    assert {d.dedupe_key for d in (first, second, third)} == {"frigate/home/r"}
    assert [d.severity for d in (first, second, third)] == [
        Severity.LOW, Severity.HIGH, Severity.HIGH,
    ]  # fmt: skip
    assert (on, on_one, on_both) == ((one,), (one,), (one, two))
    assert (first.window.end, second.window.end, third.window.end) == (
        NOW + timedelta(seconds=1), NOW + timedelta(seconds=4), NOW + timedelta(seconds=9),
    )  # fmt: skip
    assert third.title == "Alert at yard: Ann, person, car"
    assert third.message == "Alert reported by Frigate at yard (lawn): Ann, person, car."
    assert second.message.endswith("It still goes on.")


async def test_a_review_again_or_late_changes_nothing(bench: Bench) -> None:
    ended = review("r", "alert", ["x"], end=9.0)
    await bench.take(ended)
    await bench.take(ended, review("r", "detection", []))
    assert len(bench.sink.insights) == 1


async def test_a_severity_that_is_none_is_told_with_its_field(bench: Bench) -> None:
    await bench.take(review("r", "motion", []))
    assert bench.sink.insights == []
    assert bench.live.progress.rejections[0].field == "severity"


async def test_a_state_is_coverage_from_when_it_is_told(bench: Bench) -> None:
    await bench.take(Joined(), message("yard/status/detect", "online", retained=True))
    await bench.take(at=30)
    await bench.take(message("yard/status/detect", "offline"), at=40)
    await bench.take(at=60)
    assert [
        (one.state, (one.start_time - NOW).seconds, (one.end_time - NOW).seconds)
        for one in bench.sink.coverage
    ] == [
        (CoverageState.RECORDING, 0, 30),
        (CoverageState.RECORDING, 0, 40),
        (CoverageState.OFFLINE, 40, 60),
    ]


async def test_while_the_broker_or_frigate_is_away_nothing_is_claimed(bench: Bench) -> None:
    await bench.take(message("yard/status", "online"))
    await bench.take(Cut(), at=10)
    await bench.take(at=20)
    await bench.take(Joined(), message("yard/status", "online", retained=True), at=50)
    await bench.take(message("available", "offline"), at=60)
    await bench.take(message("yard/status", "online", retained=True), at=70)
    await bench.take(at=80)
    assert [
        ((one.start_time - NOW).seconds, (one.end_time - NOW).seconds)
        for one in bench.sink.coverage
    ] == [(0, 10), (50, 60)]


async def test_where_frigate_tells_no_status_its_older_topic_counts(bench: Bench) -> None:
    await bench.take(
        message("yard/detect/state", "OFF", retained=True),
        message("gate/detect/state", "OFF", retained=True),
        message("gate/status/detect", "online", retained=True),
        message("gate/detect/state", "OFF", retained=True),
    )
    await bench.take(at=5)
    assert {one.camera_id: one.state for one in bench.sink.coverage} == {
        "yard": CoverageState.DISABLED,
        "gate": CoverageState.RECORDING,
    }


async def test_a_state_that_nobody_knows_and_other_topics_change_nothing(bench: Bench) -> None:
    await bench.take(
        message("yard/status/detect", "perhaps"),
        message("yard/person", "1"),
        Message("elsewhere/events", b"{}"),
    )
    assert (bench.sink.coverage, bench.live.progress.rejected) == ([], 1)
