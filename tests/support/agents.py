"""An agent that says everything a turn can say, at a pace that the question chooses.

    "instant"        100 tokens of the instant model, which only gives the event loop its turn
    "paced 3 …"      three times the paced model's 100 tokens, 10 ms apart
    "flaky 1 …"      the instant model, which in a turn's first attempt is away after 40 tokens

What comes after the number is repeated in the answer, so that answers can be told apart.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime

from enhanced_prompt_service.domain.answers import (
    Answer,
    Evidence,
    Interpretation,
    ModelUsage,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.errors import Reason, Unavailable
from enhanced_prompt_service.turns import Turn
from tests.bench.agents import NodeAgent, State
from tests.bench.models import TOKENS, InstantModel

PACE_S = 0.01
FLAKY_TOKENS = 40
_MODELS = {
    "instant": InstantModel(),
    "paced": InstantModel(pause_s=PACE_S),
    "flaky": InstantModel(),
}
_EVIDENCE = tuple(
    Evidence(
        event_id=f"event-{number}",
        timestamp=datetime(2018, 3, 15, 14, number, tzinfo=UTC),
        camera_id="G421",
        event_type="person_enters",
        confidence=0.9,
        description="A person enters.",
    )
    for number in range(3)
)


def said(query: str) -> str:
    """The whole answer to a question."""
    _, times = _read(query)
    return f"[{query}] " + "".join(TOKENS) * times


def _read(query: str) -> tuple[InstantModel, int]:
    words = query.split()
    return _MODELS[words[0]], int(words[1]) if len(words) > 1 else 1


class TalkativeAgent(NodeAgent):
    """Text, evidence, tools and thinking, from a chat model that costs nothing."""

    model = "talkative"

    def __call__(self, *_: Any) -> TalkativeAgent:
        return self

    async def _answer(self, state: State, runtime: Runtime[Turn]) -> State:
        turn = runtime.context
        writer, query = turn.writer, turn.request.query
        model, times = _read(query)
        flaky = query.startswith("flaky") and turn.attempt == 1
        writer.agent_started("talker")
        writer.thinking("what could that mean?")
        writer.tool_started("count_events", "call-1", '{"camera":"G421"}')
        writer.tool_finished("count_events", "call-1", "3")
        writer.evidence_found(_EVIDENCE, len(_EVIDENCE))
        writer.text("something wrong, ")
        writer.withdraw("first-model", "second-model")
        writer.text(f"[{query}] ")
        tokens = 0
        try:
            for _ in range(times):
                async for chunk in model.astream([HumanMessage(query)]):
                    writer.text(str(chunk.content))
                    tokens += 1
                    if tokens == FLAKY_TOKENS and flaky:
                        raise Unavailable("the model is away", reason=Reason.MODEL_UNAVAILABLE)
                    if tokens % 17 == 0:
                        writer.thinking(f"{tokens} words said")
        finally:  # also of a turn that somebody stops
            turn.calls.append(
                ModelUsage(self.model, "estimated", input_tokens=7, output_tokens=tokens)
            )
        return {
            "answer": Answer(
                response=writer.said,
                response_type=ResponseType.ANSWER,
                confidence_score=1.0,
                interpretation=Interpretation(QuestionType.RECAP),
                evidence=_EVIDENCE,
                total_matches=len(_EVIDENCE),
            )
        }


__all__ = ["PACE_S", "TalkativeAgent", "said"]
