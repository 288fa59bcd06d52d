"""Agents that tests run in the real application, where the embedded engine would be in the way."""

from __future__ import annotations

import asyncio
from typing import Any

from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.turns import Turn


class HeldAgent:
    """Says each word of the question when it is allowed the next step."""

    model = "held"

    def __init__(self) -> None:
        self.steps = asyncio.Semaphore(0)
        self.runs = 0
        self.cancelled = asyncio.Event()

    def __call__(self, *_: Any) -> HeldAgent:
        return self

    async def prewarm(self, caller: Caller) -> None:
        """Nothing to warm."""

    async def answer(self, turn: Turn) -> Answer:
        self.runs += 1
        try:
            for word in turn.request.query.split():
                await self.steps.acquire()
                turn.writer.thinking(f"about to say {word}")
                turn.writer.text(word + " ")
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        interpretation = Interpretation(QuestionType.RECAP)
        return Answer(turn.writer.said, ResponseType.ANSWER, 1.0, interpretation)

    def allow(self, steps: int) -> None:
        for _ in range(steps):
            self.steps.release()
