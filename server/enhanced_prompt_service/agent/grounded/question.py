"""One question, read once: its names, time phrases, terms, thresholds and type.

Pure: the words against the index, before history, the clock or a time zone come in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .index import MOST_CORRECTIONS, Index
from .intents import About, Intent, classify
from .kinds import Chosen, Terms, Word
from .names import CAMERA_WORDS, PLACE_WORDS, Mention
from .timegrammar import Phrase, Words, scan
from .words import Kind, Token, stem, tokenise, without_manners, word_set

_PLACE_PREPOSITIONS = word_set("at in near by inside outside around beside behind")
_JOINS = word_set("and or , & versus vs than with to / compared against")
MOST_INTENT_CHARACTERS = 600  # more than that is no question; patterns look no further
_OVER = frozenset({"over", "exceeding", "above", ">", "beyond"})
_UNDER = frozenset({"under", "below", "<"})
_COMPARING = {
    "more": ("over", "than"),
    "longer": ("over", "than"),
    "greater": ("over", "than"),
    "at": ("at least", "least"),
    "less": ("under", "than"),
    "shorter": ("under", "than"),
    "fewer": ("under", "than"),
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A length that events must exceed, reach, or stay below, in seconds."""

    seconds: float
    kind: str  # "over", "at least", "under"


@dataclass(slots=True)
class Question:
    """What the words of a question hold."""

    text: str
    tokens: Sequence[Token]
    texts: list[str]
    mentions: list[Mention]
    phrases: list[Phrase]
    typos: list[tuple[str, str]]
    terms: Terms
    chosen: Chosen
    intent: Intent
    threshold: Threshold | None
    plain: str  # words without those that time phrases and names took
    unknown: list[Word] = field(default_factory=list[Word])
    excluded_from: int = -1  # token index of "except" and the like; -1 without one
    excluded: Chosen | None = None  # kinds that stand behind it
    place_like: list[Word] = field(default_factory=list[Word])  # parts of names, "at the gate"

    @property
    def has_time(self) -> bool:
        """Whether any time phrase was found."""
        return bool(self.phrases)


def read_question(text: str, index: Index) -> Question:
    """Read a question's words."""
    tokens = tokenise(text)
    texts, typos = _corrected(tokens, index)
    stems = [
        stem(word)
        if token.kind is Kind.WORD
        else str(token.number)
        if token.kind is Kind.NUMBER
        else word
        for token, word in zip(tokens, texts, strict=True)
    ]
    mentions = index.names.mentions(tokens, stems)
    masked = _masked(tokens, texts, mentions)
    phrases, time_typos = scan(masked, index.name_words)
    timed = {at for phrase in phrases for at in range(phrase.start, phrase.end)}
    mentions = [one for one in mentions if not timed.issuperset(one.positions)]
    threshold, measured = _threshold(masked, texts, timed)
    gone = timed | measured
    named = {at for one in mentions for at in one.positions}
    placelike = _place_like(texts, stems, gone | named, index)
    words = [
        Word(at, texts[at], stems[at], at in named or at in placelike)
        for at, token in enumerate(tokens)
        if at not in gone and token.kind is not Kind.MARK
    ]
    content = [one for one in words if one.stem not in CAMERA_WORDS]
    excluded_from = _excluded(texts)
    behind = [one for one in content if 0 <= excluded_from < one.at]
    joins = frozenset(at for at, text in enumerate(texts) if text in _JOINS)
    terms = index.kinds.terms([one for one in content if one not in behind], joins)
    chosen = index.kinds.choose(terms)
    excluded = index.kinds.choose(index.kinds.terms(behind)) if behind else None
    unknown = [one for one in terms.unknown if not _place_word(one)]
    plain = " ".join(one.text for one in words if not one.named)[:MOST_INTENT_CHARACTERS]
    about = About(
        nouns=bool(chosen.pairs is not None or chosen.texts),
        places=bool(mentions),
        unknown=bool(unknown),
        threshold=threshold is not None,
        windows=bool(phrases),
    )
    return Question(
        text=text,
        tokens=tokens,
        texts=texts,
        mentions=mentions,
        phrases=phrases,
        typos=[*typos, *time_typos],
        terms=terms,
        chosen=chosen,
        intent=classify(_intent_text(mentions, tokens, texts, timed), about),
        threshold=threshold,
        plain=plain,
        unknown=unknown,
        excluded_from=excluded_from,
        place_like=[Word(at, texts[at], stems[at]) for at in sorted(placelike)],
        excluded=excluded if excluded is not None and excluded.pairs is not None else None,
    )


def _corrected(tokens: Sequence[Token], index: Index) -> tuple[list[str], list[tuple[str, str]]]:
    texts: list[str] = []
    typos: list[tuple[str, str]] = []
    left = MOST_CORRECTIONS
    for token in tokens:
        text = token.text
        if token.kind is Kind.WORD and left and len(text) >= 5 and not index.known(text):
            left -= 1
            better = index.correct(text)
            if better != text:
                typos.append((text, better))
                text = better
        texts.append(text)
    return texts, typos


def _masked(
    tokens: Sequence[Token], texts: Sequence[str], mentions: Sequence[Mention]
) -> list[Token]:
    """Tokens for the time grammar: corrected, and without names of more than one word."""
    found = [
        token if token.text == text else token._replace(text=text)
        for token, text in zip(tokens, texts, strict=True)
    ]
    for one in mentions:
        if len(one.positions) > 1:
            for at in one.positions:
                found[at] = found[at]._replace(text="§", kind=Kind.MARK)
    return found


def _threshold(
    tokens: Sequence[Token], texts: Sequence[str], timed: set[int]
) -> tuple[Threshold | None, set[int]]:
    """ "for over 5 minutes", "at least 30 s", and the tokens that say so."""
    words = Words(tokens, texts)
    for at, text in enumerate(texts):
        if at in timed:
            continue
        kind, step = "", at + 1
        if text in _OVER:
            kind = "over"
        elif text in _UNDER:
            kind = "under"
        elif text in _COMPARING and words.text(at + 1) == _COMPARING[text][1]:
            kind, step = _COMPARING[text][0], at + 2
        elif text in ("for", "lasting", "lasted") and words.text(at + 1) not in ("the", "every"):
            kind = "at least"
        if not kind:
            continue
        while words.text(step) in ("about", "around", "a", "an") and words.duration(step) is None:
            step += 1
        found = words.duration(step)
        if found is not None and step not in timed:
            return Threshold(found[0], kind), set(range(at, found[1]))
    return None, set()


def _place_word(word: Word) -> bool:
    """ "the administration building", where only "administration" is a name; "the building"."""
    return word.stem in PLACE_WORDS


def _intent_text(
    mentions: Sequence[Mention],
    tokens: Sequence[Token],
    texts: Sequence[str],
    timed: set[int],
) -> str:
    """The words that rules look at: all but times; a named camera stays "camera"."""
    named = {at: one for one in mentions for at in one.positions}
    words: list[str] = []
    size = 0
    for at, token in enumerate(tokens):
        if at in timed or token.kind is Kind.MARK:
            continue
        word = texts[at]
        if at in named and word not in CAMERA_WORDS and not _plural_camera(word):
            continue
        words.append(word)
        size += len(word) + 1
        if size > MOST_INTENT_CHARACTERS:
            break
    return without_manners(re.sub(r"\bwhat s\b", "what's", " ".join(words)))


def _plural_camera(word: str) -> bool:
    return stem(word) in CAMERA_WORDS


def _place_like(
    texts: Sequence[str], stems: Sequence[str], gone: set[int], index: Index
) -> set[int]:
    """Nouns that stand where a place stands ("at the gate") and are part of a name here."""
    found: set[int] = set()
    for at, one in enumerate(stems):
        if at in gone or one not in index.names.vocabulary or one.isdigit():
            continue
        before = at - 2 if at and texts[at - 1] == "the" else at - 1
        if before >= 0 and texts[before] in _PLACE_PREPOSITIONS and not index.plain(texts[at]):
            found.add(at)
    return found


def _excluded(texts: Sequence[str]) -> int:
    for at, text in enumerate(texts):
        following = texts[at + 1] if at + 1 < len(texts) else ""
        if text in ("except", "excluding", "besides") or (text, following) in _EXCEPT:
            return at
    return -1


_EXCEPT = frozenset(
    {("other", "than"), ("apart", "from"), ("but", "not"), ("not", "counting"), ("aside", "from")}
)
