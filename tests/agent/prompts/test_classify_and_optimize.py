"""What the engine makes of prompts: intents, and better prompts that mean the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.agent.prompts.asking import whole
from enhanced_prompt_service.agent.prompts.classify import classify
from enhanced_prompt_service.agent.prompts.generate import _turn
from enhanced_prompt_service.agent.prompts.optimize import optimize
from enhanced_prompt_service.agent.prompts.reading import Setting, same
from enhanced_prompt_service.domain.answers import JsonValue, QuestionType
from enhanced_prompt_service.domain.prompts import Intent, IntentEntity, OptimizationType
from enhanced_prompt_service.domain.turns import TurnRequest
from tests.agent.grounded.mill import CALLER, NOW, make_index, make_store

SETTING = Setting(make_index(), NOW)
CLARITY, SPECIFICITY, ENHANCEMENT = (
    OptimizationType.CLARITY,
    OptimizationType.SPECIFICITY,
    OptimizationType.ENHANCEMENT,
)
QUESTIONS = (
    "What happened at the North Gate today?",
    "how many people came through camera 12 between 2 and 3 pm yesterday?",
    "how many trukcs arrived at the mill on Friday",
    "Anyone in the furnace door zone in the last hour?",
    "Which camera was busiest last week?",
    "red truck near the booth yesterday after 6pm, please",
    "Compare North Gate and South Gate last week",
    "Was today busier than yesterday?",
    "anyone between 22:00 and 06:00 in the last 7 days at the pier",
    "Summarise last night",
    "how many people",
    "when did the first truck arrive at camera 1 this week",
    "people per hour yesterday",
    "anyone in the canteen for over 5 minutes on Monday",
    "what was going on at 2:14 pm on May 8",
    "which cameras were quiet last night?",
    "every morning this week at the boiler house",
    "show me dogs since Tuesday except at the canteen",
    "What cameras do I have?",
)


# ---- intents ------------------------------------------------------------------------------------


def test_an_intent_names_what_is_named_and_what_is_not() -> None:
    found = classify("how many trukcs arrived at the mill", SETTING).intent
    assert (found.category, found.question_type) == ("question", QuestionType.COUNT)
    assert [(one.kind, one.text, one.value) for one in found.entities] == [
        ("site", "mill", "mill"),
        ("label", "trukcs", "truck"),
        ("event_type", "arrived", "vehicle_arrives"),
    ]
    assert found.missing == ("time_range",)
    assert found.confidence == 0.9  # of the spelling


def test_a_name_that_means_two_is_named_with_both_and_left_open() -> None:
    found = classify("was there a dog at the gate yesterday?", SETTING).intent
    assert {one.value for one in found.entities if one.kind == "camera"} == {"m-01", "m-02"}
    assert all(one.confidence < 0.5 for one in found.entities if one.kind == "camera")
    assert found.missing == ("cameras",)
    assert found.confidence == 0.5


def test_times_are_named_with_what_they_mean() -> None:
    found = classify("Was today busier than yesterday?", SETTING).intent
    times = [(one.text, one.value) for one in found.entities if one.kind == "time"]
    assert times == [
        ("today", "2024-05-16T00:00:00+00:00/2024-05-16T13:30:00+00:00"),
        ("yesterday", "2024-05-15T00:00:00+00:00/2024-05-16T00:00:00+00:00"),
    ]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Draft a shift report for today", "content"),
        ("please write me an email to the landlord", "content"),
        ("hello", "off_subject"),
        ("tell me a joke", "off_subject"),
        ("", "off_subject"),
        ("drop table events; --", "off_subject"),
        ("x" * 8000, "off_subject"),
        ("and the boiler house?", "question"),
    ],
)
def test_every_prompt_has_a_category(text: str, category: str) -> None:
    found = classify(text, SETTING)
    assert found.intent.category == category
    assert 0 <= found.intent.confidence <= 1
    assert (found.interpretation is not None) == (category == "question")


# ---- better prompts -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OptimizationType)
@pytest.mark.parametrize("text", QUESTIONS)
def test_a_better_prompt_means_the_same(text: str, kind: OptimizationType) -> None:
    found = optimize(text, kind, SETTING)
    before, after = SETTING.understood(text), SETTING.understood(found.prompt)
    assert same(before, after), (found.prompt, before.describe(), after.describe())
    assert (found.prompt == text) == (not found.changes) == (found.confidence == 0)
    assert all(one.reason for one in found.changes)


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_specific_prompt_means_the_same_tomorrow(text: str) -> None:
    """What was spelt out needs no clock to be understood, but for what was never cut."""
    found = optimize(text, SPECIFICITY, SETTING)
    if not any("as it is meant now" in one.reason for one in found.changes):
        return
    query = SETTING.understood(found.prompt)
    later = replace(SETTING, now=NOW + timedelta(days=1)).understood(found.prompt)
    starts = [one.start for one in query.windows]
    assert [one.start for one in later.windows] == starts


def test_changes_are_in_the_order_of_the_prompt_with_what_stood_there() -> None:
    found = optimize("how many trukcs arrived at camera 1 yesterday", ENHANCEMENT, SETTING)
    assert found.prompt == "How many trucks arrived at North Gate on 15 May 2024?"
    assert [(one.before, one.after) for one in found.changes] == [
        ("how", "How"),
        ("trukcs", "trucks"),
        ("camera 1", "North Gate"),
        ("yesterday", "on 15 May 2024"),
        ("", "?"),
    ]
    assert found.alternatives[0] == "How many trucks arrived at North Gate yesterday?"
    for other in found.alternatives:
        assert same(SETTING.understood(other), SETTING.understood(found.prompt))


def test_clarity_leaves_times_and_specificity_leaves_spelling() -> None:
    text = "how many trukcs arrived yesterday"
    assert optimize(text, CLARITY, SETTING).prompt == "How many trucks arrived yesterday?"
    assert optimize(text, SPECIFICITY, SETTING).prompt == (
        "how many trukcs arrived on 15 May 2024 at Paper Mill and Pier Nine"
    )


def test_what_is_left_open_is_said_as_it_is_meant() -> None:
    found = optimize("What happened?", SPECIFICITY, SETTING)
    assert found.prompt == "What happened at Paper Mill and Pier Nine on 16 May 2024?"
    assert [one.before for one in found.changes] == ["", ""]
    assert "no place was named" in found.changes[0].reason
    assert "no time was named" in found.changes[1].reason


def test_a_name_that_means_two_is_never_guessed() -> None:
    found = optimize("was there a dog at the gate?", ENHANCEMENT, SETTING)
    assert found.prompt == "was there a dog at the gate?"
    assert (found.changes, found.confidence) == ((), 0.0)
    assert found.alternatives == (
        "Was there a dog at the North Gate?",
        "Was there a dog at the South Gate?",
    )


@pytest.mark.parametrize(
    ("context", "prompt"),
    [
        ({"camera": "m-03"}, "How many people at Boiler House?"),
        ({"cameras": ["m-03", "Canteen"]}, "How many people at Boiler House and Canteen?"),
        ({"site_id": "pier9", "when": "yesterday"}, "How many people at Pier Nine yesterday?"),
        ({"zone": "hatch"}, "How many people in Furnace Door?"),
        ({"time": "last night"}, "How many people last night?"),
        ({"camera": "no such", "time": "not a time", "x": {"y": [1, None]}}, "How many people?"),
        ({"camera": 7, "time": ["yesterday"]}, "How many people?"),
    ],
)
def test_a_context_completes_what_is_left_open(context: dict[str, JsonValue], prompt: str) -> None:
    found = optimize("How many people?", SPECIFICITY, SETTING, context=context)
    expected = optimize(prompt, SPECIFICITY, SETTING)
    assert found.prompt == expected.prompt
    assert any("the context" in one.reason for one in found.changes) == (
        prompt != "How many people?"
    )


def test_a_context_changes_nothing_that_was_said() -> None:
    context: dict[str, JsonValue] = {"camera": "m-03", "time": "yesterday"}
    found = optimize("What happened at the canteen today?", SPECIFICITY, SETTING, context=context)
    assert found.prompt == "What happened at the canteen on 16 May 2024?"


def test_an_intent_that_is_known_is_taken_at_its_word() -> None:
    intent = Intent("question", None, 1, (IntentEntity("camera", "", "m-04", 1.0),))
    found = optimize("what happened today", SPECIFICITY, SETTING, intent=intent)
    assert found.prompt == "what happened on 16 May 2024 at Canteen"
    other = optimize("what  happened", ENHANCEMENT, SETTING, intent=Intent("content"))
    assert other.prompt == "what happened"


async def test_what_goes_on_from_a_conversation_stands_alone_afterwards() -> None:
    store = make_store()
    engine = GroundedEngine(store, store, "UTC")
    first = "How many people were at the North Gate yesterday?"
    answer = await engine.answer(CALLER, TurnRequest(first), [], NOW)
    talking = replace(SETTING, history=[_turn(first, answer, 1, NOW)])
    found = optimize("and camera 3?", ENHANCEMENT, talking)
    assert found.prompt == "How many people were there at Boiler House on 15 May 2024?"
    assert same(talking.understood("and camera 3?"), SETTING.understood(found.prompt))
    (change,) = found.changes
    assert change.before == "and camera 3?"


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_whole_question_reads_back_or_is_none(text: str) -> None:
    query = SETTING.understood(text)
    made = whole(query, SETTING)
    assert made == "" or same(SETTING.understood(made), query)


@pytest.mark.parametrize("text", ["", " ", "?", "{{", "🎥🎥", "\n\n", "x " * 3000, "a" * 8000])
@pytest.mark.parametrize("kind", OptimizationType)
def test_no_text_breaks_it(text: str, kind: OptimizationType) -> None:
    found = optimize(text, kind, SETTING)
    assert " ".join(found.prompt.split()).rstrip("?. ") == " ".join(text.split()).rstrip("?. ")
