"""A local HTTP server that speaks OpenAI's chat-completions streaming protocol, strictly.

Requests are validated by the `openai` package's own types, and answers are written with them. What
it does next is scripted, a `Turn` for each request of a model:

    async with openai_server() as server:
        server.script("a", Turn(status=429, headers={"Retry-After": "2"}), Turn(text="Hello."))
        ... server.address, server.requests, server.sent_usage, server.gone
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionToolUnionParam,
)
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

_MESSAGE: TypeAdapter[Any] = TypeAdapter(ChatCompletionMessageParam)
_TOOL: TypeAdapter[Any] = TypeAdapter(ChatCompletionToolUnionParam)
_KNOWN = frozenset(CompletionCreateParamsStreaming.__annotations__) | {"model", "messages"}


@dataclass(frozen=True)
class Turn:
    """What the server does with one request.

    `pieces` are the text's parts; `calls` pairs of a tool's name and its arguments as they are
    sent (any text). `hang` stops for good: "headers" before the answer begins, "first" before the
    first token, or after so many pieces. `cut` ends the connection after so many pieces, without
    the protocol's end; `ends_early` ends the HTTP answer properly, and the stream too soon.
    `answer` makes pieces and calls from the request, for models that look at what they are told.
    """

    text: str = ""
    pieces: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hang: str | int = ""
    cut: int | None = None
    ends_early: bool = False
    pause_s: float = 0.0
    usage: bool = True
    cached: int = 0
    finish: str = ""
    answer: Callable[[dict[str, Any]], Turn] | None = None

    def said(self) -> tuple[str, ...]:
        """The text in pieces: words, where none are given."""
        if self.pieces:
            return self.pieces
        words = self.text.split(" ")
        return tuple(one + " " for one in words[:-1]) + tuple(one for one in words[-1:] if one)


class OpenAIServer:
    """The running server and what it saw.

    Attributes:
        requests: Bodies of valid requests, in order.
        problems: What was wrong with invalid ones. A test that ends with any fails.
        sent_usage: (input, output, cached, reasoning) of each answer that said so.
        gone: Times (`time.monotonic`) at which a client closed its connection before the end.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.problems: list[str] = []
        self.sent_usage: list[tuple[int, int, int, int]] = []
        self.gone: list[float] = []
        self.open = 0
        self.port = 0
        self._changed = asyncio.Condition()
        self._scripts: dict[str, list[Turn]] = defaultdict(list)

    @property
    def address(self) -> str:
        """For a link: `openai:a@<address>`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, model: str, *turns: Turn) -> None:
        """What a model does with its next requests; the last one is repeated."""
        self._scripts[model] = list(turns)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until something about this server is so."""
        async with self._changed:
            await self._changed.wait_for(reached)

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self.open += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            names = {
                k.strip().casefold(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])
            }
            body = await reader.readexactly(int(names.get("content-length", "0")))
            answering = asyncio.create_task(self._answer(lines[0], names, body, writer))
            leaving = asyncio.create_task(reader.read(1))
            await self._note()
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            left = not answering.done()
            if left:
                self.gone.append(time.monotonic())
                answering.cancel()
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            await asyncio.wait({answering})
            failed = None if answering.cancelled() else answering.exception()
            if isinstance(failed, ConnectionError):
                if not left:  # writing saw it before reading did
                    self.gone.append(time.monotonic())
            elif failed is not None:
                self.problems.append(repr(failed))
        except asyncio.IncompleteReadError:
            pass  # a connection without a request
        finally:
            self.open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            await self._note()

    async def _answer(
        self, line: str, names: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        if line.startswith("GET /v1/models "):  # proxies ask, at any moment
            models = [
                {"id": one, "object": "model", "created": 1_700_000_000, "owned_by": "tests"}
                for one in self._scripts
            ]
            await _whole(writer, 200, {}, {"object": "list", "data": models})
            return
        asked = self._checked(line, body)
        if asked is None:
            await _whole(writer, 400, {}, {"error": {"message": self.problems[-1]}})
            return
        self.requests.append(asked)
        self.authorizations.append(names.get("authorization", ""))
        await self._note()
        turns = self._scripts[asked["model"]]
        turn = (turns.pop(0) if len(turns) > 1 else turns[0]) if turns else Turn(status=404)
        if turn.answer is not None:
            turn = turn.answer(asked)
        if turn.hang == "headers":
            await asyncio.Event().wait()
        if turn.status != 200:
            secret = names.get("authorization", "")
            error = {"error": {"message": f"refused for {secret}", "type": "x", "code": None}}
            await _whole(writer, turn.status, turn.headers, error)
            return
        await self._stream(asked, turn, writer)

    async def _stream(
        self, asked: dict[str, Any], turn: Turn, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        model = asked["model"]

        async def send(delta: dict[str, Any], finish: str | None = None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            await _event(writer, _chunk(model, [choice]))

        await send({"role": "assistant", "content": ""})
        if turn.hang == "first":
            await asyncio.Event().wait()
        for thought in turn.reasoning:
            await send({"reasoning_content": thought})
        pieces = turn.said()
        for at, piece in enumerate(pieces):
            if turn.cut == at:
                return
            if turn.hang == at and at:
                await asyncio.Event().wait()
            await send({"content": piece})
            if turn.pause_s:
                await asyncio.sleep(turn.pause_s)
        if turn.cut is not None:
            return
        if turn.hang and turn.hang == len(pieces):
            await asyncio.Event().wait()
        for at, (name, _) in enumerate(turn.calls):
            function = {"name": name, "arguments": ""}
            call = {"index": at, "id": f"call_{at}", "type": "function", "function": function}
            await send({"tool_calls": [call]})
        for at, (_, arguments) in enumerate(turn.calls):
            half = len(arguments) // 2
            for part in (arguments[:half], arguments[half:]):
                await send({"tool_calls": [{"index": at, "function": {"arguments": part}}]})
        if not turn.ends_early:
            await send({}, turn.finish or ("tool_calls" if turn.calls else "stop"))
            if turn.usage and (asked.get("stream_options") or {}).get("include_usage"):
                await _event(writer, _chunk(model, [], self._usage(asked, turn)))
            writer.write(_framed(b"data: [DONE]\n\n"))
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _usage(self, asked: dict[str, Any], turn: Turn) -> dict[str, Any]:
        put_in = 10 + len(json.dumps(asked["messages"])) // 4
        thought = sum(len(one) for one in turn.reasoning) // 3
        put_out = 3 + sum(len(one) for one in turn.said()) // 4 + thought
        self.sent_usage.append((put_in, put_out, turn.cached, thought))
        return {
            "prompt_tokens": put_in,
            "completion_tokens": put_out,
            "total_tokens": put_in + put_out,
            "prompt_tokens_details": {"cached_tokens": turn.cached},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }

    def _checked(self, line: str, body: bytes) -> dict[str, Any] | None:
        """The request, where OpenAI would take it; else None, and a problem more."""
        try:
            assert line.startswith("POST /v1/chat/completions "), line
            asked = json.loads(body)
            unknown = set(asked) - _KNOWN
            assert not unknown, f"unknown fields: {sorted(unknown)}"
            assert asked.get("stream") is True, "not a streaming request"
            for message in asked["messages"]:
                plain = dict(message)
                if plain.get("role") == "assistant":
                    plain.pop("reasoning_content", None)  # DeepSeek's own
                _exhaust(_MESSAGE.validate_python(plain))
            for tool in asked.get("tools", ()):
                _exhaust(_TOOL.validate_python(tool))
            _calls_are_answered(asked["messages"])
        except (AssertionError, KeyError, ValueError, ValidationError) as error:
            self.problems.append(f"{type(error).__name__}: {error}"[:2000])
            return None
        return asked


def _exhaust(value: Any) -> None:
    """Iterables of the types are checked as they are read."""
    if isinstance(value, dict):
        for one in value.values():
            _exhaust(one)
    elif not isinstance(value, str | bytes | int | float | bool | None):
        for one in value:
            _exhaust(one)


def _calls_are_answered(messages: Sequence[dict[str, Any]]) -> None:
    """Each tool call is answered right after its message, and nothing else is: OpenAI's rule."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] in waiting, "an answer to no call"
            waiting.discard(message["tool_call_id"])
            continue
        assert not waiting, f"calls without an answer: {sorted(waiting)}"
        for call in message.get("tool_calls") or ():
            json.loads(call["function"]["arguments"])
            waiting.add(call["id"])
    assert not waiting, f"calls without an answer: {sorted(waiting)}"


def _chunk(model: str, choices: list[Any], usage: dict[str, Any] | None = None) -> bytes:
    chunk = ChatCompletionChunk.model_validate(
        {
            "id": "chatcmpl-1",
            "created": 1_700_000_000,
            "model": model,
            "object": "chat.completion.chunk",
            "choices": choices,
            "usage": usage,
        }
    )
    return b"data: " + chunk.model_dump_json(exclude_unset=True).encode() + b"\n\n"


async def _event(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(_framed(data))
    await writer.drain()


def _framed(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def _whole(
    writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: dict[str, Any]
) -> None:
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Connection: close"]
    lines += ["Content-Type: application/json", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    await writer.drain()


@asynccontextmanager
async def openai_server() -> AsyncIterator[OpenAIServer]:
    """A server of a test's own; whoever sent it something invalid fails the test."""
    server = OpenAIServer()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.until(lambda: not server.open)
        await listening.wait_closed()
    assert not server.problems, server.problems
