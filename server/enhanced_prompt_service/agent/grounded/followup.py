"""What a question takes over from the conversation before it.

A follow-up says only what is new ("and camera 4?", "only vehicles", "the day before"); the rest
comes from the newest answer that was about events. What it says replaces what was there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from enhanced_prompt_service.domain.answers import (
    Evidence,
    Interpretation,
    PromptResponse,
    QuestionType,
)
from enhanced_prompt_service.domain.events import GroupBy
from enhanced_prompt_service.domain.times import Interval, RecurringMask

from .intents import Aspect
from .question import Question
from .words import without_manners, word_set

_MARKER = re.compile(
    r"^(?:and|but|also|or|then|only|just|same|the same|what about|how about|now|ok|okay|so|again|"
    r"at .* only|in .* only|on .* only|instead|exclude|excluding|without|except)\b|"
    r"\bonly$|\binstead$"
)
_ANAPHORA = re.compile(
    r"\b(?:there|that|those|them|these|it|they|that camera|that day|same|of which|the others?|"
    r"the (?:first|last|second|third|latest|next) (?:one|time)|the rest|(?:first|last) one)\b"
)
_ORDINAL = {
    word: number
    for number, words in enumerate(
        (
            ("first", "1st", "one"),
            ("second", "2nd", "two"),
            ("third", "3rd", "three"),
            ("fourth", "4th", "four"),
            ("fifth", "5th", "five"),
            ("sixth", "6th", "six"),
            ("seventh", "7th", "seven"),
            ("eighth", "8th", "eight"),
            ("ninth", "9th", "nine"),
            ("tenth", "10th", "ten"),
        ),
        1,
    )
    for word in words
}
_ONE_EVENT = re.compile(
    r"\b(?:about|show(?: me)?|open|play|more on|details? (?:of|on|about)|describe|explain|see|on)\b"
    r".*?\b(?:(?:the )?(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|"
    r"\d{1,2}(?:st|nd|rd|th)) (?:one|event|clip|result|match|item|hit|entry)|"
    r"(?:number|event|result|item|match|no|clip) (?:number )?(\d{1,2}|one|two|three|four|five|six|"
    r"seven|eight|nine|ten)|(that one|this one|that event))\b"
)
_CLIPS = re.compile(
    r"\b(?:clips?|footage|videos?|evidence|recordings?|pictures?|snapshots?|images?|them|events)\b"
)
_EDGE = re.compile(r"\b(first|earliest|last|latest|newest)(?: (?:one|time|event))?$")
_NEXT = re.compile(
    r"^(?:and |so )?(?:then|what happened (?:next|then|after(?:wards?)?)|next|after that|and after|"
    r"what (?:came|happened) (?:next|after that)|afterwards?|and next)$"
)
_BEFORE = re.compile(r"^(?:and |what happened |what about )?(?:before that|just before|before)$")


_WHOLE = word_set(
    """happened happen happening happens events event activity cameras camera anything everything
    summary summarise summarize recap overview report going busy busier busiest quiet quietest
    sites site zones detect recorded offline online"""
)
_PLURAL_KEY = re.compile(
    r"^(?:and )?(?:which|what|by|on which|in which|at which) (?:\w+ )?"
    r"(types?|kinds?|cameras?|zones?|sites?|hours?|days?|labels?)(?: of (?:events?|them))?$"
)


@dataclass(frozen=True, slots=True)
class Previous:
    """The newest answer that a question can go on from."""

    how: Interpretation
    evidence: tuple[Evidence, ...]
    windows: tuple[Interval, ...]
    type_or_label: bool
    aspect: Aspect
    threshold: tuple[float, str] | None
    query: str
    top: str = ""  # the first group of its ranking
    earlier: Interpretation | None = None  # of the answer before it

    @property
    def mask(self) -> RecurringMask | None:
        """Its recurring mask."""
        return self.how.recurring


def previous(history: Sequence[PromptResponse]) -> Previous | None:
    """What the conversation was about; None where nothing can be gone on from."""
    found: Previous | None = None
    for response in reversed(history):
        how = response.answer.interpretation
        if how.question_type in (
            QuestionType.CLARIFY,
            QuestionType.REFUSE,
            QuestionType.ANOMALY,
            QuestionType.PREDICTION,
        ):
            continue
        metadata = response.answer.metadata
        kept = metadata.get("selection")
        kept = kept if isinstance(kept, dict) else {}
        if found is not None:
            return replace(found, earlier=how)
        ranked = [
            fact.group
            for fact in response.answer.facts
            if fact.group and fact.name in ("events_by_camera", "events_by_site")
        ]
        found = Previous(
            how=how,
            evidence=response.answer.evidence,
            windows=_windows(kept.get("windows")) or ((how.time_range,) if how.time_range else ()),
            type_or_label=bool(kept.get("type_or_label", how.event_types and how.labels)),
            aspect=_aspect(kept.get("aspect")),
            threshold=_threshold(kept.get("threshold")),
            query=response.query,
            top=ranked[0] if ranked and how.question_type is QuestionType.RANK else "",
        )
    return found


def _windows(kept: object) -> tuple[Interval, ...]:
    if not isinstance(kept, list):
        return ()
    try:
        return tuple(
            Interval(datetime.fromisoformat(start), datetime.fromisoformat(end))
            for start, end in cast("list[list[str]]", kept)
        )
    except (ValueError, TypeError, IndexError):
        return ()


def _aspect(kept: object) -> Aspect:
    try:
        return Aspect(str(kept or ""))
    except ValueError:
        return Aspect.NONE


def _threshold(kept: object) -> tuple[float, str] | None:
    if not isinstance(kept, list):
        return None
    values = cast("list[object]", kept)
    if len(values) != 2:
        return None
    seconds, kind = values
    if isinstance(seconds, int | float) and isinstance(kind, str):
        return float(seconds), kind
    return None


def group_of(how: Interpretation) -> GroupBy | None:
    """What an answer was grouped by."""
    try:
        return GroupBy(how.group_by) if how.group_by else None
    except ValueError:
        return None


def spoken(question: Question) -> str:
    """The question's words, lower case, without marks and manners."""
    words = (text for text in question.texts[:60] if text and text[0].isalnum())
    return without_manners(" ".join(words))


def marked(question: Question) -> bool:
    """Whether the words themselves point back."""
    text = spoken(question)
    return bool(_MARKER.search(text) or _ANAPHORA.search(text))


def is_follow_up(question: Question, *, names_places: bool) -> bool:
    """Whether a question goes on from the answer before it.

    It points back ("and …", "of those"), or it says neither when nor where. What is about the
    cameras themselves stands alone.
    """
    if question.intent.type is QuestionType.HEALTH and not _MARKER.search(spoken(question)):
        return False
    words = spoken(question).split()
    if _MARKER.search(" ".join(words)):
        return True
    if _ANAPHORA.search(" ".join(words)):
        existential = re.search(r"\b(?:is|are|was|were|been|be) there\b|\bthere (?:is|are|was|were|"
                                r"any|been)\b", " ".join(words))  # fmt: skip
        other = re.sub(r"\bthere\b", "", " ".join(words)) if existential else " ".join(words)
        complete = question.has_time and names_places
        if _ANAPHORA.search(other) and not complete:
            return True
    if re.search(r"\b(?:ever|overall|altogether|all time|so far|any site)\b", " ".join(words)):
        return False
    if question.has_time and names_places:
        return False
    fragment = not question.intent.explicit and len(words) <= 6
    bare = question.chosen.pairs is None and not question.unknown and not names_places
    if bare and len(words) <= 8 and not _WHOLE.intersection(words):
        return True
    nothing_said = not question.has_time and not names_places and len(words) <= 8
    return fragment or nothing_said


def one_event(question: Question) -> int | None:
    """Which piece of evidence is asked about: 1 is the first, -1 the last; None for none."""
    found = _ONE_EVENT.search(spoken(question))
    if found is None or question.has_time:
        return None
    said = found.group(1) or found.group(2)
    if said is None:
        return 1
    if said == "last":
        return -1
    if said[0].isdigit():
        return int(said.rstrip("stndrh"))
    return _ORDINAL.get(said, 1)


def wants_clips(question: Question) -> bool:
    """ "show me the clips"."""
    text = spoken(question)
    return bool(
        re.search(r"\b(?:show|see|play|watch|give|open|view|pull|list|let)\b", text)
        and _CLIPS.search(text)
    )


def wants_edge(question: Question) -> Aspect:
    """ "and the first?", "the last one": which edge, or NONE."""
    found = re.search(
        r"\b(first|earliest|last|latest|newest)(?: (?:one|time|event))?$", spoken(question)
    )
    if found is None:
        return Aspect.NONE
    return Aspect.FIRST if found.group(1) in ("first", "earliest") else Aspect.LAST


def wants_place(question: Question) -> bool:
    """ "where?", "which camera?"."""
    return bool(re.search(r"^(?:and )?(?:where|which cameras?|on which camera|at which camera)"
                          r"(?: was (?:it|that)| were they)?$", spoken(question)))  # fmt: skip


def wants_groups(question: Question) -> GroupBy | None:
    """ "which types?", "by camera": what the same events are to be counted by."""
    found = _PLURAL_KEY.search(spoken(question))
    if found is None:
        return None
    return {
        "type": GroupBy.EVENT_TYPE,
        "kind": GroupBy.EVENT_TYPE,
        "camera": GroupBy.CAMERA,
        "zone": GroupBy.ZONE,
        "site": GroupBy.SITE,
        "hour": GroupBy.LOCAL_HOUR,
        "day": GroupBy.LOCAL_DATE,
        "label": GroupBy.LABEL,
    }[found.group(1).removesuffix("s")]


def means_the_first(question: Question) -> bool:
    """ "what did it see?" behind a ranking: what stood first there."""
    return bool(re.search(r"\b(?:it|that one|that camera|that site|there)\b", spoken(question)))


def means_both(question: Question) -> bool:
    """ "compare the two"."""
    return bool(re.search(r"\b(?:the two|both|them|those two|these two)\b", spoken(question)))


def wants_next(question: Question) -> int:
    """1 for "and then?", -1 for "before that?", 0 for neither."""
    text = spoken(question)
    if _NEXT.search(text):
        return 1
    return -1 if _BEFORE.search(text) else 0
