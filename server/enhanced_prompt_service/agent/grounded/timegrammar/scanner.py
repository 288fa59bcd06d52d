"""The walk over a question's tokens, and what every phrase is made of: points and ranges.

A word that can begin a phrase is looked up in a table of handlers; each handler takes the scanner
and an index and returns elements with the index behind them, or None. Nothing here knows the
present or a zone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .elements import (
    Ago,
    ClockPoint,
    ClockRange,
    ClockTime,
    Date,
    Edge,
    Element,
    Instant,
    Phrase,
    Range,
    Shift,
    Sure,
    Wrong,
)
from .lexicon import FOLLOWERS, LEAD, MONTHS, NUMBERS, ORDINAL_ENDINGS, ORDINALS, TO, words
from .reading import Words

MOMENT_SLACK = 10
AROUND_SLACK = 30
MOST_NESTED = 4  # "the first hour of the first half of last week" has three
_JOIN = frozenset({"and", "or", "&", "+", ","})
_YEAR_LEAD = words(
    """in of during year since until before after between and to from for through till - –
    throughout , compare"""
)
_ANY_YEAR_LEAD = words("in since until before after during")
_INNER = frozenset({"day", "week", "month", "early", "late", "same", "first", "hour"})


Found = tuple[tuple[Element, ...], int]
Handler = Callable[["Scanner", int], "Found | None"]


@dataclass(frozen=True, slots=True)
class Tables:
    """Handlers by the word that they begin with: simple ones make points, complex ones more."""

    simple: dict[str, Handler]
    complex: dict[str, Handler]


class Scanner:
    """Reads the phrases of one question."""

    def __init__(self, words: Words, tables: Tables) -> None:
        self.w = words
        self.depth = 0
        self._handlers = tables

    def begins_simply(self, text: str) -> bool:
        """Whether a word may begin a simple element."""
        return text in self._handlers.simple

    def phrases(self) -> list[Phrase]:
        found: list[Phrase] = []
        at = 0
        while at < self.w.size:
            read = self.phrase(at)
            if read is None:
                at += 1
                continue
            joined = bool(found) and at > 0 and self.w.text(at - 1) in _JOIN
            found.append(Phrase(read[0], at, read[1], joined))
            at = read[1]
        return found

    def phrase(self, at: int) -> Found | None:
        start = self.behind_lead(at)
        if start is None:
            return None
        elements, after = start
        while True:
            step = after
            if self.w.text(step) == ",":
                step += 1
            more = self.behind_lead(step)
            if more is None:
                return elements, after
            if step > after and alike(elements, more[0]):
                return elements, after
            elements, after = (*elements, *more[0]), more[1]

    def behind_lead(self, at: int) -> Found | None:
        for step in range(5):
            here = at + step
            found = self.core(here)
            if found is not None:
                return found
            if self.w.text(here) not in LEAD and self.w.text(here) != "@":
                return None
        return None

    def core(self, at: int) -> Found | None:
        """One element, however complex; a simple one may begin a range."""
        text = self.w.text(at)
        handler = self._handlers.complex.get(text)
        if handler is not None:
            found = handler(self, at)
            if found is not None:
                return found
        simple = self.simple(at)
        if simple is None:
            return self.bare_range(at)
        return self.maybe_range(simple) or simple

    def simple(self, at: int, *, bare: bool = False) -> Found | None:
        """A day, a date, a clock time, a part of the day, or an instant."""
        if at >= self.w.size:
            return None
        text = self.w.text(at)
        if self.w.is_number(at):
            return self.number(at, bare)
        handler = self._handlers.simple.get(text)
        if handler is not None:
            found = handler(self, at)
            if found is not None:
                return found
        if text in NUMBERS or text in ("half", "quarter", "noon", "midday", "midnight", "a", "an"):
            return self.clock(at, bare) or self.ago(at)
        if text in MONTHS or text in ORDINALS:
            date = self.w.date(at)
            if date is not None:
                return (date[0],), date[1]
        if text in ("couple", "few", "several"):
            return self.ago(at)
        return None

    def number(self, at: int, bare: bool) -> Found | None:
        date = self.w.date(at)
        if date is not None:
            return (date[0],), date[1]
        return (
            self.ago(at)
            or self.clock(at, bare and not self.counts(at))
            or self.ordinal(at)
            or self.year(at)
        )

    def counts(self, at: int) -> bool:
        """Whether a number is followed by a unit of time: "5 minutes" is no hour."""
        return self.w.unit(at + 1) is not None

    def clock(self, at: int, bare: bool) -> Found | None:
        found = self.w.clock(at, bare=bare)
        if found is None:
            return None
        clock, after = found
        if isinstance(clock, Wrong):
            return (clock,), after
        return (ClockPoint(clock, MOMENT_SLACK),), after

    def ago(self, at: int) -> Found | None:
        read = self.w.span(at)
        if read is None:
            return None
        count, unit, after = read
        link = self.w.text(after)
        if link in ("ago", "back"):
            if self.w.text(after + 1) == "today":
                after += 1
            return (Ago(count, unit),), after + 1
        if link in ("earlier", "before", "prior") and count == int(count):
            point = None if link == "earlier" else self.point(after + 1)
            if point is not None:
                return (Edge(count, unit, "before", point[0]),), point[1]
            return (Shift(-int(count), unit, alone=False),), after + 1
        if link == "later" and count == int(count):
            return (Shift(int(count), unit, alone=False),), after + 1
        return None

    def ordinal(self, at: int) -> Found | None:
        """ "the 14th", where what follows is not the thing that is counted."""
        if self.w.text(at + 1) not in ORDINAL_ENDINGS or not self.w.glued(at + 1):
            return None
        day = int(self.w.digits(at))
        following = self.w.text(at + 2)
        ends = following == "" or following in FOLLOWERS or following in TO
        ends = (
            ends
            or following in self._handlers.simple
            or following in self._handlers.complex
            or not following.isalnum()
        )
        if not ends or following in ("half", "quarter", "hour", "day", "week"):
            return None
        if not 1 <= day <= 31:
            return (Wrong(f"No month has a day {day}."),), at + 2
        return (Date(day=day),), at + 2

    def year(self, at: int) -> Found | None:
        digits = self.w.digits(at)
        if len(digits) != 4 or self.w.glued(at) or at == 0:
            return None
        before = self.w.text(at - 1)
        likely = 1900 <= int(digits) <= 2199
        if before in _YEAR_LEAD if likely else before in _ANY_YEAR_LEAD and self.closes(at + 1):
            return (Date(year=int(digits)),), at + 1
        return None

    def point(self, at: int, *, bare: bool = False) -> Found | None:
        """One end of a range: simple elements that stand together."""
        if self.depth >= MOST_NESTED:
            return None
        while self.w.text(at) in ("the", "at", "on", "in", "of") and at < self.w.size:
            at += 1
        self.depth += 1
        found = self.simple(at, bare=bare) or self.bounded(at)
        self.depth -= 1
        if found is None:
            return None
        elements, after = found
        while True:
            step = after
            while self.w.text(step) in ("at", "on", "in", "the", "of", ",") and step - after < 3:
                step += 1
            more = self.simple(step, bare=False)
            if more is None or alike(elements, more[0]):
                return elements, after
            elements, after = (*elements, *more[0]), more[1]

    def bounded(self, at: int) -> Found | None:
        """Complex elements that may still be an end of a range."""
        text = self.w.text(at)
        if text in _INNER:
            handler = self._handlers.complex.get(text)
            return handler(self, at) if handler is not None else None
        return None

    def maybe_range(self, first: Found) -> Found | None:
        elements, after = first
        if self.w.text(after) not in TO:
            return None
        if self.w.text(after) == "/" and not isinstance(elements[-1], Instant | Date):
            return None
        second = self.point(after + 1, bare=True)
        if second is None:
            return None
        return self.range_of(elements, second[0], second[1])

    def bare_range(self, at: int) -> Found | None:
        """ "2 to 3 pm", "5 to 7 March": a bare number that only its range explains."""
        if not self.w.is_number(at) or self.w.text(at + 1) not in TO:
            return None
        first = self.simple(at, bare=True)
        if first is None:
            return None
        second = self.point(at + 2, bare=True)
        if second is None:
            return None
        clock, rest = split_clock(second[0])
        if clock is not None and clock.sure is Sure.BARE and not rest:
            return None
        return self.range_of(first[0], second[0], second[1])

    def two_points(self, at: int, links: frozenset[str]) -> Found | None:
        first = self.point(at, bare=True)
        if first is None or self.w.text(first[1]) not in links:
            return None
        second = self.point(first[1] + 1, bare=True)
        if second is None:
            return None
        return self.range_of(first[0], second[0], second[1])

    def range_of(
        self, one: tuple[Element, ...], two: tuple[Element, ...], after: int
    ) -> Found | None:
        """Two points as a range of the clock, of days, or of instants."""
        for element in (*one, *two):
            if isinstance(element, Wrong):
                return (element,), after
        clock_one, rest_one = split_clock(one)
        clock_two, rest_two = split_clock(two)
        if clock_one and clock_one.sure is Sure.BARE and not rest_one and not clock_two:
            match rest_two:
                case (Date(year=year, month=month, day=day), *_) if day is not None:
                    first = Date(year, month, clock_one.second // 3600)
                    return (Range((first,), rest_two),), after
                case _:
                    pass
        if clock_two and clock_two.sure is Sure.BARE and not clock_one and not rest_two:
            match rest_one:
                case (*_, Date(year=year, month=month, day=day)) if day is not None:
                    last = Date(year, month, clock_two.second // 3600)
                    return (Range(rest_one, (last,)),), after
                case _:
                    pass
        if clock_one and clock_two and not (rest_one and rest_two):
            bare = clock_one.sure is Sure.BARE and clock_two.sure is Sure.BARE
            if bare and not rest_one and not rest_two and not self.closes(after):
                return None
            return (*rest_one, ClockRange(clock_one, clock_two), *rest_two), after
        if clock_one and not rest_one and not clock_two:
            return None
        return (Range(one, two),), after

    def closes(self, at: int) -> bool:
        following = self.w.text(at)
        return not following or following in FOLLOWERS or not following.isalnum()


def split_clock(
    elements: tuple[Element, ...],
) -> tuple[ClockTime | None, tuple[Element, ...]]:
    """The first clock time of a run of elements, and the rest."""
    clocks = [one for one in elements if isinstance(one, ClockPoint)]
    if not clocks:
        return None, elements
    return clocks[0].at, tuple(one for one in elements if one is not clocks[0])


def alike(one: tuple[Element, ...], two: tuple[Element, ...]) -> bool:
    """Whether two runs name the same sort of thing: then a comma lists them."""
    return any(
        (type(a) is type(b) and not isinstance(a, Date)) or _is_date_pair(a, b)
        for a in one
        for b in two
    )


def _is_date_pair(a: Element, b: Element) -> bool:
    return isinstance(a, Date) and isinstance(b, Date) and (a.day is None) == (b.day is None)
