"""The answer around a model's text: everything but the words is the engine's."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Answer, JsonValue, ResponseType
from enhanced_prompt_service.turns import Turn

from .claims import check
from .grounded import GroundedEngine
from .models import Reply
from .trail import Trail

MOST_FACTS = 200
UNSUPPORTED = 0.5  # what unsupported claims leave of an answer's confidence
UNGROUNDED = 0.5  # confidence of an answer for which nothing was looked up


async def composed(engine: GroundedEngine, turn: Turn, trail: Trail, reply: Reply) -> Answer:
    """The answer that a model's last reply ends. Interpretation, totals, coverage and follow-up
    questions are those of the last look-up of events; its words are checked."""
    toolbox, response = trail.toolbox, turn.writer.said
    main = toolbox.main
    if main is not None:
        query = main.query
    else:  # nothing was looked up: what the engine makes of the question
        query = await engine.understand(turn.caller, turn.request, turn.history, turn.now)
    zone = ZoneInfo(query.zone)
    index = await engine.index(turn.caller)
    checked = check(
        response,
        evidence=toolbox.evidence,
        looked=toolbox.looked,
        said_before=(turn.request.query, query.interpretation.rendered),
        names=(name for one in index.names.entities.values() for name in (one.id, one.name)),
        zone=zone,
        now=turn.request.as_of or turn.now,
    )
    asks_back = not toolbox.evidence and response.rstrip().endswith("?")
    confidence = UNGROUNDED if main is None else main.answer.confidence_score
    parts: dict[str, JsonValue] = {"lookups": round(confidence, 4)}
    if checked.unsupported:
        confidence *= UNSUPPORTED
        parts["claims"] = UNSUPPORTED
    metadata: dict[str, JsonValue] = {
        "engine": "model",
        "ai_model": reply.model,
        "steps": trail.steps,
        "lookups": len(toolbox.looked),
        "context_used": bool(turn.history),
        "confidence_parts": parts,
    }
    if checked.unsupported:
        metadata["unsupported_claims"] = list(checked.unsupported)
    if trail.run.passed:
        metadata["models_passed"] = passed(trail)
    if reply.finish in ("length", "max_tokens"):
        metadata["truncated"] = True
    selection = None if main is None else main.answer.metadata.get("selection")
    if selection is not None:
        metadata["selection"] = selection
    return Answer(
        response=response,
        response_type=ResponseType.CLARIFICATION if asks_back else ResponseType.ANSWER,
        confidence_score=confidence,
        interpretation=query.interpretation,
        evidence=tuple(toolbox.evidence),
        follow_up_questions=query.choices if main is None else main.answer.follow_up_questions,
        total_matches=0 if main is None else main.findings.total_matches,
        facts=checked.facts[:MOST_FACTS],
        coverage=None if main is None else main.findings.coverage,
        citations=checked.citations,
        metadata=metadata,
    )


def passed(trail: Trail) -> list[JsonValue]:
    """The links that were passed over, for metadata."""
    return [one.as_json() for one in trail.run.passed]
