"""The two sides of a comparison: which time phrases belong to which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .question import Question
from .timegrammar import Phrase
from .timegrammar.elements import ClockPoint, ClockRange, Day, Element, Period, Range, Weekend

_PIVOTS = frozenset(
    {"than", "with", "to", "versus", "vs", "against", "and", "or", "from", "compare", "compared"}
)


def split_times(question: Question) -> tuple[list[Phrase], list[Phrase]] | None:
    """The time phrases of both sides; None when there are no two sides in time.

    The second side stands behind the last pivot ("than", "with", "or", …) that has phrases on
    both sides of it. A clock range that only one side has holds for both.
    """
    phrases = question.phrases
    if len(phrases) == 1:
        return _between(phrases[0], question)
    if not phrases:
        return None
    for number in range(len(phrases) - 1, 0, -1):
        between = question.texts[phrases[number - 1].end : phrases[number].start]
        if not any(text in _PIVOTS for text in between):
            continue
        one, two = list(phrases[:number]), list(phrases[number:])
        if _only_clock(one) or _only_clock(two):
            continue
        return _shared(one, two)
    return None


def _between(phrase: Phrase, question: Question) -> tuple[list[Phrase], list[Phrase]] | None:
    """ "the difference between March 7 and March 9": the ends of the range are the sides."""
    match phrase.elements:
        case (Range(start=start, end=end),) if question.texts[phrase.start] == "between":
            return [replace(phrase, elements=start)], [replace(phrase, elements=end)]
        case _:
            return None


def behind_than(question: Question) -> bool:
    """Whether the only time stands behind "than" or "with": "busier than yesterday"."""
    if len(question.phrases) != 1:
        return False
    before = question.texts[: question.phrases[0].start]
    return any(text in ("than", "with", "to", "versus", "vs", "against") for text in before[-1:])


def running(phrases: Sequence[Phrase]) -> list[Phrase]:
    """What "now" is to a past window that something is compared with: today to yesterday, this
    week to last week, else today."""
    for phrase in phrases:
        for element in phrase.elements:
            if isinstance(element, Period):
                return [Phrase((Period(element.unit, 0),), phrase.start, phrase.end)]
            if isinstance(element, Weekend):
                return [Phrase((Weekend("this"),), phrase.start, phrase.end)]
            if isinstance(element, Day) and len(phrase.elements) > 1:
                return [replace(phrase, elements=(Day(0), *phrase.elements[1:]), joined=False)]
    first = phrases[0]
    return [Phrase((Day(0),), first.start, first.end)]


def _only_clock(phrases: Sequence[Phrase]) -> bool:
    return all(
        isinstance(element, ClockPoint | ClockRange)
        for phrase in phrases
        for element in phrase.elements
    )


def _clocks(phrases: Sequence[Phrase]) -> tuple[Element, ...]:
    return tuple(
        element
        for phrase in phrases
        for element in phrase.elements
        if isinstance(element, ClockPoint | ClockRange)
    )


def _shared(one: list[Phrase], two: list[Phrase]) -> tuple[list[Phrase], list[Phrase]]:
    first, second = _clocks(one), _clocks(two)
    if first and not second:
        two[-1] = replace(two[-1], elements=(*two[-1].elements, *first))
    elif second and not first:
        one[-1] = replace(one[-1], elements=(*one[-1].elements, *second))
    two[0] = replace(two[0], joined=False)
    return one, two
