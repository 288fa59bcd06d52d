"""Dates in letters and digits, and ISO instants; with numbers and clock times, all small pieces.

Every reader takes an index and returns what it read with the index behind it, or None.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone

from .clocks import Clocks
from .elements import Date, Instant, Wrong
from .lexicon import AMBIGUOUS_MONTHS, MONTH_NAMES, MONTHS, ORDINAL_ENDINGS, ORDINALS, words


class Words(Clocks):
    """A question's tokens, read at an index."""

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
        behind = self.text(after + 1)
        is_clock = behind in ("am", "pm", "o'clock") or (
            behind == ":" and self.is_number(after + 2)
        )
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
