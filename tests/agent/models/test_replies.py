"""Streams of several providers' forms, put together."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from enhanced_prompt_service.agent.models.replies import Collector, portable

from .test_chain import Watched


def taken(*chunks: AIMessageChunk) -> tuple[Collector, Watched]:
    collected, seen = Collector(), Watched()
    for one in chunks:
        collected.take(one, seen)
    return collected, seen


def blocks(*content: dict[str, Any], **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=list(content), **fields)


@pytest.mark.parametrize(
    "thought",
    [
        AIMessageChunk(content="", additional_kwargs={"reasoning_content": "hm"}),
        blocks({"type": "thinking", "thinking": "hm"}),
        blocks({"type": "reasoning", "reasoning": "hm"}),
        blocks({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}),
        blocks({"type": "reasoning_content", "reasoning_content": {"text": "hm"}}),
    ],
)
def test_reasoning_of_each_form_is_reasoning_and_no_text(thought: AIMessageChunk) -> None:
    collected, seen = taken(thought, blocks({"type": "text", "text": "Yes."}))
    assert (seen.thoughts, seen.shown) == ("hm", "Yes.")
    assert collected.reply("m").text == "Yes."
    assert collected.spoken == ["Yes.", "hm"]


def test_an_empty_stream_is_not_alive() -> None:
    collected, _ = taken(AIMessageChunk(content=""), blocks())
    assert not collected.alive


@pytest.mark.parametrize("name", ["finish_reason", "stop_reason", "stopReason", "done_reason"])
def test_the_end_is_known_by_each_providers_name_for_it(name: str) -> None:
    last = AIMessageChunk(content="", response_metadata={name: "stop"})
    assert taken(AIMessageChunk(content="x"), last)[0].reply("m").finish == "stop"


def test_counts_of_several_chunks_add_up() -> None:
    first = {"input_tokens": 10, "output_tokens": 0, "total_tokens": 10}
    second = {"input_tokens": 0, "output_tokens": 5, "total_tokens": 5}
    collected, _ = taken(
        AIMessageChunk(content="x", usage_metadata=first),  # type: ignore[arg-type]
        AIMessageChunk(content="", usage_metadata=second),  # type: ignore[arg-type]
    )
    assert (collected.usage["input_tokens"], collected.usage["output_tokens"]) == (10, 5)


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    def part(name: str | None, args: str, call_id: str | None) -> AIMessageChunk:
        chunk = {"name": name, "args": args, "id": call_id, "index": None}
        return AIMessageChunk(content="", tool_call_chunks=[chunk])  # type: ignore[list-item]

    collected, _ = taken(part("a", '{"n":', "1"), part(None, "1}", None), part("b", "{}", "2"))
    calls = collected.reply("m").tool_calls
    assert [(one.name, one.arguments, one.call_id) for one in calls] == [
        ("a", {"n": 1}, "1"),
        ("b", {}, "2"),
    ]


def test_what_a_provider_wants_back_stays_with_it_and_goes_to_no_other() -> None:
    call = {"name": "a", "args": "{}", "id": "1", "index": 1}
    collected, _ = taken(
        blocks({"type": "thinking", "thinking": "hm", "signature": "s", "index": 0}),
        blocks(tool_call_chunks=[call]),
    )
    message = collected.reply("m").message
    assert message.content[0]["signature"] == "s"  # type: ignore[index]
    moved = portable(message)
    assert moved.content == ""
    assert isinstance(moved, AIMessage)
    assert moved.tool_calls == message.tool_calls
