"""An agent whose answers have everything that the command line shows."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from enhanced_prompt_service.domain.answers import (
    Answer,
    CoverageReport,
    Evidence,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnRequest
from enhanced_prompt_service.turns import Turn

AT = datetime(2018, 3, 15, 18, 0, 30, tzinfo=UTC)
ZONE = "America/Indiana/Indianapolis"
FOUND = tuple(
    Evidence(
        event_id=f"e-{number}",
        timestamp=AT + timedelta(minutes=number),
        camera_id="G330",
        event_type="person_enters_facility",
        confidence=0.9,
        description=f"Person {number} \x1b[2Jenters\x07",
        label="person",
    )
    for number in range(3)
)


class SpokenAgent:
    """Says the question back, with evidence. "fail" fails it, "wait" never ends, "nothing" finds
    nothing."""

    model = "spoken"

    def __init__(self) -> None:
        self.requests: list[TurnRequest] = []
        self.cancelled = threading.Event()

    def __call__(self, *_: Any) -> SpokenAgent:
        return self

    async def prewarm(self, caller: Caller) -> None:
        """Nothing to warm."""

    async def answer(self, turn: Turn) -> Answer:
        self.requests.append(turn.request)
        turn.writer.agent_started("understand")
        turn.writer.tool_started("count_events", "1", '{"camera": "G330"}')
        turn.writer.tool_finished("count_events", "1", "3 events")
        if turn.request.query == "fail":
            raise Unavailable("the model is away", reason=Reason.MODEL_UNAVAILABLE)
        nothing = turn.request.query == "nothing"
        evidence = () if nothing else FOUND
        turn.writer.evidence_found(evidence, 0 if nothing else 12)
        turn.writer.text("You asked: ")
        if turn.request.query == "wait":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        turn.writer.text(f"{turn.request.query}\x1b[31m.")
        return Answer(
            turn.writer.said,
            ResponseType.ANSWER,
            0.9,
            Interpretation(QuestionType.RECAP, time_zone=ZONE, rendered="All of 15 March 2018."),
            evidence=evidence,
            follow_up_questions=("Which camera was busiest?",),
            total_matches=0 if nothing else 12,
            coverage=CoverageReport(
                share=None if nothing else 0.995,
                recorded_seconds=0 if nothing else 9000,
                window_seconds=0 if nothing else 9045,
                cameras_known=0 if nothing else 1,
                cameras_unknown=2,
            ),
        )
