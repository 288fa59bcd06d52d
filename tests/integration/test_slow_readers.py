"""Readers that do not keep up: the turn does not wait, others get all, memory stays small."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2
from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.turns import Turn
from tests.integration.conftest import Start
from tests.integration.test_turns_over_tcp import frames_of, stub, text_of

TOKEN = "0123456789" * 10
TOKENS = 40_000  # 4 MB
NARROW = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.http2.bdp_probe", 0),  # a window that does not grow to hold what is not read
    ("grpc.http2.lookahead_bytes", 64 * 1024),
]
MIB = 2**20


class Flood:
    """Says 4 MB for `flood`, in small pieces, and a word for any other question."""

    model = "flood"

    def __call__(self, *_: Any) -> Flood:
        return self

    async def prewarm(self, caller: Caller) -> None:
        """Nothing to warm."""

    async def answer(self, turn: Turn) -> Answer:
        if turn.request.query == "flood":
            for number in range(TOKENS):
                turn.writer.text(TOKEN)
                if not number % 50:
                    await asyncio.sleep(0)
        turn.writer.text("end")
        interpretation = Interpretation(QuestionType.RECAP)
        return Answer("end", ResponseType.ANSWER, 1.0, interpretation)


def asked(request_id: str, query: str = "flood") -> prompt_service_pb2.AskRequest:
    return prompt_service_pb2.AskRequest(query=query, request_id=request_id)


async def test_a_reader_that_sleeps_holds_up_neither_its_turn_nor_anybody_else(
    start: Start,
) -> None:
    async with (
        start(Flood(), turn_log_bytes=MIB) as app,
        grpc.aio.insecure_channel(app.address, options=NARROW) as narrow,
    ):
        sleeping = stub(app, narrow).Ask(asked("slow"))
        first = await sleeping.read()  # and no more, for now
        # The same turn's other readers, and other turns, get everything while it sleeps.
        together = await frames_of(app, asked("slow"))
        assert {one.turn_id for one in together} == {first.turn.turn_id}
        assert len(text_of(together)) == TOKENS * len(TOKEN) + 3
        others = await asyncio.gather(
            *(frames_of(app, asked(f"other-{n}", "word")) for n in range(19))
        )
        assert [text_of(frames) for frames in others] == ["end"] * 19
        assert app.turns.running == 0
        # It has missed nothing, although its turn's log is long beyond the budget and dropped.
        assert app.turns.log_bytes <= MIB
        rest = [first.turn]
        while (message := await sleeping.read()) is not grpc.aio.EOF:
            rest.append(message.turn)
        assert [one.sequence for one in rest] == list(range(1, len(rest) + 1))
        assert text_of(rest) == text_of(together)
        assert app.turns.log_bytes <= MIB


async def test_what_only_a_sleeping_reader_would_read_becomes_few_frames_of_a_bounded_log(
    start: Start,
) -> None:
    async with (
        start(Flood()) as app,
        grpc.aio.insecure_channel(app.address, options=NARROW) as narrow,
    ):
        sleeping = stub(app, narrow).Ask(asked("slow"))
        await sleeping.read()
        assert await app.turns.idle(60)  # the turn ended without it
        text = TOKENS * len(TOKEN)
        assert text <= app.turns.log_bytes <= 2.5 * text
        frames = [message.turn async for message in _rest(sleeping)]
        assert len(frames) < TOKENS / 50
        assert len(text_of(frames)) >= text
        assert frames[-1].HasField("completed")


async def _rest(call: Any) -> Any:
    while (message := await call.read()) is not grpc.aio.EOF:
        yield message
