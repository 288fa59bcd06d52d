"""The seeds' payloads as receivers get them: with what only they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from .. import payloads, schemas
from ..domain.answers import Answer, PromptResponse
from ..domain.conversations import Conversation, cameras_of, topics_of
from ..domain.insights import Insight
from ..domain.turns import TurnState


def response_payload(
    response: PromptResponse, state: TurnState = TurnState.COMPLETED
) -> schemas.PromptResponsePayload:
    """One answered question. A turn that was stopped says so in `metadata["turn_state"]`.

    Raises ValidationError where what was answered is outside of the schema.
    """
    made = payloads.response_payload(response)
    if state is TurnState.COMPLETED:
        return made
    metadata: dict[str, JsonValue] = {**made.metadata, "turn_state": state.value}
    return made.model_copy(update={"metadata": metadata})


def insight_payload(insight: Insight) -> schemas.ProactiveInsightPayload:
    """An insight as it is in this revision, which `metadata` names, with its sites and zones."""
    made, what = payloads.insight_payload(insight), insight.content
    window = f"{what.window.start.isoformat()}/{what.window.end.isoformat()}"
    metadata: dict[str, JsonValue] = {
        **made.metadata,
        "revision": insight.revision,
        "sites": list(what.sites),
        "zones": list(what.zones),
    }
    return made.model_copy(
        update={"metadata": metadata, "analysis_period": made.analysis_period or window}
    )


def history_payload(
    conversation: Conversation, user: str, now: datetime
) -> schemas.HistoryRetrievalPayload:
    """A conversation with its analytics; `timestamp` is the present, UTC.

    Raises ValidationError where what was said is outside of the schema.
    """
    summary, responses = conversation.summary, conversation.responses
    answers: Sequence[Answer] = [one.answer for one in responses]
    lasted = summary.last_activity - summary.created_at
    return schemas.HistoryRetrievalPayload(
        timestamp=now.astimezone(UTC),
        conversation_id=summary.conversation_id,
        user_id=user,
        conversation_created=summary.created_at,
        total_messages=len(conversation.messages),
        conversation_duration_minutes=max(0, int(lasted.total_seconds() // 60)),
        messages=[
            schemas.ConversationMessage(
                role=one.role.value,
                content=one.content,
                timestamp=one.timestamp,
                metadata={**one.metadata},
            )
            for one in conversation.messages
        ],
        user_queries=len(responses),
        ai_responses=len(responses),
        average_confidence=(
            sum(one.confidence_score for one in answers) / len(answers) if answers else 0.0
        ),
        evidence_items_total=sum(len(one.evidence) for one in answers),
        conversation_topics=_names(topics_of(one) for one in answers),
        cameras_discussed=_names(cameras_of(one) for one in answers),
        last_activity=summary.last_activity,
        metadata={"title": summary.title},
    )


def _names(sets: Iterable[frozenset[str]]) -> list[str]:
    return sorted({name for one in sets for name in one})
