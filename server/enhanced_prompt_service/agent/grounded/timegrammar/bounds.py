"""Ranges and bounds: between, from, since, until, before, after, around, business hours."""

from __future__ import annotations

from ..words import Kind
from .elements import Bound, Business, ClockPoint, ClockRange, Part, Wrong
from .lexicon import AROUND, PARTS, PLURAL_PARTS, TO
from .scanner import AROUND_SLACK, Found, Scanner, split_clock


def between(s: Scanner, at: int) -> Found | None:
    return s.two_points(at + 1, frozenset({"and", "&", *TO}))


def from_(s: Scanner, at: int) -> Found | None:
    ranged = s.two_points(at + 1, TO)
    if ranged is not None:
        return ranged
    point = s.point(at + 1)
    if point is None:
        return None
    elements, after = point
    if s.w.text(after) in ("on", "onward", "onwards", "forward"):
        onward = s.w.text(after) != "on" or s.behind_lead(after) is None
        if onward and not (s.w.text(after) == "on" and names_follow(s, after + 1)):
            return (Bound("since", elements),), after + 1
    return None


def names_follow(s: Scanner, at: int) -> bool:
    return at < s.w.size and s.w.tokens[at].kind is not Kind.MARK


def since(s: Scanner, at: int) -> Found | None:
    point = s.point(at + 1, bare=True)
    return None if point is None else ((Bound("since", point[0]),), point[1])


def until(s: Scanner, at: int) -> Found | None:
    if s.w.text(at + 1) in ("now", "today") and s.w.text(at) == "up":
        return None
    return upper(s, "until", at + 1)


def before(s: Scanner, at: int) -> Found | None:
    step = at + 2 if s.w.text(at + 1) in ("to", "than") else at + 1
    return upper(s, "before", step)


def by(s: Scanner, at: int) -> Found | None:
    found = s.w.clock(at + 1)
    if found is None or isinstance(found[0], Wrong):
        return None
    return (ClockRange(None, found[0]),), found[1]


def upper(s: Scanner, kind: str, at: int) -> Found | None:
    point = s.point(at)
    if point is None:
        return None
    clock, rest = split_clock(point[0])
    clock_first = isinstance(point[0][0], ClockPoint)
    if clock is not None and (clock_first or not rest):
        return (ClockRange(None, clock), *rest), point[1]
    return (Bound(kind, point[0]),), point[1]


def after(s: Scanner, at: int) -> Found | None:
    hours = business(s, at)
    if hours is not None:
        return hours
    step = at + 2 if s.w.text(at + 1) == "than" else at + 1
    point = s.point(step)
    if point is None:
        return None
    clock, rest = split_clock(point[0])
    if clock is not None and (isinstance(point[0][0], ClockPoint) or not rest):
        return (ClockRange(clock, None), *rest), point[1]
    return (Bound("after", point[0]),), point[1]


def around(s: Scanner, at: int) -> Found | None:
    step = at + 1
    while s.w.text(step) in ("at", "the"):
        step += 1
    found = s.w.clock(step, bare=s.closes(step + 1) and s.w.text(at) != "near")
    if found is None or s.counts(step):
        return None
    if isinstance(found[0], Wrong):
        return (found[0],), found[1]
    return (ClockPoint(found[0], AROUND_SLACK),), found[1]


def at(s: Scanner, at: int) -> Found | None:
    """ "at about 3 pm", "at 2 yesterday"."""
    if s.w.text(at + 1) in AROUND:
        return around(s, at + 1)
    if s.w.text(at + 1) in PARTS and s.w.text(at + 1) not in PLURAL_PARTS:
        return (Part(PARTS[s.w.text(at + 1)]),), at + 2
    if s.w.is_number(at + 1) and len(s.w.digits(at + 1)) <= 2:
        following = s.w.text(at + 2)
        if s.closes(at + 2) or s.begins_simply(following):
            return s.clock(at + 1, bare=not s.counts(at + 1))
    return None


def business(s: Scanner, at: int) -> Found | None:
    """ "business hours", "after hours", "outside of normal working hours"."""
    step, outside = at, False
    if s.w.text(step) in ("after", "outside", "out", "off", "beyond", "non"):
        outside = True
        step += 1
        while s.w.text(step) in ("of", "-", "the", "normal", "regular", "usual", "our"):
            step += 1
    named = s.w.text(step) in ("business", "office", "working", "work", "opening", "store")
    if named:
        step += 1
        if s.w.text(step) == "-":
            step += 1
    if s.w.text(step) in ("hours", "hour") and (named or outside):
        return (Business(not outside),), step + 1
    return None
