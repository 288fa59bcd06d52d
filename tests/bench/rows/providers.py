"""How soon a provider's connection is closed when somebody cancels the turn that it answers."""

from __future__ import annotations

import time
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2, prompt_service_pb2_grpc
from tests.support.openai_server import OpenAIServer, Turn, openai_server

from ..figures import Figure, figure, percentile
from ..load import CHANNEL
from ..plan import Plan
from ..processes import serving


async def measure(plan: Plan) -> list[Figure]:
    """From the call of CancelTurn to the end of the connection, as the provider sees it. The
    provider is the tests' own, in this process, and hangs after its first words."""
    runs: list[list[float]] = []
    async with openai_server() as provider:
        provider.script("a", Turn(text="one two three", hang=2))
        links = f"openai:a@{provider.address}"
        patient = {f"EPS_MODEL_{name}_S": "60" for name in ("FIRST_TOKEN", "IDLE", "CALL")}
        env = {"EPS_MODELS": links, "EPS_METRICS_PORT": "off", **patient}
        arguments = ["-m", "tests.bench.servers.ours", "provider"]
        async with (
            serving(arguments, env=env) as server,
            grpc.aio.insecure_channel(server.address, options=CHANNEL) as channel,
        ):
            stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
            for run in range(plan.runs + 1):  # the first one warms
                took = await _run(plan.scaled(200, 20), stub, provider)
                if run:
                    runs.append(took)
    return [
        figure(
            f"cancel to the provider's connection closed, {share}",
            "ms",
            [percentile(took, value) for took in runs],
            limit=100 if share == "p99" else None,
        )
        for share, value in (("p50", 0.5), ("p99", 0.99))
    ]


async def _run(count: int, stub: Any, provider: OpenAIServer) -> list[float]:
    """Milliseconds of so many cancellations, one after the other."""
    found: list[float] = []
    for _ in range(count):
        before = len(provider.gone)
        call = stub.Ask(prompt_service_pb2.AskRequest(query="What happened?"))
        cancelling: Any = None
        called, closing = 0.0, ""
        async for message in call:
            closing = message.turn.WhichOneof("payload")
            if closing == "text_delta" and cancelling is None:
                called = time.monotonic()
                request = prompt_service_pb2.CancelTurnRequest(turn_id=message.turn.turn_id)
                cancelling = stub.CancelTurn(request)
        await cancelling
        if closing != "cancelled":
            raise AssertionError(f"{closing} of a turn that was cancelled")
        await provider.until(lambda before=before: len(provider.gone) > before)
        found.append((provider.gone[before] - called) * 1e3)
    return found
