"""The frames of a chat that are no questions: each as the work that answers it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from enhanced_prompt.v1 import chat_pb2 as pb

from ...domain.prompts import DraftAsk, GenerationPart
from ...domain.templates import TemplateRequest
from ...domain.turns import Thinking
from ..call import Call
from ..convert import prompts as convert
from ..convert.templates import template_message
from ..templates import digest
from ..toolbox import Toolbox
from .beside import Work
from .outbox import Outbox


class ChatTools:
    """Work for frames of one chat."""

    def __init__(self, call: Call, outbox: Outbox, toolbox: Toolbox) -> None:
        self._call = call
        self._outbox = outbox
        self._toolbox = toolbox

    def work(
        self, message: pb.ChatRequest, kind: str, setup: pb.ChatSetup, conversation_id: str
    ) -> tuple[str, Work]:
        """The frame's message_id, and what answers it."""
        frame: Any = getattr(message, kind)
        doing = {
            "classify": self._classify,
            "optimize": self._optimize,
            "generate": self._generate,
            "save_as_template": self._save,
        }[kind]
        return frame.message_id, partial(doing, frame, setup, conversation_id)

    async def _classify(
        self, frame: pb.ChatClassify, setup: pb.ChatSetup, conversation_id: str
    ) -> None:
        asked = convert.chat_classify_ask(frame, setup, conversation_id)
        found = await self._toolbox.classify(self._call.caller, asked)
        reply = pb.ChatClassified(
            message_id=frame.message_id, classified=convert.classified_message(found)
        )
        await self._send(classified=reply)

    async def _optimize(
        self, frame: pb.ChatOptimize, setup: pb.ChatSetup, conversation_id: str
    ) -> None:
        asked = convert.chat_optimize_ask(frame, setup, conversation_id)
        found = await self._toolbox.optimize(self._call.caller, asked)
        reply = pb.ChatOptimized(
            message_id=frame.message_id, optimized=convert.optimized_message(found)
        )
        await self._send(optimized=reply)

    async def _generate(
        self, frame: pb.ChatGenerate, setup: pb.ChatSetup, conversation_id: str
    ) -> None:
        del setup, conversation_id
        began = self._call.monotonic()
        parts = await self._toolbox.generation(
            self._call.caller, frame.source, model=frame.model, path="generate.source"
        )
        async with aclosing(cast("AsyncGenerator[GenerationPart]", parts)):
            async for part in parts:
                if isinstance(part, Thinking):
                    continue  # a chat has no frame for it
                elapsed = round((self._call.monotonic() - began) * 1000)
                reply = pb.ChatGenerated(
                    message_id=frame.message_id, **convert.generated_part(part, elapsed)
                )
                await self._send(generated=reply)

    async def _save(
        self, frame: pb.ChatSaveAsTemplate, setup: pb.ChatSetup, conversation_id: str
    ) -> None:
        del setup
        asked = DraftAsk(
            conversation_id=conversation_id,
            title=frame.title,
            description=frame.description,
            category=frame.category,
            include_answers=frame.include_ai_responses,
        )
        # A message that is sent again, after a cut, is the same wish in the same conversation.
        request = TemplateRequest(f"{conversation_id}/{frame.message_id}", digest(frame))
        made, said = await self._toolbox.save(self._call.caller, asked, request)
        reply = pb.ChatTemplateCreated(
            message_id=frame.message_id, template=template_message(made), message=said
        )
        await self._send(template_created=reply)

    async def _send(self, **frame: Any) -> None:
        await self._outbox.put(pb.ChatResponse(**frame).SerializeToString())
