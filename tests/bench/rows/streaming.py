"""CPU per token, tokens per second and time to the first token, beside R1 and R2.

Each run asks the same questions of ours and of the reference, one right after the other, so that
a noisy machine disturbs both.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2

from ..figures import Figure, figure, percentile
from ..load import CHANNEL, Caller, GrpcCaller, SseCaller, concurrent_streams, open_loop
from ..models import TOKENS
from ..plan import Plan
from ..processes import Server, serving

STREAMS = 20
TEXT = "".join(TOKENS)
FIRST_TOKENS_PER_S = 50.0


@dataclass(slots=True)
class Measured:
    """What the runs of one server gave, a value each."""

    cpu_us: list[float] = field(default_factory=list[float])
    per_s: list[float] = field(default_factory=list[float])
    frames: list[float] = field(default_factory=list[float])
    first_p50_ms: list[float] = field(default_factory=list[float])
    first_p99_ms: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, slots=True)
class Side:
    """A server, its caller, and how to read the text out of what it sent."""

    server: Server
    caller: Caller
    text: Callable[[Sequence[bytes]], str]


async def measure(plan: Plan) -> list[Figure]:
    """All streaming rows."""
    async with AsyncExitStack() as stack:
        r1 = await stack.enter_async_context(_grpc(["-m", "tests.bench.servers.r1"]))
        r2 = await stack.enter_async_context(_sse(["-m", "tests.bench.servers.r2"]))
        node = await stack.enter_async_context(_grpc(["-m", "tests.bench.servers.ours", "node"]))
        model = await stack.enter_async_context(_grpc(["-m", "tests.bench.servers.ours", "model"]))
        ours = ["-m", "tests.bench.servers.ours", "chained"]
        chained = await stack.enter_async_context(_grpc(ours))
        sides = (r1, r2, node, model, chained)
        measured = [Measured() for _ in sides]
        for side in sides:
            await _run(side, plan, Measured(), offset=0)  # warm
        for run in range(plan.runs):
            for side, into in zip(sides, measured, strict=True):
                await _run(side, plan, into, offset=(run + 1) * 1_000_000)
    return _rows(*measured)


async def _run(side: Side, plan: Plan, into: Measured, *, offset: int) -> None:
    load = await concurrent_streams(
        side.server, side.caller, streams=STREAMS, each=plan.scaled(50, 5), offset=offset
    )
    for answer in load.answers:
        if (said := side.text(answer.frames)) != TEXT:
            raise AssertionError(f"{side.server.address} said {said[:80]!r}…")
    tokens = len(load.answers) * len(TOKENS)
    into.cpu_us.append(load.server_cpu_s / tokens * 1e6)
    into.per_s.append(tokens / load.wall_s)
    into.frames.append(sum(len(answer.frames) for answer in load.answers) / tokens)
    one = await open_loop(
        side.caller,
        count=plan.scaled(300, 20),
        per_s=FIRST_TOKENS_PER_S,
        offset=offset + 500_000,
    )
    waits = [(answer.first - answer.asked) * 1e3 for answer in one]
    into.first_p50_ms.append(percentile(waits, 0.5))
    into.first_p99_ms.append(percentile(waits, 0.99))


def _rows(
    r1: Measured, r2: Measured, node: Measured, model: Measured, chained: Measured
) -> list[Figure]:
    streams = f"{STREAMS} streams"
    frames = f"{_mean(node.frames):.2f} frames a token, R1 {_mean(r1.frames):.2f}"
    first = "one stream, warm, 50 questions a second"
    return [
        figure(
            f"server CPU per token, {streams}, instant node",
            "µs",
            node.cpu_us,
            reference="R1",
            reference_values=r1.cpu_us,
            limit=20,
            of_reference=1,
            note=frames,
        ),
        figure(
            f"server CPU per token, {streams}, instant model",
            "µs",
            model.cpu_us,
            reference="R2",
            reference_values=r2.cpu_us,
            limit=45,
            of_reference=0.5,
            note=f"{_mean(model.frames):.2f} frames a token",
        ),
        figure(
            f"server CPU per token, {streams}, instant model in the chain",
            "µs",
            chained.cpu_us,
            reference="R2",
            reference_values=r2.cpu_us,
            note="the service's own agent: tools bound, claims checked, all of a turn's work",
        ),
        figure(
            f"tokens per second, {streams}, instant node",
            "/s",
            node.per_s,
            better="more",
            reference="R1",
            reference_values=r1.per_s,
            limit=55_000,
        ),
        figure(
            f"tokens per second, {streams}, instant model",
            "/s",
            model.per_s,
            better="more",
            reference="R2",
            reference_values=r2.per_s,
            limit=22_000,
        ),
        figure(
            f"time to first token p50, {first}",
            "ms",
            model.first_p50_ms,
            reference="R2",
            reference_values=r2.first_p50_ms,
            limit=3,
            note="instant model: all of it is added",
        ),
        figure(
            f"time to first token p99, {first}",
            "ms",
            model.first_p99_ms,
            reference="R2",
            reference_values=r2.first_p99_ms,
            limit=10,
        ),
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


# ---- the two kinds of server --------------------------------------------------------------------


@asynccontextmanager
async def _grpc(command: Sequence[str]) -> AsyncIterator[Side]:
    async with (
        serving(command) as server,
        grpc.aio.insecure_channel(server.address, options=CHANNEL) as channel,
    ):
        yield Side(server, GrpcCaller(channel, _question, is_first=_has_text), _grpc_text)


@asynccontextmanager
async def _sse(command: Sequence[str]) -> AsyncIterator[Side]:
    async with serving(command) as server:
        caller = SseCaller(server)
        try:
            yield Side(server, caller, _sse_text)
        finally:
            caller.close()


def _question(number: int) -> bytes:
    del number  # every question begins a conversation of its own
    return prompt_service_pb2.AskRequest(query="what happened?").SerializeToString()


def _has_text(frame: bytes) -> bool:
    return prompt_service_pb2.AskResponse.FromString(frame).turn.HasField("text_delta")


def _grpc_text(frames: Sequence[bytes]) -> str:
    parsed = (prompt_service_pb2.AskResponse.FromString(frame).turn for frame in frames)
    return "".join(frame.text_delta.text for frame in parsed)


def _sse_text(frames: Sequence[bytes]) -> str:
    lines = b"".join(frames).decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    return "".join(event["content"] for event in events if event["type"] == "token")
