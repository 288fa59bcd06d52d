"""From findings to an Answer: number first, then how it was understood, then what stands out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import (
    Answer,
    CoverageReport,
    Evidence,
    Fact,
    JsonValue,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.forecasts import Forecast

from .intents import Aspect
from .query import Findings, Query
from .wording.anomaly import compose_anomaly
from .wording.asks import follow_ups, instead
from .wording.common import Said
from .wording.compare import compose_compare
from .wording.health import compose_health
from .wording.prediction import compose_prediction
from .wording.rank import compose_rank
from .wording.single import compose_dwell, compose_one, compose_when
from .wording.text import Text
from .wording.totals import compose_totals
from .wording.trend import compose_trend

HALF_SURE_DAYS = 14.0  # of history, from which a forecast is half sure
UNKNOWN_COVERAGE = 0.5  # of a claim of absence, where no camera ever said when it recorded
ENGINE = "grounded"
_NO_ABSENCE = (QuestionType.HEALTH, QuestionType.PREDICTION)

_COMPOSERS: dict[QuestionType, Callable[[Text, Said], None]] = {
    QuestionType.HEALTH: compose_health,
    QuestionType.RANK: compose_rank,
    QuestionType.TREND: compose_trend,
    QuestionType.COMPARE: compose_compare,
    QuestionType.WHEN: compose_when,
    QuestionType.DWELL: compose_dwell,
    QuestionType.ANOMALY: compose_anomaly,
    QuestionType.PREDICTION: compose_prediction,
}


def compose(query: Query, findings: Findings) -> Answer:
    """The answer to a query. Pure."""
    if query.settled or query.index is None:
        return _settled(query)
    if findings.missing_words:
        return _asked_back(query, findings)
    said = Said(query, findings, ZoneInfo(query.zone))
    text = Text()
    if query.aspect is Aspect.ONE_EVENT:
        compose_one(text, said)
    else:
        _COMPOSERS.get(query.question_type, compose_totals)(text, said)
    if findings.loose:
        text.add(f" Some events have a part of “{query.text}”, none has all of it.")
    _assumed(text, query)
    evidence = _shown(findings)
    shown = {one.event_id for one in evidence}
    score, parts = _confidence(query, findings)
    return Answer(
        response=text.response.strip(),
        response_type=(
            ResponseType.PROACTIVE_INSIGHT if findings.insights else ResponseType.ANSWER
        ),
        confidence_score=score,
        interpretation=query.interpretation,
        evidence=evidence,
        follow_up_questions=follow_ups(said),
        total_matches=findings.total_matches,
        facts=tuple(_once(text.facts)),
        coverage=findings.coverage,
        citations=tuple(one for one in text.citations if one.event_id in shown),
        metadata=_metadata(query, findings, parts),
    )


def _shown(findings: Findings) -> tuple[Evidence, ...]:
    found = list(findings.evidence)
    ids = {one.event_id for one in found}
    found += [one for one in findings.ongoing_evidence if one.event_id not in ids]
    return tuple(found)


def _once(facts: Iterable[Fact]) -> list[Fact]:
    """Each fact once; where one stands in the text and beside it, the one with its text."""
    found: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        key = (fact.name, fact.group)
        if key not in found or (fact.text and not found[key].text):
            found[key] = fact
    return list(found.values())


def _assumed(text: Text, query: Query) -> None:
    """What was taken for granted, where a person would want to know."""
    notes = [note for note in query.assumptions if note.startswith(("read ", "no time"))]
    if notes:
        text.add(f" ({'; '.join(note[0].upper() + note[1:] for note in notes)}.)")


def _settled(query: Query) -> Answer:
    refusal = query.question_type in (
        QuestionType.REFUSE,
        QuestionType.ANOMALY,
        QuestionType.PREDICTION,
    )
    return Answer(
        response=query.notice,
        response_type=ResponseType.ANSWER if refusal else ResponseType.CLARIFICATION,
        confidence_score=min(query.certainty.values(), default=0.5),
        interpretation=query.interpretation,
        follow_up_questions=query.choices,
        metadata={"engine": ENGINE},
    )


def _asked_back(query: Query, findings: Findings) -> Answer:
    """Words that fit nothing that occurs."""
    words = " or ".join(f"“{word}”" for word in findings.missing_words)
    return Answer(
        response=f"Nothing that occurs here fits {words}. What do you mean?",
        response_type=ResponseType.CLARIFICATION,
        confidence_score=0.5,
        interpretation=query.interpretation,
        follow_up_questions=query.choices or instead(Said(query, findings, ZoneInfo(query.zone))),
        metadata={"engine": ENGINE},
    )


# ---- confidence ---------------------------------------------------------------------------------


def _confidence(query: Query, findings: Findings) -> tuple[float, dict[str, float]]:
    """Design 4: min(understanding, names, coverage of a claim of absence) × mean confidence of
    the evidence (1 where there is none)."""
    certainty = dict(query.certainty)
    names = certainty.pop("names", 1.0)
    understanding = 1.0
    for value in certainty.values():
        understanding *= value
    parts = {"understanding": round(understanding, 4), "names": round(names, 4)}
    lowest = min(understanding, names)
    if _claims_absence(query, findings):
        share = _share(findings.coverage)
        parts["coverage"] = round(share, 4)
        lowest = min(lowest, share)
    if isinstance(findings.forecast, Forecast):
        days = findings.forecast.days
        parts["history"] = round(days / (days + HALF_SURE_DAYS), 4)
        lowest = min(lowest, parts["history"])
    known = [one for one in findings.confidences if one is not None]
    mean = sum(known) / len(known) if known and findings.total_matches else 1.0
    parts["evidence"] = round(mean, 4)
    return max(0.0, min(1.0, lowest * mean)), parts


def _claims_absence(query: Query, findings: Findings) -> bool:
    """No event, in a window of which some was recorded. (That nothing was recorded is no claim
    about what happened.)"""
    if query.question_type in _NO_ABSENCE or query.nothing or findings.total_matches:
        return False
    if findings.insights:
        return False
    return findings.coverage is None or findings.coverage.share != 0


def _share(report: CoverageReport | None) -> float:
    if report is None:
        return 1.0
    return UNKNOWN_COVERAGE if report.share is None else min(1.0, report.share)


def _metadata(query: Query, findings: Findings, parts: dict[str, float]) -> dict[str, JsonValue]:
    """What does not fit elsewhere; `selection` is what a follow-up goes on from."""
    selection: dict[str, JsonValue] = {}
    if len(query.windows) > 1:
        selection["windows"] = [
            [one.start.isoformat(), one.end.isoformat()] for one in query.windows
        ]
    if query.event_types and query.labels:
        selection["type_or_label"] = query.type_or_label
    if query.aspect:
        selection["aspect"] = query.aspect.value
    if query.threshold is not None:
        selection["threshold"] = [query.threshold.seconds, query.threshold.kind]
    metadata: dict[str, JsonValue] = {"engine": ENGINE, "confidence_parts": dict(parts)}
    if selection:
        metadata["selection"] = selection
    if findings.insights:
        metadata["insights"] = [one.insight_id for one in findings.insights]
    unknown = sum(1 for one in findings.confidences if one is None)
    if unknown:
        metadata["evidence_without_confidence"] = unknown
    return metadata
