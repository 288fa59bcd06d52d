"""What the engine can generate: its answers to the questions that a text holds.

One question gives its answer. A text of several lines, such as a rendered template, gives a report:
each line that is a question with its answer below it, and lines go on from those before them as in
a conversation. Lines that begin with ">" are examples, and are not asked again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import datetime

from enhanced_prompt_service.domain.answers import Answer, PromptResponse
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.prompts import GenerateAsk, GeneratedContent, GenerationPart
from enhanced_prompt_service.domain.turns import TextDelta, TurnRequest

from ..grounded import GroundedEngine, text_pieces
from ..grounded.words import without_manners
from .classify import CONTENT_REQUEST

MOST_QUESTIONS = 20
LONGEST_QUESTION = 8_000  # characters, as a question of a turn
EXAMPLE = ">"
_HEADING = "#"
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
_ABOUT = re.compile(
    r"^[\s,:]*(?:(?:of|about|that|which|covering|summari[sz]\w+|for me)\b\s*)*", re.I
)


class EngineGeneration:
    """Streams what the engine has to say. It looks at events, as it has nothing else to say."""

    def __init__(self, engine: GroundedEngine) -> None:
        self._engine = engine

    async def parts(
        self, caller: Caller, asked: GenerateAsk, now: datetime
    ) -> AsyncGenerator[GenerationPart]:
        """Text in pieces of about a word, at most `max_output_tokens` of them, then the whole."""
        said: list[str] = []
        async with aclosing(self._texts(caller, asked.prompt, now)) as texts:
            async for text in texts:
                for piece in text_pieces(text):
                    if asked.max_output_tokens and len(said) >= asked.max_output_tokens:
                        yield GeneratedContent("".join(said))
                        return
                    said.append(piece)
                    yield TextDelta(piece)
                    await asyncio.sleep(0)  # the first words leave at once
        yield GeneratedContent("".join(said))

    async def _texts(self, caller: Caller, prompt: str, now: datetime) -> AsyncGenerator[str]:
        lines = list(_lines(prompt))
        if len(lines) == 1:
            answer = await self._answer(caller, lines[0], [], now)
            yield answer.response
            return
        history: list[PromptResponse] = []
        gap = ""
        for number, line in enumerate(lines):
            if line.startswith(_HEADING) or line.endswith(":"):
                yield f"{gap}{line}"
            elif len(history) >= MOST_QUESTIONS:
                left = sum(not one.startswith(_HEADING) for one in lines[number:])
                yield f"{gap}{left} more are left out: at most {MOST_QUESTIONS} are asked."
                return
            else:
                answer = await self._answer(caller, line, history, now)
                yield f"{gap}{line}\n{answer.response}"
                history.append(_turn(line, answer, len(history) + 1, now))
            gap = "\n\n"

    async def _answer(
        self, caller: Caller, text: str, history: list[PromptResponse], now: datetime
    ) -> Answer:
        text = text[:LONGEST_QUESTION]
        request = _request(text)
        if request:
            asked = TurnRequest(request)
            query = await self._engine.understand(caller, asked, history, now)
            if not query.settled:
                return self._engine.compose(query, await self._engine.retrieve(caller, query))
        return await self._engine.answer(caller, TurnRequest(text), history, now)


def _request(text: str) -> str:
    """ "Draft a shift report for today" as the question it holds; "" where it asks for no text."""
    bare = without_manners(" ".join(text.casefold().split()))
    found = CONTENT_REQUEST.search(bare[:2_000])
    if found is None:
        return ""
    rest = bare[found.end() :]
    return f"What happened {rest[_about(rest) :]}".strip()


def _about(rest: str) -> int:
    found = _ABOUT.match(rest)
    return 0 if found is None else found.end()


def _lines(prompt: str) -> Iterator[str]:
    """Lines to go through; a text without any is one line."""
    found = False
    for line in prompt.splitlines():
        text = _BULLET.sub("", line).strip()
        if text and not text.startswith(EXAMPLE):
            found = True
            yield text
    if not found:
        yield prompt.strip()


def _turn(query: str, answer: Answer, number: int, now: datetime) -> PromptResponse:
    """A line and its answer, as the lines below see it."""
    return PromptResponse(
        turn_id=f"line-{number}",
        message_id="",
        timestamp=now,
        conversation_id="",
        user_id="",
        query=query,
        conversation_turn=number,
        processing_time_ms=0,
        answer=answer,
    )
