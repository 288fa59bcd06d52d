"""Finds the time phrases of a question: a recursive-descent grammar over tokens.

`scan` walks the question once. A word that can begin a phrase is looked up in a table of handlers;
each handler takes an index and returns elements and the index behind them, or None. Nothing here
knows the present or a zone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from rapidfuzz.distance import OSA

from ..words import Kind, Token
from .elements import (
    Ago,
    AllTime,
    Bound,
    Business,
    ClockPoint,
    ClockRange,
    ClockTime,
    Date,
    Day,
    Edge,
    Element,
    Every,
    Fraction,
    Instant,
    Now,
    Part,
    Period,
    Phrase,
    Range,
    Recent,
    Rolling,
    SameClock,
    Shift,
    Sure,
    Weekday,
    Weekend,
    Wrong,
)
from .lexicon import (
    AMBIGUOUS_WEEKDAYS,
    AROUND,
    FOLLOWERS,
    FUZZY,
    HOLIDAYS,
    LEAD,
    MONTHS,
    NUMBERS,
    ORDINAL_ENDINGS,
    ORDINALS,
    PARTS,
    PLURAL_PARTS,
    PLURAL_WEEKDAYS,
    TO,
    UNITS,
    WEEKDAYS,
    words,
)
from .reading import Words

MOMENT_SLACK = 10
AROUND_SLACK = 30
MOST_NESTED = 4  # "the first hour of the first half of last week" has three
_JOIN = frozenset({"and", "or", "&", "+", ","})
_WORKDAYS = frozenset({1, 2, 3, 4, 5})
_WEEKEND = frozenset({6, 7})

Found = tuple[tuple[Element, ...], int]


def scan(
    tokens: Sequence[Token], keep: frozenset[str] = frozenset()
) -> tuple[list[Phrase], list[tuple[str, str]]]:
    """All time phrases of a question, in order, and the typos that were read over.

    Words in `keep` (names of the place) are never taken for a mistyped time word.
    """
    texts: list[str] = []
    corrected: list[tuple[str, str]] = []
    for token in tokens:
        text = token.text
        if token.kind is Kind.WORD and len(text) >= 6 and text not in keep:
            better = _correct(text)
            if better != text:
                corrected.append((text, better))
                text = better
        texts.append(text)
    phrases = _Scanner(Words(tokens, texts)).phrases()
    taken = {at for phrase in phrases for at in range(phrase.start, phrase.end)}
    used = [pair for pair in corrected if any(tokens[at].text == pair[0] for at in taken)]
    return phrases, used


@lru_cache(maxsize=4096)
def _correct(word: str) -> str:
    """The time word that a word was probably meant to be: one slip, two in long ones."""
    if word in _KNOWN or len(word) > 12:
        return word
    allowed = 2 if len(word) >= 8 else 1
    best, distance = word, allowed + 1
    for candidate in FUZZY:
        if abs(len(candidate) - len(word)) <= allowed and candidate[0] == word[0]:
            found = OSA.distance(word, candidate, score_cutoff=distance - 1)
            if found < distance:
                best, distance = candidate, found
    return best


class _Scanner:
    def __init__(self, words: Words) -> None:
        self.w = words
        self.depth = 0

    # ---- the walk ------------------------------------------------------------------------------

    def phrases(self) -> list[Phrase]:
        found: list[Phrase] = []
        at = 0
        while at < self.w.size:
            read = self._phrase(at)
            if read is None:
                at += 1
                continue
            joined = bool(found) and at > 0 and self.w.text(at - 1) in _JOIN
            found.append(Phrase(read[0], at, read[1], joined))
            at = read[1]
        return found

    def _phrase(self, at: int) -> Found | None:
        start = self._core_behind_lead(at)
        if start is None:
            return None
        elements, after = start
        while True:
            step = after
            if self.w.text(step) == ",":
                step += 1
            more = self._core_behind_lead(step)
            if more is None:
                return elements, after
            if step > after and _alike(elements, more[0]):
                return elements, after
            elements, after = (*elements, *more[0]), more[1]

    def _core_behind_lead(self, at: int) -> Found | None:
        for step in range(5):
            here = at + step
            found = self._core(here)
            if found is not None:
                return found
            if self.w.text(here) not in LEAD and self.w.text(here) != "@":
                return None
        return None

    def _core(self, at: int) -> Found | None:
        """One element, however complex; a simple one may begin a range."""
        text = self.w.text(at)
        handler = _COMPLEX.get(text)
        if handler is not None:
            found = handler(self, at)
            if found is not None:
                return found
        simple = self._simple(at)
        if simple is None:
            return self._bare_range(at)
        return self._maybe_range(simple) or simple

    # ---- simple elements -----------------------------------------------------------------------

    def _simple(self, at: int, *, bare: bool = False) -> Found | None:
        """A day, a date, a clock time, a part of the day, or an instant."""
        if at >= self.w.size:
            return None
        text = self.w.text(at)
        if self.w.is_number(at):
            return self._number(at, bare)
        handler = _SIMPLE.get(text)
        if handler is not None:
            found = handler(self, at)
            if found is not None:
                return found
        if text in NUMBERS or text in ("half", "quarter", "noon", "midday", "midnight", "a", "an"):
            return self._clock(at, bare) or self._ago(at)
        if text in MONTHS or text in ORDINALS:
            date = self.w.date(at)
            if date is not None:
                return (date[0],), date[1]
        if text in ("couple", "few", "several"):
            return self._ago(at)
        return None

    def _number(self, at: int, bare: bool) -> Found | None:
        date = self.w.date(at)
        if date is not None:
            return (date[0],), date[1]
        return (
            self._ago(at)
            or self._clock(at, bare and not self._counts(at))
            or self._ordinal(at)
            or self._year(at)
        )

    def _counts(self, at: int) -> bool:
        """Whether a number is followed by a unit of time: "5 minutes" is no hour."""
        return self.w.unit(at + 1) is not None

    def _clock(self, at: int, bare: bool) -> Found | None:
        found = self.w.clock(at, bare=bare)
        if found is None:
            return None
        clock, after = found
        if isinstance(clock, Wrong):
            return (clock,), after
        return (ClockPoint(clock, MOMENT_SLACK),), after

    def _ago(self, at: int) -> Found | None:
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
            point = None if link == "earlier" else self._point(after + 1)
            if point is not None:
                return (Edge(count, unit, "before", point[0]),), point[1]
            return (Shift(-int(count), unit, alone=False),), after + 1
        if link == "later" and count == int(count):
            return (Shift(int(count), unit, alone=False),), after + 1
        return None

    def _ordinal(self, at: int) -> Found | None:
        """ "the 14th", where what follows is not the thing that is counted."""
        if self.w.text(at + 1) not in ORDINAL_ENDINGS or not self.w.glued(at + 1):
            return None
        day = int(self.w.digits(at))
        following = self.w.text(at + 2)
        ends = following == "" or following in FOLLOWERS or following in TO
        ends = ends or following in _SIMPLE or following in _COMPLEX or not following.isalnum()
        if not ends or following in ("half", "quarter", "hour", "day", "week"):
            return None
        if not 1 <= day <= 31:
            return (Wrong(f"No month has a day {day}."),), at + 2
        return (Date(day=day),), at + 2

    def _year(self, at: int) -> Found | None:
        digits = self.w.digits(at)
        if len(digits) != 4 or self.w.glued(at) or at == 0:
            return None
        before = self.w.text(at - 1)
        likely = 1900 <= int(digits) <= 2199
        if before in _YEAR_LEAD if likely else before in _ANY_YEAR_LEAD and self._closes(at + 1):
            return (Date(year=int(digits)),), at + 1
        return None

    def year_word(self, at: int) -> Found | None:
        digits = self.w.digits(at + 1)
        if not digits or len(digits) > 6:
            return None
        return (Date(year=int(digits)),), at + 2

    # ---- points and ranges ---------------------------------------------------------------------

    def _point(self, at: int, *, bare: bool = False) -> Found | None:
        """One end of a range: simple elements that stand together."""
        if self.depth >= MOST_NESTED:
            return None
        while self.w.text(at) in ("the", "at", "on", "in", "of") and at < self.w.size:
            at += 1
        self.depth += 1
        found = self._simple(at, bare=bare) or self._bounded(at)
        self.depth -= 1
        if found is None:
            return None
        elements, after = found
        while True:
            step = after
            while self.w.text(step) in ("at", "on", "in", "the", "of", ",") and step - after < 3:
                step += 1
            more = self._simple(step, bare=False)
            if more is None or _alike(elements, more[0]):
                return elements, after
            elements, after = (*elements, *more[0]), more[1]

    def _bounded(self, at: int) -> Found | None:
        """Complex elements that may still be an end of a range."""
        text = self.w.text(at)
        if text in _INNER:
            handler = _COMPLEX.get(text)
            return handler(self, at) if handler is not None else None
        return None

    def _maybe_range(self, first: Found) -> Found | None:
        elements, after = first
        if self.w.text(after) not in TO:
            return None
        if self.w.text(after) == "/" and not isinstance(elements[-1], Instant | Date):
            return None
        second = self._point(after + 1, bare=True)
        if second is None:
            return None
        return self._range(elements, second[0], second[1])

    def _bare_range(self, at: int) -> Found | None:
        """ "2 to 3 pm", "5 to 7 March": a bare number that only its range explains."""
        if not self.w.is_number(at) or self.w.text(at + 1) not in TO:
            return None
        first = self._simple(at, bare=True)
        if first is None:
            return None
        second = self._point(at + 2, bare=False)
        if second is None:
            return None
        return self._range(first[0], second[0], second[1])

    def between(self, at: int) -> Found | None:
        return self._two_points(at + 1, frozenset({"and", "&", *TO}))

    def from_(self, at: int) -> Found | None:
        ranged = self._two_points(at + 1, TO)
        if ranged is not None:
            return ranged
        point = self._point(at + 1)
        if point is None:
            return None
        elements, after = point
        if self.w.text(after) in ("on", "onward", "onwards", "forward"):
            onward = self.w.text(after) != "on" or self._core_behind_lead(after) is None
            if onward and not (self.w.text(after) == "on" and self._names_follow(after + 1)):
                return (Bound("since", elements),), after + 1
        return None

    def _names_follow(self, at: int) -> bool:
        return at < self.w.size and self.w.tokens[at].kind is not Kind.MARK

    def _two_points(self, at: int, links: frozenset[str]) -> Found | None:
        first = self._point(at, bare=True)
        if first is None or self.w.text(first[1]) not in links:
            return None
        second = self._point(first[1] + 1, bare=True)
        if second is None:
            return None
        return self._range(first[0], second[0], second[1])

    def _range(
        self, one: tuple[Element, ...], two: tuple[Element, ...], after: int
    ) -> Found | None:
        """Two points as a range of the clock, of days, or of instants."""
        for element in (*one, *two):
            if isinstance(element, Wrong):
                return (element,), after
        clock_one, rest_one = _split_clock(one)
        clock_two, rest_two = _split_clock(two)
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
            if bare and not rest_one and not rest_two and not self._closes(after):
                return None
            return (*rest_one, ClockRange(clock_one, clock_two), *rest_two), after
        if clock_one and not rest_one and not clock_two:
            return None
        return (Range(one, two),), after

    def _closes(self, at: int) -> bool:
        following = self.w.text(at)
        return not following or following in FOLLOWERS or not following.isalnum()

    # ---- bounds --------------------------------------------------------------------------------

    def since(self, at: int) -> Found | None:
        point = self._point(at + 1, bare=True)
        return None if point is None else ((Bound("since", point[0]),), point[1])

    def until(self, at: int) -> Found | None:
        if self.w.text(at + 1) in ("now", "today") and self.w.text(at) == "up":
            return None
        return self._upper("until", at + 1)

    def before(self, at: int) -> Found | None:
        step = at + 2 if self.w.text(at + 1) in ("to", "than") else at + 1
        return self._upper("before", step)

    def by(self, at: int) -> Found | None:
        found = self.w.clock(at + 1)
        if found is None or isinstance(found[0], Wrong):
            return None
        return (ClockRange(None, found[0]),), found[1]

    def _upper(self, kind: str, at: int) -> Found | None:
        point = self._point(at)
        if point is None:
            return None
        clock, rest = _split_clock(point[0])
        clock_first = isinstance(point[0][0], ClockPoint)
        if clock is not None and (clock_first or not rest):
            return (ClockRange(None, clock), *rest), point[1]
        return (Bound(kind, point[0]),), point[1]

    def after(self, at: int) -> Found | None:
        hours = self.business(at)
        if hours is not None:
            return hours
        step = at + 2 if self.w.text(at + 1) == "than" else at + 1
        point = self._point(step)
        if point is None:
            return None
        clock, rest = _split_clock(point[0])
        if clock is not None and (isinstance(point[0][0], ClockPoint) or not rest):
            return (ClockRange(clock, None), *rest), point[1]
        return (Bound("after", point[0]),), point[1]

    def around(self, at: int) -> Found | None:
        step = at + 1
        while self.w.text(step) in ("at", "the"):
            step += 1
        found = self.w.clock(step, bare=self._closes(step + 1) and self.w.text(at) != "near")
        if found is None or self._counts(step):
            return None
        if isinstance(found[0], Wrong):
            return (found[0],), found[1]
        return (ClockPoint(found[0], AROUND_SLACK),), found[1]

    def at(self, at: int) -> Found | None:
        """ "at about 3 pm", "at 2 yesterday"."""
        if self.w.text(at + 1) in AROUND:
            return self.around(at + 1)
        if self.w.text(at + 1) in PARTS and self.w.text(at + 1) not in PLURAL_PARTS:
            return (Part(PARTS[self.w.text(at + 1)]),), at + 2
        if self.w.is_number(at + 1) and len(self.w.digits(at + 1)) <= 2:
            following = self.w.text(at + 2)
            if self._closes(at + 2) or following in _SIMPLE:
                return self._clock(at + 1, bare=not self._counts(at + 1))
        return None

    # ---- last, this, next ----------------------------------------------------------------------

    def last(self, at: int) -> Found | None:
        word = self.w.text(at)
        step = at + 1
        text = self.w.text(step)
        counted = self.w.span(step)
        if counted is not None and text not in ("a", "an"):
            count, unit, after = counted
            if self.w.text(after) in ("of", "in") and word == "last":
                inner = self._point(after + 1)
                if inner is not None and not isinstance(inner[0][0], Part):
                    return (Edge(count, unit, "last", inner[0]),), inner[1]
            return (Rolling(count, unit),), after
        plural = self._last_of_kind(step)
        if plural is not None:
            return plural
        if text in UNITS:
            return self._last_unit(word, UNITS[text], step + 1)
        if text in WEEKDAYS:
            return (Weekday(WEEKDAYS[text], "last"),), step + 1
        if text in ("weekend", "weekends"):
            return (Weekend("last"),), step + 1
        if text in PARTS:
            return (Day(-1), Part(PARTS[text])), step + 1
        if text in MONTHS:
            date = self.w.date(step)
            if date is not None and isinstance(date[0], Date):
                found = date[0]
                return (Date(found.year, found.month, found.day, "last"),), date[1]
        if word == "past" and self.w.is_number(step):
            found = self.w.clock(step)
            if found is not None and isinstance(found[0], ClockTime):
                return (ClockRange(found[0], None),), found[1]
        return self._holiday(step)

    def _last_of_kind(self, at: int) -> Found | None:
        """ "3 nights", "two weekends", "4 Mondays"."""
        counted = self.w.count(at)
        if counted is None or self.w.text(at) in ("a", "an"):
            return None
        count, after = counted
        text = self.w.text(after)
        if text in PLURAL_PARTS:
            return (Rolling(count, "day"), Every(part=Part(PARTS[text]))), after + 1
        if text == "weekends":
            return (Rolling(count, "week"), Every(_WEEKEND)), after + 1
        if text in PLURAL_WEEKDAYS:
            return (Rolling(count, "week"), Every(frozenset({PLURAL_WEEKDAYS[text]}))), after + 1
        return None

    def _last_unit(self, word: str, unit: str, after: int) -> Found | None:
        if self.w.text(after) in ("of", "in") and word == "last":
            inner = self._point(after + 1)
            if inner is not None:
                if unit == "quarter":
                    return (Fraction(3, 4, inner[0]),), inner[1]
                return (Edge(1, unit, "last", inner[0]),), inner[1]
        if word == "past" or (unit in ("second", "minute", "hour", "day") and word == "last"):
            return (Rolling(1, unit),), after
        if unit == "fortnight":
            return (Rolling(2, "week"),), after
        if word in ("previous", "preceding"):
            return (Shift(-1, unit),), after
        if word == "last" and unit in ("week", "month", "year") and self._rolls(after - 3):
            return (Rolling(1, unit),), after
        return (Period(unit, -1),), after

    def _rolls(self, at: int) -> bool:
        """ "in the last week" is the past seven days; "last week" and "the last week" are not."""
        lead = self.w.text(at - 1) if at > 0 else ""
        return self.w.text(at) == "the" and lead in ("in", "within", "over", "during")

    def this(self, at: int) -> Found | None:
        step = at + 1
        text = self.w.text(step)
        if text in ("past", "last", "coming", "next"):
            handler = _SIMPLE[text]
            return handler(self, step)
        if text == "time":
            return self._moved(step + 1, whole_day=False)
        if text == "moment":
            return (Now(),), step + 1
        if text in ("early", "late") and self.w.text(step + 1) in PARTS:
            return (Day(0), Part(PARTS[self.w.text(step + 1)], text)), step + 2
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

    def next(self, at: int) -> Found | None:
        step = at + 1
        text = self.w.text(step)
        counted = self.w.span(step)
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

    # ---- days, parts, things that repeat -------------------------------------------------------

    def day_word(self, at: int) -> Found | None:
        text = self.w.text(at)
        following = self.w.text(at + 1)
        if text == "tonight":
            return (Day(0), Part("tonight")), at + 1
        if text == "overnight":
            return (Part("night", day=-1),), at + 1
        offset = {"today": 0, "yesterday": -1, "tomorrow": 1}[text]
        if following in PARTS:
            name = PARTS[following]
            part = "tonight" if name == "night" and offset == 0 else name
            return (Day(offset), Part(part)), at + 2
        if text == "today" and self.w.texts[at + 1 : at + 3] == ["so", "far"]:
            return (Day(0),), at + 3
        return (Day(offset),), at + 1

    def weekday(self, at: int) -> Found | None:
        text = self.w.text(at)
        following = self.w.text(at + 1)
        if text in AMBIGUOUS_WEEKDAYS and (
            following in ("down", "up", "on", "in", "at", "there")
            or not (at > 0 and self.w.text(at - 1) in _WEEKDAY_LEAD)
        ):
            return None
        after = at + 1
        if following == "." and self.w.glued(after) and len(text) <= 4 and after + 1 < self.w.size:
            after += 1
        if following in PLURAL_PARTS:
            every = Every(frozenset({WEEKDAYS[text]}), Part(PARTS[following]))
            return (every,), at + 2
        return (Weekday(WEEKDAYS[text]),), after

    def plural_weekday(self, at: int) -> Found | None:
        days = {PLURAL_WEEKDAYS[self.w.text(at)]}
        return (Every(frozenset(days)),), at + 1

    def week_part(self, at: int) -> Found | None:
        """ "weekend", "weekdays", "weekend nights"."""
        text = self.w.text(at)
        days = _WEEKEND if text.startswith("weekend") else _WORKDAYS
        following = self.w.text(at + 1)
        if following in PARTS:
            return (Every(days, Part(PARTS[following])),), at + 2
        if text == "weekend":
            if self.w.text(at + 1) == "before" and self.w.text(at + 2) == "last":
                return (Shift(-1, "week", alone=False),), at + 3
            return (Weekend("over"),), at + 1
        if text in ("weekday", "workday"):
            return None
        return (Every(days),), at + 1

    def part(self, at: int) -> Found | None:
        text = self.w.text(at)
        if text in PLURAL_PARTS:
            return (Every(part=Part(PARTS[text])),), at + 1
        name = PARTS[text]
        if self.w.text(at + 1) in ("before", "after") and self._point(at + 2) is None:
            step = -1 if self.w.text(at + 1) == "before" else 1
            return (Shift(step, "day", whole_day=True, alone=False), Part(name)), at + 2
        previous = self.w.text(at - 1) if at else ""
        if name == "night" and previous == "the" and self.w.text(at - 2) in ("during", "in"):
            return (Part("night", day=-1),), at + 1
        return (Part(name),), at + 1

    def every(self, at: int) -> Found | None:
        step = at + 2 if self.w.text(at + 1) == "single" else at + 1
        text = self.w.text(step)
        following = self.w.text(step + 1)
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

    def business(self, at: int) -> Found | None:
        """ "business hours", "after hours", "outside of normal working hours"."""
        step, outside = at, False
        if self.w.text(step) in ("after", "outside", "out", "off", "beyond", "non"):
            outside = True
            step += 1
            while self.w.text(step) in ("of", "-", "the", "normal", "regular", "usual", "our"):
                step += 1
        named = self.w.text(step) in ("business", "office", "working", "work", "opening", "store")
        if named:
            step += 1
            if self.w.text(step) == "-":
                step += 1
        if self.w.text(step) in ("hours", "hour") and (named or outside):
            return (Business(not outside),), step + 1
        return None

    # ---- parts of other things -----------------------------------------------------------------

    def ordinal_part(self, at: int) -> Found | None:
        """ "first half of last week", "the first two hours of yesterday", "first Monday of May"."""
        text = self.w.text(at)
        index = {"first": 0, "second": 1, "third": 2, "fourth": 3, "latter": 1, "other": 1}.get(
            text, -1
        )
        piece = self.w.text(at + 1)
        last = text == "last"
        if piece in ("half", "third", "quarter") and self.w.text(at + 2) in ("of", "in"):
            parts = {"half": 2, "third": 3, "quarter": 4}[piece]
            inner = self._point(at + 3)
            if inner is None or not (last or 0 <= index < parts):
                return None
            return (Fraction(parts - 1 if last else index, parts, inner[0]),), inner[1]
        if text == "first" or last:
            read = self.w.span(at + 1)
            if read is None and piece in UNITS:
                read = (1.0, UNITS[piece], at + 2)
            if read is not None and self.w.text(read[2]) in ("of", "in"):
                inner = self._point(read[2] + 1)
                if inner is not None:
                    side = "last" if last else "first"
                    return (Edge(read[0], read[1], side, inner[0]),), inner[1]
        if piece in WEEKDAYS and self.w.text(at + 2) in ("of", "in") and (last or index >= 0):
            inner = self._point(at + 3)
            if inner is not None:
                count = -1 if last else index + 1
                return (Edge(count, f"weekday{WEEKDAYS[piece]}", "nth", inner[0]),), inner[1]
        return None

    def thirds(self, at: int) -> Found | None:
        """ "the beginning of last week", "end of March"."""
        text = self.w.text(at)
        index = {"start": 0, "beginning": 0, "middle": 1, "end": 2}[text]
        if self.w.text(at + 1) != "of":
            return None
        inner = self._point(at + 2)
        return None if inner is None else ((Fraction(index, 3, inner[0]),), inner[1])

    def shaped(self, at: int) -> Found | None:
        """ "early yesterday morning", "late March", "mid-afternoon", "the early hours"."""
        text = self.w.text(at)
        step = at + 2 if self.w.text(at + 1) in ("-", "in", "on") else at + 1
        if self.w.text(step) == "the":
            step += 1
        if text == "early" and self.w.text(step) == "hours":
            return (Part("small hours"),), step + 1
        inner = self._point(step)
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

    def small_hours(self, at: int) -> Found | None:
        if self.w.text(at + 1) != "hours":
            return None
        return (Part("small hours"),), at + 2

    def lunch(self, at: int) -> Found | None:
        step = at + 2 if self.w.text(at + 1) in ("time", "hour", "break") else at + 1
        if step == at + 1 and not (at and self.w.text(at - 1) in ("at", "over", "during")):
            return None
        return (Part("lunchtime"),), step

    def earlier(self, at: int) -> Found | None:
        """ "earlier today", "later this week": the qualifier adds nothing."""
        if self.w.text(at + 1) in ("earlier", "later"):
            return None
        found = self._simple(at + 1)
        return found if found and isinstance(found[0][0], Day | Period | Part) else None

    # ---- what depends on what was said before --------------------------------------------------

    def relative(self, at: int) -> Found | None:
        """ "day before yesterday", "the week before", "the hour before noon"."""
        unit = UNITS[self.w.text(at)]
        link = self.w.text(at + 1)
        if at > 0 and (self.w.is_number(at - 1) or self.w.text(at - 1) in ("per", "each", "every")):
            return None
        if link == "before" or (link == "prior" and self.w.text(at + 2) != "to"):
            return self._before(at + 2, unit)
        if link == "after":
            if unit == "day" and self.w.text(at + 2) == "tomorrow":
                return (Day(2),), at + 3
            point = self._point(at + 2)
            if point is not None:
                return (Edge(1, unit, "after", point[0]),), point[1]
            return (Shift(1, unit, alone=False, adjacent=True),), at + 2
        if link == "earlier":
            return (Shift(-1, unit, alone=False),), at + 2
        if unit in ("year", "month", "week") and self.w.texts[at + 1 : at + 3] == ["to", "date"]:
            return (Period(unit, 0),), at + 3
        if unit == "year":
            return self.year_word(at)
        if unit == "day" and at > 1 and self.w.texts[at - 2 : at] == ["during", "the"]:
            return (Part("daytime"),), at + 1
        return None

    def _before(self, at: int, unit: str) -> Found | None:
        text = self.w.text(at)
        if unit == "day" and text == "yesterday":
            return (Day(-2),), at + 1
        if text == "last" and self.w.text(at + 1) not in UNITS:
            if unit in ("week", "month", "quarter", "year"):
                return (Period(unit, -2),), at + 1
            if self.w.text(at + 1) not in PARTS and self.w.text(at + 1) not in WEEKDAYS:
                return (Day(-2),), at + 1
        point = self._point(at)
        if point is not None:
            return (Edge(1, unit, "before", point[0]),), point[1]
        return (Shift(-1, unit, alone=False, adjacent=True),), at

    def same(self, at: int) -> Found | None:
        what = self.w.text(at + 1)
        if what not in _SAME_THINGS:
            return None
        step = at + 2
        if what in ("time", "clock") and self.w.text(step) in ("of", "frame", "period", "window"):
            step += 2 if self.w.text(step) == "of" else 1
        return self._moved(step, whole_day=what in ("day", "weekday", "date"))

    def _moved(self, at: int, *, whole_day: bool) -> Found | None:
        while self.w.text(at) in ("of", "the", "on", "from", "in", "as"):
            at += 1
        text, following = self.w.text(at), self.w.text(at + 1)
        if text in ("last", "previous") and following in UNITS:
            return (Shift(-1, UNITS[following], whole_day),), at + 2
        if text in UNITS and following in ("before", "earlier", "prior"):
            after = at + 3 if self.w.text(at + 2) == "last" else at + 2
            count = -2 if after == at + 3 else -1
            return (Shift(count, UNITS[text], whole_day),), after
        if text == "yesterday":
            return (Shift(-1, "day", whole_day),), at + 1
        read = self.w.span(at)
        if read is not None and self.w.text(read[2]) in ("ago", "earlier", "before"):
            return (Shift(-int(read[0]), read[1], whole_day),), read[2] + 1
        if whole_day:
            return (Shift(0, "day", whole_day=True, alone=False),), at
        if text in WEEKDAYS or text == "today" or self.w.date(at) is not None:
            return (SameClock(),), at
        return (SameClock(),), at

    # ---- the rest ------------------------------------------------------------------------------

    def now(self, at: int) -> Found | None:
        text, following = self.w.text(at), self.w.text(at + 1)
        if text in ("right", "just", "until"):
            if following != "now":
                return None
            return ((Recent(),) if text == "just" else (Now(),)), at + 2
        if text == "present":
            return ((Now(),), at + 1) if at and self.w.text(at - 1) in ("at", "the") else None
        if text == "moment":
            if following == "ago":
                return (Recent(),), at + 2
            lead = self.w.text(at - 1) if at else ""
            return ((Now(),), at + 1) if lead in ("the", "this") else None
        return (Now(),), at + 1

    def recent(self, at: int) -> Found | None:
        if at and self.w.text(at - 1) == "most":
            return None
        return (Recent(),), at + 1

    def while_ago(self, at: int) -> Found | None:
        return ((Recent(),), at + 2) if self.w.text(at + 1) == "ago" else None

    def so_far(self, at: int) -> Found | None:
        if self.w.text(at + 1) != "far":
            return None
        found = self._simple(at + 2)
        if found is not None:
            return found
        return (AllTime(),), at + 2

    def all_time(self, at: int) -> Found | None:
        return (AllTime(),), at + 1

    def all_time_phrase(self, at: int) -> Found | None:
        if self.w.text(at + 1) == "time" and self.w.text(at) == "all":
            return (AllTime(),), at + 2
        return None

    def _holiday(self, at: int) -> Found | None:
        for size in (3, 2, 1):
            key = tuple(self.w.texts[at : at + size])
            if key in HOLIDAYS:
                month, day = HOLIDAYS[key]
                return (Date(month=month, day=day),), at + size
        return None

    def holiday(self, at: int) -> Found | None:
        return self._holiday(at)


def _split_clock(
    elements: tuple[Element, ...],
) -> tuple[ClockTime | None, tuple[Element, ...]]:
    clocks = [one for one in elements if isinstance(one, ClockPoint)]
    if not clocks:
        return None, elements
    return clocks[0].at, tuple(one for one in elements if one is not clocks[0])


def _alike(one: tuple[Element, ...], two: tuple[Element, ...]) -> bool:
    """Whether two runs name the same sort of thing: then a comma lists them."""
    return any(
        (type(a) is type(b) and not isinstance(a, Date)) or _is_date_pair(a, b)
        for a in one
        for b in two
    )


def _is_date_pair(a: Element, b: Element) -> bool:
    return isinstance(a, Date) and isinstance(b, Date) and (a.day is None) == (b.day is None)


_Handler = Callable[[_Scanner, int], "Found | None"]
_YEAR_LEAD = words(
    """in of during year since until before after between and to from for through till - –
    throughout , compare"""
)
_ANY_YEAR_LEAD = words("in since until before after during")
_WEEKDAY_LEAD = words(
    """on last this next since until till before after every each from to through between and by
    for - , than past"""
)
_SAME_THINGS = words(
    "day time hour hours period window weekday date week month clock timeframe span"
)
_INNER = frozenset({"day", "week", "month", "early", "late", "same", "first", "hour"})

_SIMPLE: dict[str, _Handler] = {
    **dict.fromkeys(("last", "past", "previous", "preceding"), _Scanner.last),
    **dict.fromkeys(("this", "current"), _Scanner.this),
    **dict.fromkeys(("next", "coming", "upcoming", "following"), _Scanner.next),
    **dict.fromkeys(("today", "yesterday", "tomorrow", "tonight", "overnight"), _Scanner.day_word),
    **dict.fromkeys(WEEKDAYS, _Scanner.weekday),
    **dict.fromkeys(PARTS, _Scanner.part),
    "weekend": _Scanner.week_part,
    "christmas": _Scanner.holiday,
    "boxing": _Scanner.holiday,
    "new": _Scanner.holiday,
    "halloween": _Scanner.holiday,
    "small": _Scanner.small_hours,
    "wee": _Scanner.small_hours,
    "lunch": _Scanner.lunch,
}
_COMPLEX: dict[str, _Handler] = {
    "between": _Scanner.between,
    "from": _Scanner.from_,
    **dict.fromkeys(("since", "starting"), _Scanner.since),
    **dict.fromkeys(("until", "till", "til"), _Scanner.until),
    **dict.fromkeys(("before", "prior"), _Scanner.before),
    "by": _Scanner.by,
    "after": _Scanner.after,
    **dict.fromkeys(AROUND, _Scanner.around),
    **dict.fromkeys(("at", "@"), _Scanner.at),
    **dict.fromkeys(("weekends", "weekdays", "weekday", "workdays", "workday"), _Scanner.week_part),
    **dict.fromkeys(PLURAL_WEEKDAYS, _Scanner.plural_weekday),
    **dict.fromkeys(("every", "each"), _Scanner.every),
    **dict.fromkeys(
        ("business", "office", "working", "work", "opening", "store", "outside", "out", "off"),
        _Scanner.business,
    ),
    **dict.fromkeys(
        ("first", "second", "third", "fourth", "latter", "other"), _Scanner.ordinal_part
    ),
    "last": _Scanner.ordinal_part,
    **dict.fromkeys(("start", "beginning", "middle", "end"), _Scanner.thirds),
    **dict.fromkeys(("early", "late", "mid"), _Scanner.shaped),
    **dict.fromkeys(("earlier", "later"), _Scanner.earlier),
    **dict.fromkeys(("day", "week", "month", "year", "hour", "quarter"), _Scanner.relative),
    "same": _Scanner.same,
    **dict.fromkeys(
        ("now", "currently", "right", "just", "presently", "present", "moment"), _Scanner.now
    ),
    **dict.fromkeys(("recently", "lately", "recent"), _Scanner.recent),
    "while": _Scanner.while_ago,
    "moments": _Scanner.while_ago,
    "so": _Scanner.so_far,
    "ever": _Scanner.all_time,
    "all": _Scanner.all_time_phrase,
}
_KNOWN = frozenset(
    {*_SIMPLE, *_COMPLEX, *MONTHS, *NUMBERS, *ORDINALS, *LEAD, *UNITS, *PARTS, *FUZZY}
)
