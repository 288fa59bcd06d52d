"""What can be done with a prompt beside answering it: said what it is after, made better, generated
from.

With a model these are a model's; without one the embedded engine does them. Each result says which.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .answers import Interpretation, JsonValue, QuestionType, Usage
from .identity import Caller
from .templates import Template
from .turns import TextDelta, TextWithdrawn, Thinking

GROUNDED = "grounded"
"""The name of the embedded engine where a model is named."""
MOST_ENTITIES = 100
MOST_MISSING = 20
MOST_ALTERNATIVES = 3


class OptimizationType(StrEnum):
    """What to make better."""

    ENHANCEMENT = "enhancement"
    CLARITY = "clarity"
    SPECIFICITY = "specificity"


@dataclass(frozen=True, slots=True)
class IntentEntity:
    """Something that a prompt names: `value` is what it means, "" where it matched nothing."""

    kind: str
    text: str = ""
    value: str = ""
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Intent:
    """What a prompt is after: "question", "content" or "off_subject".

    `question_type` is None where it is no question. `missing` names what is left open, as fields
    of an interpretation.
    """

    category: str = ""
    question_type: QuestionType | None = None
    confidence: float = 0.0
    entities: tuple[IntentEntity, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassifiedIntent:
    """An intent, and who found it."""

    intent: Intent
    interpretation: Interpretation | None = None
    model: str = GROUNDED
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class PromptChange:
    """One change; `before` is "" where something was added, `after` where it was left out."""

    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class OptimizedPrompt:
    """A better prompt; the one that was sent, without changes, where nothing could be bettered."""

    prompt: str
    confidence: float
    optimization_type: OptimizationType
    changes: tuple[PromptChange, ...] = ()
    alternatives: tuple[str, ...] = ()
    model: str = GROUNDED
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class GeneratedContent:
    """The whole of a generation; the text deltas before it make the same content."""

    content: str
    model: str = GROUNDED
    usage: Usage = Usage()


GenerationPart = TextDelta | TextWithdrawn | Thinking | GeneratedContent


@dataclass(frozen=True, slots=True)
class ClassifyAsk:
    """A prompt to classify; times and zones as in `TurnRequest`."""

    query: str
    conversation_id: str = ""
    time_zone: str = ""
    as_of: datetime | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class OptimizeAsk:
    """A prompt to make better. `context` is what else the caller knows; `intent` what it is after,
    None where that is to be found out."""

    prompt: str
    optimization_type: OptimizationType = OptimizationType.ENHANCEMENT
    context: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    intent: Intent | None = None
    conversation_id: str = ""
    time_zone: str = ""
    as_of: datetime | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class GenerateAsk:
    """What to generate from. `max_output_tokens` 0 is the server's own bound; `temperature` None
    the model's own."""

    prompt: str
    model: str = ""
    max_output_tokens: int = 0
    temperature: float | None = None


class PromptTools(Protocol):
    """One instance serves all callers. Each method raises InvalidArgument (MODEL_NOT_CONFIGURED)
    for a model that is not among `models`; cancelling is a normal path."""

    @property
    def models(self) -> tuple[str, ...]:
        """What may be chosen, in the configured order; the engine is "grounded"."""
        ...

    async def classify(self, caller: Caller, asked: ClassifyAsk) -> ClassifiedIntent:
        """What a prompt is after."""
        ...

    async def optimize(self, caller: Caller, asked: OptimizeAsk) -> OptimizedPrompt:
        """A better prompt. It asks nothing."""
        ...

    def generate(self, caller: Caller, asked: GenerateAsk) -> AsyncIterator[GenerationPart]:
        """Parts as they come; the last one is the GeneratedContent."""
        ...


@dataclass(frozen=True, slots=True)
class Drafted:
    """A template that was made and not stored yet, and a sentence for people about it."""

    template: Template
    message: str


@dataclass(frozen=True, slots=True)
class DraftAsk:
    """Which conversation to make a template of; empty texts are made from its questions."""

    conversation_id: str
    title: str = ""
    description: str = ""
    category: str = ""
    include_answers: bool = False


class TemplateDrafter(Protocol):
    """Makes templates out of conversations."""

    async def draft(self, caller: Caller, asked: DraftAsk) -> Drafted:
        """The template, without an id. Raises NotFound (CONVERSATION_NOT_FOUND) and InvalidArgument
        (TEMPLATE_INVALID) for a conversation in which nothing was answered yet."""
        ...
