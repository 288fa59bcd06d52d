"""The tools over the embedded engine: no model, no key, no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from enhanced_prompt_service.domain.answers import PromptResponse
from enhanced_prompt_service.domain.errors import model_not_configured
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.prompts import (
    GROUNDED,
    ClassifiedIntent,
    ClassifyAsk,
    GenerateAsk,
    GenerationPart,
    OptimizeAsk,
    OptimizedPrompt,
)
from enhanced_prompt_service.domain.stores import ConversationStore

from ..grounded import GroundedEngine
from .classify import classify
from .generate import EngineGeneration
from .optimize import optimize
from .reading import Setting

HISTORY_TURNS = 20


class EnginePrompts:
    """`domain.prompts.PromptTools`. `now` is the site clock's."""

    models: tuple[str, ...] = (GROUNDED,)

    def __init__(
        self,
        engine: GroundedEngine,
        conversations: ConversationStore,
        *,
        now: Callable[[], datetime],
        history_turns: int = HISTORY_TURNS,
    ) -> None:
        self._engine = engine
        self._conversations = conversations
        self._now = now
        self._history_turns = history_turns
        self._generation = EngineGeneration(engine)

    async def classify(self, caller: Caller, asked: ClassifyAsk) -> ClassifiedIntent:
        """What a prompt is after, by the engine's understanding of it."""
        check_model(asked.model, self.models)
        setting = await self.setting(caller, asked)
        # A text as long as it may be takes a tenth of a second to read: not on the loop.
        return await asyncio.to_thread(classify, asked.query, setting)

    async def optimize(self, caller: Caller, asked: OptimizeAsk) -> OptimizedPrompt:
        """What the prompt leaves open, filled in. Reads it some twenty times: not on the loop."""
        check_model(asked.model, self.models)
        setting = await self.setting(caller, asked)
        return await asyncio.to_thread(
            optimize,
            asked.prompt,
            asked.optimization_type,
            setting,
            context=asked.context,
            intent=asked.intent,
        )

    async def generate(self, caller: Caller, asked: GenerateAsk) -> AsyncGenerator[GenerationPart]:
        """The engine's answers to the questions of the prompt."""
        check_model(asked.model, self.models)
        async with aclosing(self._generation.parts(caller, asked, self._now())) as parts:
            async for part in parts:
                yield part

    async def setting(self, caller: Caller, asked: ClassifyAsk | OptimizeAsk) -> Setting:
        """What a prompt is read with: the index, the present, the conversation."""
        history: Sequence[PromptResponse] = ()
        if asked.conversation_id:
            history = await self._conversations.recent_turns(
                caller, asked.conversation_id, self._history_turns
            )
        index = await self._engine.index(caller)
        return Setting(index, asked.as_of or self._now(), history, asked.time_zone)


def check_model(model: str, models: Sequence[str]) -> None:
    """Raises InvalidArgument (MODEL_NOT_CONFIGURED) for one that may not be chosen."""
    if model and model not in models:
        raise model_not_configured(model, models)
