"""Which word begins which phrase; and `scan`, which finds the time phrases of a question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz.distance import OSA

from ..words import Kind, Token
from . import anchored, bounds, days, nearby, portions
from .elements import Phrase
from .lexicon import (
    AROUND,
    FUZZY,
    LEAD,
    MONTHS,
    NUMBERS,
    ORDINALS,
    PARTS,
    PLURAL_WEEKDAYS,
    UNITS,
    WEEKDAYS,
)
from .reading import Words
from .scanner import Handler, Scanner, Tables

_SIMPLE: dict[str, Handler] = {
    **dict.fromkeys(("last", "past", "previous", "preceding"), nearby.last),
    **dict.fromkeys(("this", "current"), nearby.this),
    **dict.fromkeys(("next", "coming", "upcoming", "following"), nearby.next_),
    **dict.fromkeys(("today", "yesterday", "tomorrow", "tonight", "overnight"), days.day_word),
    **dict.fromkeys(WEEKDAYS, days.weekday),
    **dict.fromkeys(PARTS, days.part),
    "weekend": days.week_part,
    "christmas": days.holiday,
    "boxing": days.holiday,
    "new": days.holiday,
    "halloween": days.holiday,
    "small": days.small_hours,
    "wee": days.small_hours,
    "lunch": days.lunch,
}
_COMPLEX: dict[str, Handler] = {
    "between": bounds.between,
    "from": bounds.from_,
    **dict.fromkeys(("since", "starting"), bounds.since),
    **dict.fromkeys(("until", "till", "til"), bounds.until),
    **dict.fromkeys(("before", "prior"), bounds.before),
    "by": bounds.by,
    "after": bounds.after,
    **dict.fromkeys(AROUND, bounds.around),
    **dict.fromkeys(("at", "@"), bounds.at),
    **dict.fromkeys(("weekends", "weekdays", "weekday", "workdays", "workday"), days.week_part),
    **dict.fromkeys(PLURAL_WEEKDAYS, days.plural_weekday),
    **dict.fromkeys(("every", "each"), days.every),
    **dict.fromkeys(
        ("business", "office", "working", "work", "opening", "store", "outside", "out", "off"),
        bounds.business,
    ),
    **dict.fromkeys(
        ("first", "second", "third", "fourth", "latter", "other"), portions.ordinal_part
    ),
    "last": portions.ordinal_part,
    **dict.fromkeys(("start", "beginning", "middle", "end"), portions.thirds),
    **dict.fromkeys(("early", "late", "mid"), portions.shaped),
    **dict.fromkeys(("earlier", "later"), nearby.earlier),
    **dict.fromkeys(("day", "week", "month", "year", "hour", "quarter"), anchored.relative),
    "same": anchored.same,
    **dict.fromkeys(
        ("now", "currently", "right", "just", "presently", "present", "moment"), nearby.now
    ),
    **dict.fromkeys(("recently", "lately", "recent"), nearby.recent),
    "while": nearby.while_ago,
    "moments": nearby.while_ago,
    "so": nearby.so_far,
    "ever": nearby.all_time,
    "all": nearby.all_time_phrase,
}
_TABLES = Tables(_SIMPLE, _COMPLEX)
_KNOWN = frozenset(
    {*_SIMPLE, *_COMPLEX, *MONTHS, *NUMBERS, *ORDINALS, *LEAD, *UNITS, *PARTS, *FUZZY}
)


def scan(
    tokens: Sequence[Token], keep: frozenset[str] = frozenset()
) -> tuple[list[Phrase], list[tuple[str, str]]]:
    """All time phrases of a question, in order, and the typos that were read over.

    Words in `keep` (names of the place) are never taken for a mistyped time word.
    """
    texts: list[str] = []
    corrected: list[tuple[str, str]] = []
    for token in tokens:
        text = token.text
        if token.kind is Kind.WORD and len(text) >= 6 and text not in keep:
            better = _correct(text)
            if better != text:
                corrected.append((text, better))
                text = better
        texts.append(text)
    phrases = Scanner(Words(tokens, texts), _TABLES).phrases()
    taken = {at for phrase in phrases for at in range(phrase.start, phrase.end)}
    used = [pair for pair in corrected if any(tokens[at].text == pair[0] for at in taken)]
    return phrases, used


@lru_cache(maxsize=4096)
def _correct(word: str) -> str:
    """The time word that a word was probably meant to be: one slip, two in long ones."""
    if word in _KNOWN or len(word) > 12:
        return word
    allowed = 2 if len(word) >= 8 else 1
    best, distance = word, allowed + 1
    for candidate in FUZZY:
        if abs(len(candidate) - len(word)) <= allowed and candidate[0] == word[0]:
            found = OSA.distance(word, candidate, score_cutoff=distance - 1)
            if found < distance:
                best, distance = candidate, found
    return best
