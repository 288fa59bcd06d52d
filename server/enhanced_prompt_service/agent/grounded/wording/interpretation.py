"""How a question was understood: as data, and in one sentence that a person can check."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Interpretation, QuestionType

from ..clarify import plain_name
from ..intents import Aspect
from .times import say_length, say_mask, say_window

if TYPE_CHECKING:
    from ..query import Query

_HEADS = {
    QuestionType.RECAP: "Recap of",
    QuestionType.COUNT: "Count of",
    QuestionType.EXISTENCE: "Whether there were",
    QuestionType.WHEN: "When there were",
    QuestionType.RANK: "Ranking by",
    QuestionType.COMPARE: "Comparison of",
    QuestionType.TREND: "Course of",
    QuestionType.DWELL: "Duration of",
    QuestionType.SEARCH: "Search for",
    QuestionType.RECURRING: "Recurring",
    QuestionType.MOMENT: "What was going on, of",
    QuestionType.HEALTH: "The cameras themselves",
    QuestionType.PREDICTION: "Forecast of",
    QuestionType.ANOMALY: "What is out of the ordinary among",
}
_GROUPS = {
    "camera_id": "camera",
    "site": "site",
    "zone": "zone",
    "event_type": "event type",
    "label": "label",
    "local_hour": "hour",
    "local_date": "day",
    "hour_of_day": "hour of the day",
    "weekday": "weekday",
}


def interpreted(query: Query) -> Interpretation:
    """The interpretation of a query."""
    order = ""
    if query.question_type is QuestionType.RANK:
        order = "ascending" if query.aspect in (Aspect.LEAST, Aspect.QUIET) else "descending"
    elif query.aspect in (Aspect.FIRST, Aspect.LAST, Aspect.LONGEST):
        order = {"first": "oldest", "last": "newest", "longest": "longest"}[query.aspect.value]
    return Interpretation(
        question_type=query.question_type,
        time_range=query.time_range,
        comparison_range=query.other,
        time_zone=query.zone,
        recurring=query.mask,
        cameras=tuple(sorted(query.cameras or ())),
        sites=tuple(sorted(query.sites or ())),
        zones=tuple(sorted(query.zones or ())),
        event_types=tuple(sorted(query.event_types or ())),
        labels=tuple(sorted(query.labels or ())),
        text=query.text,
        min_confidence=query.min_confidence,
        group_by=query.group_by.value if query.group_by is not None else "",
        order=order,
        limit=query.limit,
        assumptions=query.assumptions,
        rendered=_rendered(query),
    )


def _rendered(query: Query) -> str:
    head = _HEADS.get(query.question_type)
    if head is None or query.index is None or query.settled:
        return f"Not understood as a question about events. {query.notice}".strip()
    if query.question_type is QuestionType.HEALTH:
        parts = [head]
    else:
        parts = [head]
        if query.question_type is QuestionType.RANK and query.group_by is not None:
            parts.append(f"{_GROUPS[query.group_by.value]}, of")
        parts.append(events_of(query))
        if query.question_type is QuestionType.TREND and query.group_by is not None:
            parts.append(f"by {_GROUPS[query.group_by.value]}")
    where = places_of(query)
    if where:
        parts.append(where)
    zone = ZoneInfo(query.zone)
    when = ", ".join(say_window(one, zone) for one in query.windows[:3])
    if len(query.windows) > 3:
        when += " and later"
    sentence = " ".join(parts)
    if query.mask is not None:
        when = f"{when}, {say_mask(query.mask)}" if when else say_mask(query.mask)
    if query.other is not None:
        when += f", compared with {say_window(query.other, zone)}"
    if when:
        sentence += f"; {when} ({query.zone})"
    elif query.question_type is not QuestionType.HEALTH:
        sentence += "; all that was recorded"
    return sentence + "."


def events_of(query: Query) -> str:
    """ "person events", "events"; with the text that they must hold."""
    noun = f"{query.subject} events" if query.subject else "events"
    if query.text:
        noun += f" with “{query.text}”"
    if query.threshold is not None:
        noun += f" lasting {query.threshold.kind} {say_length(query.threshold.seconds)}"
    return noun


def places_of(query: Query, *, most: int = 3) -> str:
    """ "at School camera G330", "at Bus station", "in zone Dock Bay"; "" for everywhere."""
    index = query.known_index
    parts: list[str] = []
    if query.zones:
        parts.append(f"in {_names([index.zone_name(one) for one in sorted(query.zones)], most)}")
    if query.cameras:
        names = [plain_name(index.camera_name(one)) for one in sorted(query.cameras)]
        parts.append(f"at {_names(names, most)}")
    if query.sites:
        names = [plain_name(index.site_name(one)) for one in sorted(query.sites)]
        parts.append(f"at {_names(names, most)}")
    return " ".join(parts)


def _names(names: list[str], most: int) -> str:
    if len(names) > most:
        return f"{', '.join(names[:most])} and others"
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
