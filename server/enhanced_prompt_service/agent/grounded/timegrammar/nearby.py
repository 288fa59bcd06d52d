"""What is near the present: last, past, this, next, now, recently, so far."""

from __future__ import annotations

from .anchored import moved
from .days import named_day
from .elements import (
    AllTime,
    ClockRange,
    ClockTime,
    Date,
    Day,
    Edge,
    Every,
    Fraction,
    Now,
    Part,
    Period,
    Recent,
    Rolling,
    Shift,
    Weekday,
    Weekend,
)
from .lexicon import MONTHS, PARTS, PLURAL_PARTS, PLURAL_WEEKDAYS, UNITS, WEEKDAYS
from .scanner import Found, Scanner

_WEEKEND = frozenset({6, 7})


def last(s: Scanner, at: int) -> Found | None:
    word = s.w.text(at)
    step = at + 1
    text = s.w.text(step)
    counted = s.w.span(step)
    if counted is not None and text not in ("a", "an"):
        count, unit, after = counted
        if s.w.text(after) in ("of", "in") and word == "last":
            inner = s.point(after + 1)
            if inner is not None and not isinstance(inner[0][0], Part):
                return (Edge(count, unit, "last", inner[0]),), inner[1]
        return (Rolling(count, unit),), after
    plural = last_of_kind(s, step)
    if plural is not None:
        return plural
    if text in UNITS:
        if s.w.texts[step + 1 : step + 4] == ["and", "a", "half"]:
            return (Rolling(1.5, UNITS[text]),), step + 4
        return last_unit(s, word, UNITS[text], step + 1)
    if text in WEEKDAYS:
        return (Weekday(WEEKDAYS[text], "last"),), step + 1
    if text in ("weekend", "weekends"):
        return (Weekend("last"),), step + 1
    if text in PARTS:
        return (Day(-1), Part(PARTS[text])), step + 1
    if text in MONTHS:
        date = s.w.date(step)
        if date is not None and isinstance(date[0], Date):
            found = date[0]
            return (Date(found.year, found.month, found.day, "last"),), date[1]
    if word == "past" and s.w.is_number(step):
        found = s.w.clock(step)
        if found is not None and isinstance(found[0], ClockTime):
            return (ClockRange(found[0], None),), found[1]
    return named_day(s, step)


def last_of_kind(s: Scanner, at: int) -> Found | None:
    """ "3 nights", "two weekends", "4 Mondays"."""
    counted = s.w.count(at)
    if counted is None or s.w.text(at) in ("a", "an"):
        return None
    count, after = counted
    text = s.w.text(after)
    if text in PLURAL_PARTS:
        return (Rolling(count, "day"), Every(part=Part(PARTS[text]))), after + 1
    if text == "weekends":
        return (Rolling(count, "week"), Every(_WEEKEND)), after + 1
    if text in PLURAL_WEEKDAYS:
        return (Rolling(count, "week"), Every(frozenset({PLURAL_WEEKDAYS[text]}))), after + 1
    return None


def last_unit(s: Scanner, word: str, unit: str, after: int) -> Found | None:
    if s.w.text(after) in ("of", "in") and word == "last":
        inner = s.point(after + 1)
        loose = s.w.text(after) == "in" and inner is not None and isinstance(inner[0][0], Part)
        if inner is not None and not loose:
            if unit == "quarter":
                return (Fraction(3, 4, inner[0]),), inner[1]
            return (Edge(1, unit, "last", inner[0]),), inner[1]
    if word == "past" or (unit in ("second", "minute", "hour", "day") and word == "last"):
        return (Rolling(1, unit),), after
    if unit == "fortnight":
        return (Rolling(2, "week"),), after
    if word in ("previous", "preceding"):
        return (Shift(-1, unit),), after
    if word == "last" and unit in ("week", "month", "year") and rolls(s, after - 3):
        return (Rolling(1, unit),), after
    return (Period(unit, -1),), after


def rolls(s: Scanner, at: int) -> bool:
    """ "in the last week" is the past seven days; "last week" and "the last week" are not."""
    lead = s.w.text(at - 1) if at > 0 else ""
    return s.w.text(at) == "the" and lead in ("in", "within", "over", "during")


def this(s: Scanner, at: int) -> Found | None:
    step = at + 1
    text = s.w.text(step)
    if text in ("past", "last", "coming", "next"):
        return last(s, step) if text in ("past", "last") else next_(s, step)
    if text == "time":
        return moved(s, step + 1, whole_day=False)
    if text == "moment":
        return (Now(),), step + 1
    if text in ("early", "late") and s.w.text(step + 1) in PARTS:
        return (Day(0), Part(PARTS[s.w.text(step + 1)], text)), step + 2
    if text in PARTS:
        name = PARTS[text]
        if name == "night":
            return (Day(0), Part("tonight")), step + 1
        return (Day(0), Part(name)), step + 1
    if text in UNITS:
        unit = UNITS[text]
        return ((Day(0),) if unit == "day" else (Period(unit, 0),)), step + 1
    if text in WEEKDAYS:
        return (Weekday(WEEKDAYS[text], "this"),), step + 1
    if text == "weekend":
        return (Weekend("this"),), step + 1
    if text in MONTHS:
        return (Date(month=MONTHS[text], mode="this"),), step + 1
    return None


def next_(s: Scanner, at: int) -> Found | None:
    step = at + 1
    text = s.w.text(step)
    counted = s.w.span(step)
    if counted is not None and text not in ("a", "an"):
        return (Rolling(counted[0], counted[1], forward=True),), counted[2]
    if text in UNITS:
        unit = UNITS[text]
        if unit == "day":
            return (Shift(1, "day"),), step + 1
        if unit in ("second", "minute", "hour"):
            return (Rolling(1, unit, forward=True),), step + 1
        return (Period(unit, 1),), step + 1
    if text in WEEKDAYS:
        return (Weekday(WEEKDAYS[text], "next"),), step + 1
    if text == "weekend":
        return (Weekend("next"),), step + 1
    if text in PARTS:
        return (Day(1), Part(PARTS[text])), step + 1
    if text in MONTHS:
        return (Date(month=MONTHS[text], mode="next"),), step + 1
    return None


def earlier(s: Scanner, at: int) -> Found | None:
    """ "earlier today", "later this week": the qualifier adds nothing."""
    if s.w.text(at + 1) in ("earlier", "later"):
        return None
    found = s.simple(at + 1)
    return found if found and isinstance(found[0][0], Day | Period | Part) else None


def now(s: Scanner, at: int) -> Found | None:
    text, following = s.w.text(at), s.w.text(at + 1)
    if text in ("right", "just", "until"):
        if following != "now":
            return None
        return ((Recent(),) if text == "just" else (Now(),)), at + 2
    if text == "present":
        return ((Now(),), at + 1) if at and s.w.text(at - 1) in ("at", "the") else None
    if text == "moment":
        if following == "ago":
            return (Recent(),), at + 2
        lead = s.w.text(at - 1) if at else ""
        return ((Now(),), at + 1) if lead in ("the", "this") else None
    return (Now(),), at + 1


def recent(s: Scanner, at: int) -> Found | None:
    if at and s.w.text(at - 1) == "most":
        return None
    return (Recent(),), at + 1


def while_ago(s: Scanner, at: int) -> Found | None:
    return ((Recent(),), at + 2) if s.w.text(at + 1) == "ago" else None


def so_far(s: Scanner, at: int) -> Found | None:
    if s.w.text(at + 1) != "far":
        return None
    found = s.simple(at + 2)
    if found is not None:
        return found
    return (AllTime(),), at + 2


def all_time(s: Scanner, at: int) -> Found | None:
    return (AllTime(),), at + 1


def all_time_phrase(s: Scanner, at: int) -> Found | None:
    if s.w.text(at + 1) == "time" and s.w.text(at) == "all":
        return (AllTime(),), at + 2
    return None
