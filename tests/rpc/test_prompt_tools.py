"""ClassifyIntent, OptimizePrompt and GenerateContent, over TCP, by the engine and by others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from enhanced_prompt.v1 import answers_pb2, prompts_pb2, site_service_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb

from . import kit
from .stack import Stack, running
from .test_chat_tools import HeldTools

SITE = site_service_pb2.Site(
    site_id="hq",
    name="Head Office",
    time_zone="UTC",
    cameras=[
        site_service_pb2.Camera(camera_id="G1", name="Gate", aliases=["camera 1"]),
        site_service_pb2.Camera(camera_id="D2", name="Loading Dock", aliases=["camera 2"]),
    ],
)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running(tmp_path, tools=True) as found:
        await found.sites.PutSite(site_service_pb2.PutSiteRequest(site=SITE))
        yield found


def prompt(text: str) -> prompts_pb2.GenerationSource:
    return prompts_pb2.GenerationSource(prompt=text)


async def generated(stack: Stack, **fields: Any) -> list[pb.GenerateContentResponse]:
    call = stack.prompts.GenerateContent(pb.GenerateContentRequest(**fields))
    return [one async for one in call]


def said(parts: list[pb.GenerateContentResponse]) -> str:
    return "".join(one.text_delta.text for one in parts)


async def test_the_engine_says_what_a_question_is_after_and_what_it_leaves_open(
    stack: Stack,
) -> None:
    found = (
        await stack.prompts.ClassifyIntent(
            pb.ClassifyIntentRequest(query="what happened at camera 2?")
        )
    ).classified
    assert found.model == "grounded"
    assert (found.usage.sum.input_tokens, len(found.usage.calls)) == (0, 0)
    assert found.intent.category == "question"
    assert found.intent.question_type == answers_pb2.QUESTION_TYPE_RECAP
    assert [(one.kind, one.text, one.value) for one in found.intent.entities] == [
        ("camera", "camera 2", "D2")
    ]
    assert list(found.intent.missing) == ["time_range"]
    assert list(found.interpretation.cameras) == ["D2"]


async def test_what_is_no_question_has_no_interpretation(stack: Stack) -> None:
    for query, category in (
        ("write an email about gardening", "content"),
        ("what is your name", "off_subject"),
        ("asdf", "off_subject"),
    ):
        found = await stack.prompts.ClassifyIntent(pb.ClassifyIntentRequest(query=query))
        assert found.classified.intent.category == category, query
        assert not found.classified.HasField("interpretation")
        assert found.classified.intent.question_type == 0


async def test_the_engine_fills_in_what_a_prompt_leaves_open_and_says_why(stack: Stack) -> None:
    found = (
        await stack.prompts.OptimizePrompt(
            pb.OptimizePromptRequest(
                prompt="what happened at camera 2", context={"time": "yesterday"}
            )
        )
    ).optimized
    assert found.prompt == "What happened at Loading Dock on 1 January 2026?"
    assert found.model == "grounded"
    assert 0.5 < found.confidence <= 1
    assert found.optimization_type == prompts_pb2.OPTIMIZATION_TYPE_ENHANCEMENT
    assert ("camera 2", "Loading Dock") in [(one.before, one.after) for one in found.changes]
    assert all(one.reason for one in found.changes)


async def test_a_model_that_is_not_configured_is_refused_everywhere(stack: Stack) -> None:
    for call in (
        stack.prompts.ClassifyIntent(pb.ClassifyIntentRequest(query="q", model="a:b")),
        stack.prompts.OptimizePrompt(pb.OptimizePromptRequest(prompt="q", model="a:b")),
        generated(stack, source=prompt("q"), model="a:b"),
    ):
        error = await kit.refused(call)
        assert kit.reason(error) == "MODEL_NOT_CONFIGURED"
    assert await generated(stack, source=prompt("hello"), model="grounded")


async def test_a_generation_is_streamed_and_ends_with_the_whole(stack: Stack) -> None:
    parts = await generated(stack, source=prompt("What happened yesterday?"))
    assert len(parts) > 3
    assert parts[-1].completed.content == said(parts)
    assert parts[-1].completed.model == "grounded"
    assert all(one.WhichOneof("frame") == "text_delta" for one in parts[:-1])


async def test_lines_are_answered_one_by_one_and_examples_are_not_asked(stack: Stack) -> None:
    text = "# Rounds\n- What happened at the gate yesterday?\n> 3 events.\n\n2. and camera 2?"
    content = (await generated(stack, source=prompt(text)))[-1].completed.content
    blocks = content.split("\n\n")
    assert blocks[0] == "# Rounds"
    assert blocks[1].startswith("What happened at the gate yesterday?\n")
    assert blocks[2].startswith("and camera 2?\n")
    assert "Thu 1 January 2026" in blocks[2]  # it goes on from the line before
    assert "3 events." not in content


async def test_the_output_has_the_length_that_was_asked_for(stack: Stack) -> None:
    parts = await generated(stack, source=prompt("What happened yesterday?"), max_output_tokens=3)
    assert len(parts) == 4
    assert parts[-1].completed.content == said(parts)


async def test_a_source_must_be_there(stack: Stack) -> None:
    error = await kit.refused(generated(stack, source=prompts_pb2.GenerationSource()))
    assert kit.reason(error) == "REQUIRED_FIELD_MISSING"
    missing = prompts_pb2.GenerationSource(template=prompts_pb2.TemplateCall(template_id="no"))
    error = await kit.refused(generated(stack, source=missing))
    assert kit.reason(error) == "TEMPLATE_NOT_FOUND"


async def test_a_generation_that_is_silent_shows_that_it_lives_and_ends_with_its_call(
    tmp_path: Path,
) -> None:
    tools = HeldTools()
    async with running(tmp_path, tools=tools, heartbeat_s=0.01) as stack:
        call = stack.prompts.GenerateContent(pb.GenerateContentRequest(source=prompt("held")))
        assert (await call.read()).WhichOneof("frame") == "text_delta"
        assert (await call.read()).WhichOneof("frame") == "heartbeat"
        assert (await call.read()).heartbeat.HasField("time")
        call.cancel()
        await asyncio.wait_for(tools.stopped.wait(), 30)
        tools.release.set()
        parts = await generated(stack, source=prompt("held"))
    kinds = [one.WhichOneof("frame") for one in parts if one.WhichOneof("frame") != "heartbeat"]
    assert kinds == ["text_delta", "text_withdrawn", "thinking", "text_delta", "completed"]


async def test_a_server_without_tools_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        error = await kit.refused(stack.prompts.ClassifyIntent(pb.ClassifyIntentRequest(query="q")))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
