"""Callers: as cheap as they can be, so that the server is what is measured.

Frames are kept as the bytes they came in and looked at after the clock has stopped.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import grpc.aio

from .processes import Server

ASK = "/enhanced_prompt.v1.PromptService/Ask"
CHANNEL = (
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own for every channel
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


@dataclass(slots=True)
class Streamed:
    """One whole answer: when it was asked, when each frame came (perf_counter), and the frames."""

    asked: float
    frames: list[bytes] = field(default_factory=list[bytes])
    first: float = 0.0
    ended: float = 0.0


class Caller(Protocol):
    """Asks one question and reads the answer to its end."""

    async def __call__(self, number: int) -> Streamed:
        """`number` counts the questions of a run, for identifiers."""
        ...


class GrpcCaller:
    """A server-streaming gRPC call with raw bytes on both sides.

    `is_first` says which frame is the first with text; without it the first frame counts.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        request: Callable[[int], bytes],
        method: str = ASK,
        is_first: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        self._call = channel.unary_stream(method)  # no serialisers: bytes
        self._request = request
        self._is_first = is_first

    async def __call__(self, number: int) -> Streamed:
        """Raises grpc.aio.AioRpcError when the call does not end with OK."""
        streamed = Streamed(time.perf_counter())
        async for frame in self._call(self._request(number)):
            if not streamed.first and self._is_first(frame):
                streamed.first = time.perf_counter()
            streamed.frames.append(frame)
        streamed.ended = time.perf_counter()
        return streamed


class SseCaller:
    """POST to an SSE endpoint over a connection that is kept, HTTP/1.1, chunks as they come."""

    def __init__(self, server: Server, path: str = "/api/v1/chatbot/ask_stream") -> None:
        self._server = server
        self._path = path
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __call__(self, number: int) -> Streamed:
        """Raises RuntimeError when the answer is not a 200."""
        reader, writer = (
            self._idle.pop()
            if self._idle
            else await asyncio.open_connection("127.0.0.1", self._server.port)
        )
        body = json.dumps({"question": "what happened?", "conversation_id": f"bench-{number}"})
        streamed = Streamed(time.perf_counter())
        writer.write(
            f"POST {self._path} HTTP/1.1\r\nhost: bench\r\nx-stream: true\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode(errors="replace"))
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunk = (await reader.readexactly(size + 2))[:-2]
            if not streamed.first:
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


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of concurrent streams cost and gave."""

    answers: Sequence[Streamed]
    wall_s: float
    server_cpu_s: float


async def concurrent_streams(
    server: Server, caller: Caller, *, streams: int, each: int, offset: int
) -> Load:
    """`streams` callers at once, each asking `each` questions one after the other."""

    async def one(first: int) -> list[Streamed]:
        return [await caller(first + number) for number in range(each)]

    cpu = server.cpu_s()
    began = time.perf_counter()
    parts = await asyncio.gather(*(one(offset + each * stream) for stream in range(streams)))
    wall = time.perf_counter() - began
    return Load([answer for part in parts for answer in part], wall, server.cpu_s() - cpu)


async def open_loop(
    caller: Callable[[int], Awaitable[Streamed]], *, count: int, per_s: float, offset: int
) -> list[Streamed]:
    """`count` questions at fixed times, whether or not earlier ones were answered.

    An answer's `asked` is the moment it was due, so that a late start counts as waiting.
    """
    began = time.perf_counter() + 0.05

    async def one(number: int) -> Streamed:
        due = began + number / per_s
        await asyncio.sleep(due - time.perf_counter())
        streamed = await caller(offset + number)
        streamed.asked = due
        return streamed

    return list(await asyncio.gather(*(one(number) for number in range(count))))
