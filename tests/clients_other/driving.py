"""A client of another language behind the face that the Python clients' tests use.

Its `drive` program takes a command a line and says what came of it in lines; it stays for the whole
run, since a JVM takes a second to start.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import subprocess
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from enhanced_prompt import EnhancedPromptError, Frame, StreamCut
from enhanced_prompt._frames import frame_of
from enhanced_prompt._requests import ask_request
from enhanced_prompt._status import from_status
from enhanced_prompt._turn import TextView
from enhanced_prompt.v1.answers_pb2 import PromptResponse
from enhanced_prompt.v1.insight_service_pb2 import SubscribeInsightsRequest
from enhanced_prompt.v1.insights_pb2 import InsightRevision
from enhanced_prompt.v1.prompt_service_pb2 import AskRequest
from enhanced_prompt.v1.turns_pb2 import TurnFrame

QUICK = {"retry": 3, "reattach": 4, "first_ms": 1, "longest_ms": 10}
"""Waits of milliseconds, as tests/clients has them."""
PATIENT = {"retry": 100, "reattach": 200, "first_ms": 50, "longest_ms": 500}
"""For servers that really start again."""


class Serialised(Protocol):
    """What a message is, where only its bytes count."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802


class Process:
    """A `drive` program. One command at a time."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    async def run(self, **command: Any) -> AsyncGenerator[dict[str, Any]]:
        """The lines that a command gives; the last one is its `end`.

        A command that is not read to its end takes its process with it.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        ended = False
        try:
            process.stdin.write(json.dumps({"take": 0, "options": QUICK, **command}) + "\n")
            process.stdin.flush()
            while not ended:
                line = await asyncio.to_thread(process.stdout.readline)
                if not line:
                    raise RuntimeError(f"{self._command[0]} ended with {process.wait()}")
                said = json.loads(line)
                ended = "end" in said
                yield said
        finally:
            if not ended:
                self.close()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self._process

    def close(self) -> None:
        """End the program."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@dataclass
class Stream:
    """What the client itself says of a turn."""

    text_so_far: str = ""
    turn_id: str = ""
    answer: PromptResponse | None = None
    error: EnhancedPromptError | None = None

    @property
    def response(self) -> PromptResponse:
        """The answer. Raises the turn's error where there is none."""
        if self.answer is None:
            raise self.error or RuntimeError("the turn has no answer")
        return self.answer


@dataclass
class Reading:
    """What a reader saw of a turn: its frames, and the error that ended it."""

    stream: Stream = field(default_factory=Stream)
    raw: list[TurnFrame] = field(default_factory=list[TurnFrame])
    error: EnhancedPromptError | None = None

    @property
    def frames(self) -> list[Frame]:
        """The frames as the Python client gives them."""
        return [frame_of(one) for one in self.raw]

    @property
    def kinds(self) -> list[str]:
        """Kinds of the frames in their order."""
        return [frame.kind for frame in self.frames]


class OtherDriver:
    """A client of another language, connected to one server."""

    def __init__(
        self, process: Process, target: str, options: dict[str, int] | None = None
    ) -> None:
        self._process = process
        self._target = target
        self._options = options or QUICK

    async def read(self, query: str, *, request_id: str = "", **options: Any) -> Reading:
        """All frames of a turn."""
        return await self.read_request(ask_request(query, request_id, options))  # pyright: ignore

    async def read_request(
        self, request: AskRequest, *, first: asyncio.Event | None = None, count: int = 1
    ) -> Reading:
        """The same; `first` is set when `count` frames have come."""
        reading = Reading()
        async for said in self._lines("ask", request):
            if "message" in said:
                reading.raw.append(TurnFrame.FromString(base64.b64decode(said["message"])))
                if first is not None and len(reading.raw) == count:
                    first.set()
            else:
                _conclude(reading, said["end"])
        return reading

    async def text(self, query: str) -> list[str]:
        """A turn's text in pieces to print."""
        view = TextView()
        reading = await self.read(query)
        return [piece for frame in reading.frames if (piece := view.take(frame))]

    async def insights(
        self, request: SubscribeInsightsRequest, *, take: int = 0
    ) -> AsyncGenerator[tuple[InsightRevision, str]]:
        """Entries with their tokens. Raises what the client threw."""
        async for said in self._lines("insights", request, take=take):
            if "message" in said:
                raw = base64.b64decode(said["message"])
                yield InsightRevision.FromString(raw), said["token"]
            elif "end" in said and (error := _error(said["end"])) is not None:
                raise error

    async def call(
        self, method: str, *requests: Serialised, take: int = 0
    ) -> tuple[list[bytes], EnhancedPromptError | None]:
        """One call of any kind (`package.Service/Method`): its answers, and what it failed with."""
        answers: list[bytes] = []
        error: EnhancedPromptError | None = None
        async for said in self._lines("call", *requests, method=method, take=take):
            if "message" in said:
                answers.append(base64.b64decode(said["message"]))
            else:
                error = _error(said["end"])
        return answers, error

    async def close(self) -> None:
        """Nothing stays open between commands."""

    def _lines(
        self, what: str, *requests: Serialised | Message, **more: Any
    ) -> AsyncGenerator[dict[str, Any]]:
        sent = [base64.b64encode(one.SerializeToString()).decode() for one in requests]
        return self._process.run(
            do=what, target=self._target, requests=sent, options=self._options, **more
        )


def _conclude(reading: Reading, end: dict[str, Any]) -> None:
    reading.error = reading.stream.error = _error(end)
    reading.stream.text_so_far = end.get("text", "")
    reading.stream.turn_id = end.get("turn_id", "")
    if end.get("response"):
        reading.stream.answer = PromptResponse.FromString(base64.b64decode(end["response"]))


def _error(end: dict[str, Any]) -> EnhancedPromptError | None:
    if cut := end.get("cut"):
        error = StreamCut(cut["message"])
        error.turn_id, error.attempt = cut["turn_id"], cut["attempt"]
        error.last_sequence, error.turn_request_id = cut["last_sequence"], cut["request_id"]
        return error
    status = Status.FromString(base64.b64decode(end.get("status") or ""))
    return from_status(status) if status.code else None
