"""Comparisons of two windows, or of groups within one."""

from __future__ import annotations

from enhanced_prompt_service.domain.answers import CoverageReport
from enhanced_prompt_service.domain.events import GroupBy

from ..intents import Aspect
from .absence import say_nothing
from .common import Said, coverage_facts, group_facts, say_total
from .groups import counts_of, say_group
from .text import Text, many
from .times import say_window


def compose_compare(text: Text, said: Said) -> None:
    """Two windows, or groups within one."""
    if said.query.other is not None:
        _two_windows(text, said)
    else:
        _groups(text, said)


def _two_windows(text: Text, said: Said) -> None:
    query, found = said.query, said.findings
    assert query.other is not None
    one = found.totals.matches
    two = found.other_totals.matches if found.other_totals is not None else 0
    here, there = said.when(), say_window(query.other, said.zone)
    empty = [
        name
        for name, report in ((here, found.coverage), (there, found.other_coverage))
        if report is not None and report.share == 0
    ]
    difference = one - two
    if empty:
        text.add(f"Nothing was recorded{said.where()} on {' nor on '.join(empty)}, so ")
        text.add("there is nothing to compare. On record: ")
    text.add(_verdict(said, difference, comparable=not empty))
    text.number("events", one, "events", many(one))
    text.add(f" {said.noun(one)}{said.where()}, {here}")
    _recorded(text, found.coverage, "")
    text.add(", against ")
    text.number("events_compared", two, "events", many(two))
    text.add(f" {there}")
    _recorded(text, found.other_coverage, "compared")
    text.add(".")
    if difference:
        text.add(" That is ")
        text.number("difference", difference, "events", many(abs(difference)))
        text.add(" more" if difference > 0 else " fewer")
        if two:
            change = 100 * difference / two
            text.add(" (")
            text.number("change", change, "percent", f"{abs(change):,.0f} %")
            text.add(" up)" if difference > 0 else " down)")
        text.add(".")
    else:
        text.fact("difference", 0, "events").add(" That is the same number.")
        if two:
            text.fact("change", 0, "percent")
    text.fact("participants", found.totals.participants, "participants")


def _verdict(said: Said, difference: int, *, comparable: bool) -> str:
    if not comparable or said.query.aspect is Aspect.NONE:
        return ""
    wanted = difference > 0 if said.query.aspect is Aspect.MOST else difference < 0
    return "Yes: " if wanted else "No: "


def _recorded(text: Text, report: CoverageReport | None, group: str) -> None:
    if report is None or report.share is None:
        return
    if not group:
        coverage_facts(text, report)
    if 0 < report.share < 0.995:
        hours = report.recorded_seconds / 3600
        said = f"{hours:,.1f} h" if hours >= 2 else f"{round(hours * 60)} min"
        text.add(" (")
        text.number("recorded", report.recorded_seconds, "seconds", said, group=group)
        text.add(" of camera time recorded)")


def _groups(text: Text, said: Said) -> None:
    query, found = said.query, said.findings
    by = query.group_by or GroupBy.CAMERA
    counts = counts_of(said, by)
    asked = {
        GroupBy.CAMERA: query.cameras,
        GroupBy.SITE: query.sites,
        GroupBy.ZONE: query.zones,
        GroupBy.EVENT_TYPE: query.event_types,
        GroupBy.LABEL: query.labels,
    }.get(by)
    every = {key: counts.get(key, 0) for key in {*counts, *(asked or ())}}
    if asked:
        every = {key: count for key, count in every.items() if key in asked}
    ordered = dict(sorted(every.items(), key=lambda item: (-item[1], item[0])))
    nouns = _by_noun(said, by, counts)
    if found.total_matches and nouns:
        _nouns(text, said, nouns)
        group_facts(text, by, ordered)
        text.add(" In all ")
        say_total(text, said)
        return
    if not found.total_matches or not ordered:
        say_nothing(text, said)
        group_facts(text, by, ordered)
        return
    entries = list(ordered.items())[:10]
    gap = entries[0][1] - entries[1][1] if len(entries) > 1 else 0
    text.add(_group_verdict(said, by, ordered))
    for number, (key, count) in enumerate(entries):
        text.add("; " if number else "", f"{say_group(said, by, key)}: {many(count)}")
        if by is GroupBy.CAMERA and not found.recorded_by_camera.get(key, 1):
            text.add(" (nothing recorded)")
    if gap:
        text.add(". The first is ahead by ")
        text.number("difference", gap, "events", many(gap))
        text.add(".")
    else:
        text.fact("difference", 0, "events").add("." if len(entries) < 2 else ". That is level.")
    group_facts(text, by, ordered, {key: many(count) for key, count in entries})
    text.add(" In all ")
    say_total(text, said)


def _group_verdict(said: Said, by: GroupBy, counts: dict[str, int]) -> str:
    """ "Yes: " or "No: " where it was asked whether the one named first has more, or fewer."""
    sides = [key for key in said.query.sides if key in counts]
    if said.query.aspect is Aspect.NONE or len(sides) != 2 or len(counts) != 2:
        return ""
    one, two = counts[sides[0]], counts[sides[1]]
    wanted = one > two if said.query.aspect is Aspect.MOST else one < two
    del by
    return "Yes: " if wanted else "No: "


def _by_noun(said: Said, by: GroupBy, counts: dict[str, int]) -> dict[str, int]:
    """Sums for the nouns that are compared, where one of them covers several types."""
    sides = said.query.groups
    types = [{pair[0] for pair in pairs} for _, pairs in sides]
    if by is not GroupBy.EVENT_TYPE or len(sides) < 2 or max(len(one) for one in types) < 2:
        return {}
    if len(set[str]().union(*types)) < sum(len(one) for one in types):
        return {}
    return {
        name: sum(counts.get(kind, 0) for kind in kinds)
        for (name, _), kinds in zip(sides, types, strict=True)
    }


def _nouns(text: Text, said: Said, sums: dict[str, int]) -> None:
    """ "Yes: person events 6,100, vehicle events 2,300; 3,800 apart."."""
    entries = list(sums.items())
    gap = entries[0][1] - entries[1][1]
    if said.query.aspect is not Aspect.NONE and len(entries) == 2:
        wanted = gap > 0 if said.query.aspect is Aspect.MOST else gap < 0
        text.add("Yes: " if wanted else "No: ")
    for number, (name, count) in enumerate(entries):
        text.add("; " if number else "", f"{name} events: ")
        text.number("events_by_noun", count, "events", many(count), group=name)
    text.add(". ")
    if len(entries) == 2 and gap:
        text.add("They are ")
        text.number("difference", gap, "events", many(abs(gap)))
        text.add(" apart.")
