"""A better prompt, by the engine: it says what the question leaves open, as it would ask for it.

Every change is checked by reading the result again: it must mean what the prompt meant. What only
looks better and means something else is left as it was. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import JsonValue, QuestionType
from enhanced_prompt_service.domain.prompts import (
    MOST_ALTERNATIVES,
    Intent,
    OptimizationType,
    OptimizedPrompt,
    PromptChange,
)

from ..grounded.clarify import entity_name
from ..grounded.query import Query
from ..grounded.wording.times import ask_window
from ..grounded.words import Kind, word_set
from .asking import ALL_TIME, everywhere, said_time, whole
from .classify import CONTENT, OFF_SUBJECT, classify
from .context import additions
from .reading import TIME, Setting, read, same, slots_of

LONGEST = 1_000
"""Characters of a question; more is a text, which the engine leaves as it is."""
_END = re.compile(r"[\s,;?.!]*$")
_SENTENCE = "a whole sentence"
_ORDERS = word_set(
    """summarise summarize compare show list give tell find count describe recap search play open
    rank name"""
)


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of text to be replaced: code points, half-open; an empty one adds."""

    start: int
    end: int
    after: str
    reason: str


def optimize(
    text: str,
    kind: OptimizationType,
    setting: Setting,
    *,
    context: Mapping[str, JsonValue] | None = None,
    intent: Intent | None = None,
) -> OptimizedPrompt:
    """The prompt made better, the changes in its order, and up to three others that would do."""
    if len(text) > LONGEST:
        return OptimizedPrompt(text, 0.0, kind)
    category = (intent or classify(text, setting).intent).category
    if category in (CONTENT, OFF_SUBJECT):
        return _tidied(text, kind, ())
    clarity = kind is not OptimizationType.SPECIFICITY
    specific = kind is not OptimizationType.CLARITY
    prompt, spaces = _spaced(text) if clarity else (text, [])
    added: list[PromptChange] = []
    if specific:
        prompt, added = _completed(prompt, setting, context or {}, intent)
    query = setting.understood(prompt)
    if query.settled:
        return _tidied(text, kind, query.choices)
    if not same(setting.alone.understood(prompt), query):
        alone = whole(query, setting.alone)
        if alone:
            why = "it goes on from the conversation; this stands alone"
            return _made(text, alone, kind, [PromptChange(text, alone, why)], query)
    prompt, edited = _edited(prompt, query, setting, clarity=clarity, specific=specific)
    begin: list[PromptChange] = []
    end: list[PromptChange] = []
    if clarity:
        prompt, begin, end = _tidy(prompt)
    changes = [*spaces, *begin, *_merged(added, edited), *end]
    found = _made(text, prompt, kind, changes, query)
    if kind is not OptimizationType.ENHANCEMENT or not found.changes:
        return found
    clear = optimize(text, OptimizationType.CLARITY, setting, context=context, intent=intent)
    others = [clear.prompt, whole(query, setting.alone)]
    new = [one for one in others if one and not (_alike(one, text) or _alike(one, prompt))]
    return replace(found, alternatives=tuple(dict.fromkeys(new))[:MOST_ALTERNATIVES])


def _made(
    before: str, prompt: str, kind: OptimizationType, changes: Sequence[PromptChange], query: Query
) -> OptimizedPrompt:
    if prompt == before:
        return OptimizedPrompt(before, 0.0, kind)
    sure = min(query.certainty.values(), default=1.0)
    return OptimizedPrompt(prompt, sure, kind, tuple(changes))


def _tidied(text: str, kind: OptimizationType, choices: Sequence[str]) -> OptimizedPrompt:
    """What is no question, or cannot be understood: never a guess, only the choices."""
    prompt = " ".join(text.split()) if kind is not OptimizationType.SPECIFICITY else text
    changes = () if prompt == text else (PromptChange(text, prompt, "without spaces too many"),)
    confidence = 0.5 if changes else 0.0
    return OptimizedPrompt(prompt, confidence, kind, changes, tuple(choices)[:MOST_ALTERNATIVES])


# ---- what the caller knows besides --------------------------------------------------------------


def _completed(
    text: str, setting: Setting, context: Mapping[str, JsonValue], intent: Intent | None
) -> tuple[str, list[PromptChange]]:
    """With the place and the time that the context knows, where the prompt leaves them open."""
    changes: list[PromptChange] = []
    for one in additions(context, intent, setting.index):
        question = read(text, setting.index)
        spoken_of = question.has_time if one.kind == TIME else bool(question.mentions)
        if spoken_of:
            continue
        longer = _appended(text, one.words)
        if not setting.understood(longer).settled:
            text = longer
            changes.append(PromptChange("", one.words, f"{one.source} says so"))
    return text, changes


def _appended(text: str, words: str) -> str:
    end = _END.search(text)
    assert end is not None
    mark = "?" if "?" in end.group() else end.group().strip()[:1]
    return f"{text[: end.start()]} {words}{mark}"


# ---- what the catalogue and the clock know ------------------------------------------------------


def _edited(
    text: str, query: Query, setting: Setting, *, clarity: bool, specific: bool
) -> tuple[str, list[PromptChange]]:
    """All edits that together, or one after the other, leave the meaning as it was."""
    edits = sorted(
        [
            *(_spelling(text, setting) if clarity else ()),
            *(_names(text, setting) if clarity or specific else ()),
            *(_times(text, query, setting) if specific else ()),
        ],
        key=lambda one: one.start,
    )
    kept: list[Edit] = []
    if same(setting.understood(_applied(text, edits)), query):
        kept = edits
    else:
        for one in edits:
            if same(setting.understood(_applied(text, [*kept, one])), query):
                kept.append(one)
    changes = [PromptChange(text[one.start : one.end], one.after, one.reason) for one in kept]
    prompt = _applied(text, kept)
    for words, why in _left_open(query, setting, prompt) if specific else ():
        longer = _appended(prompt, words)
        if same(setting.understood(longer), query):
            prompt = longer
            changes.append(PromptChange("", words, why))
    return prompt, changes


def _applied(text: str, edits: Sequence[Edit]) -> str:
    for one in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = f"{text[: one.start]}{one.after}{text[one.end :]}"
    return text


def _spelling(text: str, setting: Setting) -> Iterator[Edit]:
    question = read(text, setting.index)
    right = dict(question.typos)
    named = {at for one in question.mentions for at in one.positions}
    for at, token in enumerate(question.tokens):
        better = right.get(token.text)
        if better is not None and token.kind is Kind.WORD and at not in named:
            yield Edit(token.start, token.end, better, "spelling")


def _names(text: str, setting: Setting) -> Iterator[Edit]:
    question = read(text, setting.index)
    for slot in slots_of(text, question):
        if slot.entity is None:
            continue
        name = entity_name(slot.entity, setting.index)
        if slot.said.casefold() != name.casefold():
            why = f"the catalogue's name of {slot.kind} {slot.entity.id}"
            yield Edit(slot.start, slot.end, name, why)


def _times(text: str, query: Query, setting: Setting) -> Iterator[Edit]:
    """A time phrase in dates and clock times, where there is one window to say."""
    question = read(text, setting.index)
    slots = [one for one in slots_of(text, question) if one.kind == TIME]
    if len(slots) == 2 and query.other is not None and len(query.windows) == 1:
        zone = ZoneInfo(query.zone)
        for slot, window in zip(slots, (query.windows[0], query.other), strict=True):
            words = ask_window(window, zone, query.now).removeprefix("on ")
            yield Edit(slot.start, slot.end, words, _meant(slot.said, query))
        return
    if len(slots) != 1 or query.other is not None:
        return
    words = said_time(query)
    (slot,) = slots
    if words and words.casefold() != " ".join(slot.said.split()).casefold():
        yield Edit(slot.start, slot.end, words, _meant(slot.said, query))


def _meant(said: str, query: Query) -> str:
    return f"“{said}” as it is meant now, in the time of {query.zone}"


def _left_open(query: Query, setting: Setting, prompt: str) -> Iterator[tuple[str, str]]:
    if query.question_type is QuestionType.HEALTH or query.event_id:
        return
    where = everywhere(query)
    if where:
        yield where, "no place was named: all cameras are meant"
    if read(prompt, setting.index).has_time:
        return
    if query.windows and query.other is None:
        yield said_time(query), f"no time was named: this is what is meant, in {query.zone}"
    elif not query.windows:
        yield ALL_TIME, "no time was named: all that was recorded is meant"


def _tidy(text: str) -> tuple[str, list[PromptChange], list[PromptChange]]:
    """One sentence: a capital first and a mark at its end; what changed there, and here."""
    first, last = text[:1].upper(), ""
    if text[-1:] not in ("?", ".", "!"):
        order = text.split(maxsplit=1)[0].casefold() in _ORDERS if text.strip() else False
        last = "." if order else "?"
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    begin = [] if first == text[:1] else [PromptChange(word, first + word[1:], _SENTENCE)]
    tidy = first + text[1:]
    if not last:
        return tidy, begin, []
    return tidy.rstrip(" ,;") + last, begin, [PromptChange("", last, _SENTENCE)]


def _spaced(text: str) -> tuple[str, list[PromptChange]]:
    plain = " ".join(text.split())
    return plain, [] if plain == text else [PromptChange(text, plain, "without spaces too many")]


def _alike(one: str, other: str) -> bool:
    return one.casefold().rstrip(" ?.!") == other.casefold().rstrip(" ?.!")


def _merged(added: Sequence[PromptChange], edited: Sequence[PromptChange]) -> list[PromptChange]:
    """In the order of the prompt; what was added and then spelt out is one change."""
    inside = [one for one in edited if one.before]
    found: list[PromptChange] = []
    for one in added:
        spelt = next((edit for edit in inside if edit.before in one.after), None)
        if spelt is not None:
            inside.remove(spelt)
            after = one.after.replace(spelt.before, spelt.after)
            one = PromptChange("", after, f"{one.reason}; {spelt.reason}")
        found.append(one)
    return [*inside, *found, *(one for one in edited if not one.before)]
