"""Kinds of events as stems, and the terms of a question that are matched against them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .english import English, Stems, Subject
from .words import name_words

Pair = tuple[str, str]  # event type, label


@dataclass(frozen=True, slots=True)
class Kind:
    """A type and label that occur, cut into stems."""

    pair: Pair
    parts: frozenset[str]
    first: str
    label: frozenset[str]
    said_parts: frozenset[str]  # those that people would say: not silent ones

    def has(self, stems: Stems) -> bool:
        """Whether its name or label holds all of these."""
        return all(one in self.parts or one in self.label for one in stems)


@dataclass(frozen=True, slots=True)
class Term:
    """Something that was said: alternatives of which a kind must have one."""

    said: str
    means: tuple[Stems, ...] = ()
    subject: Subject | None = None
    optional: bool = False
    at: int = -1  # its token
    moves: bool = False  # what a subject does itself

    def covered(self, kind: Kind) -> bool:
        """Whether a kind has it, wherever in its name."""
        if self.subject is not None:
            group = self.subject
            if kind.first in group.starts or group.stem in kind.parts:
                return True
            if not kind.label.isdisjoint(group.labels):
                return True
        return any(kind.has(stems) for stems in self.means)

    def strictly(self, kind: Kind) -> bool:
        """Whether a kind is one of it: by the beginning of its name, its label, or all of it."""
        group = self.subject
        if group is not None and (
            kind.first in group.starts or not kind.label.isdisjoint(group.labels)
        ):
            return True
        return any(
            stems[0] == kind.first or set(stems) <= kind.label or kind.parts == frozenset(stems)
            for stems in self.means
            if kind.has(stems)
        )


@dataclass(slots=True)
class Terms:
    """All terms of a question."""

    nouns: list[Term] = field(default_factory=list[Term])
    actions: list[Term] = field(default_factory=list[Term])
    soft: list[Term] = field(default_factory=list[Term])
    particles: list[Term] = field(default_factory=list[Term])
    either: list[Term] = field(default_factory=list[Term])  # a particle, or an action
    texts: list[str] = field(default_factory=list[str])
    unknown: list[Word] = field(default_factory=list["Word"])
    assumptions: list[str] = field(default_factory=list[str])
    used: set[int] = field(default_factory=set[int])
    joins: frozenset[int] = frozenset()  # tokens that list things: "and", "or", commas


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question that no time phrase took. `at` is its token's index."""

    at: int
    text: str
    stem: str
    named: bool = False  # a name of the catalogue took it


def spoken(event_type: str) -> str:
    """A type's name as words: "person_opens_facility_door" → "person opens facility door"."""
    return " ".join(event_type.replace("_", " ").split()).lower()


def kind_of(pair: Pair, language: English) -> Kind:
    words = name_words(pair[0])
    parts = frozenset(words)
    return Kind(
        pair=pair,
        parts=parts,
        first=words[0] if words else "",
        label=frozenset(name_words(pair[1])),
        said_parts=frozenset(
            word
            for word in words[1:]
            if word not in language.silent and word not in language.particles
        ),
    )
