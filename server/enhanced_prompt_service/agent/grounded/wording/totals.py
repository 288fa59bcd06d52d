"""Recaps, counts, existence, searches, moments and what recurs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from enhanced_prompt_service.domain.answers import Evidence, QuestionType
from enhanced_prompt_service.domain.events import GroupBy, GroupRow

from ..intents import Aspect
from ..kinds import spoken
from .absence import say_nothing, say_ongoing
from .common import Said, edge_facts, group_facts, rolled, say_edge, say_total, what_event
from .text import Text, many
from .times import DAYS, MONTHS, say_instant

MOST_LINES = 5
MOST_DATES = 14


def compose_totals(text: Text, said: Said) -> None:
    """An answer that begins with how many events match."""
    query, findings = said.query, said.findings
    if not findings.total_matches:
        say_nothing(text, said)
        say_ongoing(text, said)
        return
    lead = "Yes: " if query.question_type is QuestionType.EXISTENCE else ""
    say_total(text, said, lead=lead)
    match query.question_type:
        case QuestionType.COUNT:
            _stands_out(text, said, types=query.event_types is None)
            _edges(text, said)
        case QuestionType.EXISTENCE:
            _edges(text, said)
            _stands_out(text, said, types=False)
            say_ongoing(text, said)
        case QuestionType.SEARCH:
            _lines(text, said, findings.evidence)
            group_facts_of(text, said)
            edge_facts(text, said)
        case QuestionType.MOMENT:
            _stands_out(text, said, types=query.event_types is None)
            _lines(text, said, _nearest(said))
            edge_facts(text, said)
            say_ongoing(text, said)
        case QuestionType.RECURRING:
            _dates(text, said)
            _stands_out(text, said, types=query.event_types is None)
            _edges(text, said)
        case _:
            if query.aspect is Aspect.CLIPS:
                _clips(text, said)
                group_facts_of(text, said)
                edge_facts(text, said)
            elif query.limit:
                _lines(text, said, findings.evidence)
                group_facts_of(text, said)
                edge_facts(text, said)
            else:
                _stands_out(text, said, types=True)
                _edges(text, said)


def group_facts_of(text: Text, said: Said) -> None:
    """Counts by camera and by type, beside the text."""
    rows = _rows(said)
    group_facts(text, GroupBy.CAMERA, rolled(rows, 0))
    group_facts(text, GroupBy.EVENT_TYPE, rolled(rows, 1))


def _rows(said: Said) -> Sequence[GroupRow]:
    return said.findings.groups.get((GroupBy.CAMERA, GroupBy.EVENT_TYPE), ())


def _stands_out(text: Text, said: Said, *, types: bool) -> None:
    """The most frequent types and the busiest camera."""
    cameras, kinds = rolled(_rows(said), 0), rolled(_rows(said), 1)
    kind_texts: dict[str, str] = {}
    if types and len(kinds) > 1:
        shown = list(kinds.items())[:3]
        text.add(" Most frequent: ")
        for number, (kind, count) in enumerate(shown):
            text.add(", " if number else "", f"{spoken(kind)} (", many(count), ")")
            kind_texts[kind] = many(count)
        text.add(".")
    camera_texts: dict[str, str] = {}
    if len(cameras) > 1:
        camera, count = next(iter(cameras.items()))
        text.add(f" Busiest: {said.camera(camera)} (", many(count), ").")
        camera_texts[camera] = many(count)
    group_facts(text, GroupBy.EVENT_TYPE, kinds, kind_texts)
    group_facts(text, GroupBy.CAMERA, cameras, camera_texts)


def _edges(text: Text, said: Said) -> None:
    """The first and the last event."""
    first, last = said.findings.first, said.findings.last
    if first is None or last is None:
        return
    shown = {one.event_id for one in said.findings.evidence}
    if said.findings.total_matches == 1:
        text.add(" At ")
        say_edge(text, said, "first_start", first)
        text.fact("last_start", last.timestamp.timestamp(), "unix_seconds", group=last.event_id)
        text.add(": ")
        text.cited(what_event(said, first), [first] if first.event_id in shown else [])
        text.add(".")
        return
    for lead, name, event in ((" First ", "first_start", first), ("; last ", "last_start", last)):
        text.add(lead)
        say_edge(text, said, name, event)
        text.add(": ")
        text.cited(what_event(said, event), [event] if event.event_id in shown else [])
    text.add(".")


def _lines(text: Text, said: Said, events: Sequence[Evidence]) -> None:
    for event in events[: max(MOST_LINES, said.query.limit)]:
        text.add("\n• ")
        text.cited(f"{_when(said, event)}: {what_event(said, event)}", [event])
    if len(events) and said.findings.total_matches > len(events[:MOST_LINES]):
        text.add("\nThese stand for all of them.")


def _when(said: Said, event: Evidence) -> str:
    return say_instant(event.timestamp, said.zone, near=said.window)


def _nearest(said: Said) -> list[Evidence]:
    """Evidence nearest to the moment, in order of time."""
    moment = said.query.moment
    events = list(said.findings.evidence)
    if moment is not None:
        events.sort(key=lambda one: abs((one.timestamp - moment).total_seconds()))
    return sorted(events[:MOST_LINES], key=lambda one: one.timestamp)


def _clips(text: Text, said: Said) -> None:
    if any(one.clip_url for one in said.findings.evidence):
        text.add(" Clips:")
        for event in said.findings.evidence:
            if event.clip_url:
                text.add("\n• ")
                text.cited(f"{_when(said, event)}: {what_event(said, event)}", [event])
        return
    text.add(" No clip addresses are known for them; these events stand for all of them:")
    for event in said.findings.evidence[:MOST_LINES]:
        text.add("\n• ")
        text.cited(f"{_when(said, event)}: {what_event(said, event)}", [event])


def _dates(text: Text, said: Said) -> None:
    """Matches by the local date on which a recurring range began."""
    counts = begun_on(said)
    if not counts:
        return
    texts: dict[str, str] = {}
    if len(counts) <= MOST_DATES:
        text.add(" By day: ")
        for number, (day, count) in enumerate(counts.items()):
            text.add("; " if number else "", f"{say_day(day)}: ", many(count))
            texts[day] = many(count)
        text.add(".")
    group_facts(text, GroupBy.LOCAL_DATE, counts, texts)


def begun_on(said: Said) -> dict[str, int]:
    """Counts by date from counts by hour: the small hours of a range over midnight belong to the
    day before. (Where such a range begins and ends within one hour of the day, they cannot.)"""
    mask = said.query.mask
    late = [one.end_minute for one in mask.ranges if one.over_midnight] if mask else []
    counts: dict[str, int] = {}
    for row in said.findings.groups.get((GroupBy.LOCAL_HOUR,), ()):
        day, _, hour = row.keys[0].partition("T")
        if late and int(hour) * 60 < max(late):
            day = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
        counts[day] = counts.get(day, 0) + row.matches
    return dict(sorted(counts.items()))


def say_day(day: str) -> str:
    """ "Thu 15 March 2018" of "2018-03-15"."""
    found = date.fromisoformat(day)
    return f"{DAYS[found.weekday()]} {found.day} {MONTHS[found.month - 1]} {found.year}"
