"""What a reader that takes one frame a second of a fast turn costs the others, and the server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2

from ..agents import BLOCK
from ..figures import Figure, figure
from ..load import ASK, CHANNEL, GrpcCaller, concurrent_streams
from ..models import TOKENS
from ..plan import Plan
from ..processes import Server, serving

OTHERS = 19
LOG_BYTES = 16 * 1024 * 1024
NARROW = (*CHANNEL, ("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 64 * 1024))
"""A connection whose window does not grow to hold what its reader does not take."""


@dataclass(slots=True)
class Measured:
    """A value a run."""

    per_s: list[float] = field(default_factory=list[float])
    grown_mib: list[float] = field(default_factory=list[float])


async def measure(plan: Plan) -> list[Figure]:
    """19 readers of fast turns, beside a 20th of a long one that reads slowly, or at once."""
    slow, quick = Measured(), Measured()
    env = {"EPS_LOG_LEVEL": "warning", "EPS_TURN_LOG_BYTES": str(LOG_BYTES)}
    async with serving(["-m", "tests.bench.servers.ours", "flood"], env) as server:
        await _run(plan, server, 0.0, Measured(), 0)
        warm = server.anonymous()
        for _ in range(plan.runs):
            await _run(plan, server, 0.0, quick, warm)
            await _run(plan, server, 1.0, slow, warm)
    blocks = _blocks(plan)
    return [
        figure(
            f"tokens per second of {OTHERS} readers beside one that takes a frame a second",
            "/s",
            slow.per_s,
            better="more",
            reference="beside one that takes all",
            reference_values=quick.per_s,
            of_reference=0.95,
            note=f"its turn has {blocks * len(BLOCK) / 2**20:.1f} MiB",
        ),
        figure(
            "most server memory above the warm one, beside a reader that takes a frame a second",
            "MiB",
            slow.grown_mib,
            reference="beside one that takes all",
            reference_values=quick.grown_mib,
            note=f"log budget {LOG_BYTES // 2**20} MiB, database cache up to 64 MiB",
        ),
    ]


def _blocks(plan: Plan) -> int:
    return plan.scaled(2000, 200)


async def _run(plan: Plan, server: Server, pause_s: float, into: Measured, warm: int) -> None:
    question = prompt_service_pb2.AskRequest(query=f"flood {_blocks(plan)}").SerializeToString()
    fast = prompt_service_pb2.AskRequest(query="what happened?").SerializeToString()
    async with (
        grpc.aio.insecure_channel(server.address, options=CHANNEL) as channel,
        grpc.aio.insecure_channel(server.address, options=NARROW) as narrow,
    ):
        call = narrow.unary_stream(ASK)(question)
        reading = asyncio.create_task(_read(call, pause_s))
        sizes: list[int] = []
        sampling = asyncio.create_task(_sample(server, sizes))
        load = await concurrent_streams(
            server,
            GrpcCaller(channel, lambda _: fast),
            streams=OTHERS,
            each=plan.scaled(80, 8),
            offset=0,
        )
        sampling.cancel()
        into.grown_mib.append((max(sizes) - warm) / 2**20)
        into.per_s.append(len(load.answers) * len(TOKENS) / load.wall_s)
        if pause_s:
            call.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _sample(server: Server, sizes: list[int]) -> None:
    while True:
        sizes.append(server.anonymous())
        await asyncio.sleep(0.1)


async def _read(call: grpc.aio.UnaryStreamCall[bytes, bytes], pause_s: float) -> None:
    async for _ in call:
        if pause_s:
            await asyncio.sleep(pause_s)
