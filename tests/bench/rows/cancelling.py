"""How soon a model stops when somebody cancels its turn: on its own worker, and from another."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2, prompt_service_pb2_grpc

from ..figures import Figure, figure, percentile
from ..load import CHANNEL
from ..plan import Plan
from ..workers import workers

AWAY = "from another worker, through Redis"
HERE = "on the same worker"


async def measure(plan: Plan) -> list[Figure]:
    """From the call of CancelTurn to the CancelledError inside the model."""
    found: dict[str, list[list[float]]] = {AWAY: [], HERE: []}
    notes = plan.work / "cancelled"
    env = {"EPS_BENCH_NOTES": str(notes)}
    async with (
        workers(plan, 2, ["stoppable"], env) as (_, (one, two)),
        grpc.aio.insecure_channel(one.address, options=CHANNEL) as near,
        grpc.aio.insecure_channel(two.address, options=CHANNEL) as far,
    ):
        for run in range(plan.runs + 1):  # the first one warms
            for where, other in ((AWAY, far), (HERE, near)):
                took = await _run(plan.scaled(200, 20), near, other, notes)
                if run:
                    found[where].append(took)
    return [
        figure(
            f"cancel to the model's stop {where}, {share}",
            "ms",
            [percentile(took, value) for took in runs],
            limit=100 if share == "p99" else None,
        )
        for where, runs in found.items()
        for share, value in (("p50", 0.5), ("p99", 0.99))
    ]


async def _run(
    count: int, asked: grpc.aio.Channel, cancelled: grpc.aio.Channel, notes: Path
) -> list[float]:
    """Milliseconds of so many cancellations, one after the other."""
    called: dict[str, float] = {}
    for _ in range(count):
        question = uuid.uuid4().hex
        call = prompt_service_pb2_grpc.PromptServiceStub(asked).Ask(
            prompt_service_pb2.AskRequest(query=question)
        )
        cancelling: Any = None
        closing = ""
        async for message in call:
            closing = message.turn.WhichOneof("payload")
            if closing == "text_delta":
                called[question] = time.perf_counter()
                request = prompt_service_pb2.CancelTurnRequest(turn_id=message.turn.turn_id)
                stub = prompt_service_pb2_grpc.PromptServiceStub(cancelled)
                cancelling = stub.CancelTurn(request)
        await cancelling
        if closing != "cancelled":
            raise AssertionError(f"{closing} of a turn that was cancelled")
    stopped = _read(notes)
    return [(stopped[question] - at) * 1e3 for question, at in called.items()]


def _read(notes: Path) -> dict[str, float]:
    """When each question's model stopped, by time.perf_counter: one clock for all processes."""
    lines = (line.split() for line in notes.read_text().splitlines())
    return {question: float(at) for question, at in lines}
