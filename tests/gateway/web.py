"""grpc-web as browsers speak it, over HTTP/1.1: a message or the trailers behind five bytes."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx

_TRAILERS = 0x80
Trailers = dict[str, str]


async def call(
    client: httpx.AsyncClient, method: str, request: Any, answer: type[Any], **headers: str
) -> AsyncGenerator[Any, None]:
    """Messages as they come; at last the trailers as a dict of strings."""
    async with aclosing(stream(client, method, request, **headers)) as said:
        async for one in said:
            yield one if isinstance(one, dict) else answer.FromString(one)


async def stream(
    client: httpx.AsyncClient, method: str, request: Any, **headers: str
) -> AsyncGenerator[bytes | Trailers, None]:
    """The same, messages as they stand on the wire. A stream that is cut ends without trailers, or
    raises httpx.TransportError."""
    body = request.SerializeToString()
    sent = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1", **headers}
    path = f"/enhanced_prompt.v1.{method}"
    framed = struct.pack(">BI", 0, len(body)) + body
    async with client.stream("POST", path, content=framed, headers=sent) as response:
        if "grpc-status" in response.headers:  # it ended before it began
            yield dict(response.headers.items())
            return
        held = b""
        async for chunk in response.aiter_bytes():
            held += chunk
            while len(held) >= 5:
                kind, size = struct.unpack(">BI", held[:5])
                if len(held) < 5 + size:
                    break
                content, held = held[5 : 5 + size], held[5 + size :]
                yield _trailers(content) if kind & _TRAILERS else content


def _trailers(content: bytes) -> Trailers:
    lines = content.decode().strip().splitlines()
    return {key.strip(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
