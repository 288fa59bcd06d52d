"""What a prompt is after, by the engine's own understanding of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.prompts import (
    MOST_ENTITIES,
    ClassifiedIntent,
    Intent,
    IntentEntity,
)
from enhanced_prompt_service.domain.times import Interval

from ..grounded.query import Query
from ..grounded.question import Question
from ..grounded.terms import Term
from ..grounded.words import name_words, without_manners
from .reading import TIME, Setting, read

QUESTION = "question"
CONTENT = "content"
OFF_SUBJECT = "off_subject"

_MOST_READ = 2_000  # characters that are looked at
_MOST_VALUE = 512
CONTENT_REQUEST = re.compile(
    r"^(?:write|draft|compose|generate|create|prepare|make|produce|formulate|rewrite|translate)\b"
    r".{0,80}?\b(?:reports?|e-?mails?|mails?|messages?|letters?|summary|summaries|texts?|notes?|"
    r"posts?|memos?|announcements?|templates?|stor(?:y|ies)|poems?|articles?|paragraphs?|"
    r"sentences?|handovers?|briefings?|checklists?|lists?|descriptions?)\b"
)
_NARROWED_BY_KIND = frozenset(
    {QuestionType.COUNT, QuestionType.EXISTENCE, QuestionType.WHEN, QuestionType.DWELL}
)
_DEFAULTED = 0.8  # no word of it says what kind of question it is
_LIKELY_CONTENT = 0.8


def classify(text: str, setting: Setting) -> ClassifiedIntent:
    """The intent of a prompt, with the interpretation of a question."""
    query = setting.understood(text)
    question = read(text, setting.index)
    entities = tuple(_entities(text, question, query))[:MOST_ENTITIES]
    if CONTENT_REQUEST.search(without_manners(" ".join(text[:_MOST_READ].casefold().split()))):
        return ClassifiedIntent(Intent(CONTENT, None, _LIKELY_CONTENT, entities))
    if _says_nothing_of_ours(question, query):
        return ClassifiedIntent(
            Intent(OFF_SUBJECT, None, query.certainty.get("understanding", 0.5), entities)
        )
    if query.settled:
        missing = tuple(_unsettled(question, query, setting))
        kind = question.intent.type
        intent = Intent(
            QUESTION, kind, query.certainty.get("understanding", 0.5), entities, missing
        )
        return ClassifiedIntent(intent, query.interpretation)
    sure = min(query.certainty.values(), default=1.0)
    if not question.intent.explicit:
        sure = min(sure, _DEFAULTED)
    missing = tuple(_missing(question, query, setting))
    intent = Intent(QUESTION, query.question_type, sure, entities, missing)
    return ClassifiedIntent(intent, query.interpretation)


def _says_nothing_of_ours(question: Question, query: Query) -> bool:
    if query.question_type is QuestionType.REFUSE:
        return True
    if not query.settled:
        return False
    named = question.mentions or question.place_like or question.has_time
    if named or question.chosen.pairs is not None:
        return False
    return bool(question.unknown) or not question.intent.explicit


# ---- what is left open --------------------------------------------------------------------------


def _missing(question: Question, query: Query, setting: Setting) -> Iterator[str]:
    if query.question_type is QuestionType.HEALTH or query.event_id:
        return
    if not question.has_time and (
        not query.windows or any("no time was named" in one for one in query.assumptions)
    ):
        yield "time_range"
    anywhere = not (query.cameras or query.sites or query.zones)
    if anywhere and len(setting.index.names.all_cameras()) > 1:
        yield "cameras"
    anything = not (query.event_types or query.labels or query.text)
    if anything and query.question_type in _NARROWED_BY_KIND:
        yield "event_types"


def _unsettled(question: Question, query: Query, setting: Setting) -> Iterator[str]:
    """What a question must say before it can be answered."""
    if any(len(one.entities) != 1 for one in question.mentions) or question.place_like:
        yield "cameras"
    elif question.intent.type is QuestionType.COMPARE and query.choices:
        yield "comparison"
    elif question.unknown:
        yield "event_types"
    if not question.has_time and question.intent.type is not QuestionType.HEALTH:
        yield "time_range"


# ---- what is named ------------------------------------------------------------------------------


def _entities(text: str, question: Question, query: Query) -> Iterator[IntentEntity]:
    tokens = question.tokens
    for mention in question.mentions:
        first, last = min(mention.positions), max(mention.positions)
        said = text[tokens[first].start : tokens[last].end][:_MOST_VALUE]
        for entity in mention.entities:
            sure = mention.certainty / len(mention.entities)
            yield IntentEntity(entity.kind, said, entity.id[:_MOST_VALUE], sure)
        if not mention.entities:
            yield IntentEntity("camera", said)
    index = query.index
    for word in question.place_like:
        partial = () if index is None else index.names.partial(word.stem)
        for entity in partial:
            yield IntentEntity(entity.kind, word.text, entity.id, 0.85 / len(partial))
    yield from _times(text, question, query)
    yield from _kinds(text, question, query)
    if query.text and not query.settled:
        yield IntentEntity("text", query.text[:_MOST_VALUE], query.text[:_MOST_VALUE], 0.8)


def _times(text: str, question: Question, query: Query) -> Iterator[IntentEntity]:
    ranges = [query.time_range]
    if len(question.phrases) == 2 and query.other is not None:
        ranges.append(query.other)
    for number, phrase in enumerate(question.phrases):
        start = question.tokens[phrase.start].start
        end = question.tokens[phrase.end - 1].end
        window = ranges[min(number, len(ranges) - 1)]
        yield IntentEntity(
            TIME,
            text[start:end][:_MOST_VALUE],
            "" if window is None else _iso(window),
            query.certainty.get(TIME, 1.0 if window is not None else 0.0),
        )


def _kinds(text: str, question: Question, query: Query) -> Iterator[IntentEntity]:
    """Nouns and actions that were matched against the kinds that occur."""
    types, labels = query.event_types or frozenset(), query.labels or frozenset()
    for term in [*question.terms.nouns, *question.terms.actions]:
        if term.optional or term.at < 0:
            continue
        token = question.tokens[term.at]
        said = text[token.start : token.end][:_MOST_VALUE]
        label = next((one for one in sorted(labels) if _means(term, one)), "")
        if label:
            yield IntentEntity("label", said, label[:_MOST_VALUE], 1.0)
        else:
            yield IntentEntity(
                "event_type", said, ",".join(sorted(types))[:_MOST_VALUE], 1.0 if types else 0.0
            )


def _means(term: Term, label: str) -> bool:
    words = set(name_words(label))
    return any(stems and set(stems) <= words for stems in term.means)


def _iso(window: Interval) -> str:
    return f"{window.start.isoformat()}/{window.end.isoformat()}"
