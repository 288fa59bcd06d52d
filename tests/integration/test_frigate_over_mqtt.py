"""A Frigate that publishes, a Mosquitto between, `eps source run`, and a running service.

The broker is killed, the source is killed, messages are repeated and come in any order. What the
broker's own log says that it took has to be there in the end: each event once and with its end,
each review as one insight.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from enhanced_prompt import AsyncClient
from tests.support.binaries import ROOT
from tests.support.mosquitto import Mosquitto, mosquitto
from tests.support.require import scaled
from tests.support.workers import Worker

pytestmark = pytest.mark.soak
T = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
EVENTS, REVIEWS, KILLS = "frigate/events", "frigate/reviews", 4
READER = "eps-frigate-home"
PATIENCE_S = 100.0


@dataclass(frozen=True)
class Said:
    """One message of Frigate's."""

    topic: str
    payload: str


def event_messages(number: int) -> list[Said]:
    """A whole life: seen, changed, changed, ended."""

    def told(kind: str, at: float, **more: Any) -> Said:
        after = {
            "id": f"{T + number:.6f}-{number:06d}", "camera": f"cam-{number % 5}",
            "label": "person", "sub_label": None, "frame_time": T + number + at,
            "top_score": 0.5 + at / 10, "false_positive": False, "start_time": T + number,
            "end_time": None, "current_zones": [], "entered_zones": [], "has_clip": False,
            "has_snapshot": False, **more,
        }  # fmt: skip
        return Said(EVENTS, json.dumps({"type": kind, "before": after, "after": after}))

    return [
        told("new", 0.0),
        told("update", 1.0, current_zones=["lawn"]),
        told("update", 2.0),
        told("end", 3.0, end_time=T + number + 3.0, entered_zones=["lawn"]),
    ]


def review_messages(number: int) -> list[Said]:
    """A detection that becomes an alert and ends."""

    def told(severity: str, detections: int, end: float | None) -> Said:
        after = {
            "id": f"review-{number}", "camera": f"cam-{number % 5}", "start_time": T + number,
            "end_time": end, "severity": severity, "thumb_path": "",
            "data": {
                "detections": [f"{T + number + one:.6f}-{number + one:06d}"
                               for one in range(detections)],
                "objects": ["person"], "sub_labels": [], "zones": [], "audio": [],
            },
        }  # fmt: skip
        return Said(REVIEWS, json.dumps({"type": "update", "before": after, "after": after}))

    return [
        told("detection", 1, None), told("alert", 2, None), told("alert", 2, T + number + 9),
    ]  # fmt: skip


class Publisher:
    """Publishes with QoS 1, again whatever a broker that was killed did not acknowledge."""

    def __init__(self, broker: Mosquitto) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="frigate", clean_session=False)
        self.client.max_queued_messages_set(0)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda *_: self._there.set()
        self.client.on_disconnect = lambda *_: self._there.clear()
        self._there = threading.Event()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self.count = 0

    def tell(self, messages: list[Said]) -> None:
        """Until the broker has acknowledged all of them."""
        assert self._there.wait(PATIENCE_S)
        sent = [self.client.publish(one.topic, one.payload, qos=1) for one in messages]
        for one in sent:
            one.wait_for_publish(PATIENCE_S)
        self.count += len(sent)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with mosquitto() as running:
        yield running


class Source:
    """`eps source run frigate` as a process."""

    def __init__(self, broker: Mosquitto, server: Worker, folder: Path) -> None:
        self._arguments = ["source", "run", "frigate", "--mqtt", broker.url, "--site", "home"]
        self._arguments += ["--server", server.address, "--time-zone", "Europe/Rome"]
        self._env = {**os.environ, "EPS_HOME": str(folder)}
        self._log = folder / "source.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "enhanced_prompt_service.cli", *self._arguments,
                cwd=ROOT, env=self._env, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def end(self) -> str:
        """SIGTERM; what it said."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        return self._log.read_text()


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[tuple[Worker, AsyncClient]]:
    worker = Worker(folder / "service", {"EPS_DRAIN_S": "1"})
    await worker.start()
    try:
        async with AsyncClient(worker.address) as client:
            yield worker, client
    finally:
        await worker.close()


async def until(true: Callable[[], bool], pause_s: float = 0.05) -> None:
    """What only another process can tell."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - a log file is no event
            await asyncio.sleep(pause_s)


async def stored_events(client: AsyncClient) -> dict[str, Any]:
    """Everything that is stored, by id."""
    return {one.event_id: one async for one in client.list_events(page_size=1000)}


async def test_killing_the_broker_and_the_source_loses_and_doubles_nothing(
    broker: Mosquitto, tmp_path: Path
) -> None:
    dice = random.Random(11)
    count = scaled(4000, 200)
    async with service(tmp_path) as (server, client):
        source = Source(broker, server, tmp_path)
        await source.start()
        await until(lambda: f"Received SUBSCRIBE from {READER}" in broker.log)
        publisher = await asyncio.to_thread(Publisher, broker)
        for phase in range(KILLS):
            told: list[Said] = []
            for number in range(phase, count, KILLS):
                told += event_messages(number)
                if number % 10 == 0:
                    told += review_messages(number)
            told += dice.choices(told, k=len(told) // 3)  # again
            dice.shuffle(told)  # and in any order
            await asyncio.to_thread(publisher.tell, told)
            await asyncio.to_thread(broker.save)
            await asyncio.to_thread(broker.kill)
            if phase % 2:
                await source.kill()
                await source.start()
            await asyncio.to_thread(broker.start)
        await until(
            lambda: (
                broker.given(READER, EVENTS) >= broker.taken(EVENTS)
                and broker.given(READER, REVIEWS) >= broker.taken(REVIEWS)
            )
        )
        # Behind everything else: once this one is stored, so is all that came before it.
        [last] = event_messages(count)[-1:]
        await asyncio.to_thread(publisher.tell, [last])
        async with asyncio.timeout(PATIENCE_S):
            while f"{T + count:.6f}-{count:06d}" not in (found := await stored_events(client)):
                pass
        said = await source.end()
        insights = [one async for one in client.list_insights(page_size=200)]
        await asyncio.to_thread(publisher.close)

    assert broker.taken(EVENTS) + broker.taken(REVIEWS) >= publisher.count
    assert len(found) == count + 1, said
    assert all(one.HasField("end_time") for one in found.values())
    assert {round(one.confidence, 3) for one in found.values()} == {0.8}
    assert all(list(one.zones) == ["lawn"] for one in found.values())
    reviews = [one for one in insights if one.metadata["detector"] == "frigate-review"]
    numbers = sorted(str(one.metadata["review_id"]) for one in reviews)
    assert numbers == sorted(f"review-{one}" for one in range(0, count, 10))
    assert all(one.title.startswith("Alert at cam-") for one in reviews)
    assert all(one.window.end_time.ToDatetime(UTC).timestamp() % 1 == 0 for one in reviews)
    assert "Traceback" not in said
