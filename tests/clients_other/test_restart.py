"""Each client streams answers and follows insights while its server is killed, stopped and cut off.

What it was given is counted against what was published, and against what is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt import AsyncClient, ClientOptions, PublishInsightRequest, Retry
from enhanced_prompt.v1.common_pb2 import TimeRange
from enhanced_prompt.v1.history_service_pb2 import MESSAGE_ROLE_ASSISTANT
from enhanced_prompt.v1.insight_service_pb2 import SubscribeInsightsRequest
from enhanced_prompt.v1.insights_pb2 import InsightType, Severity
from enhanced_prompt.v1.prompt_service_pb2 import AskRequest
from tests.support.agents import said
from tests.support.require import scaled
from tests.support.workers import Worker, workers

from .driving import PATIENT, OtherDriver, Process, Reading
from .languages import Programs

pytestmark = pytest.mark.soak

INSIGHTS = scaled(600, least=30)
MID_ANSWER = 40  # frames after which the server goes, of about 300
_WAITS = Retry(attempts=200, first=0.05, longest=0.5)
_PYTHON = ClientOptions(retry=_WAITS, reattach=_WAITS)
_NOON = datetime(2018, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    """One process of the service on a database file, with the tests' agent."""
    url = f"sqlite:///{tmp_path / 'eps.db'}"
    async with workers(tmp_path, 1, database_url=url, redis_url="") as (one,):
        yield one


@pytest.fixture
def follower(programs: Programs) -> Iterator[Process]:
    """A second `drive`, for a subscription beside a question."""
    running = Process(programs.drive)
    yield running
    running.close()


def draft(number: int) -> PublishInsightRequest:
    """An insight of its own kind; each publishing is one entry of the log."""
    end = Timestamp(seconds=int(_NOON.timestamp()) + 3600)
    return PublishInsightRequest(
        insight_type=InsightType.INSIGHT_TYPE_ACTIVITY_SPIKE,
        severity=Severity.SEVERITY_HIGH,
        title=f"insight {number}",
        message="Seen.",
        window=TimeRange(start_time=Timestamp(seconds=int(_NOON.timestamp())), end_time=end),
        dedupe_key=f"key-{number}",
        expires_at=Timestamp(seconds=7_000_000_000),
        request_id=f"publish-{number}",
    )


async def restart(worker: Worker, how: str) -> None:
    """End it one way or the other, and start it again on its port."""
    if how == "killed":
        worker.kill()
        await worker.gone()
    else:
        await worker.terminate()
    await worker.start()


def is_whole(reading: Reading, query: str) -> None:
    """Each attempt's frames follow each other, and the text that counts is the answer, once."""
    place = (1, 0)
    for frame in reading.raw:
        assert frame.previous_sequence == (place[1] if frame.attempt == place[0] else 0)
        assert (frame.attempt, frame.sequence) > place
        place = (frame.attempt, frame.sequence)
    assert reading.error is None
    assert reading.kinds[-1] == "completed"
    assert reading.stream.text_so_far == reading.stream.response.response == said(query)


async def is_stored_once(worker: Worker, reading: Reading) -> None:
    answer = reading.stream.response
    async with AsyncClient(worker.address, options=_PYTHON) as client:
        stored = [
            one.content
            async for one in client.list_messages(answer.conversation_id)
            if one.role == MESSAGE_ROLE_ASSISTANT
        ]
    assert stored == [answer.response]


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_an_answer_and_insights_come_whole_and_once_through_a_restart(
    process: Process, follower: Process, worker: Worker, how: str
) -> None:
    query = f"paced 3 {how}"
    asking = OtherDriver(process, worker.address, PATIENT)
    following = OtherDriver(follower, worker.address, PATIENT)
    third = INSIGHTS // 3
    begun, heard = asyncio.Event(), asyncio.Event()
    told: list[tuple[str, int]] = []
    token = ""

    async def follow(wanted: int, kept: str) -> str:
        request = SubscribeInsightsRequest(start_time=Timestamp())
        if kept:
            request.resume_token = kept
        async with aclosing(following.insights(request, take=wanted)) as entries:
            async for revision, after in entries:
                told.append((revision.insight.insight_id, revision.insight.revision))
                kept = after
                if len(told) == third:
                    heard.set()
        return kept

    async with AsyncClient(worker.address, options=_PYTHON) as publisher, asyncio.TaskGroup() as go:
        published: list[tuple[str, int]] = []

        async def publish(count: int) -> None:
            for _ in range(count):
                made = await publisher.publish_insight(draft(len(published)))
                published.append((made.insight.insight_id, made.insight.revision))

        # What a subscriber keeps is its last token: two thirds in one life, the rest in another.
        first_life = go.create_task(follow(2 * third, token))
        reading = go.create_task(
            asking.read_request(AskRequest(query=query), first=begun, count=MID_ANSWER)
        )
        await publish(third)
        await heard.wait()
        await begun.wait()
        await asyncio.gather(restart(worker, how), publish(third))
        token = await first_life
        await publish(INSIGHTS - len(published))
        await follow(INSIGHTS - 2 * third, token)
        found = await reading

    assert told == published
    assert len(set(told)) == INSIGHTS
    is_whole(found, query)
    assert "reset" in found.kinds  # the first attempt went with its process
    await is_stored_once(worker, found)


@asynccontextmanager
async def cutting_proxy(port: int) -> AsyncGenerator[tuple[str, list[asyncio.StreamWriter]]]:
    """An address before a server's, and the connections through it, to be cut."""
    through: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        through.append(writer)
        await asyncio.gather(pump(reader, outer), pump(inner, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, number = server.sockets[0].getsockname()
    try:
        yield f"{host}:{number}", through
    finally:
        server.close()
        for one in through:
            one.transport.abort()


async def test_connections_that_break_in_mid_answer_are_not_seen(
    process: Process, worker: Worker
) -> None:
    query = "paced 2 cut"
    async with cutting_proxy(worker.port) as (address, through):
        driver = OtherDriver(process, address, PATIENT)
        begun = asyncio.Event()
        async with asyncio.TaskGroup() as go:
            task = go.create_task(
                driver.read_request(AskRequest(query=query), first=begun, count=MID_ANSWER)
            )
            await begun.wait()
            before = len(through)
            for one in through:
                one.transport.abort()
        reading = task.result()

    is_whole(reading, query)
    assert len(through) > before
    assert "reset" not in reading.kinds  # the same attempt, from where it was cut
    await is_stored_once(worker, reading)
