"""What is still to come, answered from a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.domain.answers import (
    Answer,
    PromptResponse,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.forecasts import (
    REACH,
    Forecast,
    ForecastAsk,
    TooLittleHistory,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import InsightType, Severity
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import QuestionFilter, TurnRequest
from tests.eval.text_numbers import unsupported

from .fakes import MemoryStore
from .mill import CALLER, NOW, VIENNA, make_store
from .test_answers import NAMES
from .test_noticed import Noticing, insight

HOUR = timedelta(hours=1)
TOMORROW = datetime(2024, 5, 17, tzinfo=VIENNA)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return make_store()


class Foreseeing:
    """Says what it was told to, and remembers what it was asked."""

    def __init__(self, says: Forecast | TooLittleHistory) -> None:
        self.says = says
        self.asked: list[ForecastAsk] = []

    async def __call__(self, caller: Caller, ask: ForecastAsk) -> Forecast | TooLittleHistory:
        assert caller == CALLER
        self.asked.append(ask)
        return self.says


USUAL = Forecast(34.3, 21, 49, 0.9, 56.0)


async def asked(
    store: MemoryStore,
    question: str,
    foreseen: Foreseeing | None = None,
    *,
    noticed: Noticing | None = None,
    narrowing: QuestionFilter | None = None,
    history: Sequence[PromptResponse] = (),
) -> Answer:
    foreseen = foreseen or Foreseeing(USUAL)
    engine = GroundedEngine(store, store, "UTC", noticed, foreseen)
    request = TurnRequest(question, filter=narrowing or QuestionFilter())
    return await engine.answer(CALLER, request, history, NOW)


def window(start: float, end: float) -> Interval:
    """Hours of tomorrow in Vienna."""
    return Interval(TOMORROW + start * HOUR, TOMORROW + end * HOUR)


async def test_the_expected_number_is_said_first_with_its_interval_and_its_ground(
    store: MemoryStore,
) -> None:
    question = "How busy will the North Gate be tomorrow morning?"
    answer = await asked(store, question)
    assert answer.response == (
        "About 34 events are expected at North Gate, Fri 17 May 2024, 06:00–12:00; 90 % of such "
        "times bring between 21 and 49. That rests on 56 days of recorded history, by weekday "
        "and hour."
    )
    assert answer.response_type is ResponseType.ANSWER
    assert answer.interpretation.question_type is QuestionType.PREDICTION
    assert answer.interpretation.time_range == window(6, 12)
    assert answer.interpretation.rendered.startswith("Forecast of events at North Gate; Fri 17 May")
    assert {one.name: one.value for one in answer.facts} == {
        "expected": 34,
        "expected_low": 21,
        "expected_high": 49,
        "expected_level": 90,
        "history": 56,
    }
    assert unsupported(answer, question, NAMES) == []
    assert answer.evidence == ()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many people do you expect at the canteen this evening?", window(-6, -2)),
        ("Expected vehicles at the mill tomorrow between 8 and 10", window(8, 10)),
        ("How many trucks will come to the mill tomorrow morning?", window(6, 12)),
        ("How many trucks at the mill tomorrow morning?", window(6, 12)),
        ("Will anyone be at the boiler house tonight?", window(-6, 6)),
        ("Forecast for the next 3 hours at the mill", Interval(NOW, NOW + 3 * HOUR)),
        ("How busy is the mill going to be tomorrow morning?", window(6, 12)),
        ("How busy will the mill be today?", Interval(NOW, TOMORROW)),
        ("How busy will the canteen be?", Interval(NOW, NOW + REACH)),
        ("How many people will there be at the mill after hours?", window(-5, 7)),
        ("How many people do you expect at the mill tomorrow?", Interval(TOMORROW, NOW + REACH)),
    ],
)
async def test_tense_and_time_make_a_forecast_of_a_question(
    store: MemoryStore, question: str, expected: Interval
) -> None:
    foreseen = Foreseeing(USUAL)
    answer = await asked(store, question, foreseen)
    assert answer.interpretation.question_type is QuestionType.PREDICTION
    assert foreseen.asked[0].windows == (expected,)
    assert unsupported(answer, question, NAMES) == []


async def test_what_is_asked_for_is_what_is_forecast(store: MemoryStore) -> None:
    foreseen = Foreseeing(USUAL)
    await asked(store, "How many trucks do you expect in the barrier zone tomorrow?", foreseen)
    ask = foreseen.asked[0]
    assert ask.selection.zones == {"barrier"}
    assert ask.selection.labels == {"truck"}
    assert not ask.selection.windows
    assert ask.selection.as_of == ask.now == NOW
    assert ask.cameras == {"m-01": "mill", "m-02": "mill"}
    assert ask.zones == {"mill": VIENNA}


async def test_a_day_reaches_further_than_a_forecast_and_is_cut(store: MemoryStore) -> None:
    answer = await asked(store, "How many people do you expect at the mill tomorrow?")
    assert "A forecast reaches a day ahead: what is later was left out." in answer.response
    assert any("left out" in note for note in answer.interpretation.assumptions)


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("How many people do you expect on Saturday?", "no further than a day ahead"),
        ("How busy will the mill be next week?", "no further than a day ahead"),
        ("Was the mill busier than expected yesterday?", "has passed"),
        ("Which camera do you expect to be busiest tomorrow?", "no ranking"),
        ("How many unicorns will come tomorrow morning?", "“unicorns”"),
    ],
)
async def test_what_cannot_be_forecast_is_said_and_not_guessed(
    store: MemoryStore, question: str, why: str
) -> None:
    foreseen = Foreseeing(USUAL)
    answer = await asked(store, question, foreseen)
    assert why in answer.response
    assert foreseen.asked == []
    assert answer.facts == ()
    assert answer.follow_up_questions
    for choice in answer.follow_up_questions:
        assert (await asked(store, choice)).response_type is not ResponseType.CLARIFICATION, choice


@pytest.mark.parametrize(
    "question",
    [
        "What happened tomorrow?",
        "How many people were there tomorrow?",
        "Show me next week",
        "people per hour tomorrow",
    ],
)
async def test_a_question_that_looks_back_gets_no_forecast(
    store: MemoryStore, question: str
) -> None:
    answer = await asked(store, question)
    assert answer.response_type is ResponseType.CLARIFICATION
    assert "has not come yet" in answer.response


async def test_too_little_history_is_said_with_what_is_needed(store: MemoryStore) -> None:
    question = "How many people do you expect at the canteen this evening?"
    answer = await asked(store, question, Foreseeing(TooLittleHistory(5.2, 14.0)))
    assert answer.response == (
        "I cannot forecast that at Canteen, Thu 16 May 2024, 18:00–22:00: a forecast needs 14 "
        "days of recorded history, and there are 5.2. I would only be guessing."
    )
    assert unsupported(answer, question, NAMES) == []
    assert answer.interpretation.question_type is QuestionType.PREDICTION


async def test_hours_that_were_never_recorded_are_not_forecast(store: MemoryStore) -> None:
    question = "How many people do you expect at the canteen this evening?"
    answer = await asked(store, question, Foreseeing(TooLittleHistory(40.0, 14.0)))
    assert "nothing was ever recorded at that time of day" in answer.response
    assert unsupported(answer, question, NAMES) == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [(0.02, "About 0.02 "), (0.96, "About 1 event is "), (9.96, "About 10 "), (1843.4, "1,843 ")],
)
async def test_the_number_is_as_exact_as_it_is_said(
    store: MemoryStore, expected: float, said: str
) -> None:
    question = "How busy will the mill be tomorrow morning?"
    forecast = Forecast(expected, 0, 3 * expected // 1, 0.9, 14.04)
    answer = await asked(store, question, Foreseeing(forecast))
    assert said in answer.response
    assert unsupported(answer, question, NAMES) == []


async def test_more_history_makes_it_surer(store: MemoryStore) -> None:
    question = "How busy will the mill be tomorrow morning?"
    scores = [
        (await asked(store, question, Foreseeing(Forecast(5, 1, 9, 0.9, days)))).confidence_score
        for days in (14, 28, 84)
    ]
    assert scores[0] == pytest.approx(0.5)
    assert scores == sorted(scores)
    assert scores[-1] < 1


async def test_an_insight_that_foresaw_it_is_the_answer(store: MemoryStore) -> None:
    question = "How busy will the North Gate be tomorrow morning?"
    start = TOMORROW + 8 * HOUR
    busy = insight(1, start, Severity.MEDIUM, type=InsightType.PREDICTION, evidence=())
    later = insight(2, start + 12 * HOUR, Severity.LOW, type=InsightType.PREDICTION)
    spike = insight(3, start, Severity.HIGH)
    answer = await asked(store, question, noticed=Noticing(busy, later, spike))
    assert answer.response_type is ResponseType.PROACTIVE_INSIGHT
    assert answer.metadata["insights"] == ["insight_1"]
    assert answer.response.startswith("About 34 events are expected")
    assert unsupported(answer, question, NAMES) == []


async def test_the_requests_filter_holds(store: MemoryStore) -> None:
    foreseen = Foreseeing(USUAL)
    narrowing = QuestionFilter(cameras=("m-04",), time_range=window(7, 9))
    question = "How many people do you expect at the mill tomorrow morning?"
    await asked(store, question, foreseen, narrowing=narrowing)
    assert foreseen.asked[0].windows == (window(7, 9),)
    assert set(foreseen.asked[0].cameras) == {"m-04"}
    nothing = QuestionFilter(time_range=window(-60, -48))
    answer = await asked(store, question, foreseen, narrowing=nothing)
    assert "filter leaves nothing" in answer.response
    assert len(foreseen.asked) == 1


async def test_without_forecasts_the_engine_says_that_it_does_not_forecast(
    store: MemoryStore,
) -> None:
    engine = GroundedEngine(store, store, "UTC")
    request = TurnRequest("How busy will the mill be tomorrow morning?")
    answer = await engine.answer(CALLER, request, [], NOW)
    assert "do not forecast yet" in answer.response
