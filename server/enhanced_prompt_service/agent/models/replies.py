"""What comes back from a model: pieces while it streams, and a whole reply at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage


class Sink(Protocol):
    """Takes what a model says, as it says it. Nothing here may block or fail."""

    def text(self, delta: str) -> None:
        """More text of the answer."""
        ...

    def thinking(self, text: str) -> None:
        """More of the model's reasoning."""
        ...

    def withdraw(self, failed_model: str, next_model: str) -> None:
        """Forget all text so far: that model failed after its first token, the next one begins."""
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model wants called. `arguments` is None where what it sent is no JSON object;
    `raw` is what it sent."""

    name: str
    call_id: str
    arguments: Mapping[str, Any] | None
    raw: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply of one model call. `message` is it for the model's own next call."""

    model: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: str  # "stop", "tool_calls", "length", …; "" where the provider did not say
    message: AIMessage


@dataclass(slots=True)
class _PartialCall:
    name: str = ""
    call_id: str = ""
    raw: list[str] = field(default_factory=list[str])


_FINISH = ("finish_reason", "stop_reason", "stopReason", "done_reason")


class Collector:
    """Puts a stream together. Plain text, the usual case, costs a few attribute reads a chunk."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.finish = ""
        self.usage: Any = None
        self._calls: dict[object, _PartialCall] = {}
        self._latest: object = None
        self._chunks: list[AIMessageChunk] = []

    @property
    def alive(self) -> bool:
        """Whether anything that counts as a token came."""
        return bool(self.text or self.reasoning or self._calls)

    @property
    def spoken(self) -> list[str]:
        """All that the model put out: for an estimate of its tokens."""
        calls = [part for one in self._calls.values() for part in (one.name, *one.raw)]
        return [*self.text, *self.reasoning, *calls]

    def take(self, chunk: AIMessageChunk, sink: Sink) -> None:
        """Take a chunk, and pass on what can be seen of it."""
        self._chunks.append(chunk)
        content: Any = chunk.content
        if content:
            if isinstance(content, str):
                self._say(content, sink)
            else:
                self._blocks(content, sink)
        if chunk.additional_kwargs:
            reasoning = chunk.additional_kwargs.get("reasoning_content")
            if isinstance(reasoning, str):
                self._think(reasoning, sink)
        for part in chunk.tool_call_chunks:
            self._call(part)
        if chunk.response_metadata:
            for name in _FINISH:
                found = chunk.response_metadata.get(name)
                if isinstance(found, str) and found:
                    self.finish = found
        if chunk.usage_metadata:
            from langchain_core.messages.ai import add_usage

            self.usage = add_usage(self.usage, chunk.usage_metadata)

    def reply(self, model: str) -> Reply:
        """The whole of it."""
        from langchain_core.messages import AIMessage

        text = "".join(self.text)
        calls = tuple(_whole(one, at) for at, one in enumerate(self._calls.values()))
        message = AIMessage(text)
        if calls:
            message = _merged(self._chunks, text, calls)
        return Reply(model, text, calls, self.finish, message)

    def _say(self, text: str, sink: Sink) -> None:
        self.text.append(text)
        sink.text(text)

    def _think(self, text: str, sink: Sink) -> None:
        if text:
            self.reasoning.append(text)
            sink.thinking(text)

    def _blocks(self, blocks: Sequence[Any], sink: Sink) -> None:
        """Content as a list: the forms of Anthropic, Bedrock, OpenAI's responses, LangChain's."""
        for block in blocks:
            if isinstance(block, str):
                self._say(block, sink)
                continue
            one = _object(block)
            match one.get("type"):
                case "text" if isinstance(one.get("text"), str) and one["text"]:
                    self._say(one["text"], sink)
                case "thinking":
                    self._think(_string(one.get("thinking")), sink)
                case "reasoning":
                    self._think(_string(one.get("reasoning")) or _summary(one), sink)
                case "reasoning_content":
                    inner = one.get("reasoning_content")
                    self._think(_string(inner) or _string(_object(inner).get("text")), sink)
                case _:
                    pass

    def _call(self, part: Any) -> None:
        key: object = part.get("index")
        if key is None:  # providers that send calls whole give no index
            key = part.get("id") or self._latest or 0
        call = self._calls.setdefault(key, _PartialCall())
        self._latest = key
        call.name = call.name or part.get("name") or ""
        call.call_id = call.call_id or part.get("id") or ""
        if part.get("args"):
            call.raw.append(part["args"])


def _whole(partial: _PartialCall, at: int) -> ToolCall:
    raw = "".join(partial.raw)
    read: Any = None
    try:
        read = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError):
        read = None
    arguments = cast("dict[str, Any]", read) if isinstance(read, dict) else None
    return ToolCall(partial.name, partial.call_id or f"call-{at + 1}", arguments, raw)


def _merged(chunks: list[AIMessageChunk], text: str, calls: Sequence[ToolCall]) -> AIMessage:
    """The model's message for its own next call, with whatever its provider wants back (such as
    signed reasoning), and with calls that every provider's client can write out again."""
    from langchain_core.messages import AIMessage

    content: Any = text
    extra: dict[str, Any] = {}
    reasoning = "".join(
        one.additional_kwargs["reasoning_content"]
        for one in chunks
        if isinstance(one.additional_kwargs.get("reasoning_content"), str)
    )
    if reasoning:
        extra["reasoning_content"] = reasoning
    if any(not isinstance(one.content, str) for one in chunks):
        from langchain_core.messages.ai import add_ai_message_chunks

        content = add_ai_message_chunks(chunks[0], *chunks[1:]).content
    return AIMessage(content, tool_calls=as_calls(calls), additional_kwargs=extra)


def as_calls(calls: Sequence[ToolCall]) -> list[Any]:
    """Calls as LangChain writes them. What was no JSON goes back as an empty object: the tool's
    error, which follows, says what was wrong."""
    return [
        {
            "name": one.name,
            "args": dict(one.arguments or {}),
            "id": one.call_id,
            "type": "tool_call",
        }
        for one in calls
    ]


def portable(message: BaseMessage) -> BaseMessage:
    """A message as another provider's model can read it: of one that calls tools the calls alone,
    without the text that was withdrawn and without what only its own provider understands."""
    from langchain_core.messages import AIMessage

    if isinstance(message, AIMessage) and message.tool_calls:
        return AIMessage("", tool_calls=message.tool_calls)
    return message


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _summary(block: Mapping[str, Any]) -> str:
    parts: Any = block.get("summary")
    if not isinstance(parts, list):
        return ""
    return "".join(_string(_object(one).get("text")) for one in cast("list[Any]", parts))


def _object(value: object) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
