"""Sums of a period."""

from __future__ import annotations

from enhanced_prompt.v1 import history_service_pb2 as pb

from ...domain.analytics import Bucket, PromptAnalytics, PromptTotals
from .times import time_range

BUCKETS: dict[int, Bucket | None] = {0: None} | {
    pb.AnalyticsBucket.Value(f"ANALYTICS_BUCKET_{one.name}"): one for one in Bucket
}


def analytics_message(found: PromptAnalytics) -> pb.GetPromptAnalyticsResponse:
    """A period beside the one before it."""
    return pb.GetPromptAnalyticsResponse(
        time_range=time_range(found.period),
        totals=totals_message(found.totals),
        previous_totals=totals_message(found.previous),
        points=[
            pb.PromptAnalyticsPoint(time_range=time_range(when), totals=totals_message(totals))
            for when, totals in found.points
        ],
        top_cameras=[pb.NamedCount(name=name, count=count) for name, count in found.top_cameras],
        top_topics=[pb.NamedCount(name=name, count=count) for name, count in found.top_topics],
    )


def totals_message(found: PromptTotals) -> pb.PromptTotals:
    """Averages stay unset where there is nothing to average."""
    return pb.PromptTotals(
        responses=found.responses,
        answers=found.answers,
        clarifications=found.clarifications,
        proactive_insights=found.proactive_insights,
        failed_turns=found.failed_turns,
        cancelled_turns=found.cancelled_turns,
        conversations=found.conversations,
        users=found.users,
        average_confidence=found.average_confidence,
        average_processing_time_ms=found.average_processing_time_ms,
        p95_processing_time_ms=found.p95_processing_time_ms,
        evidence_items=found.evidence_items,
    )
