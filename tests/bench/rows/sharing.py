"""Two workers on one port, one database and one Redis, beside one of them alone."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2

from ..figures import Figure, figure
from ..load import ASK, CHANNEL
from ..models import TOKENS
from ..plan import Plan
from ..processes import Server, serving
from ..workers import workers

STREAMS = 200
"""Callers, each with a connection of its own: the kernel deals connections, not calls."""
QUESTION = prompt_service_pb2.AskRequest(query="what happened?").SerializeToString()


@dataclass(slots=True)
class Measured:
    """A value a run."""

    per_cpu_s: list[float] = field(default_factory=list[float])
    per_s: list[float] = field(default_factory=list[float])
    share: list[float] = field(default_factory=list[float])


async def measure(plan: Plan) -> list[Figure]:
    """Both, in turn, as often as the plan says."""
    two, one, alone = Measured(), Measured(), Measured()
    for _ in range(plan.runs):
        async with workers(plan, 2, ["node"]) as (port, servers):
            await _run(plan, port, servers, two)
        async with workers(plan, 1, ["node"]) as (port, servers):
            await _run(plan, port, servers, one)
        async with serving(
            ["-m", "tests.bench.servers.ours", "node"], {"EPS_LOG_LEVEL": "warning"}
        ) as server:
            await _run(plan, server.port, [server], alone)
    name = f"2 workers on one Redis, {STREAMS} callers, instant node"
    without = sorted(alone.per_cpu_s)[len(alone.per_cpu_s) // 2]
    return [
        figure(
            f"tokens per second of server CPU, {name}",
            "/s",
            two.per_cpu_s,
            better="more",
            reference="1 worker on Redis",
            reference_values=one.per_cpu_s,
            of_reference=0.9,
            note=f"Redis's own CPU not counted; 1 worker without Redis {without:,.0f}",
        ),
        figure(f"turns of the busier one, {name}", "%", two.share, limit=60),
    ]


async def _run(plan: Plan, port: int, servers: Sequence[Server], into: Measured) -> None:
    each = plan.scaled(10, 2)
    async with _channels(port) as channels:
        await asyncio.gather(*(_ask(channel) for channel in channels))  # warm, and connected
        before = sum(server.cpu_s() for server in servers)
        began = time.perf_counter()
        found = await asyncio.gather(*(_asks(channel, each) for channel in channels))
        wall = time.perf_counter() - began
        cpu = sum(server.cpu_s() for server in servers) - before
    replicas = Counter(replica for part in found for replica in part)
    turns = sum(replicas.values())
    into.per_cpu_s.append(turns * len(TOKENS) / cpu)
    into.per_s.append(turns * len(TOKENS) / wall)
    into.share.append(100 * max(replicas.values()) / turns)


async def _asks(channel: grpc.aio.Channel, count: int) -> list[str]:
    return [await _ask(channel) for _ in range(count)]


async def _ask(channel: grpc.aio.Channel) -> str:
    """One turn; the replica that ran it. Raises AssertionError where it was not completed."""
    call = channel.unary_stream(ASK)(QUESTION)
    last = b""
    async for frame in call:
        last = frame
    closing = prompt_service_pb2.AskResponse.FromString(last).turn
    if closing.completed.response.response != "".join(TOKENS):
        raise AssertionError(f"not a whole answer: {closing}")
    return str(dict(await call.initial_metadata())["x-replica"])


@asynccontextmanager
async def _channels(port: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    made = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL) for _ in range(STREAMS)]
    try:
        yield made
    finally:
        for channel in made:
            await channel.close()
