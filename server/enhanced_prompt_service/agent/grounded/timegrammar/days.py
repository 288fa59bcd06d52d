"""Days, parts of the day, and what repeats: yesterday, Friday, mornings, every night."""

from __future__ import annotations

from .elements import Date, Day, Every, Part, Shift, Weekday, Weekend
from .lexicon import (
    AMBIGUOUS_WEEKDAYS,
    HOLIDAYS,
    PARTS,
    PLURAL_PARTS,
    PLURAL_WEEKDAYS,
    WEEKDAYS,
    words,
)
from .scanner import Found, Scanner

_WEEKDAY_LEAD = words(
    """on last this next since until till before after every each from to through between and by
    for - , than past"""
)
_WORKDAYS = frozenset({1, 2, 3, 4, 5})
_WEEKEND = frozenset({6, 7})


def day_word(s: Scanner, at: int) -> Found | None:
    text = s.w.text(at)
    following = s.w.text(at + 1)
    if text == "tonight":
        return (Day(0), Part("tonight")), at + 1
    if text == "overnight":
        return (Part("night", day=-1),), at + 1
    offset = {"today": 0, "yesterday": -1, "tomorrow": 1}[text]
    if following in PARTS:
        name = PARTS[following]
        part = "tonight" if name == "night" and offset == 0 else name
        return (Day(offset), Part(part)), at + 2
    if text == "today" and s.w.texts[at + 1 : at + 3] == ["so", "far"]:
        return (Day(0),), at + 3
    return (Day(offset),), at + 1


def weekday(s: Scanner, at: int) -> Found | None:
    text = s.w.text(at)
    following = s.w.text(at + 1)
    if text in AMBIGUOUS_WEEKDAYS and (
        following in ("down", "up", "on", "in", "at", "there")
        or not (at > 0 and s.w.text(at - 1) in _WEEKDAY_LEAD)
    ):
        return None
    after = at + 1
    if following == "." and s.w.glued(after) and len(text) <= 4 and after + 1 < s.w.size:
        after += 1
    if following in PLURAL_PARTS:
        every = Every(frozenset({WEEKDAYS[text]}), Part(PARTS[following]))
        return (every,), at + 2
    return (Weekday(WEEKDAYS[text]),), after


def plural_weekday(s: Scanner, at: int) -> Found | None:
    days = {PLURAL_WEEKDAYS[s.w.text(at)]}
    return (Every(frozenset(days)),), at + 1


def week_part(s: Scanner, at: int) -> Found | None:
    """ "weekend", "weekdays", "weekend nights"."""
    text = s.w.text(at)
    days = _WEEKEND if text.startswith("weekend") else _WORKDAYS
    following = s.w.text(at + 1)
    if following in PARTS:
        return (Every(days, Part(PARTS[following])),), at + 2
    if text == "weekend":
        if s.w.text(at + 1) == "before" and s.w.text(at + 2) == "last":
            return (Shift(-1, "week", alone=False),), at + 3
        return (Weekend("over"),), at + 1
    if text in ("weekday", "workday"):
        return None
    return (Every(days),), at + 1


def part(s: Scanner, at: int) -> Found | None:
    text = s.w.text(at)
    if text in PLURAL_PARTS:
        return (Every(part=Part(PARTS[text])),), at + 1
    name = PARTS[text]
    if s.w.text(at + 1) in ("before", "after") and s.point(at + 2) is None:
        step = -1 if s.w.text(at + 1) == "before" else 1
        return (Shift(step, "day", whole_day=True, alone=False), Part(name)), at + 2
    previous = s.w.text(at - 1) if at else ""
    if name == "night" and previous == "the" and s.w.text(at - 2) in ("during", "in"):
        return (Part("night", day=-1),), at + 1
    return (Part(name),), at + 1


def every(s: Scanner, at: int) -> Found | None:
    step = at + 2 if s.w.text(at + 1) == "single" else at + 1
    text = s.w.text(step)
    following = s.w.text(step + 1)
    if text in PARTS:
        return (Every(part=Part(PARTS[text])),), step + 1
    if text in WEEKDAYS:
        days = frozenset({WEEKDAYS[text]})
        if following in PARTS:
            return (Every(days, Part(PARTS[following])),), step + 2
        return (Every(days),), step + 1
    if text in ("weekend", "weekday", "workday"):
        days = _WEEKEND if text == "weekend" else _WORKDAYS
        if following in PARTS:
            return (Every(days, Part(PARTS[following])),), step + 2
        return (Every(days),), step + 1
    if text == "day":
        return (Every(),), step + 1
    return None


def small_hours(s: Scanner, at: int) -> Found | None:
    if s.w.text(at + 1) != "hours":
        return None
    return (Part("small hours"),), at + 2


def lunch(s: Scanner, at: int) -> Found | None:
    step = at + 2 if s.w.text(at + 1) in ("time", "hour", "break") else at + 1
    if step == at + 1 and not (at and s.w.text(at - 1) in ("at", "over", "during")):
        return None
    return (Part("lunchtime"),), step


def named_day(s: Scanner, at: int) -> Found | None:
    for size in (3, 2, 1):
        key = tuple(s.w.texts[at : at + size])
        if key in HOLIDAYS:
            month, day = HOLIDAYS[key]
            return (Date(month=month, day=day),), at + size
    return None


def holiday(s: Scanner, at: int) -> Found | None:
    return named_day(s, at)


def year_word(s: Scanner, at: int) -> Found | None:
    digits = s.w.digits(at + 1)
    if not digits or len(digits) > 6:
        return None
    return (Date(year=int(digits)),), at + 2
