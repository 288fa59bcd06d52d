"""A standing question: which events it is about, and at which times of which days.

"Tell me when anyone enters G330 between 22:00 and 06:00" is read as the question about what was
("anyone enters G330 every day between 22:00 and 06:00"), whose Query has the selection and the
recurring mask. What asks for more than whether something happens is refused, and says so.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.standing import NotUnderstood, Rule
from enhanced_prompt_service.domain.stores import EventStore

from .engine import GroundedEngine
from .index import Index
from .query import Query
from .question import Question, read_question
from .timegrammar import resolve
from .timegrammar.elements import (
    AllTime,
    Business,
    ClockPoint,
    ClockRange,
    Element,
    Every,
    Now,
    Part,
    Phrase,
    Range,
    Weekday,
    Weekend,
)
from .understand import understand
from .wording.interpretation import events_of, interpreted, places_of
from .wording.times import say_mask

_LEAD = re.compile(
    r"""^\s*(?:(?:please|can\ you|could\ you|i\ want\ you\ to|i\ want\ to)\s+)*
    (?:(?:tell|alert|notify|warn|inform|ping|message|text)\s+(?:me|us)
      |let\s+(?:me|us)\s+know|(?:be|get)\s+(?:told|notified|alerted)|raise\s+an?\s+alert
      |send\s+(?:me|us)\s+an?\s+(?:alert|message|notification)|watch\s+(?:out\s+)?for)
    (?:\s+(?:please|at\ once|immediately))?
    (?:\s*,)?\s*(?:(?:when|whenever|if|as\ soon\ as|every\ time|each\ time|once|that|about|of|for)\b
    \s*(?:(?:that|there(?:'s|\ is|\ are)|you\ see)\b\s*)?)?""",
    re.IGNORECASE | re.VERBOSE,
)
_WHEN = re.compile(r"^\s*(?:when|whenever|if|as soon as)\s+", re.IGNORECASE)
_ALWAYS = re.compile(
    r"\b(?:from\s+now\s+on|starting\s+(?:from\s+)?now|as\s+of\s+now|always|at\s+all\s+times|at\s+any\s+time|"
    r"any\s*time|(?:a?round)\s+the\s+clock|24/7)\b",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:no\b(?!\.?\s*\d)|(?:not|nobody|none|never|nothing|without|isn't|aren't|doesn't|don't)\b)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"""\b(?:(?:(?:more|less|fewer)\s+than|at\s+least|over)\s+)?
    (?:two|three|four|five|six|seven|eight|nine|ten|several|many|[2-9]|[1-9]\d+)\s+(?:or\s+more\s+)?
    (?:people|persons|men|women|children|visitors|vehicles|cars|trucks|bikes|animals|events)\b
    |\bmore\s+than\s+(?:one|a|an|1)\s+(?!minute|hour|second)\w+""",
    re.IGNORECASE | re.VERBOSE,
)
_TYPES = frozenset(
    {
        QuestionType.RECAP,
        QuestionType.EXISTENCE,
        QuestionType.WHEN,
        QuestionType.SEARCH,
        QuestionType.RECURRING,
    }
)
EXAMPLES = (
    "Tell me when anyone enters between 22:00 and 06:00",
    "Tell me when there is a vehicle at the weekend",
)


def condition(text: str) -> str:
    """What is to happen: the question without "tell me when"."""
    said = _WHEN.sub("", _LEAD.sub("", text, count=1), count=1)
    return " ".join(_ALWAYS.sub(" ", said).split()).strip(" ,;").rstrip("?.! ")


def understand_rule(text: str, *, index: Index, now: datetime, time_zone: str = "") -> Rule:
    """The rule that a standing question means. Pure. Raises NotUnderstood.

    `now` is aware; `time_zone` an IANA name, or "" for that of the cameras that are meant.
    """
    said = condition(text)
    if not said:
        raise NotUnderstood("The question does not say what is to happen.", EXAMPLES)
    if _NOT.search(said):
        raise NotUnderstood(
            "A standing question can wait for what is seen, not for what is missing.", EXAMPLES
        )
    if (number := _NUMBER.search(said)) is not None:
        raise NotUnderstood(
            f"“{number[0]}”: a standing question tells of each event and does not count them yet.",
            EXAMPLES,
        )
    question = read_question(said, index)
    phrases = _repeating(question)
    # The days say nothing about which events are meant: without them no window is in the way.
    query = understand(
        f"{said} every day" if phrases else said,
        history=(),
        now=now.astimezone(UTC),
        index=index,
        time_zone=time_zone,
    )
    _check(query)
    zone = ZoneInfo(query.zone)
    habits = index.habits(query.cameras, query.sites, query.zones or ())
    mask = None
    if phrases and not _whole_days(phrases):
        found = resolve(
            phrases,
            question.tokens,
            now=now,
            zone=zone,
            day_parts=habits.day_parts,
            business_hours=habits.business_hours,
        )
        if found is None or found.problem:
            raise NotUnderstood(found.why if found is not None and found.why else _NO_TIMES)
        mask = found.mask
        if mask is None:
            raise NotUnderstood(_NO_TIMES, EXAMPLES)
    query = replace(
        query,
        question_type=QuestionType.RECURRING,
        windows=(),
        mask=mask,
        other=None,
        moment=None,
        group_by=None,
        limit=0,
        assumptions=tuple(
            one for one in query.assumptions if not one.startswith(("no time was named", "all "))
        ),
    )
    where = places_of(query)
    when = say_mask(mask) if mask is not None else "at all times"
    rendered = f"Watching for {events_of(query)}{f' {where}' if where else ''}; {when} ({zone})."
    return Rule(
        replace(query.selection(), mask=None, as_of=None),
        query.zone,
        mask,
        replace(interpreted(query), rendered=rendered),
    )


_NO_TIMES = "I could not read at which times of the day it is to be watched."


def _repeating(question: Question) -> list[Phrase]:
    """The time phrases as what repeats. Raises NotUnderstood for those that name one time."""
    found: list[Phrase] = []
    repeats = timed = False
    for phrase in question.phrases:
        elements: list[Element] = []
        for one in phrase.elements:
            if isinstance(one, Now | AllTime):
                continue  # "from now on", "always": what is meant anyway
            again = _again(one)
            if again is None:
                words = " ".join(question.texts[phrase.start : phrase.end])
                raise NotUnderstood(
                    f"“{words}” is one time: a standing question is about what comes again, such "
                    "as every day, on weekdays, at night, or between 22:00 and 06:00.",
                    EXAMPLES,
                )
            repeats |= isinstance(again, Every | Business)
            elements.append(again)
        days = any(isinstance(one, Every) for one in elements)
        if timed and days:
            raise NotUnderstood(
                "Its times differ from day to day: please make a question of each.", EXAMPLES
            )
        # "On weekdays at night and at weekends": the nights are not those of the weekend.
        timed = timed or (days and not all(isinstance(one, Every) for one in elements))
        if elements:
            found.append(replace(phrase, elements=tuple(elements)))
    if found and not repeats:
        found[0] = replace(found[0], elements=(*found[0].elements, Every()))
    return found


def _again(one: Element) -> Element | None:
    """What of a time repeats; None where it names one time."""
    match one:
        case Part(name="tonight"):
            return None
        case Part():
            return replace(one, day=None)
        case Weekday(day=day, mode="recent"):
            return Every(frozenset({day}))
        case Weekend(mode="over"):
            return Every(frozenset({6, 7}))
        case Range(start=(Weekday(day=first),), end=(Weekday(day=last),)):
            return Every(frozenset((first + n - 1) % 7 + 1 for n in range((last - first) % 7 + 1)))
        case ClockPoint() | ClockRange() | Business() | Every():
            return one
        case _:
            return None


def _whole_days(phrases: list[Phrase]) -> bool:
    """ "every day", without a part of it: no mask is what was meant."""
    return all(
        isinstance(one, Every) and not one.weekdays and one.part is None
        for phrase in phrases
        for one in phrase.elements
    )


def _check(query: Query) -> None:
    if query.settled or query.nothing:
        raise NotUnderstood(query.notice or query.nothing, query.choices)
    if query.threshold is not None or query.question_type is QuestionType.DWELL:
        raise NotUnderstood("A standing question cannot wait for how long something lasts yet.")
    if query.question_type not in _TYPES:
        raise NotUnderstood(
            "A standing question waits for something that cameras see: name what, and where. "
            "Counts, comparisons and the state of cameras it cannot watch.",
            EXAMPLES,
        )
    if len(query.text.split()) > 1:
        words = " ".join(f"“{one}”" for one in query.text.split())
        raise NotUnderstood(f"Nothing that occurs here is called {words}.", query.choices)
    everything = (
        query.cameras, query.sites, query.zones, query.event_types, query.labels, query.text or None
    )  # fmt: skip
    if all(one is None for one in everything):
        raise NotUnderstood("The question names neither what is to happen nor where.", EXAMPLES)


class StandingReader:
    """`domain.standing.RuleMaker`, over an engine's index of what the caller may see."""

    def __init__(self, engine: GroundedEngine, events: EventStore) -> None:
        self._engine = engine
        self._events = events

    async def rule(self, caller: Caller, query: str, time_zone: str, now: datetime) -> Rule:
        """What the question means. Raises NotUnderstood."""
        index = await self._engine.index(caller)
        rule = understand_rule(query, index=index, now=now, time_zone=time_zone)
        if rule.chosen.text and not (await self._events.totals(caller, rule.chosen)).matches:
            raise NotUnderstood(f"Nothing that occurs here fits “{rule.chosen.text}”.", EXAMPLES)
        return rule
