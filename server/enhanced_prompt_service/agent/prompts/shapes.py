"""Questions alike: understood the same but for their places and times, whatever their words.

"How many people at the gate today?" and the "and camera 4?" that goes on from it have one shape.
"""

from __future__ import annotations

from dataclasses import dataclass

from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
)

from .reading import Setting

_NEVER = frozenset({QuestionType.CLARIFY, QuestionType.REFUSE})


@dataclass(frozen=True, slots=True)
class Asked:
    """One answered question: its shape, and what stood in its slots."""

    query: str
    shape: tuple[object, ...]
    places: tuple[tuple[str, ...], ...]
    times: tuple[object, ...]
    offered: bool = False


def asked(query: str, answer: Answer) -> Asked | None:
    """How a question was understood; None for what is no basis of a template."""
    how = answer.interpretation
    if answer.response_type is not ResponseType.ANSWER or how.question_type in _NEVER:
        return None
    kept = answer.metadata.get("selection")
    kept = kept if isinstance(kept, dict) else {}
    shape = (
        *(how.question_type, how.event_types, how.labels, how.text, how.min_confidence),
        *(how.group_by, how.order, how.limit, how.comparison_range is None),
        *(str(kept.get("aspect")), str(kept.get("threshold")), str(kept.get("type_or_label"))),
    )
    return Asked(
        query,
        shape,
        (how.cameras, how.sites, how.zones),
        (*_time_of(how), how.recurring),
        bool(answer.template_suggestions),
    )


def _time_of(how: Interpretation) -> tuple[object, ...]:
    found: list[object] = []
    for window in (how.time_range, how.comparison_range):
        running = any("ends now" in one or "no time was named" in one for one in how.assumptions)
        found += (
            (None, None)
            if window is None
            else (
                window.start,
                None if running else window.end,
            )
        )
    return tuple(found)


def stands_alone(one: Asked, setting: Setting) -> bool:
    """Whether the words say it all, without the conversation."""
    query = setting.understood(one.query)
    how = query.interpretation
    return not query.settled and (
        (how.cameras, how.sites, how.zones) == one.places
        and (how.question_type, how.event_types, how.labels) == one.shape[:3]
    )
