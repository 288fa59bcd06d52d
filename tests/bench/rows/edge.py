"""What the gateway adds to the time to the first token, for gRPC and for Server-Sent Events.

One server; in each run the same questions go to it directly and through a real Envoy in front of
it, one after the other in turn, so that a noisy machine disturbs all of them. Nobody serves
Server-Sent Events without the gateway, so they stand beside gRPC without it: the sum of the hop,
the transcoding to JSON, and HTTP/1.1.

The model waits a millisecond between tokens, and Envoy is not bound to the server's core: behind a
model that never waits the first token would leave Envoy when the last one was made.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2
from gateway.launch import Gateway, loopback
from gateway.places import on_this_machine
from tests.support.postgres import free_port

from ..figures import Figure, figure, percentile
from ..load import CHANNEL, Caller, GrpcCaller, Streamed
from ..plan import Plan
from ..processes import Server, serving

QUESTION = "what happened?"
PAUSE_S = 0.001
WAYS = ("direct", "gRPC", "SSE")


class EventsCaller:
    """POST /v1/ask over a connection that is kept, HTTP/1.1; the first event with text is first."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __call__(self, number: int) -> Streamed:
        """Raises RuntimeError when the answer is not a 200."""
        reader, writer = (
            self._idle.pop()
            if self._idle
            else await asyncio.open_connection("127.0.0.1", self._port)
        )
        body = json.dumps({"query": QUESTION})
        streamed = Streamed(time.perf_counter())
        writer.write(
            f"POST /v1/ask HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode(errors="replace"))
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunk = (await reader.readexactly(size + 2))[:-2]
            if not streamed.first and b'"text_delta"' in chunk:
                streamed.first = time.perf_counter()
            streamed.frames.append(chunk)
        await reader.readexactly(2)
        streamed.ended = time.perf_counter()
        self._idle.append((reader, writer))
        return streamed

    def close(self) -> None:
        """Close the connections that are kept."""
        for _, writer in self._idle:
            writer.close()


async def measure(plan: Plan) -> list[Figure]:
    """Both rows."""
    p50: dict[str, list[float]] = {way: [] for way in WAYS}
    p99: dict[str, list[float]] = {way: [] for way in WAYS}
    async with _ways(plan.work / "edge") as callers:
        await _run(callers, plan.scaled(20, 10))  # warm, and connected
        for _ in range(plan.runs):
            waits = await _run(callers, plan.scaled(60, 20))
            for way in WAYS:
                p50[way].append(percentile(waits[way], 0.5))
                p99[way].append(percentile(waits[way], 0.99))
    return [_row(way, p50, p99) for way in ("gRPC", "SSE")]


def _row(way: str, p50: dict[str, list[float]], p99: dict[str, list[float]]) -> Figure:
    added = [ours - direct for ours, direct in zip(p50[way], p50["direct"], strict=True)]
    return figure(
        f"the gateway's part of the time to first token p50, {way}, 1 ms between tokens",
        "ms",
        added,
        limit=1,
        note=f"p50 {_median(p50[way]):.2f} ms through it, {_median(p50['direct']):.2f} ms by gRPC "
        f"directly; p99 {_median(p99[way]):.2f} and {_median(p99['direct']):.2f} ms",
    )


async def _run(callers: dict[str, Caller], questions: int) -> dict[str, list[float]]:
    """Milliseconds to the first text, by way; each question is asked on all ways in turn."""
    waits: dict[str, list[float]] = {way: [] for way in callers}
    for number in range(questions):
        # Whoever comes first finds the machine as the last one left it: not always the same one.
        order = list(callers)[number % len(callers) :] + list(callers)[: number % len(callers)]
        for way in order:
            answer = await callers[way](number)
            waits[way].append((answer.first - answer.asked) * 1e3)
    return waits


@asynccontextmanager
async def _ways(folder: Path) -> AsyncIterator[dict[str, Caller]]:
    command = ["-m", "tests.bench.servers.ours", "model", "--pause", str(PAUSE_S)]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(command, {"EPS_LOG_LEVEL": "warning"}))
        edge = await stack.enter_async_context(_gateway(folder, server))
        events = EventsCaller(int(edge.rpartition(":")[2]))
        stack.callback(events.close)
        found: dict[str, Caller] = {}
        for way, address in (("direct", server.address), ("gRPC", edge)):
            channel = grpc.aio.insecure_channel(address, options=CHANNEL)
            await stack.enter_async_context(channel)
            found[way] = GrpcCaller(channel, _question, is_first=_has_text)
        yield {**found, "SSE": events}


@asynccontextmanager
async def _gateway(folder: Path, server: Server) -> AsyncIterator[str]:
    """Its address."""
    options = on_this_machine(
        loopback(free_port()), (loopback(server.port),), loopback(free_port())
    )
    with tempfile.TemporaryFile() as log:
        gateway = Gateway(options, folder, log)
        await asyncio.to_thread(gateway.start)
        try:
            yield gateway.address
        finally:
            await asyncio.to_thread(gateway.stop)


def _question(number: int) -> bytes:
    del number  # every question begins a conversation of its own
    return prompt_service_pb2.AskRequest(query=QUESTION).SerializeToString()


def _has_text(frame: bytes) -> bool:
    return prompt_service_pb2.AskResponse.FromString(frame).turn.HasField("text_delta")


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
