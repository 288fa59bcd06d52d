"""Rankings, courses over time, and comparisons."""

from __future__ import annotations

from datetime import datetime, timedelta

from enhanced_prompt_service.domain.answers import CoverageReport
from enhanced_prompt_service.domain.events import GroupBy

from ..intents import Aspect
from .absence import say_nothing
from .common import (
    Said,
    coverage_facts,
    group_facts,
    rolled,
    say_recorded,
    say_total,
)
from .text import Text, many
from .times import DAY_NAMES, say_window
from .totals import say_day

MOST_RANKED = 5
MOST_POINTS = 31
_NOUNS = {
    GroupBy.CAMERA: "camera",
    GroupBy.SITE: "site",
    GroupBy.ZONE: "zone",
    GroupBy.EVENT_TYPE: "type of event",
    GroupBy.LABEL: "label",
    GroupBy.LOCAL_HOUR: "hour",
    GroupBy.LOCAL_DATE: "day",
    GroupBy.HOUR_OF_DAY: "hour of the day",
    GroupBy.WEEKDAY: "weekday",
}


def say_group(said: Said, by: GroupBy, key: str) -> str:
    """A group in words: "School camera G330", "Thu 15 March 2018, 14:00–15:00", "Monday"."""
    match by:
        case GroupBy.LOCAL_HOUR:
            day, _, hour = key.partition("T")
            return f"{say_day(day)}, {_hour(hour)}"
        case GroupBy.HOUR_OF_DAY:
            return _hour(key)
        case GroupBy.LOCAL_DATE:
            return say_day(key)
        case GroupBy.WEEKDAY:
            return DAY_NAMES[int(key) - 1] if key.isdigit() and 1 <= int(key) <= 7 else key
        case _:
            return said.group_name(by, key)


def _hour(hour: str) -> str:
    number = int(hour)
    return f"{number:02d}:00–{number + 1:02d}:00"


def _counts(said: Said, by: GroupBy) -> dict[str, int]:
    return rolled(said.findings.groups.get((by,), ()))


# ---- rankings -----------------------------------------------------------------------------------


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
    counts = _counts(said, by)
    if not counts:
        say_total(text, said)
        text.add(f" None of them names a {_NOUNS[by]}.")
        return
    shown = list(counts.items())[: said.query.limit or MOST_RANKED]
    _first(text, said, by, shown[0])
    if len(shown) > 1:
        text.add(" Then ")
        _entries(text, said, by, shown[1:])
        text.add(".")
    texts = {key: many(count) for key, count in shown}
    group_facts(text, by, counts, texts)
    text.add(" In all ")
    say_total(text, said)


def _first(text: Text, said: Said, by: GroupBy, entry: tuple[str, int]) -> None:
    key, count = entry
    if said.query.subject or said.query.text:
        text.add(f"Most {said.noun(2)}: {say_group(said, by, key)}, with {many(count)}.")
        return
    text.add(f"Busiest {_NOUNS[by]}: {say_group(said, by, key)}, with {many(count)} events.")


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
        text.add(f"Least {noun}: {_NOUNS[by]} {say_group(said, by, key)}, with {many(count)}.")
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
    counts = _counts(said, by)
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
        possible = _recorded_groups(said, by)
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


def _recorded_groups(said: Said, by: GroupBy) -> set[str]:
    """Local hours or dates in which any of the cameras recorded."""
    report = said.findings.coverage
    found: set[str] = set()
    for span in report.recorded if report is not None else ():
        at = span.start.astimezone(said.zone).replace(minute=0, second=0, microsecond=0)
        while at < span.end and len(found) < 2000:
            found.add(_key_of(at, by))
            at = (at.astimezone(said.zone) + timedelta(hours=1)).astimezone(said.zone)
    return found


def _key_of(local: datetime, by: GroupBy) -> str:
    match by:
        case GroupBy.LOCAL_HOUR:
            return f"{local:%Y-%m-%dT%H}"
        case GroupBy.HOUR_OF_DAY:
            return f"{local:%H}"
        case GroupBy.WEEKDAY:
            return str(local.isoweekday())
        case _:
            return f"{local:%Y-%m-%d}"


# ---- courses ------------------------------------------------------------------------------------


def compose_trend(text: Text, said: Said) -> None:
    """Counts over time, in order; hours that were recorded and saw nothing are zeros."""
    by = said.query.group_by or GroupBy.LOCAL_HOUR
    if not said.findings.total_matches:
        say_nothing(text, said)
        return
    say_total(text, said)
    counts = _counts(said, by)
    report = said.findings.coverage
    zeros: set[str] = set()
    if report is not None and len(report.recorded) < 50 and said.query.mask is None:
        zeros = _recorded_groups(said, by)
    ordered = {key: counts.get(key, 0) for key in sorted(set(counts) | zeros)}
    peak, most = next(iter(counts.items()))
    shown = list(ordered.items())
    texts: dict[str, str] = {}
    text.add(f" By {_NOUNS[by]}:" if len(shown) <= MOST_POINTS else f" The busiest {_NOUNS[by]}s:")
    if len(shown) > MOST_POINTS:
        shown = sorted(list(counts.items())[:10])
    for key, count in shown:
        text.add(f"\n• {say_group(said, by, key)}: {many(count)}")
        texts[key] = many(count)
    text.add(f"\nMost: {say_group(said, by, peak)}, with {many(most)}.")
    texts[peak] = many(most)
    group_facts(text, by, ordered, texts)


# ---- comparisons --------------------------------------------------------------------------------


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
    counts = _counts(said, by)
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
