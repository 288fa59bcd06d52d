"""From nothing to serving, and what the first question waits for."""

from __future__ import annotations

import time
from statistics import median

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2, prompt_service_pb2_grpc

from ..figures import Figure, figure
from ..load import CHANNEL, GrpcCaller
from ..plan import Plan
from ..processes import serving
from ..sample import coverage_requests, event_requests, site_requests
from .filling import fill

WARM = 20
COMMAND = ["-m", "tests.bench.servers.ours", "grounded"]
QUESTION = prompt_service_pb2.AskRequest(query="what happened at the bus station on March 15?")


async def measure(plan: Plan) -> list[Figure]:
    """Cold starts of a server on a database that is there already."""
    env = {"EPS_HOME": str(plan.work / "starting")}
    async with (
        serving(COMMAND, env) as server,
        grpc.aio.insecure_channel(server.address, options=CHANNEL) as channel,
    ):
        await fill(
            channel,
            site_requests(plan.data),
            coverage_requests(plan.data),
            event_requests(plan.data),
        )
    starts: list[float] = []
    firsts: dict[bool, list[float]] = {False: [], True: []}
    warms: dict[bool, list[float]] = {False: [], True: []}
    for prewarm in (False, True) * plan.runs:
        async with (
            serving(COMMAND, env) as server,
            grpc.aio.insecure_channel(server.address, options=CHANNEL) as channel,
        ):
            starts.append(server.started_s)
            await channel.channel_ready()
            if prewarm:
                stub = prompt_service_pb2_grpc.PromptServiceStub(channel)
                await stub.Prewarm(prompt_service_pb2.PrewarmRequest(wait=True))
            caller = GrpcCaller(channel, lambda _: QUESTION.SerializeToString())
            took = [await _ask(caller) for _ in range(1 + WARM)]
            firsts[prewarm].append(took[0])
            warms[prewarm].append(median(took[1:]))
    return [
        figure("cold start to serving", "s", starts, limit=2, note="health SERVING, warm files"),
        *(
            figure(
                f"first Ask after start, {'with' if prewarm else 'without'} Prewarm",
                "ms",
                firsts[prewarm],
                reference="a warm one",
                reference_values=warms[prewarm],
                of_reference=1.5,
            )
            for prewarm in (False, True)
        ),
    ]


async def _ask(caller: GrpcCaller) -> float:
    """Milliseconds of a complete Ask."""
    began = time.perf_counter()
    await caller(0)
    return (time.perf_counter() - began) * 1e3
