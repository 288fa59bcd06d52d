"""What older clients do, in Python: the chat hook of a browser, and the lines of a shell."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

ASK = "/api/v1/chatbot/ask_stream"


@dataclass
class ChatHook:
    """The chat hook's logic: one conversation, an assistant's message that tokens are added to,
    and whether a stream is under way. It reads chunk by chunk and line by line, keeps nothing of a
    line over to the next chunk, and knows seven types of events."""

    http: httpx.AsyncClient
    conversation_id: str
    path: str = ASK
    messages: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    streaming: bool = False
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    failures: list[str] = field(default_factory=list[str])

    async def mounted(self) -> dict[str, Any]:
        """What it does when the page opens."""
        return (await self.http.get("/api/v1/chatbot/prewarm")).json()

    async def send(self, question: str, **headers: str) -> str:
        """Ask; the assistant's message as it stands at the end of the stream."""
        self.messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": ""},
        ]
        self.streaming = True
        body = {"question": question, "conversation_id": self.conversation_id}
        given = {"content-type": "application/json", "x-stream": "true", **headers}
        async with self.http.stream("POST", self.path, json=body, headers=given) as answered:
            assert answered.status_code == 200, await answered.aread()
            async for chunk in answered.aiter_raw():
                for line in chunk.decode().split("\n"):
                    if line.startswith("data: ") and line[6:].strip():
                        self._took(json.loads(line[6:]))
        return self.messages[-1]["content"]

    def _took(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        match event["type"]:
            case "token":
                self.messages[-1]["content"] += event.get("content") or ""
            case "complete":
                self.streaming = False
            case "error":
                self.failures.append(event["message"])
                self.streaming = False
            case "tool_start" | "tool_end" | "agent_start" | "thinking":
                pass
            case other:
                raise AssertionError(f"these clients know no event {other!r}")
