"""Rankings: which camera, site, hour, … had most, or least."""

from __future__ import annotations

from enhanced_prompt_service.domain.events import GroupBy

from ..intents import Aspect
from .absence import say_nothing
from .common import Said, group_facts, say_recorded, say_total
from .groups import NOUNS, UNITS, counts_of, recorded_groups, say_group
from .text import Text, many

MOST_RANKED = 5


def compose_rank(text: Text, said: Said) -> None:
    """Which camera, site, hour, … had most, or least."""
    by = said.query.group_by or GroupBy.CAMERA
    report = said.findings.coverage
    if report is not None and report.share == 0 and not said.findings.total_matches:
        say_nothing(text, said)
        return
    if said.query.aspect in (Aspect.LEAST, Aspect.QUIET):
        _least(text, said, by)
        return
    if not said.findings.total_matches:
        say_nothing(text, said)
        return
    counts = counts_of(said, by)
    if not counts:
        say_total(text, said)
        text.add(f" None of them names a {NOUNS[by]}.")
        return
    shown = list(counts.items())[: said.query.limit or MOST_RANKED]
    _first(text, said, by, shown[0])
    if len(shown) > 1:
        text.add(" Then ")
        _entries(text, said, by, shown[1:])
        text.add(".")
    texts = {key: many(count) for key, count in shown}
    group_facts(text, by, counts, texts)
    if len(counts) > len(shown) and by in UNITS:
        text.add(" In all ")
        text.number("groups", len(counts), UNITS[by], many(len(counts)))
        text.add(f" {UNITS[by]} saw ")
    else:
        text.add(" In all ")
        if by in UNITS:
            text.fact("groups", len(counts), UNITS[by])
    say_total(text, said)


def _first(text: Text, said: Said, by: GroupBy, entry: tuple[str, int]) -> None:
    key, count = entry
    if said.query.subject or said.query.text:
        text.add(f"Most {said.noun(2)}: {say_group(said, by, key)}, with {many(count)}.")
        return
    text.add(f"Busiest {NOUNS[by]}: {say_group(said, by, key)}, with {many(count)} events.")


def _entries(text: Text, said: Said, by: GroupBy, entries: list[tuple[str, int]]) -> None:
    for number, (key, count) in enumerate(entries):
        text.add("; " if number else "", f"{say_group(said, by, key)} ({many(count)})")


def _least(text: Text, said: Said, by: GroupBy) -> None:
    """Ascending, over what was recorded: a camera without footage is not a quiet one."""
    counts = _with_zeros(said, by)
    if not counts:
        say_nothing(text, said)
        return
    shown = list(counts.items())[: said.query.limit or MOST_RANKED]
    zeros = [key for key, count in shown if count == 0]
    noun = said.noun(2)
    if zeros:
        more = sum(1 for count in counts.values() if count == 0) > len(zeros)
        names = [say_group(said, by, key) for key in zeros]
        text.add(f"Recorded, and saw no {noun}: {', '.join(names)}{' and others' if more else ''}.")
        rest = [(key, count) for key, count in shown if count]
        if rest:
            text.add(" Then ")
            _entries(text, said, by, rest)
            text.add(".")
    else:
        key, count = shown[0]
        text.add(f"Fewest {noun}: {say_group(said, by, key)}, with {many(count)}.")
        if len(shown) > 1:
            text.add(" Then ")
            _entries(text, said, by, shown[1:])
            text.add(".")
    _left_out(text, said, by, counts)
    group_facts(text, by, counts, {key: many(count) for key, count in shown if count})
    if said.findings.total_matches:
        text.add(" In all ")
        say_total(text, said)
    else:
        text.fact("events", 0, "events")
        text.add(f" That is for {said.when()}")
        say_recorded(text, said)
        text.add(".")


def _with_zeros(said: Said, by: GroupBy) -> dict[str, int]:
    """Counts of all groups that could have had one, fewest first, then by key."""
    counts = counts_of(said, by)
    found = said.findings
    recorded = found.recorded_by_camera
    if by is GroupBy.CAMERA:
        if said.query.windows:
            possible = {camera for camera, seconds in recorded.items() if seconds > 0}
        else:
            possible = {camera for camera in found.asked_cameras if camera in found.known}
            possible = possible or set(found.asked_cameras)
    elif by is GroupBy.SITE:
        possible = {
            site
            for camera, site in found.asked_cameras.items()
            if recorded.get(camera, 0) > 0 or not said.query.windows
        }
    elif by in (GroupBy.LOCAL_HOUR, GroupBy.LOCAL_DATE):
        possible = recorded_groups(said, by)
    else:
        possible = set[str]()
    every = {key: counts.get(key, 0) for key in possible | set(counts)}
    return dict(sorted(every.items(), key=lambda item: (item[1], item[0])))


def _left_out(text: Text, said: Said, by: GroupBy, counts: dict[str, int]) -> None:
    if by is not GroupBy.CAMERA or not said.query.windows:
        return
    missing = [camera for camera in said.findings.asked_cameras if camera not in counts]
    if missing:
        names = [said.camera(camera) for camera in missing[:6]]
        more = " and others" if len(missing) > len(names) else ""
        text.add(f" Without footage then, so not ranked: {', '.join(names)}{more}.")
