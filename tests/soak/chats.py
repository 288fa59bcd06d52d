"""Many chats of one process, each with a turn now and then: what became of them, as JSON.

    python -m tests.soak.chats 127.0.0.1:50051 --chats 1000 --every 10 --seconds 300

Raw gRPC, as little as can be between the wire and the checks: each answer is complete, in order
and as it was said, and everything that is not so is a line in `failures`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import grpc.aio
import uvloop

from enhanced_prompt.v1 import chat_pb2 as pb
from enhanced_prompt.v1 import prompt_service_pb2_grpc
from tests.bench.load import CHANNEL
from tests.bench.models import TOKENS
from tests.bench.processes import pin_caller

CHATS_A_CONNECTION = 50
TEXT = "".join(TOKENS)
ANSWER_S = 60.0  # an answer that takes longer counts as lost


@dataclass(slots=True)
class Outcome:
    """What all chats of a process saw. Times in seconds."""

    chats: int = 0
    turns: int = 0
    pings: int = 0
    pongs: int = 0
    heartbeats: int = 0
    failures: list[str] = field(default_factory=list[str])
    answer_s: list[float] = field(default_factory=list[float])


class SoakedChat:
    """One chat: a task asks and pings, another one reads."""

    def __init__(self, stub: Any, outcome: Outcome) -> None:
        self._call = stub.Chat()
        self._outcome = outcome
        self._ready = asyncio.Event()
        self._asked: dict[str, float] = {}
        self._closed: dict[str, asyncio.Event] = {}
        self._message_of: dict[str, str] = {}
        self._text: list[str] = []
        self._last = 0

    async def run(self, every_s: float, until: float) -> None:
        """Talk until a moment of time.monotonic, and end well."""
        reading = asyncio.create_task(self._read())
        try:
            await self._call.write(pb.ChatRequest(setup=pb.ChatSetup()))
            await asyncio.wait_for(self._ready.wait(), ANSWER_S)
            due = time.monotonic() + random.uniform(0, every_s)
            while due < until:
                await asyncio.sleep(due - time.monotonic())
                await self._ask()
                await asyncio.sleep(due + every_s / 2 - time.monotonic())
                await self._call.write(pb.ChatRequest(ping=pb.ChatPing()))
                self._outcome.pings += 1
                due += every_s
            await self._call.done_writing()
            await asyncio.wait_for(reading, ANSWER_S)
            if (code := await self._call.code()) is not grpc.StatusCode.OK:
                self._fails(f"ended with {code}")
            self._outcome.chats += 1
        except (grpc.RpcError, TimeoutError, asyncio.InvalidStateError) as error:
            self._fails(f"{type(error).__name__}: {error}"[:300])
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, grpc.RpcError):
                await reading

    async def _ask(self) -> None:
        message_id = uuid.uuid4().hex
        closed = self._closed[message_id] = asyncio.Event()
        self._asked[message_id] = time.monotonic()
        await self._call.write(
            pb.ChatRequest(prompt=pb.ChatPrompt(message_id=message_id, query="what happened?"))
        )
        await asyncio.wait_for(closed.wait(), ANSWER_S)

    async def _read(self) -> None:
        while (message := await self._call.read()) is not grpc.aio.EOF:
            match message.WhichOneof("frame"):
                case "turn":
                    self._take(message.turn)
                case "accepted":
                    self._message_of[message.accepted.turn_id] = message.accepted.message_id
                case "ready":
                    self._ready.set()
                case "pong":
                    self._outcome.pongs += 1
                case "heartbeat":
                    self._outcome.heartbeats += 1
                case other:
                    self._fails(f"{other}: {message}")

    def _take(self, frame: Any) -> None:
        if frame.previous_sequence != self._last:
            self._fails(f"frame {frame.sequence} follows {frame.previous_sequence}")
        self._last = frame.sequence
        match frame.WhichOneof("payload"):
            case "text_delta":
                self._text.append(frame.text_delta.text)
            case "completed":
                said = ("".join(self._text), frame.completed.response.response)
                if said != (TEXT, TEXT):
                    self._fails(f"an answer of {len(said[0])} and {len(said[1])} characters")
                self._end(frame.turn_id)
            case "failed" | "cancelled":
                self._fails(str(frame)[:300])
                self._end(frame.turn_id)
            case _:
                pass

    def _end(self, turn_id: str) -> None:
        self._text.clear()
        self._last = 0
        message_id = self._message_of.pop(turn_id)
        self._outcome.turns += 1
        self._outcome.answer_s.append(time.monotonic() - self._asked.pop(message_id))
        self._closed.pop(message_id).set()

    def _fails(self, why: str) -> None:
        self._outcome.failures.append(why)


async def talk(address: str, chats: int, every_s: float, seconds: float) -> Outcome:
    """Hold so many chats for so long."""
    outcome = Outcome()
    channels = [
        grpc.aio.insecure_channel(address, options=CHANNEL)
        for _ in range((chats - 1) // CHATS_A_CONNECTION + 1)
    ]
    until = time.monotonic() + seconds
    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(chats):
                stub = prompt_service_pb2_grpc.PromptServiceStub(
                    channels[number // CHATS_A_CONNECTION]
                )
                tasks.create_task(SoakedChat(stub, outcome).run(every_s, until))
    finally:
        for channel in channels:
            await channel.close()
    return outcome


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("address")
    given.add_argument("--chats", type=int, required=True)
    given.add_argument("--every", type=float, required=True)
    given.add_argument("--seconds", type=float, required=True)
    arguments = given.parse_args()
    pin_caller()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(
            talk(arguments.address, arguments.chats, arguments.every, arguments.seconds)
        )
    print(json.dumps(asdict(found)))
