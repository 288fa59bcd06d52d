"""What is out of the ordinary, answered from insights."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.domain.answers import Answer, Evidence, QuestionType, ResponseType
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import (
    Insight,
    InsightDraft,
    InsightFilter,
    InsightPage,
    InsightStatus,
    InsightType,
    Severity,
)
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnRequest
from tests.eval.text_numbers import unsupported

from .fakes import MemoryStore
from .mill import CALLER, NOW, make_store
from .test_answers import NAMES

HOUR = timedelta(hours=1)
YESTERDAY_NOON = datetime(2024, 5, 15, 10, tzinfo=NOW.tzinfo)  # in Vienna


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return make_store()


def insight(number: int, start: datetime, severity: Severity, **fields: Any) -> Insight:
    content = InsightDraft(
        **{
            "type": InsightType.ACTIVITY_SPIKE,
            "severity": severity,
            "title": f"Many trucks at the North Gate ({number})",
            "message": "1,240 truck events where 310.5 are usual.",
            "window": Interval(start, start + HOUR),
            "dedupe_key": f"k{number}",
            "cameras": ("m-01",),
            "sites": ("mill",),
            "event_count": 40,
            "evidence": (Evidence(f"e{number}", start, "m-01", "vehicle_arrives", 0.9, "a truck"),),
            "confidence": 0.8,
            **fields,
        }
    )
    return Insight(f"insight_{number}", content, InsightStatus.OPEN, 1, start, start)


class Noticing:
    """Gives what a store would: by window, camera, site and kind."""

    def __init__(self, *found: Insight, more: bool = False) -> None:
        self.found = found
        self.more = more

    async def __call__(
        self, caller: Caller, chosen: InsightFilter, window: Interval
    ) -> InsightPage:
        assert caller == CALLER
        items = tuple(
            one
            for one in self.found
            if one.content.window.intersect(window)
            and one.content.type in chosen.types
            and (not chosen.cameras or not chosen.cameras.isdisjoint(one.content.cameras))
            and (not chosen.sites or not chosen.sites.isdisjoint(one.content.sites))
        )
        return InsightPage(items, "next" if self.more else "", 9)


async def asked(store: MemoryStore, question: str, *found: Insight, more: bool = False) -> Answer:
    engine = GroundedEngine(store, store, "UTC", Noticing(*found, more=more))
    return await engine.answer(CALLER, TurnRequest(question), [], NOW)


async def test_the_worst_is_said_first_and_cited(store: MemoryStore) -> None:
    answer = await asked(
        store,
        "Anything out of the ordinary at the mill yesterday?",
        insight(1, YESTERDAY_NOON, Severity.LOW),
        insight(2, YESTERDAY_NOON + HOUR, Severity.HIGH),
    )
    assert answer.response_type is ResponseType.PROACTIVE_INSIGHT
    assert answer.interpretation.question_type is QuestionType.ANOMALY
    assert answer.response.startswith("2 things out of the ordinary at Paper Mill")
    assert answer.response.index("• High") < answer.response.index("• Low")
    assert [one.event_id for one in answer.evidence] == ["e2", "e1"]
    assert [one.event_id for one in answer.citations] == ["e2", "e1"]
    assert answer.metadata["insights"] == ["insight_2", "insight_1"]
    assert answer.confidence_score == pytest.approx(0.8)


async def test_every_number_in_it_is_a_fact(store: MemoryStore) -> None:
    question = "Anything unusual yesterday?"
    answer = await asked(
        store,
        question,
        *(insight(n, YESTERDAY_NOON, Severity.MEDIUM) for n in range(8)),
    )
    assert "and 3 more." in answer.response
    assert unsupported(answer, question, NAMES) == []
    stated = {(one.value, one.text) for one in answer.facts if one.name == "stated"}
    assert stated >= {(1240.0, "1,240"), (310.5, "310.5")}


async def test_nothing_noticed_is_said_with_the_footage_that_it_rests_on(
    store: MemoryStore,
) -> None:
    question = "Anything suspicious at the pier yesterday?"
    answer = await asked(store, question)
    assert answer.response.startswith("Nothing out of the ordinary was noticed at Pier Nine")
    assert answer.response_type is ResponseType.ANSWER
    assert answer.coverage is not None
    assert answer.coverage.share is not None
    assert answer.confidence_score <= answer.coverage.share
    assert unsupported(answer, question, NAMES) == []


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Anything unusual at the north gate yesterday?", ["insight_1"]),
        ("Anything unusual at the canteen yesterday?", ["insight_3"]),
        ("Anything unusual at the pier yesterday?", []),
        ("Anything unusual today?", ["insight_2"]),
        ("Anything unusual?", ["insight_2"]),
        ("Anything unusual in the barrier zone yesterday?", ["insight_1"]),
        (
            "Anything unusual at the mill yesterday between 11:00 and 14:00?",
            ["insight_1", "insight_3"],
        ),
        ("Anything unusual at the mill yesterday between 18:00 and 20:00?", []),
    ],
)
async def test_places_and_times_narrow_what_is_meant(
    store: MemoryStore, question: str, expected: list[str]
) -> None:
    answer = await asked(
        store,
        question,
        insight(1, YESTERDAY_NOON, Severity.HIGH, zones=("barrier",)),
        insight(2, NOW - HOUR, Severity.HIGH),
        insight(3, YESTERDAY_NOON, Severity.LOW, cameras=("m-04",)),
        insight(4, YESTERDAY_NOON, Severity.CRITICAL, type=InsightType.PREDICTION),
    )
    assert answer.metadata.get("insights", []) == expected


async def test_more_than_was_looked_at_is_not_passed_over(store: MemoryStore) -> None:
    found = insight(1, YESTERDAY_NOON, Severity.HIGH)
    answer = await asked(store, "Anything unusual yesterday?", found, more=True)
    assert answer.response.startswith("1 thing or more out of the ordinary")


async def test_without_insights_the_engine_says_that_it_does_not_judge(store: MemoryStore) -> None:
    engine = GroundedEngine(store, store, "UTC")
    answer = await engine.answer(CALLER, TurnRequest("Anything unusual today?"), [], NOW)
    assert "do not judge yet" in answer.response
