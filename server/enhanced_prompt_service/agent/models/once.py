"""Asking the chain without a turn: a typed value, or text as a stream.

    value = await structured(chain, messages, Intent)
    async with aclosing(stream(chain, messages)) as events: ...

Messages are LangChain's, or pairs of role and text: ("system", "…"), ("user", "…").
Both raise NoModelLeft where no model answers: the embedded engine's turn.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from enhanced_prompt_service.domain.answers import ModelUsage, Usage

from .chain import ChainRun, ModelChain
from .failures import FailureKind, LinkFailure, Passed
from .replies import Reply

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

Messages = Sequence["BaseMessage | tuple[str, str]"]
Schema = TypeVar("Schema", bound=BaseModel)

_ATTEMPTS = 2  # a model that sends something malformed is told so once


@dataclass(frozen=True, slots=True)
class Structured(Generic[Schema]):
    """A typed value, who gave it, what it cost, and who was passed over before."""

    value: Schema
    model: str
    usage: Usage
    passed: tuple[Passed, ...]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingPiece:
    """More reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Forget the text so far: that model failed, the next one begins ("grounded": the engine,
    after which NoModelLeft is raised)."""

    failed_model: str
    next_model: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event: the whole text, who said it, what all calls used."""

    text: str
    model: str
    finish: str
    usage: Usage
    passed: tuple[Passed, ...]


ChainEvent = TextPiece | ThinkingPiece | Withdrawn | Finished


class _Nobody:
    """A sink for what nobody watches."""

    def text(self, delta: str) -> None:
        """Not shown."""

    def thinking(self, text: str) -> None:
        """Not shown."""

    def withdraw(self, failed_model: str, next_model: str) -> None:
        """Nothing was shown."""


async def structured(
    chain: ModelChain,
    messages: Messages,
    schema: type[Schema],
    *,
    model: str = "",
    calls: list[ModelUsage] | None = None,
) -> Structured[Schema]:
    """A value of a pydantic schema. The model gives it as the arguments of a tool that is named
    after the schema (its docstring says what is wanted); one that sends something malformed is
    told so once, then the next link is asked.

    What was used is also appended to `calls`, however this ends. Raises NoModelLeft, and
    InvalidArgument for a model that is not configured.
    """
    from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage

    run = chain.begin(model, calls=calls)
    first = len(run.calls)
    tool = schema.__name__
    asked = [
        SystemMessage(f"Answer by calling the tool {tool} exactly once, and in no other way."),
        *_converted(messages),
    ]
    said = list(asked)
    attempts = 0
    while True:
        link = run.link
        reply = await run.respond(said, _Nobody(), tools=[schema])
        if reply.model != link:  # another link answered: it had its own first attempt
            attempts = 0
        attempts += 1
        try:
            value = schema.model_validate(_arguments(reply, tool))
        except (ValidationError, ValueError) as error:
            if attempts < _ATTEMPTS:
                trouble = f"That was not right: {_brief(error)} Call {tool} again, complete."
                said = list(asked)
                if reply.tool_calls:
                    said.append(reply.message)
                    said += [
                        ToolMessage(trouble, tool_call_id=one.call_id, status="error")
                        for one in reply.tool_calls
                    ]
                else:
                    said += [reply.message, HumanMessage(trouble)]
                continue
            run.give_up(LinkFailure(FailureKind.MALFORMED, f"no valid {tool}"), _Nobody())
            said, attempts = list(asked), 0
            continue
        return Structured(value, reply.model, Usage(tuple(run.calls[first:])), tuple(run.passed))


def _arguments(reply: Reply, tool: str) -> Any:
    """What the tool was called with; from models that write JSON instead of calling, that."""
    for one in reply.tool_calls:
        if one.name == tool and one.arguments is not None:
            return dict(one.arguments)
    start, end = reply.text.find("{"), reply.text.rfind("}")
    if start < 0 or end < start:
        raise ValueError(f"the tool {tool} was not called with a JSON object.")
    return json.loads(reply.text[start : end + 1])


def _brief(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        found = [
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        return "; ".join(found[:5])[:500] + "."
    return str(error)[:200]


async def stream(
    chain: ModelChain,
    messages: Messages,
    *,
    model: str = "",
    calls: list[ModelUsage] | None = None,
    temperature: float | None = None,
    output_tokens: int | None = None,
) -> AsyncGenerator[ChainEvent]:
    """A text as it is written; the last event is Finished. Pieces that arrive while the reader is
    busy come as one. Close it (`aclosing`) to stop the model; what it used until then is in
    `calls`. `temperature` and `output_tokens` are wishes that links of OpenAI's protocol keep to.

    Raises NoModelLeft, and InvalidArgument for a model that is not configured.
    """
    run = chain.begin(model, calls=calls)
    first = len(run.calls)
    pipe = _Pipe()
    wishes = {"temperature": temperature, "max_tokens": output_tokens}
    wishes = {name: value for name, value in wishes.items() if value is not None}
    task = asyncio.create_task(_respond(run, _converted(messages), wishes, pipe))
    try:
        while True:
            for event in await pipe.take():
                yield event
            if task.done() and not pipe.filled:
                break
        reply = task.result()
        used = Usage(tuple(run.calls[first:]))
        yield Finished(reply.text, reply.model, reply.finish, used, tuple(run.passed))
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _respond(
    run: ChainRun, messages: list[BaseMessage], wishes: dict[str, Any], pipe: _Pipe
) -> Reply:
    try:
        return await run.respond(messages, pipe, wishes=wishes)
    finally:
        pipe.close()


class _Pipe:
    """From the model to the reader: what was not taken yet is joined, so that it never queues."""

    def __init__(self) -> None:
        self._events: list[ChainEvent] = []
        self._there = asyncio.Event()

    @property
    def filled(self) -> bool:
        """Whether something waits."""
        return bool(self._events)

    def text(self, delta: str) -> None:
        """More text."""
        last = self._events[-1] if self._events else None
        if isinstance(last, TextPiece):
            self._events[-1] = TextPiece(last.text + delta)
        else:
            self._events.append(TextPiece(delta))
        self._there.set()

    def thinking(self, text: str) -> None:
        """More reasoning."""
        last = self._events[-1] if self._events else None
        if isinstance(last, ThinkingPiece):
            self._events[-1] = ThinkingPiece(last.text + text)
        else:
            self._events.append(ThinkingPiece(text))
        self._there.set()

    def withdraw(self, failed_model: str, next_model: str) -> None:
        """Another model begins."""
        self._events.append(Withdrawn(failed_model, next_model))
        self._there.set()

    def close(self) -> None:
        """Nothing more comes."""
        self._there.set()

    async def take(self) -> list[ChainEvent]:
        """All that waits, as soon as something does or nothing more comes."""
        await self._there.wait()
        self._there.clear()
        events, self._events = self._events, []
        return events


def _converted(messages: Messages) -> list[BaseMessage]:
    from langchain_core.messages import convert_to_messages

    return convert_to_messages(cast("list[Any]", list(messages)))
