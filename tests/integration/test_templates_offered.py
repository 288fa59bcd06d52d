"""The whole service, its engine included: offered in a chat, accepted, rendered, asked again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt.v1 import (
    chat_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    events_pb2,
    prompt_service_pb2,
    prompt_service_pb2_grpc,
    prompts_pb2,
    template_service_pb2,
    template_service_pb2_grpc,
    templates_pb2,
)
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings

AT = datetime(2024, 5, 15, 10, tzinfo=UTC)


@pytest.fixture
async def channel(tmp_path: Path, database_url: str) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to the service, on either database, with a day of events."""
    settings = Settings(
        home=tmp_path,
        database_url=database_url,
        port=0,
        drain_s=0,
        clock=datetime(2024, 5, 16, 13, 30, tzinfo=UTC),
    )
    async with create_app(settings) as app, grpc.aio.insecure_channel(app.address) as channel:
        stub: Any = event_service_pb2_grpc.EventServiceStub(channel)
        events = [
            events_pb2.Event(
                event_id=f"e{number}",
                start_time=Timestamp(seconds=int(AT.timestamp()) + number),
                site="hq",
                camera_id=f"G{number % 3 + 1}",
                event_type="person_walks",
                label="person",
            )
            for number in range(12)
        ]
        await stub.BatchIngestEvents(
            event_service_pb2.BatchIngestEventsRequest(
                events=event_service_pb2.EventBatch(events=events)
            )
        )
        yield channel


async def test_what_a_chat_asks_again_and_again_becomes_a_template(
    channel: grpc.aio.Channel,
) -> None:
    prompts: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
    templates: Any = template_service_pb2_grpc.TemplateServiceStub(channel)
    call = prompts.Chat()

    async def send(**frame: Any) -> None:
        await call.write(chat_pb2.ChatRequest(**frame))

    async def asked(number: int, query: str) -> Any:
        """The answer to a prompt."""
        await send(prompt=chat_pb2.ChatPrompt(message_id=f"m{number}", query=query))
        while True:
            message = await call.read()
            if message.turn.HasField("completed"):
                return message.turn.completed.response

    await send(setup=chat_pb2.ChatSetup(conversation_id="c"))
    ready = (await call.read()).ready
    assert ready.features.template_creation
    assert ready.features.ai_optimization
    questions = ("How many people were at G1 yesterday?", "and at G2?", "what about G3?")
    answers = [await asked(number, query) for number, query in enumerate(questions)]
    assert [len(one.template_suggestions) for one in answers] == [0, 0, 1]
    offer = (await call.read()).template_opportunity
    assert offer.turn_id == answers[2].turn_id
    assert offer.suggestion.body == "How many people were at {{camera}} yesterday?"
    await send(
        save_as_template=chat_pb2.ChatSaveAsTemplate(message_id="s", title=offer.suggestion.title)
    )
    made = (await call.read()).template_created.template
    assert made.body == offer.suggestion.body
    assert made.variables[0].type == templates_pb2.TEMPLATE_VARIABLE_TYPE_CAMERA
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF

    # What is a template already is offered in no other chat.
    for number, query in enumerate(questions):
        answer = await prompts.Answer(
            prompt_service_pb2.AnswerRequest(
                query=query, conversation_id="d", request_id=f"d{number}"
            )
        )
        assert not answer.turn.completed.response.template_suggestions

    variables = {"camera": "G2"}
    rendered = await templates.RenderTemplate(
        template_service_pb2.RenderTemplateRequest(
            template_id=made.template_id, variables=variables
        )
    )
    assert rendered.prompt == "How many people were at G2 yesterday?"
    source = prompts_pb2.GenerationSource(
        template=prompts_pb2.TemplateCall(template_id=made.template_id, variables=variables)
    )
    parts = [
        one
        async for one in prompts.GenerateContent(
            prompt_service_pb2.GenerateContentRequest(source=source)
        )
    ]
    content = parts[-1].completed.content
    assert content.startswith("4 ")
    assert "at G2, Wed 15 May 2024" in content
    assert parts[-1].completed.model == "grounded"
