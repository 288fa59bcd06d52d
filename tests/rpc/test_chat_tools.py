"""What a chat does beside its turns: classify, optimise, generate, templates."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from enhanced_prompt.v1 import chat_pb2 as pb
from enhanced_prompt.v1 import prompts_pb2
from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
    TemplateSuggestion,
)
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.prompts import (
    ClassifiedIntent,
    ClassifyAsk,
    GenerateAsk,
    GeneratedContent,
    GenerationPart,
    Intent,
    OptimizeAsk,
    OptimizedPrompt,
)
from enhanced_prompt_service.domain.turns import TextDelta, TextWithdrawn, Thinking
from enhanced_prompt_service.rpc.chat import ChatOptions

from .stack import Stack, running
from .test_chat import Held, Talk, text_of


class HeldTools:
    """Tools that wait for their release where the prompt begins with "held"."""

    models = ("grounded",)

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.release = asyncio.Event()
        self.began = asyncio.Event()
        self.cancelled = 0
        self.stopped = asyncio.Event()

    async def _hold(self, text: str) -> None:
        self.began.set()
        if text == "broken":
            raise Unavailable("the model is away", reason=Reason.MODEL_UNAVAILABLE)
        if text.startswith("held"):
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                self.stopped.set()
                raise

    async def classify(self, caller: Caller, asked: ClassifyAsk) -> ClassifiedIntent:
        self.asked.append(asked)
        await self._hold(asked.query)
        return ClassifiedIntent(Intent("question", QuestionType.COUNT, 0.5))

    async def optimize(self, caller: Caller, asked: OptimizeAsk) -> OptimizedPrompt:
        self.asked.append(asked)
        await self._hold(asked.prompt)
        return OptimizedPrompt("better", 0.5, asked.optimization_type)

    async def generate(self, caller: Caller, asked: GenerateAsk) -> AsyncIterator[GenerationPart]:
        self.asked.append(asked)
        yield TextDelta("wrong")
        await self._hold(asked.prompt)
        yield TextWithdrawn("a:b", "grounded")
        yield Thinking("hm")
        yield TextDelta("right")
        yield GeneratedContent("right")


@asynccontextmanager
async def chatting(
    folder: Path, tools: HeldTools, **options: Any
) -> AsyncIterator[tuple[Stack, Held]]:
    async with running(folder, tools=tools, **options) as stack:
        held = Held()
        stack.agent.play = held
        yield stack, held
        held.release.set()
        tools.release.set()


@pytest.fixture
def tools() -> HeldTools:
    return HeldTools()


@pytest.fixture
async def both(tmp_path: Path, tools: HeldTools) -> AsyncIterator[tuple[Stack, Held]]:
    async with chatting(tmp_path, tools) as found:
        yield found


@pytest.fixture
def stack(both: tuple[Stack, Held]) -> Stack:
    return both[0]


@pytest.fixture
def held(both: tuple[Stack, Held]) -> Held:
    return both[1]


async def classify(talk: Talk, message_id: str, query: str) -> None:
    await talk.send(classify=pb.ChatClassify(message_id=message_id, query=query))


async def generate(talk: Talk, message_id: str, prompt: str) -> None:
    source = prompts_pb2.GenerationSource(prompt=prompt)
    await talk.send(generate=pb.ChatGenerate(message_id=message_id, source=source))


async def test_ready_says_that_there_are_tools_and_templates(stack: Stack) -> None:
    features = (await Talk(stack).setup()).features
    assert features.template_creation
    assert features.ai_optimization
    assert not features.langchain_fallback


async def test_another_link_is_a_fallback(tmp_path: Path, tools: HeldTools) -> None:
    chat = ChatOptions(models=("openai:x", "grounded"))
    async with chatting(tmp_path, tools, chat=chat) as (stack, _):
        assert (await Talk(stack).setup()).features.langchain_fallback


async def test_tools_answer_while_a_turn_runs(stack: Stack, held: Held, tools: HeldTools) -> None:
    talk = Talk(stack)
    await talk.setup(conversation_id="c", time_zone="Europe/Rome")
    await talk.prompt("turn", "held")
    await talk.runs("turn")
    await talk.turn_frame("started")
    await talk.turn_frame("text_delta")
    await classify(talk, "a", "how many?")
    found = (await talk.next("classified")).classified
    assert (found.message_id, found.classified.intent.category) == ("a", "question")
    assert found.classified.model == "grounded"
    await talk.send(
        optimize=pb.ChatOptimize(
            message_id="b",
            prompt="p",
            optimization_type=prompts_pb2.OPTIMIZATION_TYPE_CLARITY,
            context={"camera": "G1", "n": [1, None, True]},
        )
    )
    better = (await talk.next("optimized")).optimized
    assert (better.message_id, better.optimized.prompt) == ("b", "better")
    assert tools.asked[0] == ClassifyAsk("how many?", "c", "Europe/Rome")
    assert tools.asked[1].context == {"camera": "G1", "n": [1.0, None, True]}
    held.release.set()
    assert text_of(await talk.turn()) == " done"


async def test_a_generation_comes_in_parts_and_whole_at_its_end(stack: Stack) -> None:
    talk = Talk(stack)
    await talk.setup()
    await generate(talk, "g", "write")
    parts = [(await talk.next("generated")).generated for _ in range(4)]
    assert {one.message_id for one in parts} == {"g"}
    assert [one.WhichOneof("part") for one in parts] == [
        *("text_delta", "text_withdrawn", "text_delta", "completed")
    ]
    assert parts[-1].completed.content == "right"
    assert parts[-1].completed.model == "grounded"


async def test_a_template_is_rendered_for_a_generation(stack: Stack, tools: HeldTools) -> None:
    from enhanced_prompt_service.domain.template_rules import checked
    from enhanced_prompt_service.domain.templates import Template

    from .stack import NOW

    made = checked(Template("t", "T", "at {{where}}"))
    await stack.stores.templates.create(Caller(), made, NOW)
    talk = Talk(stack)
    await talk.setup()
    call = prompts_pb2.TemplateCall(template_id="t", variables={"where": "the gate"})
    source = prompts_pb2.GenerationSource(template=call)
    await talk.send(generate=pb.ChatGenerate(message_id="g", source=source))
    await talk.next("generated")
    assert tools.asked[0].prompt == "at the gate"
    call.variables["who"] = "x"
    source = prompts_pb2.GenerationSource(template=call)
    await talk.send(generate=pb.ChatGenerate(message_id="h", source=source))
    while (message := await talk.next()).WhichOneof("frame") == "generated":
        assert message.generated.message_id == "g"
    assert message.rejected.message_id == "h"
    assert "who" in message.rejected.status.message


async def test_what_fails_or_is_wrong_is_rejected_and_the_chat_goes_on(stack: Stack) -> None:
    talk = Talk(stack)
    await talk.setup()
    await classify(talk, "a", "broken")
    assert await talk.rejection("a") == "MODEL_UNAVAILABLE"
    await classify(talk, "b", "")
    assert await talk.rejection("b") == "REQUIRED_FIELD_MISSING"
    await talk.send(generate=pb.ChatGenerate(message_id="c", source=prompts_pb2.GenerationSource()))
    assert await talk.rejection("c") == "REQUIRED_FIELD_MISSING"
    await talk.send(save_as_template=pb.ChatSaveAsTemplate(message_id="d"))
    assert await talk.rejection("d") == "CONVERSATION_NOT_FOUND"
    await classify(talk, "e", "fine")
    assert (await talk.next("classified")).classified.message_id == "e"


async def test_only_so_many_run_beside_the_turns(stack: Stack, tools: HeldTools) -> None:
    talk = Talk(stack)
    await talk.setup()
    for number in range(4):
        await classify(talk, f"m{number}", "held")
    await classify(talk, "m0", "held")
    assert await talk.rejection("m0") == "REQUEST_ID_REUSED"
    await classify(talk, "m4", "held")
    assert await talk.rejection("m4") == "QUEUE_FULL"
    tools.release.set()
    done = {(await talk.next("classified")).classified.message_id for _ in range(4)}
    assert done == {"m0", "m1", "m2", "m3"}
    await classify(talk, "m4", "held")
    assert (await talk.next("classified")).classified.message_id == "m4"


async def test_a_tool_is_cancelled_by_its_message_id_and_all_by_all(
    stack: Stack, tools: HeldTools
) -> None:
    talk = Talk(stack)
    await talk.setup()
    await generate(talk, "g", "held")
    await talk.next("generated")
    await talk.send(cancel=pb.ChatCancel(message_id="g"))
    assert await talk.rejection("g") == "CANCELLED"
    assert tools.cancelled == 1
    await classify(talk, "a", "held")
    await classify(talk, "b", "held")
    await talk.send(cancel=pb.ChatCancel(all=True))
    assert {await talk.rejection(one) for one in ("a", "b")} == {"CANCELLED"}
    await talk.prompt("m", "and a turn")
    await talk.runs("m")
    assert text_of(await talk.turn()) == "and a turn"


async def test_half_closing_lets_tools_end(stack: Stack, tools: HeldTools) -> None:
    talk = Talk(stack)
    await talk.setup()
    await classify(talk, "a", "held")
    await talk.call.done_writing()
    await tools.began.wait()
    tools.release.set()
    assert (await talk.next("classified")).classified.message_id == "a"
    assert await talk.ended() == (grpc.StatusCode.OK, "")


async def test_losing_the_chat_stops_its_tools(stack: Stack, tools: HeldTools) -> None:
    talk = Talk(stack)
    await talk.setup()
    await classify(talk, "a", "held")
    await tools.began.wait()
    talk.call.cancel()
    await asyncio.wait_for(tools.stopped.wait(), 30)
    assert tools.cancelled == 1


# ---- templates ----------------------------------------------------------------------------------

OFFER = TemplateSuggestion("At [place]", "d", "statistics", 0.75, "asked 3 times", "At {{place}}?")


def offering(stack: Stack) -> None:
    """From now on each answer suggests the same template."""

    async def answer(turn: Any) -> Answer:
        turn.writer.text("two")
        plain = Answer("two", ResponseType.ANSWER, 0.9, Interpretation(QuestionType.COUNT))
        return dataclasses.replace(plain, template_suggestions=(OFFER,))

    stack.agent.answer = answer  # type: ignore[method-assign]


async def test_a_template_is_offered_behind_its_answer_and_once(stack: Stack) -> None:
    offering(stack)
    talk = Talk(stack)
    await talk.setup(conversation_id="c")
    await talk.prompt("m-1", "how many at the gate?")
    turn_id = await talk.runs("m-1")
    completed = (await talk.turn())[-1].completed.response
    offer = (await talk.next("template_opportunity")).template_opportunity
    assert offer.turn_id == turn_id
    assert offer.suggestion == completed.template_suggestions[0]
    assert (offer.suggestion.title, offer.suggestion.reasoning) == ("At [place]", "asked 3 times")
    await talk.prompt("m-2", "how many at the door?")
    await talk.runs("m-2")
    await talk.turn()
    await talk.send(ping=pb.ChatPing())
    await talk.next("pong")


async def test_an_offer_is_accepted_by_saving(stack: Stack) -> None:
    offering(stack)
    talk = Talk(stack)
    await talk.setup(conversation_id="c")
    await talk.prompt("m-1", "how many at the gate?")
    await talk.runs("m-1")
    await talk.turn()
    offer = (await talk.next("template_opportunity")).template_opportunity.suggestion
    frame = pb.ChatSaveAsTemplate(message_id="s", title=offer.title, category=offer.category)
    await talk.send(save_as_template=frame)
    made = (await talk.next("template_created")).template_created
    assert (made.message_id, made.template.body) == ("s", "At {{place}}?")
    assert made.template.source_conversation_id == "c"
    assert made.template.title in made.message
    # Sent again after a cut, it is the same template.
    other = Talk(stack)
    await other.setup(conversation_id="c")
    await other.send(save_as_template=frame)
    again = (await other.next("template_created")).template_created
    assert again.template == made.template
