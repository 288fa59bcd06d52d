"""Follow-up questions: complete ones, that the engine itself understands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.times import Interval

from ..clarify import plain_name
from ..intents import Aspect
from ..query import Query
from .common import Said
from .times import ask_window

MOST = 3
LONG = timedelta(hours=24)
_MANY_CAMERAS = 3


def follow_ups(said: Said) -> tuple[str, ...]:
    """At most three questions that lead on from an answer."""
    query = said.query
    found = list(_for(said))
    return tuple(dict.fromkeys(one for one in found if one))[:MOST] if query.index else ()


def _for(said: Said) -> Iterable[str]:
    query, report = said.query, said.findings.coverage
    window = query.time_range
    when = ask_window(window, said.zone, query.now) if window is not None else ""
    where = asked_where(query)
    if said.findings.elsewhere and report is not None and report.share == 0:
        yield from (_again(said, one) for one in said.findings.elsewhere)
        return
    match query.question_type:
        case QuestionType.HEALTH:
            yield _sentence("What happened", where, "today")
            if query.aspect is Aspect.STATES:
                yield "What cameras do I have?"
            else:
                yield "Which cameras are offline?"
            yield "What can you detect?" if query.aspect is not Aspect.DETECTS else ""
        case QuestionType.RANK:
            yield _sentence("What happened", where, when)
            yield _sentence("How many people were there", where, when)
            yield _sentence("Events per hour", where, when)
        case QuestionType.PREDICTION:
            yield _sentence("What happened", where, "today")
            yield _sentence(f"{_events(query)} per hour", where, "yesterday")
            yield _sentence("Which hour was busiest", where, "in the last 7 days")
        case QuestionType.COMPARE:
            yield _sentence("What happened", where, when)
            if query.other is not None:
                yield _sentence(
                    "What happened", where, ask_window(query.other, said.zone, query.now)
                )
            yield _sentence("Events per hour", where, when)
        case _:
            if query.question_type is not QuestionType.RECAP:
                yield _sentence("What happened", where, when)
            else:
                yield _sentence("How many people were there", where, when)
            if query.question_type is not QuestionType.TREND:
                yield _sentence(f"{_events(query)} per hour", where, when)
            if len(said.findings.asked_cameras) > 1:
                yield _sentence("Which camera was busiest", where, when)
            else:
                yield _sentence(f"When were the last {_events(query).lower()}", where, "")


def instead(said: Said) -> tuple[str, ...]:
    """What can be asked about the same place and time, where a word fitted nothing."""
    query = said.query
    window = query.time_range
    when = ask_window(window, said.zone, query.now) if window is not None else ""
    where = asked_where(query)
    return (
        _sentence("What happened", where, when),
        _sentence("How many people were there", where, when),
        "What can you detect?",
    )


def _again(said: Said, window: Interval) -> str:
    """The same question about another window."""
    query = said.query
    window = _near(window, said)
    when, where = ask_window(window, said.zone, query.now), asked_where(query)
    match query.question_type:
        case QuestionType.COUNT | QuestionType.EXISTENCE | QuestionType.RECURRING:
            if query.event_types or query.labels:
                return _sentence(f"How many {_events(query).lower()} were there", where, when)
            return _sentence("What happened", where, when)
        case QuestionType.RANK:
            return _sentence("Which camera was busiest", where, when)
        case QuestionType.WHEN:
            edge = "first" if query.aspect is Aspect.FIRST else "last"
            return _sentence(f"When were the {edge} {_events(query).lower()}", where, when)
        case QuestionType.TREND:
            return _sentence(f"{_events(query)} per hour", where, when)
        case _:
            return _sentence("What happened", where, when)


def _near(stretch: Interval, said: Said) -> Interval:
    """Of a long stretch of footage the part nearest to the window, as long as that is."""
    window = said.query.time_range
    if window is None or stretch.end - stretch.start <= LONG:
        return stretch
    length = max(window.end - window.start, timedelta(hours=1))
    if stretch.end <= window.start:
        return Interval(max(stretch.start, stretch.end - length), stretch.end)
    return Interval(stretch.start, min(stretch.end, stretch.start + length))


def _events(query: Query) -> str:
    """The events of a query as a question names them."""
    subject = query.subject.replace("“", "").replace("”", "")
    plain = {"person": "People", "vehicle": "Vehicles", "animal": "Animals"}.get(subject)
    if plain:
        return plain
    if not subject or subject == "matching":
        return "Events"
    return f"{subject[0].upper()}{subject[1:]} events"


def asked_where(query: Query) -> str:
    """Places as a question names them; "" for everywhere, or for more than can be listed."""
    index = query.known_index
    parts: list[str] = []
    if query.zones and len(query.zones) <= _MANY_CAMERAS:
        parts += [f"in {index.zone_name(one)}" for one in sorted(query.zones)]
    if query.cameras and len(query.cameras) <= _MANY_CAMERAS:
        names = [plain_name(index.camera_name(one)) for one in sorted(query.cameras)]
        parts.append(f"at {' and '.join(names)}")
    elif query.sites:
        names = [plain_name(index.site_name(one)) for one in sorted(query.sites)]
        parts.append(f"at {' and '.join(names)}")
    return " ".join(parts)


def _sentence(head: str, where: str, when: str) -> str:
    return " ".join(part for part in (head, where, when) if part) + "?"
