"""What is counted from something else: the day before, the same day last week."""

from __future__ import annotations

from .days import year_word
from .elements import Day, Edge, Part, Period, SameClock, Shift
from .lexicon import PARTS, UNITS, WEEKDAYS, words
from .scanner import Found, Scanner

_SAME_THINGS = words(
    "day time hour hours period window weekday date week month clock timeframe span"
)


def relative(s: Scanner, at: int) -> Found | None:
    """ "day before yesterday", "the week before", "the hour before noon"."""
    unit = UNITS[s.w.text(at)]
    link = s.w.text(at + 1)
    if at > 0 and (s.w.is_number(at - 1) or s.w.text(at - 1) in ("per", "each", "every")):
        return None
    if link == "before" or (link == "prior" and s.w.text(at + 2) != "to"):
        return unit_before(s, at + 2, unit)
    if link == "after":
        if unit == "day" and s.w.text(at + 2) == "tomorrow":
            return (Day(2),), at + 3
        point = s.point(at + 2)
        if point is not None:
            return (Edge(1, unit, "after", point[0]),), point[1]
        return (Shift(1, unit, alone=False, adjacent=True),), at + 2
    if link == "earlier":
        return (Shift(-1, unit, alone=False),), at + 2
    if unit in ("year", "month", "week") and s.w.texts[at + 1 : at + 3] == ["to", "date"]:
        return (Period(unit, 0),), at + 3
    if unit == "year":
        return year_word(s, at)
    if unit == "day" and at > 1 and s.w.texts[at - 2 : at] == ["during", "the"]:
        return (Part("daytime"),), at + 1
    return None


def unit_before(s: Scanner, at: int, unit: str) -> Found | None:
    text = s.w.text(at)
    if unit == "day" and text == "yesterday":
        return (Day(-2),), at + 1
    if text == "last" and s.w.text(at + 1) not in UNITS:
        if unit in ("week", "month", "quarter", "year"):
            return (Period(unit, -2),), at + 1
        if s.w.text(at + 1) not in PARTS and s.w.text(at + 1) not in WEEKDAYS:
            return (Day(-2),), at + 1
    point = s.point(at)
    if point is not None:
        return (Edge(1, unit, "before", point[0]),), point[1]
    return (Shift(-1, unit, alone=False, adjacent=True),), at


def same(s: Scanner, at: int) -> Found | None:
    what = s.w.text(at + 1)
    if what not in _SAME_THINGS:
        return None
    step = at + 2
    if what in ("time", "clock") and s.w.text(step) in ("of", "frame", "period", "window"):
        step += 2 if s.w.text(step) == "of" else 1
    return moved(s, step, whole_day=what in ("day", "weekday", "date"))


def moved(s: Scanner, at: int, *, whole_day: bool) -> Found | None:
    while s.w.text(at) in ("of", "the", "on", "from", "in", "as"):
        at += 1
    text, following = s.w.text(at), s.w.text(at + 1)
    if text in ("last", "previous") and following in UNITS:
        return (Shift(-1, UNITS[following], whole_day),), at + 2
    if text in UNITS and following in ("before", "earlier", "prior"):
        after = at + 3 if s.w.text(at + 2) == "last" else at + 2
        count = -2 if after == at + 3 else -1
        return (Shift(count, UNITS[text], whole_day),), after
    if text == "yesterday":
        return (Shift(-1, "day", whole_day),), at + 1
    read = s.w.span(at)
    if read is not None and s.w.text(read[2]) in ("ago", "earlier", "before"):
        return (Shift(-int(read[0]), read[1], whole_day),), read[2] + 1
    if whole_day:
        return (Shift(0, "day", whole_day=True, alone=False),), at
    if text in WEEKDAYS or text == "today" or s.w.date(at) is not None:
        return (SameClock(),), at
    return (SameClock(),), at
