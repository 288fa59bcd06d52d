"""Ten thousand idle subscriptions on one worker, and one insight to all of them.

The same number of streams waits at a bare grpc.aio server in the same run. A hundred streams share
a connection, so that neither side runs out of files. The caller reads all of them with one core,
which takes most of the time until the last one has the insight: the server's own share stands
beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import insight_service_pb2, insights_pb2

from ..figures import Figure, figure
from ..load import CHANNEL
from ..plan import Plan
from ..processes import Server, serving

STREAMS = 10_000
A_CONNECTION = 100  # grpc's default limit of concurrent streams
SUBSCRIBE = "/enhanced_prompt.v1.InsightService/SubscribeInsights"
PUBLISH = "/enhanced_prompt.v1.InsightService/PublishInsight"
_TOLD_BYTES = 600  # about what an insight without evidence takes

Tell = Callable[[int], Awaitable[object]]


@dataclass(slots=True)
class Measured:
    """A value a run."""

    kib: list[float] = field(default_factory=list[float])
    to_all_s: list[float] = field(default_factory=list[float])
    cpu_s: list[float] = field(default_factory=list[float])


async def measure(plan: Plan) -> list[Figure]:
    """Memory of an idle subscription, and the way of one insight to all."""
    count = plan.scaled(STREAMS, 500)
    env = {"EPS_LOG_LEVEL": "warning", "EPS_HEARTBEAT_S": "300", "EPS_STREAM_AGE_S": "86400"}
    ours, bare = Measured(), Measured()
    for _ in range(min(plan.runs, 3)):
        async with serving(["-m", "tests.bench.servers.ours", "node"], env) as server:
            await _run(server, count, SUBSCRIBE, _publisher, ours)
        async with serving(["-m", "tests.bench.servers.idle"]) as server:
            await _run(server, count, "/bench/Watch", _teller, bare)
    where = f"{count:,} idle subscriptions on one worker"
    return [
        figure(
            f"memory of one of {where}",
            "KiB",
            ours.kib,
            reference="a bare grpc.aio stream",
            reference_values=bare.kib,
            limit=40,
            note=f"{A_CONNECTION} streams a connection",
        ),
        figure(
            f"one insight to {where}, until the last has it",
            "s",
            ours.to_all_s,
            reference="the same bytes from a bare grpc.aio server",
            reference_values=bare.to_all_s,
            limit=1,
            note="read by one process, on one core",
        ),
        figure(
            f"server CPU of one insight to {where}",
            "s",
            ours.cpu_s,
            reference="the same bytes from a bare grpc.aio server",
            reference_values=bare.cpu_s,
        ),
    ]


def _publisher(channel: grpc.aio.Channel) -> Tell:
    publish = channel.unary_unary(PUBLISH)
    now = datetime.now(UTC)

    def tell(number: int) -> Awaitable[object]:
        request = insight_service_pb2.PublishInsightRequest(
            insight_type=insights_pb2.INSIGHT_TYPE_ACTIVITY_SPIKE,
            severity=insights_pb2.SEVERITY_HIGH,
            title=f"Much more than usual, {number}",
            message="42 person events where 10 are usual.",
            affected_cameras=["G330"],
            sites=["school"],
            dedupe_key=f"bench:{number}",
        )
        request.window.start_time.FromDatetime(now.replace(hour=0, minute=0))
        request.window.end_time.FromDatetime(now.replace(hour=23, minute=59))
        return publish(request.SerializeToString())

    return tell


def _teller(channel: grpc.aio.Channel) -> Tell:
    tell = channel.unary_unary("/bench/Tell")
    return lambda _: tell(bytes(_TOLD_BYTES))


async def _run(
    server: Server,
    count: int,
    method: str,
    teller: Callable[[grpc.aio.Channel], Tell],
    into: Measured,
) -> None:
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(server.address, options=CHANNEL)
            )
            for _ in range(-(-count // A_CONNECTION) + 1)
        ]
        tell = teller(channels[-1])
        async with _subscribed(channels[0], 1, method):  # what is loaded once is loaded
            await tell(0)
        before = server.anonymous()
        calls: list[Any] = []
        for index, channel in enumerate(channels[:-1]):
            some = min(A_CONNECTION, count - index * A_CONNECTION)
            calls += await stack.enter_async_context(_subscribed(channel, some, method))
        into.kib.append((server.anonymous() - before) / count / 1024)
        for number in range(1, 4):
            cpu, began = server.cpu_s(), time.perf_counter()
            reading = asyncio.gather(*(call.read() for call in calls))
            await tell(number)
            await reading
            took, used = time.perf_counter() - began, server.cpu_s() - cpu
        into.to_all_s.append(took)  # the third: everything is warm
        into.cpu_s.append(used)


@asynccontextmanager
async def _subscribed(
    channel: grpc.aio.Channel, count: int, method: str
) -> AsyncIterator[list[Any]]:
    """Streams that have had their first message."""
    calls = [channel.unary_stream(method)(b"") for _ in range(count)]
    try:
        await asyncio.gather(*(call.read() for call in calls))
        yield calls
    finally:
        for call in calls:
            call.cancel()
