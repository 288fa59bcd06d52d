"""Insights: requests from keyword arguments, and a subscription that goes on by itself for ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ._following import Following
from ._options import Retry
from ._requests import time_range
from .v1.insight_service_pb2 import (
    AcknowledgeInsightsRequest,
    InsightChanges,
    ListInsightsRequest,
    MuteInsightsRequest,
    SubscribeInsightsRequest,
    SubscribeInsightsResponse,
)
from .v1.insights_pb2 import (
    Insight,
    InsightChange,
    InsightFilter,
    InsightStatus,
    InsightType,
    InsightVerdict,
    Severity,
)

InsightTypeName = Literal["activity_spike", "camera_performance", "security_anomaly", "prediction"]
SeverityName = Literal["low", "medium", "high", "critical"]
StatusName = Literal["open", "acknowledged", "resolved"]
VerdictName = Literal["useful", "false_alarm"]
ChangeName = Literal["created", "grew", "acknowledged", "muted", "resolved"]


class InsightSelection(TypedDict, total=False):
    """Which insights are meant; what is not given narrows nothing."""

    types: Sequence[InsightTypeName]
    """Only these kinds."""

    min_severity: SeverityName
    """Nothing milder."""

    cameras: Sequence[str]
    """One of these camera ids must be affected."""

    sites: Sequence[str]
    """One of these site ids must be affected."""

    include_muted: bool
    """Also those whose dedupe_key is muted."""


@dataclass(frozen=True, slots=True)
class InsightUpdate:
    """One entry of the log of insights: the insight as it is since then.

    `change` is "" where a newer server made a change that this version does not know.
    `resume_token` is the place after it: kept in the same commit as what was done with the entry,
    it gives each entry exactly once. `position` rises with each entry, and is 0 for callers who may
    see only some cameras.
    """

    insight: Insight
    change: ChangeName | Literal[""]
    position: int
    resume_token: str


_CHANGES: dict[int, ChangeName] = {
    InsightChange.INSIGHT_CHANGE_CREATED: "created",
    InsightChange.INSIGHT_CHANGE_GREW: "grew",
    InsightChange.INSIGHT_CHANGE_ACKNOWLEDGED: "acknowledged",
    InsightChange.INSIGHT_CHANGE_MUTED: "muted",
    InsightChange.INSIGHT_CHANGE_RESOLVED: "resolved",
}


class InsightFlow(Following):
    """Where a subscription stands, without any input or output.

    `request` goes on behind the last message that was taken.
    """

    def __init__(self, request: SubscribeInsightsRequest, retry: Retry, reattach: Retry) -> None:
        super().__init__(retry, reattach, patient=bool(request.resume_token))
        self.request = request
        self._settled = request.resume_token

    def take(self, message: SubscribeInsightsResponse) -> InsightUpdate | None:
        """Note a message; the entry in it, if it holds one."""
        self.heard()
        self.request.resume_token = message.resume_token
        if not message.HasField("revision"):
            return None
        revision = message.revision
        return InsightUpdate(
            revision.insight,
            _CHANGES.get(revision.change, ""),
            revision.position,
            message.resume_token,
        )

    def settle(self, resume_token: str) -> bool:
        """Everything up to a token was dealt with; whether that is news."""
        news, self._settled = resume_token != self._settled, resume_token
        return news


def insight_filter(chosen: InsightSelection) -> InsightFilter:
    """The filter of a request."""
    severity = chosen.get("min_severity", "unspecified")
    return InsightFilter(
        types=[InsightType.Value(f"INSIGHT_TYPE_{one.upper()}") for one in chosen.get("types", ())],
        min_severity=Severity.Value(f"SEVERITY_{severity.upper()}"),
        cameras=chosen.get("cameras", ()),
        sites=chosen.get("sites", ()),
        include_muted=chosen.get("include_muted", False),
    )


def subscribe_request(
    chosen: InsightSelection,
    *,
    resume_token: str,
    since: datetime | None,
    subscription_id: str,
    first_only: bool,
) -> SubscribeInsightsRequest:
    """Where to begin and what to stream. Raises ValueError for more than one beginning."""
    if sum([bool(resume_token), since is not None, bool(subscription_id)]) > 1:
        raise ValueError("begin at resume_token, since or subscription_id: one of them")
    request = SubscribeInsightsRequest(
        filter=insight_filter(chosen),
        changes=InsightChanges.INSIGHT_CHANGES_FIRST
        if first_only
        else InsightChanges.INSIGHT_CHANGES_ALL,
    )
    if resume_token:
        request.resume_token = resume_token
    elif since is not None:
        request.start_time.CopyFrom(_instant(since))
    elif subscription_id:
        request.subscription_id = subscription_id
    return request


def list_insights_request(
    chosen: InsightSelection,
    *,
    status: StatusName | None,
    since: datetime | None,
    until: datetime | None,
    page_size: int,
) -> ListInsightsRequest:
    """A page of insights whose window overlaps a range."""
    return ListInsightsRequest(
        filter=insight_filter(chosen),
        status=InsightStatus.Value(f"INSIGHT_STATUS_{(status or 'unspecified').upper()}"),
        window_range=time_range(since, until),
        page_size=page_size,
    )


def acknowledge_request(
    insight_ids: Iterable[str], verdict: VerdictName | None, note: str
) -> AcknowledgeInsightsRequest:
    """An operator's note."""
    return AcknowledgeInsightsRequest(
        insight_ids=insight_ids,
        verdict=InsightVerdict.Value(f"INSIGHT_VERDICT_{(verdict or 'unspecified').upper()}"),
        note=note,
    )


def mute_request(dedupe_key: str, duration: timedelta | None, note: str) -> MuteInsightsRequest:
    """Silence a key; no duration lifts the mute."""
    request = MuteInsightsRequest(dedupe_key=dedupe_key, note=note)
    if duration is not None:
        span = Duration()
        span.FromTimedelta(duration)
        request.duration.CopyFrom(span)
    return request


def _instant(at: datetime) -> Timestamp:
    found = time_range(at, None)
    assert found is not None
    return found.start_time
