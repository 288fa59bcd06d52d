"""Classifying, optimising and generating: the same calls for both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, closing
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack

from google.protobuf.struct_pb2 import Struct

from . import _methods as methods
from ._calls import AsyncCalls, Calls
from ._requests import timestamp
from .errors import StreamCut
from .v1.prompt_service_pb2 import (
    ClassifyIntentRequest,
    GenerateContentRequest,
    GenerateContentResponse,
    OptimizePromptRequest,
)
from .v1.prompts_pb2 import (
    ClassifiedIntent,
    GenerationSource,
    Intent,
    OptimizationType,
    OptimizedPrompt,
    TemplateCall,
)

OptimizationName = Literal["enhancement", "clarity", "specificity"]


class ReadingOptions(TypedDict, total=False):
    """What a prompt is read with, as in `AskOptions`."""

    conversation_id: str
    time_zone: str
    as_of: datetime
    model: str


class GenerateOptions(TypedDict, total=False):
    """What to generate with. `temperature` absent is the model's own; `timeout` in seconds."""

    model: str
    max_output_tokens: int
    temperature: float
    timeout: float | None


def _classify(query: str, options: ReadingOptions) -> ClassifyIntentRequest:
    at = options.get("as_of")
    return ClassifyIntentRequest(
        query=query,
        conversation_id=options.get("conversation_id", ""),
        time_zone=options.get("time_zone", ""),
        as_of=None if at is None else timestamp(at),
        model=options.get("model", ""),
    )


def _optimize(
    prompt: str,
    optimization_type: OptimizationName | None,
    context: Mapping[str, Any] | None,
    intent: Intent | None,
    options: ReadingOptions,
) -> OptimizePromptRequest:
    said: Struct | None = None
    if context is not None:
        said = Struct()
        said.update(dict(context))
    at = options.get("as_of")
    return OptimizePromptRequest(
        prompt=prompt,
        optimization_type=OptimizationType.Value(
            f"OPTIMIZATION_TYPE_{(optimization_type or 'unspecified').upper()}"
        ),
        context=said,
        intent=intent,
        conversation_id=options.get("conversation_id", ""),
        time_zone=options.get("time_zone", ""),
        as_of=None if at is None else timestamp(at),
        model=options.get("model", ""),
    )


def _generate(
    prompt: str,
    template_id: str,
    variables: Mapping[str, str] | None,
    options: GenerateOptions,
) -> GenerateContentRequest:
    if bool(prompt) == bool(template_id):
        raise ValueError("generate from a prompt or from a template")
    source = GenerationSource(prompt=prompt)
    if template_id:
        source = GenerationSource(
            template=TemplateCall(template_id=template_id, variables=variables or {})
        )
    return GenerateContentRequest(
        source=source,
        model=options.get("model", ""),
        max_output_tokens=options.get("max_output_tokens", 0),
        temperature=options.get("temperature"),
    )


def _cut() -> StreamCut:
    return StreamCut("the generation ended without its whole text")


class PromptCalls(Calls):
    """Tools of prompts, blocking."""

    def classify_intent(self, query: str, **options: Unpack[ReadingOptions]) -> ClassifiedIntent:
        """What a prompt is after, and which model, or the embedded engine, says so."""
        return self._unary(methods.CLASSIFY_INTENT, _classify(query, options)).classified

    def optimize_prompt(
        self,
        prompt: str,
        *,
        optimization_type: OptimizationName | None = None,
        context: Mapping[str, Any] | None = None,
        intent: Intent | None = None,
        **options: Unpack[ReadingOptions],
    ) -> OptimizedPrompt:
        """A better prompt, what was changed and why. `context` is any JSON object."""
        request = _optimize(prompt, optimization_type, context, intent, options)
        return self._unary(methods.OPTIMIZE_PROMPT, request).optimized

    def generate_content(
        self,
        prompt: str = "",
        *,
        template_id: str = "",
        variables: Mapping[str, str] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Iterator[GenerateContentResponse]:
        """Text generated from a prompt or a template, in parts; `completed` comes last.

        Raises StreamCut where the stream ends without it. Closing the iterator stops the model.
        """
        request = _generate(prompt, template_id, variables, options)
        deadline = options.get("timeout", self.options.timeouts.turn)
        stream = self._transport.stream(methods.GENERATE_CONTENT, request, deadline=deadline)
        with closing(stream):
            for message in stream:
                if not message.HasField("heartbeat"):
                    yield message
                if message.HasField("completed"):
                    return
        raise _cut()


class AsyncPromptCalls(AsyncCalls):
    """Tools of prompts, for asyncio."""

    async def classify_intent(
        self, query: str, **options: Unpack[ReadingOptions]
    ) -> ClassifiedIntent:
        """What a prompt is after, and which model, or the embedded engine, says so."""
        found = await self._unary(methods.CLASSIFY_INTENT, _classify(query, options))
        return found.classified

    async def optimize_prompt(
        self,
        prompt: str,
        *,
        optimization_type: OptimizationName | None = None,
        context: Mapping[str, Any] | None = None,
        intent: Intent | None = None,
        **options: Unpack[ReadingOptions],
    ) -> OptimizedPrompt:
        """A better prompt, what was changed and why. `context` is any JSON object."""
        request = _optimize(prompt, optimization_type, context, intent, options)
        return (await self._unary(methods.OPTIMIZE_PROMPT, request)).optimized

    async def generate_content(
        self,
        prompt: str = "",
        *,
        template_id: str = "",
        variables: Mapping[str, str] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> AsyncIterator[GenerateContentResponse]:
        """Text generated from a prompt or a template, in parts; `completed` comes last.

        Raises StreamCut where the stream ends without it. Closing the iterator stops the model.
        """
        request = _generate(prompt, template_id, variables, options)
        deadline = options.get("timeout", self.options.timeouts.turn)
        stream = self._transport.stream(methods.GENERATE_CONTENT, request, deadline=deadline)
        async with aclosing(stream):
            async for message in stream:
                if not message.HasField("heartbeat"):
                    yield message
                if message.HasField("completed"):
                    return
        raise _cut()
