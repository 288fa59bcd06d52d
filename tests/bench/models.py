"""Chat models that cost nothing, so that what remains is ours.

The *instant* model streams 100 tokens and gives the event loop a turn between them; the *paced*
one streams a token each 10 ms.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

TOKENS = tuple(f"word{number:02d} " for number in range(100))


class InstantModel(BaseChatModel):
    """Streams TOKENS, `pause_s` apart (0: only a turn of the event loop)."""

    pause_s: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "instant"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """It calls none."""
        del tools
        return self.bind(**kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(TOKENS)))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for token in TOKENS:
            yield ChatGenerationChunk(message=AIMessageChunk(content=token))
            await asyncio.sleep(self.pause_s)


class HangingModel(InstantModel):
    """Streams one token and hangs; notes its question and the moment when it is cancelled."""

    notes: str

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content=TOKENS[0]))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            at = time.perf_counter()
            with open(self.notes, "a") as file:  # noqa: ASYNC230 - a line, after the clock stopped
                file.write(f"{messages[0].content} {at!r}\n")
            raise
