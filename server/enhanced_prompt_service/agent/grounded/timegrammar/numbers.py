"""Tokens by index, and the counts and lengths that they spell."""

from __future__ import annotations

from collections.abc import Sequence

from ..words import Kind, Token
from .lexicon import GLUED_UNITS, NUMBERS, UNITS

UNIT_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 7 * 86400,
    "fortnight": 14 * 86400,
}
_HYPHENS = frozenset({"-", "‐", "‑", "–", "−"})


class Numbers:
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
