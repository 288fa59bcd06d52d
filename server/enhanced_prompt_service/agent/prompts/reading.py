"""One prompt as the engine reads it: its words, its meaning, and where its slots stand.

A slot is a piece of text that names one place or time: what optimising spells out, and what
becomes a variable of a template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from enhanced_prompt_service.domain.answers import PromptResponse
from enhanced_prompt_service.domain.times import Interval

from ..grounded.index import Index
from ..grounded.names import Entity
from ..grounded.query import Query
from ..grounded.question import Question, read_question
from ..grounded.understand import understand

TIME = "time"
_MINUTE = timedelta(minutes=1)
_BETWEEN_NAMES = frozenset({"the", "of", "at", "in", "on", "a", "s", "-", "'", "by", ".", "#"})


@dataclass(frozen=True, slots=True)
class Slot:
    """A place (camera, site, zone) or a time in a prompt: code points, half-open, and the words."""

    kind: str
    start: int
    end: int
    said: str
    entity: Entity | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What a prompt is read with."""

    index: Index
    now: datetime
    history: Sequence[PromptResponse] = ()
    time_zone: str = ""

    def understood(self, text: str) -> Query:
        """What a text means here."""
        return understand(
            text,
            history=self.history,
            now=self.now,
            index=self.index,
            time_zone=self.time_zone,
        )

    @property
    def alone(self) -> Setting:
        """The same without the conversation before it."""
        return replace(self, history=())


def slots_of(text: str, question: Question) -> list[Slot]:
    """Slots in the order of the text; none overlaps another."""
    tokens = question.tokens
    found: list[Slot] = []
    for mention in question.mentions:
        if len(mention.entities) != 1:
            continue
        first, last = min(mention.positions), max(mention.positions)
        inside = set(range(first, last + 1)) - set(mention.positions)
        if any(question.texts[at] not in _BETWEEN_NAMES for at in inside):
            continue
        start, end = tokens[first].start, tokens[last].end
        entity = mention.entities[0]
        found.append(Slot(entity.kind, start, end, text[start:end], entity))
    for phrase in question.phrases:
        start, end = tokens[phrase.start].start, tokens[phrase.end - 1].end
        found.append(Slot(TIME, start, end, text[start:end]))
    found.sort(key=lambda one: (one.start, -one.end))
    apart: list[Slot] = []
    for one in found:
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return apart


def read(text: str, index: Index) -> Question:
    """The words of a prompt."""
    return read_question(text, index)


def same(one: Query, other: Query) -> bool:
    """Whether two prompts mean the same: windows to the minute, "everywhere" however it is said."""
    return not one.settled and not other.settled and _plain(one) == _plain(other)


def _plain(query: Query) -> Query:
    sites = query.sites
    if sites is not None and query.index is not None:
        everywhere = frozenset(query.index.names.sites)
        sites = None if sites == everywhere else sites
    return replace(
        query,
        sites=sites,
        windows=tuple(_whole(one) for one in query.windows),
        other=None if query.other is None else _whole(query.other),
        zone="",
    )


def _whole(window: Interval) -> Interval:
    """From the start's own minute to the end's next."""
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    start = start.replace(second=0, microsecond=0)
    if end.second or end.microsecond:
        end = end.replace(second=0, microsecond=0) + _MINUTE
    return Interval(start, end)
