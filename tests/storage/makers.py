"""Events, answers and turns for tests: one line each, every field can be said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from enhanced_prompt_service.domain.answers import (
    Answer,
    Evidence,
    Interpretation,
    PromptResponse,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnRow
from enhanced_prompt_service.storage import Stores

ME = Caller()
NOON = datetime(2018, 3, 15, 16, tzinfo=UTC)
"""12:00 in Indiana."""


def at(minutes: float = 0) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def event(event_id: str, minutes: float = 0, **fields: Any) -> Event:
    """An event of camera G1 at the school."""
    return Event(
        **{
            "event_id": event_id,
            "start_time": at(minutes),
            "site": "school",
            "camera_id": "G1",
            "event_type": "person_walks",
            **fields,
        }
    )


def span(
    start: float,
    end: float,
    state: CoverageState = CoverageState.RECORDING,
    camera_id: str = "G1",
    site: str = "school",
) -> Coverage:
    """A report from one minute after noon to another."""
    return Coverage(site, camera_id, state, at(start), at(end))


def response(turn: TurnRow, text: str = "3 events.", **fields: Any) -> PromptResponse:
    """A small answer to a turn."""
    answer = Answer(
        response=text,
        response_type=ResponseType.ANSWER,
        confidence_score=0.9,
        interpretation=Interpretation(QuestionType.COUNT),
        evidence=(Evidence("e1", NOON, "G1", "person_walks", 1.0, "a person walks"),),
        metadata={"ai_model": "grounded"},
    )
    return PromptResponse(
        **{
            "turn_id": turn.turn_id,
            "message_id": turn.message_id,
            "timestamp": at(1),
            "conversation_id": turn.conversation_id,
            "user_id": turn.user,
            "query": turn.query,
            "conversation_turn": turn.conversation_turn,
            "processing_time_ms": 5,
            "answer": answer,
            **fields,
        }
    )


async def begin(stores: Stores, turn_id: str, caller: Caller = ME, **fields: Any) -> TurnRow:
    """Begin a turn; its request_id is made from its own id."""
    return await stores.turns.begin(
        caller,
        **{
            "turn_id": turn_id,
            "conversation_id": "talk",
            "message_id": f"m-{turn_id}",
            "request_id": f"r-{turn_id}",
            "request_hash": "hash",
            "query": "how many people?",
            "runner": "host-1:a",
            "now": NOON,
            **fields,
        },
    )
