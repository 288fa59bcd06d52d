"""Words of free text: what the text index holds, and what a search asks it for.

Both databases get the same words, made here (lower case, no accents, letters and digits only), so
that no text of a user reaches a query language, and both search alike: English stems (porter;
PostgreSQL's `english`), stop words ignored in searches.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations

MOST_TERMS = 32
"""A search reads the first so many different words of its text."""
_LONGEST_WORD = 64
_MOST_GROUPS = 5
"""More of them would make expressions of hundreds of words, each of which is read anew."""

_WORD = re.compile(r"[^\W_]+")

# The stop words of the Snowball project, as PostgreSQL's english configuration drops them.
_STOP_WORDS = (
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself "
    "she her hers herself it its itself they them their theirs themselves what which who whom "
    "this that these those am is are was were be been being have has had having do does did doing "
    "a an the and but if or because as until while of at by for with about against between into "
    "through during before after above below to from up down in out on off over under again "
    "further then once here there when where why how all any both each few more most other some "
    "such no nor not only own same so than too very s t can will just don should now"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())


def words(text: str) -> list[str]:
    """The words of a text in order: lower case, without accents, at most 64 characters each."""
    if not text.isascii():
        text = "".join(
            one
            for one in unicodedata.normalize("NFKD", text.casefold())
            if not unicodedata.combining(one)
        )
    return [one[:_LONGEST_WORD] for one in _WORD.findall(text.lower())]


def word_spans(text: str) -> list[tuple[str, int, int]]:
    """The same words, each with its place in the text: code points, half-open."""
    letters: list[str] = []
    places: list[int] = []
    for place, one in enumerate(text):
        plain = one.lower() if one.isascii() else unicodedata.normalize("NFKD", one.casefold())
        for letter in plain:
            if letter.isascii() or not unicodedata.combining(letter):
                letters.append(letter)
                places.append(place)
    lowered = "".join(letters).lower()
    if len(lowered) != len(letters):  # no letter is known that does this after the steps above
        lowered = "".join(letters)
    return [
        (found[0][:_LONGEST_WORD], places[found.start()], places[found.end() - 1] + 1)
        for found in _WORD.finditer(lowered)
    ]


def terms(text: str) -> tuple[str, ...]:
    """What a search for this text looks for: its different words without stop words, at most 32."""
    found = dict.fromkeys(one for one in words(text) if one not in STOP_WORDS)
    return tuple(found)[:MOST_TERMS]


def fts5_query(found: tuple[str, ...], *, every: bool) -> str:
    """An FTS5 expression for events with every term, or with any."""
    return (" AND " if every else " OR ").join(f'"{one}"' for one in found)


def fts5_tiers(found: tuple[str, ...]) -> list[str]:
    """FTS5 expressions for texts with any term, those with most terms first; no text is in two.

    Beyond five, terms are dealt to five groups, and it counts of how many a text has a term. For
    texts of which none has every term.
    """
    groups = [
        "(" + " OR ".join(f'"{one}"' for one in found[first::_MOST_GROUPS]) + ")"
        for first in range(min(len(found), _MOST_GROUPS))
    ]
    most = len(groups) if len(found) > _MOST_GROUPS else max(len(groups) - 1, 1)
    tiers: list[str] = []
    better = ""
    for count in range(most, 0, -1):
        some = " OR ".join(f"({' AND '.join(one)})" for one in combinations(groups, count))
        tiers.append(f"({some}) NOT ({better})" if better else some)
        better = some
    return tiers


def tsquery(found: tuple[str, ...], *, every: bool) -> str:
    """The same for PostgreSQL's to_tsquery."""
    return (" & " if every else " | ").join(f"'{one}'" for one in found)


def storable(text: str) -> str:
    """The text as both databases can keep it: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
