"""Classifying, optimising, generating: what is asked, and what came out."""

from __future__ import annotations

import math
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

from enhanced_prompt.v1 import chat_pb2, prompts_pb2, turns_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb

from ...domain.answers import JsonValue, QuestionType
from ...domain.errors import InvalidArgument, Reason
from ...domain.prompts import (
    ClassifiedIntent,
    ClassifyAsk,
    GeneratedContent,
    GenerationPart,
    Intent,
    IntentEntity,
    OptimizationType,
    OptimizeAsk,
    OptimizedPrompt,
)
from ...domain.turns import TextDelta, TextWithdrawn, Thinking
from .answers import QUESTION_TYPES, interpretation, usage
from .times import instant

_INT32 = 2**31 - 1
_NUMBERS = {
    one: prompts_pb2.OptimizationType.Value(f"OPTIMIZATION_TYPE_{one.name}")
    for one in OptimizationType
}
_KINDS: dict[int, OptimizationType] = {number: one for one, number in _NUMBERS.items()}
_QUESTIONS: dict[int, QuestionType] = {number: one for one, number in QUESTION_TYPES.items()}


# ---- what is asked ------------------------------------------------------------------------------


def classify_ask(message: pb.ClassifyIntentRequest) -> ClassifyAsk:
    """A prompt to classify. Raises InvalidArgument for a time that cannot be meant."""
    return ClassifyAsk(
        query=message.query,
        conversation_id=message.conversation_id,
        time_zone=message.time_zone,
        as_of=instant(message.as_of, "as_of") if message.HasField("as_of") else None,
        model=message.model,
    )


def optimize_ask(message: pb.OptimizePromptRequest) -> OptimizeAsk:
    """A prompt to make better. Raises InvalidArgument for a time that cannot be meant."""
    return OptimizeAsk(
        prompt=message.prompt,
        optimization_type=_kind(message.optimization_type),
        context=json_of(message.context),
        intent=intent(message.intent) if message.HasField("intent") else None,
        conversation_id=message.conversation_id,
        time_zone=message.time_zone,
        as_of=instant(message.as_of, "as_of") if message.HasField("as_of") else None,
        model=message.model,
    )


def chat_classify_ask(
    frame: chat_pb2.ChatClassify, setup: chat_pb2.ChatSetup, conversation_id: str
) -> ClassifyAsk:
    """The same from a chat, whose conversation it refers to."""
    return ClassifyAsk(frame.query, conversation_id, setup.time_zone)


def chat_optimize_ask(
    frame: chat_pb2.ChatOptimize, setup: chat_pb2.ChatSetup, conversation_id: str
) -> OptimizeAsk:
    """The same from a chat, whose conversation it refers to."""
    return OptimizeAsk(
        prompt=frame.prompt,
        optimization_type=_kind(frame.optimization_type),
        context=json_of(frame.context),
        intent=intent(frame.intent) if frame.HasField("intent") else None,
        conversation_id=conversation_id,
        time_zone=setup.time_zone,
    )


def check_source(source: prompts_pb2.GenerationSource, path: str = "source") -> None:
    """Raises InvalidArgument where there is neither a prompt nor a template."""
    if source.WhichOneof("source") is None:
        raise InvalidArgument.of(
            path, "names neither a prompt nor a template", reason=Reason.REQUIRED_FIELD_MISSING
        )


def _kind(number: int) -> OptimizationType:
    return _KINDS.get(number, OptimizationType.ENHANCEMENT)


def json_of(message: Struct) -> dict[str, JsonValue]:
    """A Struct as JSON; numbers that JSON does not have become None."""
    return {key: _json_value(value) for key, value in message.fields.items()}


def _json_value(value: Value) -> JsonValue:
    match value.WhichOneof("kind"):
        case "number_value":
            return value.number_value if math.isfinite(value.number_value) else None
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return json_of(value.struct_value)
        case "list_value":
            return [_json_value(one) for one in value.list_value.values]
        case _:
            return None


def intent(message: prompts_pb2.Intent) -> Intent:
    """An intent that the caller knows."""
    return Intent(
        category=message.category,
        question_type=_QUESTIONS.get(message.question_type),
        confidence=message.confidence,
        entities=tuple(
            IntentEntity(one.kind, one.text, one.value, one.confidence) for one in message.entities
        ),
        missing=tuple(message.missing),
    )


# ---- what came out ------------------------------------------------------------------------------


def classified_message(found: ClassifiedIntent) -> prompts_pb2.ClassifiedIntent:
    """An intent and who found it."""
    how = found.interpretation
    return prompts_pb2.ClassifiedIntent(
        intent=intent_message(found.intent),
        interpretation=None if how is None else interpretation(how),
        model=found.model,
        usage=usage(found.usage),
    )


def intent_message(found: Intent) -> prompts_pb2.Intent:
    """What a prompt is after."""
    kind = found.question_type
    message = prompts_pb2.Intent(
        category=found.category,
        confidence=found.confidence,
        entities=[
            prompts_pb2.IntentEntity(
                kind=one.kind, text=one.text, value=one.value, confidence=one.confidence
            )
            for one in found.entities
        ],
        missing=found.missing,
    )
    if kind is not None:
        message.question_type = QUESTION_TYPES[kind]
    return message


def optimized_message(found: OptimizedPrompt) -> prompts_pb2.OptimizedPrompt:
    """A better prompt and how it came about."""
    return prompts_pb2.OptimizedPrompt(
        prompt=found.prompt,
        confidence=found.confidence,
        changes=[
            prompts_pb2.PromptChange(before=one.before, after=one.after, reason=one.reason)
            for one in found.changes
        ],
        optimization_type=_NUMBERS[found.optimization_type],
        model=found.model,
        usage=usage(found.usage),
        alternatives=found.alternatives,
    )


def generated_part(part: GenerationPart, elapsed_ms: int) -> dict[str, Any]:
    """A part of a generation as the one field of its message: `text_delta`, `completed`, …"""
    match part:
        case TextDelta():
            return {"text_delta": turns_pb2.TextDelta(text=part.text)}
        case TextWithdrawn():
            return {
                "text_withdrawn": turns_pb2.TextWithdrawn(
                    failed_model=part.failed_model, next_model=part.next_model
                )
            }
        case Thinking():
            return {"thinking": turns_pb2.Thinking(text=part.text)}
        case GeneratedContent():
            return {
                "completed": prompts_pb2.GeneratedContent(
                    content=part.content,
                    model=part.model,
                    usage=usage(part.usage),
                    processing_time_ms=min(elapsed_ms, _INT32),
                )
            }
