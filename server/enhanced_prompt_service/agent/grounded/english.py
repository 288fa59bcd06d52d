"""Generic English that the engine needs, from data/english.toml: never the names of a place."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from .words import stem

Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """A noun that stands for a group of kinds: those whose name starts so, or with such a label."""

    name: str
    plural: str
    stem: str
    stems: frozenset[str]
    starts: frozenset[str]
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Synonym:
    """Alternatives that a word may mean, each the stems that a kind must have."""

    means: tuple[Stems, ...]
    assume: bool = False
    also: bool = False
    moves: bool = False


@dataclass(frozen=True, slots=True)
class English:
    """The word lists, by text or by stem as their use needs."""

    function: frozenset[str]
    generic: frozenset[str]
    weak: frozenset[str]
    particles: frozenset[str]
    silent: frozenset[str]
    plain: frozenset[str]  # common words that are never taken for a mistyped name
    spelt: frozenset[str]  # common nouns that are often mistyped
    subjects: tuple[Subject, ...]
    synonyms: dict[Stems, Synonym]
    commands: frozenset[str]
    topics: frozenset[str]
    refused_phrases: tuple[str, ...]

    @property
    def surfaces(self) -> frozenset[str]:
        """Every single word that means something here, as it is typed."""
        return self.function | self.generic | self.plain


@lru_cache(maxsize=1)
def english() -> English:
    """The lists, read once."""
    source = resources.files("enhanced_prompt_service.agent.grounded").joinpath("data/english.toml")
    data: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
    synonyms: dict[Stems, Synonym] = {}
    for entry in data["synonym"]:
        found = Synonym(
            tuple(_stems(text) for text in entry["means"]),
            assume=bool(entry.get("assume", False)),
            also=bool(entry.get("also", False)),
            moves=bool(entry.get("moves", False)),
        )
        for said in entry["words"]:
            synonyms.setdefault(_stems(said), found)
    return English(
        function=frozenset(data["function"]["words"].split()),
        generic=frozenset(data["generic"]["words"].split()),
        weak=frozenset(data["weak"]["words"].split()),
        particles=frozenset(data["particles"]["words"].split()),
        silent=frozenset(stem(word) for word in data["silent"]["words"].split()),
        plain=frozenset(data["spelling"]["plain"].split()),
        spelt=frozenset(data["spelling"]["nouns"].split()),
        subjects=tuple(
            Subject(
                name=entry["name"],
                plural=entry["plural"],
                stem=stem(entry["name"]),
                stems=frozenset(stem(word) for word in entry["words"].split()),
                starts=frozenset(stem(word) for word in entry["starts"]),
                labels=frozenset(stem(word) for word in entry["labels"]),
            )
            for entry in data["subject"]
        ),
        synonyms=synonyms,
        commands=frozenset(data["refuse"]["commands"].split()),
        topics=frozenset(data["refuse"]["topics"].split()),
        refused_phrases=tuple(
            " ".join(phrase.split()) for phrase in data["refuse"]["phrases"].split("|")
        ),
    )


def _stems(text: str) -> Stems:
    return tuple(stem(word) for word in text.replace("-", " ").split())
