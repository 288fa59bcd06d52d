"""Parts of other things: the first half of last week, the last hour of Monday, early March."""

from __future__ import annotations

from .elements import ClockPoint, Date, Edge, Fraction, Part, Period
from .lexicon import UNITS, WEEKDAYS
from .scanner import Found, Scanner


def ordinal_part(s: Scanner, at: int) -> Found | None:
    """ "first half of last week", "the first two hours of yesterday", "first Monday of May"."""
    text = s.w.text(at)
    index = {"first": 0, "second": 1, "third": 2, "fourth": 3, "latter": 1, "other": 1}.get(
        text, -1
    )
    piece = s.w.text(at + 1)
    last = text == "last"
    if piece in ("half", "third", "quarter") and s.w.text(at + 2) in ("of", "in"):
        parts = {"half": 2, "third": 3, "quarter": 4}[piece]
        inner = s.point(at + 3)
        if inner is None or not (last or 0 <= index < parts):
            return None
        return (Fraction(parts - 1 if last else index, parts, inner[0]),), inner[1]
    if text == "first" or last:
        read = s.w.span(at + 1)
        if read is None and piece in UNITS:
            read = (1.0, UNITS[piece], at + 2)
        if read is not None and s.w.text(read[2]) in ("of", "in"):
            inner = s.point(read[2] + 1)
            loose = (
                s.w.text(read[2]) == "in" and inner is not None and isinstance(inner[0][0], Part)
            )
            if inner is not None and not loose:
                side = "last" if last else "first"
                return (Edge(read[0], read[1], side, inner[0]),), inner[1]
    if piece in WEEKDAYS and s.w.text(at + 2) in ("of", "in") and (last or index >= 0):
        inner = s.point(at + 3)
        if inner is not None and isinstance(inner[0][0], Date | Period):
            count = -1 if last else index + 1
            return (Edge(count, f"weekday{WEEKDAYS[piece]}", "nth", inner[0]),), inner[1]
    return None


def thirds(s: Scanner, at: int) -> Found | None:
    """ "the beginning of last week", "end of March"."""
    text = s.w.text(at)
    index = {"start": 0, "beginning": 0, "middle": 1, "end": 2}[text]
    if s.w.text(at + 1) != "of":
        return None
    inner = s.point(at + 2)
    return None if inner is None else ((Fraction(index, 3, inner[0]),), inner[1])


def shaped(s: Scanner, at: int) -> Found | None:
    """ "early yesterday morning", "late March", "mid-afternoon", "the early hours"."""
    text = s.w.text(at)
    step = at + 2 if s.w.text(at + 1) in ("-", "in", "on") else at + 1
    if s.w.text(step) == "the":
        step += 1
    if text == "early" and s.w.text(step) == "hours":
        return (Part("small hours"),), step + 1
    inner = s.point(step)
    if inner is None:
        return None
    elements, after = inner
    shaped = tuple(
        Part(one.name, text, one.day)
        if isinstance(one, Part) and one.name not in ("night", "tonight")
        else one
        for one in elements
    )
    if shaped != elements:
        return shaped, after
    if any(isinstance(one, ClockPoint) for one in elements):
        return None
    if any(isinstance(one, Part) for one in elements):
        return (Fraction(0 if text == "early" else 1, 2, elements),), after
    index = {"early": 0, "mid": 1, "late": 2}[text]
    return (Fraction(index, 3, elements),), after
