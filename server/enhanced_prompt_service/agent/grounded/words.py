"""Questions as tokens, and words as stems.

A question is cut once; everything after it (time phrases, names, nouns) works on the same tokens
by index. Letters and digits are separate tokens, so that "G330", "G-330" and "g 330" read alike.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

MAX_NUMBER_DIGITS = 9  # longer runs of digits are names, not numbers

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PIECES = re.compile(r"\d+|[^\W\d_]+(?:['’ʼ][^\W\d_]+)*|[^\w\s]|_")


class Kind(Enum):
    """What a token is made of."""

    WORD = "word"
    NUMBER = "number"
    MARK = "mark"


class Token(NamedTuple):
    """One piece of a question.

    `text` is lower-case, without a possessive; `start` and `end` are code points of the question;
    `glued` says that nothing stands between it and the token before it.
    """

    text: str
    kind: Kind
    start: int
    end: int
    glued: bool

    @property
    def number(self) -> int:
        """The value of a NUMBER."""
        return int(self.text)


def tokenise(question: str) -> list[Token]:
    """Cut a question into tokens, in linear time whatever it holds."""
    tokens: list[Token] = []
    last = -1
    for match in _PIECES.finditer(question):
        start, end = match.span()
        text = match.group()
        first = text[0]
        if first.isalpha():
            kind = Kind.WORD
            text = text.casefold()
            if "’" in text or "ʼ" in text:
                text = text.replace("’", "'").replace("ʼ", "'")
            if text.endswith("'s"):
                text = text[:-2]
        elif first.isdecimal():
            kind = Kind.NUMBER if len(text) <= MAX_NUMBER_DIGITS else Kind.WORD
        else:
            kind = Kind.MARK
        tokens.append(Token(text, kind, start, end, start == last))
        last = end
    return tokens


_FORM_OF = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "buses": "bus",
    "rode": "ride",
    "ridden": "ride",
    "sat": "sit",
    "stood": "stand",
    "came": "come",
    "went": "go",
    "gone": "go",
    "goes": "go",
    "going": "go",
    "spoke": "speak",
    "spoken": "speak",
    "stole": "steal",
    "stolen": "steal",
    "took": "take",
    "taken": "take",
    "bought": "buy",
    "drove": "drive",
    "driven": "drive",
    "got": "get",
    "gotten": "get",
    "made": "make",
    "held": "hold",
    "ran": "run",
    "fell": "fall",
    "fallen": "fall",
    "threw": "throw",
    "thrown": "throw",
    "brought": "bring",
    "met": "meet",
    "used": "use",
    "using": "use",
    "lying": "lie",
    "thieves": "thief",
    "riding": "ride",
    "moving": "move",
    "making": "make",
    "taking": "take",
    "coming": "come",
    "giving": "give",
    "waving": "wave",
    "biking": "bike",
    "hiding": "hide",
    "moved": "move",
    "waved": "wave",
    "placed": "place",
}
_VOWELS = frozenset("aeiouy")
_DOUBLED = frozenset("bdgklmnprtvz")


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """The stem that a word shares with its plural and its verb forms.

    "opens", "opened", "opening" → "open"; "stopped" → "stop"; "carries" → "carry"; "cameras" →
    "camera". Used on names and on questions alike, so what matters is that both sides agree. A
    final silent e is dropped from words of more than three letters ("reverse", "reversing").
    """
    word = _FORM_OF.get(word, word)
    size = len(word)
    if size > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if size > 4 and word.endswith("ied"):
        return word[:-3] + "y"
    if size > 5 and word.endswith("ing") and not _VOWELS.isdisjoint(word[:-3]):
        return _undouble(word[:-3])
    if size > 4 and word.endswith("ed") and not _VOWELS.isdisjoint(word[:-2]):
        return _undouble(word[:-2])
    if size > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if size > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 4 and word.endswith("e") and not word.endswith("ee"):
        return word[:-1]
    return word


def _undouble(base: str) -> str:
    if len(base) > 3 and base[-1] == base[-2] and base[-1] in _DOUBLED:
        return base[:-1]
    return base


@lru_cache(maxsize=8192)
def name_words(name: str) -> tuple[str, ...]:
    """A name as stems and numbers: "School camera G330" → ("school", "camera", "g", "330").

    Numbers lose their leading zeros, underscores and marks separate.
    """
    words: list[str] = []
    for token in tokenise(_CAMEL.sub(" ", name.replace("_", " "))):
        if token.kind is Kind.NUMBER:
            words.append(str(int(token.text)))
        elif token.kind is Kind.WORD:
            words.append(stem(token.text))
    return tuple(words)


_PREAMBLE = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|well|please|kindly|now|thanks|also|could|can|would|will|you|tell|"
    r"me|just|quickly|i(?: would|'d)? (?:like|want|need) to (?:know|see|ask)|i (?:want|need)|"
    r"i'm (?:wondering|asking)|do you know|let me know|check|see|know|find out|if|whether|"
    r"what i want to know is|my question is)\b[\s,:;.!]*)+(?=\w)"
)
_CODA = re.compile(r"[\s,]*\b(?:please|thanks|thank you|thx|cheers|right|ok|okay)$")


def without_manners(text: str) -> str:
    """A question (lower case) without what politeness puts before and behind it."""
    bare = _PREAMBLE.sub("", text, count=1)
    while True:
        shorter = _CODA.sub("", bare)
        if shorter == bare or not shorter:
            return bare
        bare = shorter


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())
