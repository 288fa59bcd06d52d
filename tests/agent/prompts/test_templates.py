"""Templates out of conversations, offers of them, and what the engine generates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import pytest

from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.agent.prompts.bodies import Body
from enhanced_prompt_service.agent.prompts.drafting import draft
from enhanced_prompt_service.agent.prompts.generate import EngineGeneration, _turn
from enhanced_prompt_service.agent.prompts.opportunities import SuggestingAgent, opportunity
from enhanced_prompt_service.agent.prompts.reading import Setting, same
from enhanced_prompt_service.domain.answers import Answer, PromptResponse, TemplateSuggestion
from enhanced_prompt_service.domain.errors import Unavailable
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.prompts import (
    DraftAsk,
    GenerateAsk,
    GeneratedContent,
    GenerationPart,
)
from enhanced_prompt_service.domain.template_rules import checked, names_in, render
from enhanced_prompt_service.domain.templates import MAX_BODY, Template, VariableType
from enhanced_prompt_service.domain.turns import TextDelta, TurnRequest
from enhanced_prompt_service.turns import Turn, TurnLog, TurnWriter
from tests.agent.grounded.mill import CALLER, NOW, make_index, make_store

SETTING = Setting(make_index(), NOW)
CAMERAS = {"m-01", "m-02", "m-03", "m-04", "p-11", "p-12", "p-13"}


@pytest.fixture(scope="module")
def engine() -> GroundedEngine:
    store = make_store()
    return GroundedEngine(store, store, "UTC")


async def talk(
    engine: GroundedEngine, *questions: str
) -> tuple[list[PromptResponse], list[TemplateSuggestion | None]]:
    """A conversation, and what each of its answers offered."""
    history: list[PromptResponse] = []
    offers: list[TemplateSuggestion | None] = []
    for number, query in enumerate(questions, 1):
        answer = await engine.answer(CALLER, TurnRequest(query), history, NOW)
        offer = opportunity(history, query, answer, SETTING)
        offers.append(offer)
        if offer is not None:
            answer = replace(answer, template_suggestions=(offer,))
        history.append(_turn(query, answer, number, NOW))
    return history, offers


# ---- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "body"),
    [
        ("What happened at the North Gate today?", "What happened at the {{camera}} {{when}}?"),
        ("Anyone in the furnace door in the last hour?", "Anyone in the {{zone}} {{when}}?"),
        ("Compare North Gate and South Gate", "Compare {{camera}} and {{camera_2}}"),
        ("How many {{x}} at the mill?", "How many { {x}} at the {{site}}?"),
        ("Was today busier than yesterday?", "Was {{when}} busier than {{when_2}}?"),
        ("What cameras do I have?", "What cameras do I have?"),
    ],
)
def test_places_and_times_become_variables_whose_defaults_ask_the_same(
    question: str, body: str
) -> None:
    made = Body(SETTING)
    assert made.ask(question)
    assert made.text == body
    template = checked(Template("t", "T", made.text, variables=tuple(made.variables.values())))
    asked = render(template, {}, CAMERAS)
    plain = SETTING.understood(question)
    assert plain.settled or same(SETTING.understood(asked), plain)


def test_the_same_place_is_the_same_variable_and_the_same_shape_is_asked_once() -> None:
    made = Body(SETTING)
    assert made.ask("What happened at camera 1 yesterday?")
    assert made.ask("How many trucks came to the North Gate yesterday?")
    assert not made.ask("what happened at the canteen  last week?".replace("the ", ""))
    assert made.lines == [
        "What happened at {{camera}} {{when}}?",
        "How many trucks came to the {{camera}} {{when}}?",
    ]
    camera, when = made.variables["camera"], made.variables["when"]
    assert (camera.type, camera.default_value) == (VariableType.CAMERA, "m-01")
    assert (when.type, when.default_value) == (VariableType.TEXT, "yesterday")


# ---- conversations ------------------------------------------------------------------------------


async def test_a_conversation_is_a_template_of_its_questions_each_shape_once(
    engine: GroundedEngine,
) -> None:
    history, _ = await talk(
        engine,
        "How many people were at the North Gate yesterday?",
        "and camera 3?",
        "number of persons at the canteen on Monday",
        "who are you?",
        "Which cameras are offline?",
        "was there a dog at the gate?",
    )
    made = draft(history, DraftAsk("c"), SETTING).template
    assert made.body == (
        "How many people were at the {{camera}} {{when}}?\nWhich cameras are offline?"
    )
    assert made.title == "How many people were at the [camera] [when]?"
    assert made.category == "statistics"
    assert made.source_conversation_id == "c"
    assert {one.name for one in made.variables} == set(names_in(made.body))


async def test_answers_are_kept_as_examples_that_hold_no_variable(
    engine: GroundedEngine,
) -> None:
    history, _ = await talk(engine, "What happened at the canteen yesterday?")
    answer = replace(history[0].answer, response="first {{line}}\n\n  second")
    history = [replace(history[0], answer=answer)]
    made = draft(history, DraftAsk("c", include_answers=True), SETTING).template
    assert made.body.splitlines()[1:] == ["> first { {line}}", "> second"]


async def test_texts_that_were_given_are_kept(engine: GroundedEngine) -> None:
    history, _ = await talk(engine, "What happened today?")
    asked = DraftAsk("c", title="T", description="D", category="C")
    drafted = draft(history, asked, SETTING)
    made = drafted.template
    assert (made.title, made.description, made.category) == ("T", "D", "C")
    assert drafted.message == "Kept as “T”, to be asked for any time."


async def test_a_conversation_that_has_no_room_is_cut_and_says_so(
    engine: GroundedEngine,
) -> None:
    history, _ = await talk(engine, "What happened today?")
    (one,) = history
    long = replace(one.answer, response="word " * 2500)
    turns: Sequence[PromptResponse] = [
        replace(one, query=query, answer=replace(long, interpretation=how))
        for query, how in (
            ("first?", replace(long.interpretation, text="first")),
            ("second?", replace(long.interpretation, text="second")),
            ("third?", replace(long.interpretation, text="third")),
        )
    ]
    drafted = draft(turns, DraftAsk("c", include_answers=True), SETTING)
    assert len(drafted.template.body) <= MAX_BODY
    assert drafted.template.body.startswith("first?\n> word")
    assert "2 more questions found no room" in drafted.message
    huge = replace(one, query="x{{" * 5000)
    assert len(draft([huge], DraftAsk("c"), SETTING).template.body) <= MAX_BODY


# ---- offers -------------------------------------------------------------------------------------


async def test_the_third_question_of_a_shape_offers_a_template_once(
    engine: GroundedEngine,
) -> None:
    _, offers = await talk(
        engine,
        "How many people were at the North Gate yesterday?",
        "and camera 3?",
        "what about the canteen?",
        "and the booth?",
    )
    assert [one is not None for one in offers] == [False, False, True, False]
    offer = offers[2]
    assert offer is not None
    assert offer.body == "How many people were at the {{camera}} yesterday?"
    assert offer.title == "How many people were at the [camera] yesterday?"
    assert offer.category == "statistics"
    assert offer.reasoning == "You asked this 3 times: North Gate, Boiler House and Canteen."
    assert 0 < offer.confidence < 1


async def test_only_what_differed_is_a_variable(engine: GroundedEngine) -> None:
    _, offers = await talk(
        engine,
        "Any trucks at the mill yesterday?",
        "Any trucks at the mill on Monday?",
        "any truck at the mill last week?",
    )
    assert offers[2] is not None
    assert offers[2].body == "any truck at the mill {{when}}?"
    assert offers[2].reasoning == "You asked this 3 times, for different times."


async def test_the_same_question_again_and_again_is_a_template_without_variables(
    engine: GroundedEngine,
) -> None:
    _, offers = await talk(engine, *["Which cameras are offline?"] * 4)
    assert [one.body if one else None for one in offers] == [
        *(None, None, "Which cameras are offline?", None)
    ]


async def test_different_questions_and_what_was_not_answered_offer_nothing(
    engine: GroundedEngine,
) -> None:
    _, offers = await talk(
        engine,
        "How many people yesterday?",
        "How many trucks yesterday?",
        "When was the last dog at the canteen?",
        *["was there a dog at the gate?"] * 3,
        *["who are you?"] * 3,
        "which camera was busiest yesterday?",
        "which camera was quietest yesterday?",
        "which site was busiest yesterday?",
    )
    assert offers == [None] * 12


# ---- generating ---------------------------------------------------------------------------------


async def generated(engine: GroundedEngine, prompt: str, **fields: Any) -> list[GenerationPart]:
    parts: AsyncIterator[GenerationPart] = EngineGeneration(engine).parts(
        CALLER, GenerateAsk(prompt, **fields), NOW
    )
    return [one async for one in parts]


async def test_a_question_generates_its_answer(engine: GroundedEngine) -> None:
    question = "How many trucks at the North Gate yesterday?"
    answer = await engine.answer(CALLER, TurnRequest(question), [], NOW)
    parts = await generated(engine, question)
    assert parts[-1] == GeneratedContent(answer.response)
    deltas = [one for one in parts[:-1] if isinstance(one, TextDelta)]
    assert "".join(one.text for one in deltas) == answer.response


async def test_a_report_that_is_asked_for_is_the_answer_to_what_it_is_about(
    engine: GroundedEngine,
) -> None:
    question = "What happened at the canteen yesterday"
    answer = await engine.answer(CALLER, TurnRequest(question), [], NOW)
    parts = await generated(engine, "Please draft a report about the canteen yesterday")
    assert parts[-1] in (
        GeneratedContent(answer.response),
        GeneratedContent(
            (
                await engine.answer(
                    CALLER, TurnRequest("what happened the canteen yesterday"), [], NOW
                )
            ).response
        ),
    )


async def test_only_so_many_questions_are_asked(engine: GroundedEngine) -> None:
    prompt = "\n".join(["Rounds:", *["Which cameras are offline?"] * 30])
    content = (await generated(engine, prompt))[-1]
    assert isinstance(content, GeneratedContent)
    assert content.content.startswith("Rounds:\n\nWhich cameras are offline?\n")
    assert content.content.endswith("10 more are left out: at most 20 are asked.")


async def test_leaving_it_stops_it(engine: GroundedEngine) -> None:
    asked: list[str] = []

    class Counting(GroundedEngine):
        async def answer(self, *arguments: Any) -> Any:
            asked.append("answer")
            return await engine.answer(*arguments)

    counting = Counting(make_store(), make_store(), "UTC")
    prompt = "\n".join(["Which cameras are offline?"] * 5)
    parts: Any = EngineGeneration(counting).parts(CALLER, GenerateAsk(prompt), NOW)
    async with aclosing(parts):
        assert isinstance(await anext(parts), TextDelta)
    assert asked == ["answer"]


# ---- the agent ----------------------------------------------------------------------------------


class Answering:
    """An agent whose answers are the engine's."""

    model = "grounded"

    def __init__(self, engine: GroundedEngine) -> None:
        self._engine = engine

    async def answer(self, turn: Turn) -> Answer:
        return await self._engine.answer(turn.caller, turn.request, turn.history, turn.now)


class Known:
    """A store of templates that knows some bodies, or is away."""

    def __init__(self, *bodies: str, away: bool = False) -> None:
        self._bodies = bodies
        self._away = away

    async def has_body(self, caller: Caller, body: str) -> bool:
        if self._away:
            raise Unavailable("storage is away")
        return body in self._bodies


async def third_answer(engine: GroundedEngine, known: Known) -> Answer:
    history, _ = await talk(engine, *["Which cameras are offline?"] * 2)
    turn = Turn(
        caller=CALLER,
        turn_id="t",
        attempt=1,
        conversation_id="c",
        conversation_turn=3,
        request=TurnRequest("Which cameras are offline?"),
        history=history,
        now=NOW,
        writer=TurnWriter(TurnLog("t", 1, lambda _: b"")),
    )
    agent = SuggestingAgent(Answering(engine), engine, cast("Any", known))
    assert agent.model == "grounded"
    return await agent.answer(turn)


async def test_answers_of_any_agent_carry_the_offer(engine: GroundedEngine) -> None:
    (offer,) = (await third_answer(engine, Known())).template_suggestions
    assert offer.body == "Which cameras are offline?"


async def test_what_is_a_template_already_is_not_offered(engine: GroundedEngine) -> None:
    answer = await third_answer(engine, Known("Which cameras are offline?"))
    assert answer.template_suggestions == ()


async def test_an_offer_that_fails_costs_no_answer(engine: GroundedEngine) -> None:
    answer = await third_answer(engine, Known(away=True))
    assert answer.template_suggestions == ()
    assert answer.response
