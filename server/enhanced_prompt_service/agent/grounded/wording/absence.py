"""Nothing found, said with coverage: no footage is not quiet."""

from __future__ import annotations

from datetime import datetime, timedelta

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.times import Interval

from .common import FULL, Said, coverage_facts, say_recorded
from .text import Text, many
from .times import say_window

MINUTE = timedelta(minutes=1)


def say_nothing(text: Text, said: Said) -> None:
    """That no event matches, and what that means given what was recorded."""
    text.fact("events", 0, "events")
    if said.query.nothing:
        text.add(f"Nothing can match. {said.query.nothing}")
        return
    report = said.findings.coverage
    noun, where, when = said.noun(0), said.where(), said.when()
    if report is not None and report.share == 0:
        coverage_facts(text, report)
        text.add(f"Nothing was recorded{where}, {when}: there is no footage to answer from.")
        say_elsewhere(text, said)
        return
    no = "No: there were no" if said.query.question_type is QuestionType.EXISTENCE else "No"
    if report is not None and report.share is not None and report.share >= FULL:
        coverage_facts(text, report)
        plain = not (said.query.subject or said.query.text or said.query.threshold)
        quiet = ": it was quiet" if plain else ""
        text.add(f"{no} {noun}{where}, {when}. All of that time was recorded{quiet}.")
        return
    text.add(f"{no} {noun}{where}, {when}")
    if report is None:
        text.add(".")
        return
    if report.share is None:
        text.add("; whether these cameras recorded then is not known.")
        return
    say_recorded(text, said)
    text.add(". The rest of that time was not recorded.")


def say_elsewhere(text: Text, said: Said) -> None:
    """When there is footage near a window that has none."""
    stretches = said.findings.elsewhere
    if not stretches:
        text.add(" No footage near that time is known.")
        return
    text.add(" Recorded were: ")
    for number, one in enumerate(stretches):
        text.add("; " if number else "")
        say_stretch(text, said, one, number)
    text.add(".")


def say_stretch(text: Text, said: Said, one: Interval, number: int) -> None:
    """A stretch of footage, its ends as facts."""
    group = str(number + 1)
    text.fact("recorded_from", one.start.timestamp(), "unix_seconds", group=group)
    text.fact("recorded_to", one.end.timestamp(), "unix_seconds", group=group)
    minutes = Interval(_minute(one.start), max(_minute(one.end), _minute(one.start) + MINUTE))
    text.add(say_window(minutes, said.zone))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def say_ongoing(text: Text, said: Said) -> None:
    """What had begun before the window and still went on at its start."""
    count = said.findings.ongoing
    if not count:
        return
    text.add(" Going on since before: ")
    text.number("ongoing", count, "events", many(count))
    text.add(" more." if said.findings.total_matches else ".")
