"""When, how long, and one event by itself."""

from __future__ import annotations

from enhanced_prompt_service.domain.answers import Evidence

from ..intents import Aspect
from .absence import say_nothing, say_ongoing
from .common import Said, say_edge, say_total, what_event
from .text import Text, many
from .times import say_date, say_length, say_time


def compose_when(text: Text, said: Said) -> None:
    """The first or the last one; without either, both."""
    found = said.findings
    if not found.total_matches or found.first is None or found.last is None:
        say_nothing(text, said)
        return
    if said.query.aspect in (Aspect.FIRST, Aspect.LAST):
        first = said.query.aspect is Aspect.FIRST
        event = found.first if first else found.last
        name = "first_start" if first else "last_start"
        text.add("First" if first else "Last", " at ")
        _edge_with_date(text, said, name, event)
        text.add(": ")
        text.cited(what_event(said, event), [event])
        text.add(". Of ")
        say_total(text, said)
        _other_edge(text, said, first=first)
        return
    text.add("From ")
    _edge_with_date(text, said, "first_start", found.first)
    text.add(" (")
    text.cited(what_event(said, found.first), [found.first])
    text.add(") to ")
    _edge_with_date(text, said, "last_start", found.last)
    text.add(" (")
    text.cited(what_event(said, found.last), [found.last])
    text.add("): ")
    say_total(text, said)


def _other_edge(text: Text, said: Said, *, first: bool) -> None:
    event = said.findings.last if first else said.findings.first
    name = "last_start" if first else "first_start"
    if event is not None:
        text.fact(name, event.timestamp.timestamp(), "unix_seconds", group=event.event_id)


def _edge_with_date(text: Text, said: Said, name: str, event: Evidence) -> None:
    local = event.timestamp.astimezone(said.zone)
    text.number(
        name,
        event.timestamp.timestamp(),
        "unix_seconds",
        f"{say_time(event.timestamp, said.zone)} on {say_date(local)}",
        group=event.event_id,
    )


def compose_dwell(text: Text, said: Said) -> None:
    """How long events were, and how many lasted longer than asked."""
    query, found = said.query, said.findings
    if query.threshold is not None:
        length = say_length(query.threshold.seconds)
        text.fact("threshold", query.threshold.seconds, "seconds", text=length)
        if not found.total_matches:
            say_nothing(text, said)
            say_ongoing(text, said)
            return
        say_total(text, said)
        _longest(text, said)
        _mean(text, said, lead=" On average they took ")
        return
    if not found.total_matches:
        say_nothing(text, said)
        return
    if found.longest is None:
        say_total(text, said)
        text.add(" None of them has an end, so how long they took is not known.")
        return
    if query.aspect is Aspect.MEAN:
        _mean(text, said, lead="On average ")
        text.add(" ")
        say_total(text, said)
        _longest(text, said)
        return
    _longest(text, said)
    text.add(" ")
    say_total(text, said)
    _mean(text, said, lead=" On average they took ")


def _longest(text: Text, said: Said) -> None:
    event = said.findings.longest
    if event is None or event.end_time is None:
        return
    seconds = (event.end_time - event.timestamp).total_seconds()
    text.add(" The longest took " if text.response else "The longest took ")
    text.number("longest", seconds, "seconds", say_length(seconds), group=event.event_id)
    text.add(": ")
    text.cited(f"{what_event(said, event)}, {said.at(event)}", [event])
    text.add(".")


def _mean(text: Text, said: Said, *, lead: str) -> None:
    mean = said.findings.totals.mean_duration_s
    if mean is None:
        return
    text.add(lead)
    text.number("mean_duration", mean, "seconds", say_length(mean))
    text.add(".")


def compose_one(text: Text, said: Said) -> None:
    """Everything that is known of one event."""
    if not said.findings.evidence:
        text.fact("events", 0, "events").add("That event is not there any more.")
        return
    event = said.findings.evidence[0]
    local = event.timestamp.astimezone(said.zone)
    text.fact("events", 1, "events")
    what = what_event(said, event)
    text.cited(what[0].upper() + what[1:], [event])
    text.add(f", {say_date(local)}, ")
    say_edge(text, said, "first_start", event)
    if event.end_time is not None:
        seconds = (event.end_time - event.timestamp).total_seconds()
        text.add(", for ")
        text.number("longest", seconds, "seconds", say_length(seconds), group=event.event_id)
    text.add(".")
    if event.zones:
        names = [said.query.known_index.zone_name(one) for one in event.zones]
        text.add(f" Zone: {', '.join(names)}.")
    if event.label:
        text.add(f" Label: {event.label}.")
    text.add(" Participants: ")
    text.number("participants", event.participants, "participants", many(event.participants))
    text.add(".")
    if event.clip_url:
        text.add(" There is a clip of it.")
    else:
        text.add(" No clip address is known for it.")
