"""The tool for insights: what the service noticed is data like any other, and is cited like it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enhanced_prompt.v1 import answers_pb2, turns_pb2
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.answers import Evidence
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import InsightDraft, InsightType, Severity
from enhanced_prompt_service.domain.times import Interval
from tests.integration.conftest import Start
from tests.support.openai_server import OpenAIServer, Turn

from .kit import DOCK, GATE, NOW, arguments, ask, event, metadata, served

WINDOW = Interval(NOW - timedelta(hours=2), NOW - timedelta(hours=1))
ODD = ("get_insights", arguments(time="today"))


def draft(**fields: Any) -> InsightDraft:
    seen = event(1)
    shown = Evidence(
        seen.event_id, seen.start_time, GATE, seen.event_type, 0.9, "walks", site="yard"
    )
    known: dict[str, Any] = {
        "type": InsightType.ACTIVITY_SPIKE,
        "severity": Severity.HIGH,
        "title": "Far more people than usual",
        "message": "41 events where 12.5 are usual.",
        "window": WINDOW,
        "dedupe_key": "k",
        "confidence": 0.8,
        "observed": 41.0,
        "expected": 12.5,
        "unit": "events",
        "cameras": (GATE,),
        "sites": ("yard",),
        "event_count": 41,
        "evidence": (shown,),
    }
    return InsightDraft(**known | fields)


async def publish(app: App, *drafts: InsightDraft) -> None:
    for one in drafts:
        await app.stores.insights.publish(Caller(), one, now=app.real_clock.now())


async def test_what_was_noticed_may_be_said_and_cited(start: Start, provider: OpenAIServer) -> None:
    text = "At the gate there were 41 events between 2 pm and 3 pm, 12.5 are usual [1]."
    provider.script("a", Turn(calls=(ODD,)), Turn(text=text))
    async with served(start, provider, "a", insights=False) as app:
        await publish(app, draft())
        frames = await ask(app, "Anything out of the ordinary today?")
    response = frames[-1].completed.response
    assert "unsupported_claims" not in metadata(response)
    assert response.interpretation.question_type == answers_pb2.QUESTION_TYPE_ANOMALY
    assert [one.event_id for one in response.citations] == ["gate-1-1"]
    assert {one.text for one in response.facts if one.text} == {"41", "12.5"}
    assert response.confidence_score == pytest.approx(0.8)
    (finished,) = (one.tool_finished for one in frames if one.HasField("tool_finished"))
    assert (finished.result, finished.ok) == ("1 insights", True)


@pytest.mark.parametrize(
    ("fields", "narrowing"),
    [
        ({"cameras": (GATE, DOCK)}, turns_pb2.QuestionFilter(cameras=[GATE])),
        ({}, turns_pb2.QuestionFilter(cameras=[DOCK])),
        ({}, turns_pb2.QuestionFilter(event_types=["vehicle_stops"])),
        ({}, turns_pb2.QuestionFilter(min_confidence=0.95)),
        ({"window": Interval(WINDOW.start, NOW + timedelta(days=9))}, turns_pb2.QuestionFilter()),
    ],
)
async def test_an_insight_that_speaks_of_more_than_may_be_seen_is_not_shown(
    fields: dict[str, Any],
    narrowing: turns_pb2.QuestionFilter,
    start: Start,
    provider: OpenAIServer,
) -> None:
    provider.script("a", Turn(calls=(ODD,)), Turn(text="Nothing."))
    async with served(start, provider, "a", insights=False) as app:
        await publish(app, draft(**fields))
        await ask(app, "Anything out of the ordinary today?", filter=narrowing)
    told = provider.requests[-1]["messages"][-1]["content"]
    assert '"insights":[]' in told
