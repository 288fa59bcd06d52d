"""DeepSeek's chat model, which gets its own reasoning back between tool calls.

DeepSeek's thinking mode wants the `reasoning_content` of a message that called tools to be sent
back with the tools' results, and answers 400 without it (its guide on thinking mode, "Tool calls").
LangChain's class reads that field and does not write it.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage
from langchain_deepseek import ChatDeepSeek


class ReasoningDeepSeek(ChatDeepSeek):
    """ChatDeepSeek that writes what it reads."""

    def _get_request_payload(
        self, input_: Any, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        parent: Any = super()
        payload: dict[str, Any] = parent._get_request_payload(input_, stop=stop, **kwargs)
        messages = self._convert_input(input_).to_messages()
        for message, written in zip(messages, payload["messages"], strict=True):
            if isinstance(message, AIMessage) and message.tool_calls:
                reasoning = message.additional_kwargs.get("reasoning_content")
                if isinstance(reasoning, str):
                    written["reasoning_content"] = reasoning
        return payload
