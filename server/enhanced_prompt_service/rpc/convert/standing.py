"""Standing questions, and which fields of one a change is about."""

from __future__ import annotations

from enhanced_prompt.v1 import insight_service_pb2, insights_pb2

from ...domain.errors import InvalidArgument, Reason
from ...domain.insights import Severity
from ...domain.standing import StandingQuestion
from .answers import interpretation
from .insights import SEVERITIES, SEVERITY_OF
from .times import timestamp

CHANGEABLE = ("query", "time_zone", "severity", "paused")


def standing_message(found: StandingQuestion) -> insights_pb2.StandingQuestion:
    """A question as it is stored."""
    return insights_pb2.StandingQuestion(
        standing_question_id=found.standing_question_id,
        query=found.query,
        time_zone=found.time_zone or found.rule.zone,
        interpretation=interpretation(found.rule.interpretation),
        severity=SEVERITIES[found.severity],
        paused=found.paused,
        user_id=found.owner.user,
        create_time=None if found.created_at is None else timestamp(found.created_at),
        last_hit_time=None if found.last_hit is None else timestamp(found.last_hit),
        hits=found.hits,
        etag=found.etag,
    )


def severity_of(message: insights_pb2.StandingQuestion) -> Severity:
    """How bad its hits are; MEDIUM where nobody says."""
    return SEVERITY_OF.get(message.severity, Severity.MEDIUM)


def required_query(message: insights_pb2.StandingQuestion) -> str:
    """What is asked. Raises InvalidArgument where there is nothing."""
    if not message.query.strip():
        raise InvalidArgument.of(
            "standing_question.query", "is required", reason=Reason.REQUIRED_FIELD_MISSING
        )
    return message.query


def changed_fields(request: insight_service_pb2.UpdateStandingQuestionRequest) -> frozenset[str]:
    """The fields that an update is about. Raises InvalidArgument for one that never changes."""
    sent = request.standing_question
    if not sent.standing_question_id:
        raise InvalidArgument.of(
            "standing_question.standing_question_id",
            "is required",
            reason=Reason.REQUIRED_FIELD_MISSING,
        )
    named = frozenset(request.update_mask.paths)
    wrong = sorted(named - {*CHANGEABLE, "*"})
    if wrong:
        raise InvalidArgument.of(
            "update_mask",
            f'names "{wrong[0][:64]}"; what changes is {", ".join(CHANGEABLE)}, or * for all',
        )
    if "*" in named:
        return frozenset(CHANGEABLE)
    return named or frozenset(name for name in CHANGEABLE if getattr(sent, name))
