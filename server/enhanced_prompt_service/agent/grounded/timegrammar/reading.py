"""Numbers, durations, clock times and dates: the small pieces of the grammar.

Every reader takes an index and returns what it read with the index behind it, or None.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from ..words import Kind, Token
from .elements import ClockTime, Date, Instant, Sure, Wrong
from .lexicon import (
    AMBIGUOUS_MONTHS,
    GLUED_UNITS,
    MERIDIEM,
    MONTH_NAMES,
    MONTHS,
    NUMBERS,
    ORDINAL_ENDINGS,
    ORDINALS,
    UNITS,
    words,
)

UNIT_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 7 * 86400,
    "fortnight": 14 * 86400,
}
_HYPHENS = frozenset({"-", "‐", "‑", "–", "−"})


class Words:
    """A question's tokens with quick look-ups; beyond the end there is only ""."""

    def __init__(self, tokens: Sequence[Token], texts: Sequence[str]) -> None:
        self.tokens = tokens
        self.size = len(tokens)
        self.texts = [*texts, "", "", "", "", "", "", ""]

    def text(self, at: int) -> str:
        """The (corrected) text at an index."""
        return self.texts[at] if 0 <= at < len(self.texts) else ""

    def is_number(self, at: int) -> bool:
        """Whether digits stand there."""
        return at < self.size and self.tokens[at].kind is Kind.NUMBER

    def glued(self, at: int) -> bool:
        """Whether nothing stands before the token at `at`."""
        return at < self.size and self.tokens[at].glued

    def digits(self, at: int) -> str:
        """The digits at `at`, or ""."""
        return self.tokens[at].text if self.is_number(at) else ""

    # ---- numbers -----------------------------------------------------------------------------

    def count(self, at: int) -> tuple[float, int] | None:
        """A count: "3", "1.5", "ninety", "forty-five", "a", "half a", "a couple of"."""
        if self.is_number(at):
            value = float(self.tokens[at].number)
            if self.text(at + 1) == "." and self.glued(at + 1) and self.glued(at + 2):
                fraction = self.digits(at + 2)
                if fraction:
                    return float(f"{self.digits(at)}.{fraction}"), at + 3
            if self._and_a_half(at + 1):
                return value + 0.5, at + 4
            return value, at + 1
        text = self.text(at)
        if text in ("a", "an"):
            following = self.text(at + 1)
            if following in ("couple", "few", "dozen", "half"):
                return self.count(at + 1)
            return 1.0, at + 1
        if text == "half":
            return 0.5, at + 2 if self.text(at + 1) in ("a", "an") else at + 1
        if text == "couple":
            return 2.0, at + 2 if self.text(at + 1) == "of" else at + 1
        if text in ("few", "several"):
            return 3.0, at + 1
        if text in NUMBERS:
            total, at = NUMBERS[text], at + 1
            if total >= 20 and total % 10 == 0 and total < 100:
                step = 1 if self.text(at) in _HYPHENS else 0
                unit = NUMBERS.get(self.text(at + step), 0)
                if 0 < unit < 10:
                    total, at = total + unit, at + step + 1
            if self._and_a_half(at):
                return total + 0.5, at + 3
            return float(total), at
        return None

    def _and_a_half(self, at: int) -> bool:
        return self.texts[at : at + 3] == ["and", "a", "half"] if at < self.size else False

    def unit(self, at: int) -> tuple[str, int] | None:
        """A unit of time, with its optional hyphen; "24h" only directly behind digits."""
        text = self.text(at)
        if text in _HYPHENS:
            at, text = at + 1, self.text(at + 1)
        if text in UNITS:
            return UNITS[text], at + 1
        if text in GLUED_UNITS and self.glued(at) and self.is_number(at - 1):
            return GLUED_UNITS[text], at + 1
        return None

    def span(self, at: int) -> tuple[float, str, int] | None:
        """A count with its unit: "90 minutes", "half an hour", "an hour and a half"."""
        counted = self.count(at)
        if counted is None:
            return None
        value, after = counted
        found = self.unit(after)
        if found is None:
            return None
        unit, after = found
        if self._and_a_half(after):
            value, after = value + 0.5, after + 3
        if unit == "fortnight":
            value, unit = value * 2, "week"
        return value, unit, after

    def duration(self, at: int) -> tuple[float, int] | None:
        """A length in seconds: "5 minutes", "1 hour 30 minutes", "a minute and 20 seconds"."""
        first = self.span(at)
        if first is None or first[1] not in UNIT_SECONDS:
            return None
        value, unit, after = first
        seconds = value * UNIT_SECONDS[unit]
        step = after + 1 if self.text(after) == "and" else after
        more = self.span(step) if self.is_number(step) or self.text(step) in NUMBERS else None
        if more and UNIT_SECONDS.get(more[1], seconds) < UNIT_SECONDS[unit]:
            return seconds + more[0] * UNIT_SECONDS[more[1]], more[2]
        return seconds, after

    # ---- clock -------------------------------------------------------------------------------

    def _meridiem(self, at: int) -> tuple[int, int] | None:
        text = self.text(at)
        if text in MERIDIEM:
            return MERIDIEM[text], at + 1
        if text in ("a", "p") and self.text(at + 1) == "." and self.text(at + 2) == "m":
            after = at + 4 if self.text(at + 3) == "." and self.glued(at + 3) else at + 3
            return (12 if text == "p" else 0), after
        return None

    def clock(self, at: int, *, bare: bool = False) -> tuple[ClockTime | Wrong, int] | None:
        """A time of day. `bare` lets a lone hour through ("between 2 and …")."""
        if self.is_number(at):
            return self._digital(at, bare)
        text = self.text(at)
        if text in ("noon", "midday"):
            return ClockTime(12 * 3600), at + 1
        if text == "midnight":
            return ClockTime(0), at + 1
        if text == "12" or (text not in NUMBERS and text not in ("half", "quarter", "a")):
            return None
        return self._spoken(at)

    def _digital(self, at: int, bare: bool) -> tuple[ClockTime | Wrong, int] | None:
        digits = self.digits(at)
        hour, after = int(digits), at + 1
        if len(digits) == 4 and self.text(after) in ("hours", "hrs", "h"):
            if hour // 100 < 24 and hour % 100 < 60:
                return ClockTime((hour // 100) * 3600 + hour % 100 * 60), after + 1
            return None
        if len(digits) > 2:
            return None
        minute = second = 0
        said = False
        separator = self.text(after)
        if separator in (":", "h") and self.glued(after) and len(self.digits(after + 1)) == 2:
            minute, said = int(self.digits(after + 1)), True
            after += 2
            if self.text(after) == ":" and len(self.digits(after + 1)) == 2:
                second = int(self.digits(after + 1))
                after += 2
                if self.text(after) == "." and self.glued(after) and self.is_number(after + 1):
                    after += 2
        elif separator == "." and self.glued(after) and len(self.digits(after + 1)) == 2:
            if self._meridiem(after + 2) is None:
                return None
            minute, said = int(self.digits(after + 1)), True
            after += 2
        half = self._meridiem(after)
        clock = f"{digits}:{minute:02d}" if said else digits
        if half is not None:
            after = half[1]
            if hour == 0 or hour > 12:
                if hour > 23 or minute > 59:
                    return Wrong(f"There is no {clock} on a clock."), after
                return ClockTime(hour * 3600 + minute * 60 + second), after
            hour = hour % 12 + half[0]
            sure = Sure.HALF
        elif said:
            sure = Sure.EXACT if hour > 12 or digits[0] == "0" or hour == 0 else Sure.SOFT
        elif self.text(after) in ("o'clock", "oclock"):
            after += 1
            sure = Sure.BARE if 0 < hour <= 12 else Sure.EXACT
        elif bare and hour <= 24 and self._stands_alone(at):
            sure = Sure.BARE if 0 < hour <= 12 and digits[0] != "0" else Sure.EXACT
        else:
            return None
        if hour > 24 or minute > 59 or second > 59 or (hour == 24 and minute + second > 0):
            return Wrong(f"There is no {clock} on a clock."), after
        return ClockTime(hour * 3600 + minute * 60 + second, sure), after

    def _stands_alone(self, at: int) -> bool:
        """Not a part of "G330", "330b", "3.5" or "5%"."""
        if self.glued(at) and self.tokens[at - 1].kind is Kind.WORD:
            return False
        following = self.text(at + 1)
        return not (self.glued(at + 1) and (following in (".", "%", "/") or following.isalpha()))

    def _spoken(self, at: int) -> tuple[ClockTime | Wrong, int] | None:
        text = self.text(at)
        if text == "a" and self.text(at + 1) == "quarter":
            at, text = at + 1, "quarter"
        offset = {"half": 30, "quarter": 15}.get(text, NUMBERS.get(text, 0))
        link = self.text(at + 1)
        if link in ("past", "to", "before", "after") and offset:
            target = self._hour(at + 2)
            if target is None or (link in ("to", "before") and text not in ("half", "quarter")):
                return None
            hour, sure, after = target
            minutes = hour * 60 + (offset if link in ("past", "after") else -offset)
            return ClockTime(minutes * 60 % 86400, sure), after
        if text in NUMBERS:
            target = self._hour(at)
            if target is not None and (target[1] is not Sure.BARE or self._oclock(at + 1)):
                return ClockTime(target[0] * 3600, target[1]), target[2]
        return None

    def _oclock(self, at: int) -> bool:
        return self.text(at) in ("o'clock", "oclock")

    def _hour(self, at: int) -> tuple[int, Sure, int] | None:
        value = int(self.digits(at) or 0) if self.is_number(at) else NUMBERS.get(self.text(at), 0)
        if self.text(at) in ("noon", "midday"):
            return 12, Sure.EXACT, at + 1
        if self.text(at) == "midnight":
            return 24, Sure.EXACT, at + 1
        if not 1 <= value <= 12:
            return None
        after = at + 1
        if self._oclock(after):
            after += 1
        half = self._meridiem(after)
        if half is not None:
            return value % 12 + half[0], Sure.HALF, half[1]
        return value, Sure.BARE, after

    # ---- dates -------------------------------------------------------------------------------

    def month(self, at: int) -> int | None:
        """A month's name, where words that also mean something else need a number beside them."""
        text = self.text(at)
        number = MONTHS.get(text)
        if number is None or text not in AMBIGUOUS_MONTHS:
            return number
        before, behind = self.text(at - 1) if at else "", self.text(at + 1)
        if self.is_number(at + 1) or (at > 0 and self.is_number(at - 1)) or behind in ORDINALS:
            return number
        if before in ORDINAL_ENDINGS or before in _MONTH_LEAD or behind in ("the", ".", "-"):
            return number if behind != "the" or self.is_number(at + 2) else None
        return None

    def day_of_month(self, at: int) -> tuple[int, int] | None:
        """ "8", "8th", "eighth": a day's number, 1 to 31 or impossible."""
        if self.is_number(at) and len(self.digits(at)) <= 2:
            after = at + 1
            if self.text(after) in ORDINAL_ENDINGS and self.glued(after):
                after += 1
            return int(self.digits(at)), after
        if self.text(at) in ORDINALS and self.text(at) != "second":
            return ORDINALS[self.text(at)], at + 1
        return None

    def _year(self, at: int) -> tuple[int | None, int]:
        after = at + 1 if self.text(at) in (",", "of", "in") else at
        digits = self.digits(after)
        if len(digits) == 4 and self.text(after + 1) != ":":
            return int(digits), after + 1
        return None, at

    def date(self, at: int) -> tuple[Date | Instant | Wrong, int] | None:
        """A date in letters or digits, or an ISO instant."""
        if self.is_number(at):
            return self._numeric_date(at) or self._day_month(at)
        number = self.month(at)
        if number is not None:
            return self._month_day(at, number)
        if self.text(at) in ORDINALS:
            return self._day_month(at)
        return None

    def _month_day(self, at: int, month: int) -> tuple[Date | Wrong, int]:
        after = at + 1
        if self.text(after) == "." and self.glued(after):
            after += 1
        if self.text(after) == "the":
            after += 1
        digits = self.digits(after)
        if len(digits) == 4 and self.text(after + 1) != ":":
            return Date(int(digits), month), after + 1
        day = self.day_of_month(after)
        is_clock = self.text(after + 1) in (":", "am", "pm") or self.text(after + 1) == "o'clock"
        if day is None or is_clock:
            return Date(None, month), at + 1
        year, end = self._year(day[1])
        return checked(year, month, day[0]), end

    def _day_month(self, at: int) -> tuple[Date | Wrong, int] | None:
        day = self.day_of_month(at)
        if day is None:
            return None
        after = day[1]
        step = after + 1 if self.text(after) in ("of", "-", "in") else after
        if self.text(step) == "the":
            return None
        month = MONTHS.get(self.text(step))
        if month is None:
            return None
        if self.text(step) in AMBIGUOUS_MONTHS and self.text(step + 1) in ("i", "we", "you"):
            return None
        end = step + 1
        if self.text(end) == "." and self.glued(end):
            end += 1
        if self.text(end) == "-" and len(self.digits(end + 1)) == 4:
            end += 1
        year, end = self._year(end)
        return checked(year, month, day[0]), end

    def _numeric_date(self, at: int) -> tuple[Date | Instant | Wrong, int] | None:
        first, mark, second = self.digits(at), self.text(at + 1), self.digits(at + 2)
        if len(first) == 8 and first[:2] in ("19", "20"):
            year, month, day = int(first[:4]), int(first[4:6]), int(first[6:])
            if 1 <= month <= 12 and 1 <= day <= 31:
                return checked(year, month, day), at + 1
        if not second or not (self.glued(at + 1) and self.glued(at + 2)):
            return None
        third = self.digits(at + 4)
        same = self.text(at + 3) == mark and self.glued(at + 3) and self.glued(at + 4)
        if len(first) == 4 and mark in ("-", "/") and same and len(third) <= 2 and third:
            return self._iso(at, int(first), int(second), int(third))
        if mark not in ("/", ".", "-") or len(first) > 2 or len(second) > 2:
            return None
        if same and len(third) in (2, 4):
            year = int(third) + (2000 if len(third) == 2 else 0)
            return self._ordered(int(first), int(second), year, dotted=mark == "."), at + 5
        if mark == "/" and not same and 1 <= int(first) <= 31 and 1 <= int(second) <= 31:
            return self._ordered(int(first), int(second), None, dotted=False), at + 3
        return None

    def _ordered(self, one: int, two: int, year: int | None, *, dotted: bool) -> Date | Wrong:
        """Month first, unless dots or the numbers say otherwise."""
        month, day = (two, one) if dotted or one > 12 else (one, two)
        if dotted and month > 12:
            month, day = day, month
        return checked(year, month, day)

    def _iso(self, at: int, year: int, month: int, day: int) -> tuple[Date | Instant | Wrong, int]:
        after = at + 5
        date = checked(year, month, day)
        step = after
        if self.text(step) == "t" and self.glued(step):
            step += 1
        elif self.text(step) == "," or self.text(step) == "at":
            return date, after
        hour, minute = self.digits(step), self.digits(step + 2)
        if len(hour) != 2 or self.text(step + 1) != ":" or len(minute) != 2:
            return date, after
        if isinstance(date, Wrong):
            return date, step + 3
        if self._meridiem(step + 3) is not None:
            return date, after
        step += 3
        second = micro = 0
        if self.text(step) == ":" and len(self.digits(step + 1)) == 2:
            second = int(self.digits(step + 1))
            step += 2
            if self.text(step) == "." and self.digits(step + 1):
                micro = int(self.digits(step + 1)[:6].ljust(6, "0"))
                step += 2
        if int(hour) > 23 or int(minute) > 59 or second > 59:
            return Wrong(f"There is no {hour}:{minute} on a clock."), step
        at_wall = datetime(year, month, day, int(hour), int(minute), second, micro)
        offset, step = self._offset(step)
        return Instant(at_wall if offset is None else at_wall.replace(tzinfo=offset)), step

    def _offset(self, at: int) -> tuple[timezone | None, int]:
        if self.text(at) == "z" and self.glued(at):
            return UTC, at + 1
        if self.text(at) in ("utc", "gmt"):
            return UTC, at + 1
        sign = self.text(at)
        hours = self.digits(at + 1)
        if sign not in ("+", "-", "−") or not self.glued(at) or not self.glued(at + 1):
            return None, at
        if len(hours) == 4 and int(hours[:2]) < 24 and int(hours[2:]) < 60:
            minutes, end = int(hours[:2]) * 60 + int(hours[2:]), at + 2
        elif len(hours) == 2 and int(hours) < 24:
            minutes, end = int(hours) * 60, at + 2
            more = self.digits(at + 3)
            if self.text(at + 2) == ":" and len(more) == 2 and int(more) < 60:
                minutes, end = minutes + int(more), at + 4
        else:
            return None, at
        return timezone(timedelta(minutes=minutes if sign == "+" else -minutes)), end


_MONTH_LEAD = words(
    """in of last this next since until before after during from to and through between late
    early mid every past previous for march january february april june july august september
    october november december"""
)


def checked(year: int | None, month: int, day: int) -> Date | Wrong:
    """A date that exists in its year (without one: in a leap year), or why it does not."""
    if not 1 <= month <= 12:
        return Wrong(f"There is no month {month}.")
    if year is not None and not 1 <= year <= 9999:
        return Wrong(f"The year {year} is not one of the calendar.")
    longest = monthrange(2000 if year is None else year, month)[1]
    if not 1 <= day <= longest:
        name = MONTH_NAMES[month - 1]
        text = f"{day} {name}" if year is None else f"{day} {name} {year}"
        return Wrong(f"There is no {text}: {name} has at most {longest} days.")
    return Date(year, month, day)
