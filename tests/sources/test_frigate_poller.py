"""Polling Frigate, against a server on this machine that behaves as its API does."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.sources.backoff import Backoff
from enhanced_prompt_service.sources.checkpoints import Checkpoints
from enhanced_prompt_service.sources.files import Run
from enhanced_prompt_service.sources.frigate import FrigateOptions
from enhanced_prompt_service.sources.frigate_poller import (
    FrigatePoller,
    PollOptions,
    follow_frigate,
)
from enhanced_prompt_service.sources.progress import Progress

from .helpers import MemorySink, Script, Stop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
T = NOW.timestamp()
HOME = FrigateOptions("home")


class FakeFrigate:
    """The two calls that are polled, with the API's meaning of after, before, limit and order."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.answers: list[int] = []

    def add(self, name: str, start: float, end: float | None = None, **more: object) -> None:
        self.rows[name] = {
            "id": name, "label": "person", "camera": "door", "start_time": start, "end_time": end,
            "sub_label": None, "false_positive": None, "zones": [], "has_clip": False,
            "has_snapshot": False, "data": {"type": "object", "top_score": 0.8}, **more,
        }  # fmt: skip

    def answer(self, target: str) -> tuple[int, object]:
        self.asked.append(target)
        if self.answers and (code := self.answers.pop(0)) != 200:
            return code, {"message": "no"}
        url = urlsplit(target)
        if url.path.startswith("/api/events/"):
            found = self.rows.get(unquote(url.path.removeprefix("/api/events/")))
            return (200, found) if found else (404, {"message": "Event not found"})
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        rows = [
            row
            for row in self.rows.values()
            if row["start_time"] > float(query["after"])
            and row["start_time"] < float(query.get("before", "inf"))
        ]
        rows.sort(key=lambda row: row["start_time"], reverse=True)
        return 200, rows[: int(query["limit"])]


@contextmanager
def serving(frigate: FakeFrigate) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            code, document = frigate.answer(self.path)
            body = json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def frigate() -> FakeFrigate:
    return FakeFrigate()


def client(frigate: FakeFrigate) -> httpx.AsyncClient:
    """The same server without a socket, for what is not about the network."""

    def handle(request: httpx.Request) -> httpx.Response:
        code, document = frigate.answer(str(request.url.raw_path, "ascii"))
        return httpx.Response(code, json=document)

    return httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://frigate")


def poller(frigate: FakeFrigate, sink: MemorySink, **more: Any) -> FrigatePoller:
    return FrigatePoller(client(frigate), sink, HOME, FixedClock(NOW), **more)


async def test_only_what_changed_is_sent_again(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    frigate.add("a", T - 100, T - 90)
    frigate.add("b", T - 50)
    watching = poller(frigate, sink)
    assert await watching.poll() == 2
    assert await watching.poll() == 0
    frigate.add("b", T - 50, T - 10)
    assert await watching.poll() == 1
    assert sink.events["b"].end_time == datetime.fromtimestamp(T - 10, UTC)
    frigate.add("b", T - 50, T - 10, sub_label="Ann")
    assert await watching.poll() == 1
    assert sink.events["b"].sub_label == "Ann"
    progress = watching.progress
    assert (progress.rows, progress.created, progress.updated) == (4, 2, 2)


async def test_pages_are_turned_until_all_is_read(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    for number in range(25):
        # Threes of them begin in one instant, over the edges of pages too.
        frigate.add(f"e{number}", T - 1000 + number // 3, T)
    assert await poller(frigate, sink, polling=PollOptions(page=10)).poll() == 25
    assert len(frigate.asked) > 2
    starts = [one.start_time for one in sink.events.values()]
    assert starts == sorted(starts)


async def test_the_first_look_goes_as_far_back_as_told(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    frigate.add("old", T - 7200, T)
    frigate.add("new", T - 10, T)
    await poller(frigate, sink, polling=PollOptions(history_s=3600)).poll()
    assert list(sink.events) == ["new"]


async def test_what_is_stored_late_is_found_by_looking_back(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    frigate.add("a", T - 10, T)
    watching = poller(frigate, sink)
    await watching.poll()
    frigate.add("late", T - 300, T - 200)
    assert await watching.poll() == 1
    assert watching.newest == T - 10


async def test_an_open_event_is_asked_for_until_it_ends(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    frigate.add("parked/1", T - 3000)
    frigate.add("new", T - 1, T)
    watching = poller(frigate, sink)
    await watching.poll()
    await watching.poll()
    assert frigate.asked[-1] == "/api/events/parked%2F1"
    frigate.add("parked/1", T - 3000, T - 5)
    await watching.poll()
    assert sink.events["parked/1"].end_time is not None
    asked = len(frigate.asked)
    await watching.poll()
    assert len(frigate.asked) == asked + 1


async def test_what_frigate_deleted_is_forgotten(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    frigate.add("gone", T - 3000)
    frigate.add("new", T - 1, T)
    watching = poller(frigate, sink)
    await watching.poll()
    del frigate.rows["gone"]
    await watching.poll()
    asked = len(frigate.asked)
    await watching.poll()
    assert len(frigate.asked) == asked + 1
    assert "gone" in sink.events


async def test_false_positives_and_broken_rows_are_not_sent(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    frigate.add("false", T - 5, T, false_positive=True)
    frigate.add("broken", T - 5, T, camera=7)
    frigate.add("good", T - 5, T)
    watching = poller(frigate, sink)
    await watching.poll()
    await watching.poll()
    assert list(sink.events) == ["good"]
    assert [one.reason for one in watching.progress.rejections] == ["must be text (event broken)"]


async def test_a_failed_sink_gets_the_same_events_again(frigate: FakeFrigate) -> None:
    sink = MemorySink()
    frigate.add("a", T - 5, T)
    watching = poller(frigate, sink)
    sink.fail = lambda batch: Unavailable("gone")
    with pytest.raises(Unavailable):
        await watching.poll()
    sink.fail = lambda batch: None
    assert await watching.poll() == 1


async def test_while_frigate_is_away_waits_grow_and_then_it_goes_on(
    frigate: FakeFrigate,
) -> None:
    sink = MemorySink()
    frigate.add("a", T - 5, T)
    frigate.answers = [502, 503, 429]
    script = Script(lambda: None, lambda: None, lambda: None, lambda: None)
    watching = poller(
        frigate, sink, wait=script, backoff=Backoff(first_s=100, most_s=1000),
        polling=PollOptions(poll_s=3),
    )  # fmt: skip
    with pytest.raises(Stop):
        await watching.run()
    assert all(wait >= 10 for wait in script.waits[:3])
    assert script.waits[3:] == [3, 3]
    assert list(sink.events) == ["a"]


async def test_an_answer_that_waiting_does_not_mend_ends_it(frigate: FakeFrigate) -> None:
    frigate.answers = [401]
    with pytest.raises(httpx.HTTPStatusError):
        await poller(frigate, MemorySink(), wait=Script()).run()


async def test_over_a_socket_it_goes_on_after_a_restart(
    frigate: FakeFrigate, tmp_path: Path
) -> None:
    frigate.add("a", T - 5, T)
    checkpoints = Checkpoints(tmp_path)
    polled = asyncio.Event()

    def note(progress: Progress) -> None:
        polled.set()

    async def until_polled(url: str, sink: MemorySink) -> None:
        polled.clear()
        run = Run(checkpoints=checkpoints, on_progress=note)
        options = PollOptions(poll_s=3600, overlap_s=60)
        task = asyncio.create_task(follow_frigate(url, sink, HOME, FixedClock(NOW), run, options))
        await polled.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with serving(frigate) as url:
        first, second = MemorySink(), MemorySink()
        await until_polled(url, first)
        frigate.add("b", T - 2, T)
        frigate.add("too old", T - 500, T)
        await until_polled(url, second)
    assert list(first.events) == ["a"]
    assert list(second.events) == ["a", "b"]


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    with serving(FakeFrigate()) as url:
        pass
    script = Script(lambda: None)
    with pytest.raises(Stop):
        await follow_frigate(url, MemorySink(), HOME, FixedClock(NOW), wait=script)
    assert len(script.waits) == 2
