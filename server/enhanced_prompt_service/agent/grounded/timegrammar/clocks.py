"""Clock times: "14:02", "2 pm", "half past two", "1400 hours", "noon"."""

from __future__ import annotations

from ..words import Kind
from .elements import ClockTime, Sure, Wrong
from .lexicon import MERIDIEM, NUMBERS, UNITS
from .numbers import Numbers


class Clocks(Numbers):
    """Reads clock times."""

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
        return self._spoken(at, bare)

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

    def _spoken(self, at: int, bare: bool) -> tuple[ClockTime | Wrong, int] | None:
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
            lone = bare and self.text(at + 1) not in UNITS
            if target is not None and (lone or target[1] is not Sure.BARE or self._oclock(at + 1)):
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
