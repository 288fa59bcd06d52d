"""Insights, revisions of their log, and what they are filtered by."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict

from enhanced_prompt.v1 import insight_service_pb2, insights_pb2
from enhanced_prompt.v1 import insights_pb2 as pb

from ...domain.answers import Evidence
from ...domain.errors import InvalidArgument, Reason
from ...domain.insights import (
    Acknowledgement,
    BaselinePoint,
    Change,
    ExpectedInterval,
    Insight,
    InsightDraft,
    InsightFilter,
    InsightStatus,
    InsightType,
    Revision,
    Severity,
    Verdict,
)
from ...domain.times import Interval
from .answers import evidence, struct
from .times import instant, interval, time_range, timestamp

SERVICE_NAME = "enhanced_prompt_service"
TYPES = {one: pb.InsightType.Value(f"INSIGHT_TYPE_{one.name}") for one in InsightType}
SEVERITIES = {one: pb.Severity.Value(f"SEVERITY_{one.name}") for one in Severity}
STATUSES = {one: pb.InsightStatus.Value(f"INSIGHT_STATUS_{one.name}") for one in InsightStatus}
CHANGES = {one: pb.InsightChange.Value(f"INSIGHT_CHANGE_{one.name}") for one in Change}
VERDICTS = {
    Verdict.NONE: pb.INSIGHT_VERDICT_UNSPECIFIED,
    Verdict.USEFUL: pb.INSIGHT_VERDICT_USEFUL,
    Verdict.FALSE_ALARM: pb.INSIGHT_VERDICT_FALSE_ALARM,
}
TYPE_OF: dict[int, InsightType] = {number: one for one, number in TYPES.items()}
SEVERITY_OF: dict[int, Severity] = {number: one for one, number in SEVERITIES.items()}
STATUS_OF: dict[int, InsightStatus | None] = {0: None} | {
    number: one for one, number in STATUSES.items()
}
VERDICT_OF: dict[int, Verdict] = {number: one for one, number in VERDICTS.items()}
_INT32 = 2**31 - 1


def insight_message(found: Insight) -> pb.Insight:
    """An insight with all that it says."""
    what, note = found.content, found.acknowledgement
    return pb.Insight(
        service_name=SERVICE_NAME,
        timestamp=timestamp(found.updated_at),
        insight_id=found.insight_id,
        insight_type=TYPES[what.type],
        severity=SEVERITIES[what.severity],
        title=what.title,
        message=what.message,
        confidence_score=what.confidence,
        analysis_period=what.analysis_period,
        affected_cameras=what.cameras,
        event_count=min(what.event_count, _INT32),
        suggested_actions=what.suggested_actions,
        priority_level=what.priority or 0,
        evidence=[evidence(one) for one in what.evidence],
        clip_links=what.clip_links,
        related_insights=what.related,
        metadata=struct(what.metadata),
        window=time_range(what.window),
        observed=what.observed,
        expected=what.expected,
        interval=None if what.interval is None else _interval_message(what.interval),
        score=what.score,
        unit=what.unit,
        dedupe_key=what.dedupe_key,
        status=STATUSES[found.status],
        expires_at=None if what.expires_at is None else timestamp(what.expires_at),
        revision=found.revision,
        sites=what.sites,
        zones=what.zones,
        acknowledgement=None if note is None else _acknowledgement(note),
        baseline=[_point_message(one) for one in what.baseline],
        muted_until=None if found.muted_until is None else timestamp(found.muted_until),
        standing_question_id=what.standing_question_id,
        create_time=timestamp(found.created_at),
    )


def revision_message(found: Revision) -> pb.InsightRevision:
    """One entry of the log."""
    return pb.InsightRevision(
        insight=insight_message(found.insight),
        change=CHANGES[found.change],
        position=found.position,
    )


def insight_filter(message: pb.InsightFilter) -> InsightFilter:
    """What is meant; UNSPECIFIED among the types means all."""
    types = frozenset(message.types)
    return InsightFilter(
        types=frozenset() if 0 in types else frozenset(TYPE_OF[one] for one in types),
        min_severity=SEVERITY_OF.get(message.min_severity, Severity.LOW),
        cameras=frozenset(message.cameras),
        sites=frozenset(message.sites),
        include_muted=message.include_muted,
    )


def draft(
    request: insight_service_pb2.PublishInsightRequest,
    *,
    window: Interval,
    severity: Severity,
    restricted: bool,
    dedupe_key: str,
    analysis_period: str,
    found: tuple[Evidence, ...],
) -> InsightDraft:
    """What another detector noticed. Raises InvalidArgument where its numbers make no sense."""
    return InsightDraft(
        type=TYPE_OF[request.insight_type],
        severity=severity,
        title=request.title,
        message=request.message,
        window=window,
        dedupe_key=dedupe_key,
        confidence=request.confidence_score,
        restricted=restricted,
        observed=request.observed if request.HasField("observed") else None,
        expected=request.expected if request.HasField("expected") else None,
        interval=_interval(request.interval, "interval") if request.HasField("interval") else None,
        unit=request.unit,
        score=request.score,
        analysis_period=analysis_period,
        cameras=tuple(request.affected_cameras),
        sites=tuple(request.sites),
        zones=tuple(request.zones),
        event_count=len(frozenset(request.event_ids)),
        evidence=found,
        suggested_actions=tuple(request.suggested_actions),
        related=tuple(request.related_insights),
        baseline=_points(request),
        expires_at=instant(request.expires_at, "expires_at")
        if request.HasField("expires_at")
        else None,
        metadata=MessageToDict(request.metadata),
    )


def window_of(request: insight_service_pb2.PublishInsightRequest) -> Interval:
    """The window, of which both ends must be set."""
    for end in ("start_time", "end_time"):
        if not request.window.HasField(end):
            raise InvalidArgument.of(
                f"window.{end}", "is required", reason=Reason.REQUIRED_FIELD_MISSING
            )
    return interval(request.window, "window")


def _points(request: insight_service_pb2.PublishInsightRequest) -> tuple[BaselinePoint, ...]:
    found: list[BaselinePoint] = []
    for index, one in enumerate(request.baseline):
        path = f"baseline[{index}]"
        point = BaselinePoint(
            instant(one.start_time, f"{path}.start_time"),
            one.observed if one.HasField("observed") else None,
            one.expected if one.HasField("expected") else None,
            _interval(one.interval, f"{path}.interval") if one.HasField("interval") else None,
        )
        if found and point.start <= found[-1].start:
            raise InvalidArgument.of(f"{path}.start_time", "must be later than that before it")
        found.append(point)
    return tuple(found)


def _interval(message: insights_pb2.ExpectedInterval, path: str) -> ExpectedInterval:
    if message.high < message.low:
        raise InvalidArgument.of(f"{path}.high", "must not be below low")
    return ExpectedInterval(message.low, message.high, message.level)


def _interval_message(found: ExpectedInterval) -> pb.ExpectedInterval:
    return pb.ExpectedInterval(low=found.low, high=found.high, level=found.level)


def _point_message(found: BaselinePoint) -> pb.BaselinePoint:
    return pb.BaselinePoint(
        start_time=timestamp(found.start),
        observed=found.observed,
        expected=found.expected,
        interval=None if found.interval is None else _interval_message(found.interval),
    )


def _acknowledgement(found: Acknowledgement) -> pb.Acknowledgement:
    return pb.Acknowledgement(
        user_id=found.user,
        time=timestamp(found.at),
        verdict=VERDICTS[found.verdict],
        note=found.note,
    )
