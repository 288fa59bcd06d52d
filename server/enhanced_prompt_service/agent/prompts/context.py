"""What else a caller knows, as words that a question can be completed with.

Only names of the catalogue and times that the grammar reads count; everything else in a context is
for models and says nothing to the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from enhanced_prompt_service.domain.answers import JsonValue
from enhanced_prompt_service.domain.prompts import Intent

from ..grounded.clarify import entity_name
from ..grounded.index import Index
from ..grounded.names import Entity
from .asking import listed_names
from .reading import TIME, read

_PLACES = ("camera", "site", "zone")
_TIMES = ("time", "time_range", "when", "period")
_MOST_NAMES = 10
_MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Addition:
    """Words to add to a prompt, what they say (place or time), and where they come from."""

    kind: str
    words: str
    source: str


def additions(
    context: Mapping[str, JsonValue], intent: Intent | None, index: Index
) -> Iterator[Addition]:
    """What a context, and an intent that is known, add: at most one place and one time of each."""
    for kind in _PLACES:
        known = [*_texts(context, kind), *_of_intent(intent, kind)]
        found = [_entity(one, kind, index) for one in known[:_MOST_NAMES]]
        names = [entity_name(one, index) for one in dict.fromkeys(found) if one is not None]
        if names:
            preposition = "in" if kind == "zone" else "at"
            source = "the context" if _texts(context, kind) else "the intent"
            yield Addition(kind, f"{preposition} {listed_names(names)}", source)
    for key in _TIMES:
        value = context.get(key)
        if isinstance(value, str) and _is_time(value, index):
            yield Addition(TIME, " ".join(value.split()), "the context")
            return
    for text in _of_intent(intent, TIME, texts=True):
        if _is_time(text, index):
            yield Addition(TIME, " ".join(text.split()), "the intent")
            return


def _texts(context: Mapping[str, JsonValue], kind: str) -> list[str]:
    """ "camera", "camera_id", "cameras", "camera_ids": a text, or a list of them."""
    found: list[str] = []
    for key in (kind, f"{kind}_id", f"{kind}s", f"{kind}_ids"):
        value = context.get(key)
        values = value if isinstance(value, list) else [value]
        found += [
            one for one in values if isinstance(one, str) and 0 < len(one) <= _MOST_CHARACTERS
        ]
    return found


def _of_intent(intent: Intent | None, kind: str, *, texts: bool = False) -> list[str]:
    if intent is None:
        return []
    return [
        one.text if texts else one.value or one.text
        for one in intent.entities
        if one.kind == kind and (one.text if texts else one.value or one.text)
    ]


def _entity(text: str, kind: str, index: Index) -> Entity | None:
    """The one place of a kind that an id or a name means."""
    by_id = [one for one in index.names.entities.values() if (one.kind, one.id) == (kind, text)]
    if len(by_id) == 1:
        return by_id[0]
    mentions = read(text, index).mentions
    named = {one for mention in mentions for one in mention.entities if one.kind == kind}
    return next(iter(named)) if len(named) == 1 else None


def _is_time(text: str, index: Index) -> bool:
    if not 0 < len(text) <= _MOST_CHARACTERS:
        return False
    question = read(text, index)
    timed = {at for phrase in question.phrases for at in range(phrase.start, phrase.end)}
    return bool(timed) and len(timed) == len(question.tokens)
