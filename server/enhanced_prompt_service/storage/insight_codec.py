"""Insights as JSON text, and back; as in `codec`, nothing is lost."""

from __future__ import annotations

import json
from typing import Any, cast

from ..domain.insights import (
    Acknowledgement,
    BaselinePoint,
    Change,
    ExpectedInterval,
    Insight,
    InsightDraft,
    InsightStatus,
    InsightType,
    Revision,
    Seen,
    Severity,
    Verdict,
)
from ..domain.times import Interval
from . import codec
from .instants import from_us, to_us

Document = dict[str, Any]


def dump_content(content: InsightDraft) -> str:
    """What an insight says."""
    return codec.dump(_content(content))


def load_content(text: str) -> InsightDraft:
    """The content that `dump_content` wrote."""
    return _read_content(json.loads(text))


def dump_seen(seen: Seen | None) -> str | None:
    """What an earlier revision said; None for none."""
    return None if seen is None else codec.dump(_seen(seen))


def load_seen(text: str | None) -> Seen | None:
    """What `dump_seen` wrote."""
    return None if text is None else _read_seen(json.loads(text))


def dump_revision(insight: Insight, before: Seen | None, heard: Seen | None) -> str:
    """An entry of the log: the whole insight as it was then."""
    note = insight.acknowledgement
    return codec.dump(
        {
            "insight_id": insight.insight_id,
            "content": _content(insight.content),
            "status": insight.status.value,
            "revision": insight.revision,
            "created_at": to_us(insight.created_at),
            "updated_at": to_us(insight.updated_at),
            "acknowledgement": None
            if note is None
            else [note.user, to_us(note.at), note.verdict.value, note.note],
            "muted_until": None if insight.muted_until is None else to_us(insight.muted_until),
            "before": None if before is None else _seen(before),
            "heard": None if heard is None else _seen(heard),
        }
    )


def load_revision(position: int, change: str, text: str) -> Revision:
    """The entry that `dump_revision` wrote."""
    raw = cast(Document, json.loads(text))
    note, muted = raw["acknowledgement"], raw["muted_until"]
    return Revision(
        position=position,
        change=Change(change),
        insight=Insight(
            insight_id=raw["insight_id"],
            content=_read_content(raw["content"]),
            status=InsightStatus(raw["status"]),
            revision=raw["revision"],
            created_at=from_us(raw["created_at"]),
            updated_at=from_us(raw["updated_at"]),
            acknowledgement=None
            if note is None
            else Acknowledgement(note[0], from_us(note[1]), Verdict(note[2]), note[3]),
            muted_until=None if muted is None else from_us(muted),
        ),
        before=None if raw["before"] is None else _read_seen(raw["before"]),
        heard=None if raw["heard"] is None else _read_seen(raw["heard"]),
    )


def _content(what: InsightDraft) -> Document:
    document: Document = {
        "type": what.type.value,
        "severity": int(what.severity),
        "title": what.title,
        "message": what.message,
        "window": codec.interval(what.window),
        "dedupe_key": what.dedupe_key,
        "confidence": what.confidence,
        "priority": what.priority,
        "restricted": what.restricted,
        "observed": what.observed,
        "expected": what.expected,
        "interval": None if what.interval is None else _interval(what.interval),
        "unit": what.unit,
        "score": what.score,
        "analysis_period": what.analysis_period,
        "cameras": list(what.cameras),
        "sites": list(what.sites),
        "zones": list(what.zones),
        "event_count": what.event_count,
        "evidence": [codec.evidence(one) for one in what.evidence],
        "suggested_actions": list(what.suggested_actions),
        "related": list(what.related),
        "baseline": [
            [
                to_us(one.start),
                one.observed,
                one.expected,
                None if one.interval is None else _interval(one.interval),
            ]
            for one in what.baseline
        ],
        "expires_at": None if what.expires_at is None else to_us(what.expires_at),
        "standing_question_id": what.standing_question_id,
        "metadata": dict(what.metadata),
    }
    return {name: value for name, value in document.items() if value not in (None, "", [], {})}


def _read_content(raw: Document) -> InsightDraft:
    return codec.build(
        InsightDraft,
        {"title": "", "message": "", "dedupe_key": ""} | raw,
        window=lambda ends: Interval(from_us(ends[0]), from_us(ends[1])),
        type=InsightType,
        severity=Severity,
        interval=_read_interval,
        **dict.fromkeys(("cameras", "sites", "zones", "suggested_actions", "related"), tuple),
        evidence=lambda all_: tuple(codec.read_evidence(one) for one in all_),
        baseline=lambda all_: tuple(_read_point(one) for one in all_),
        expires_at=from_us,
    )


def _interval(value: ExpectedInterval) -> list[float]:
    return [value.low, value.high, value.level]


def _read_interval(raw: list[float]) -> ExpectedInterval:
    return ExpectedInterval(*raw)


def _read_point(raw: list[Any]) -> BaselinePoint:
    interval = None if raw[3] is None else _read_interval(raw[3])
    return BaselinePoint(from_us(raw[0]), raw[1], raw[2], interval)


def _seen(seen: Seen) -> list[int]:
    return [int(seen.severity), seen.cameras, seen.sites]


def _read_seen(raw: list[int]) -> Seen:
    return Seen(Severity(raw[0]), raw[1], raw[2])
