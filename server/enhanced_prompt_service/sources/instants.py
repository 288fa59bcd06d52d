"""Reading a moment that somebody else wrote down."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..domain.times import instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIX = re.compile(r"-?\d{9,19}(\.\d*)?")
# Beyond these a number of seconds would lie after the year 5138: it counts smaller units.
_UNITS = ((1e17, 1_000_000_000), (1e14, 1_000_000), (1e11, 1_000), (0.0, 1))


class NotAMoment(ValueError):
    """The value names no moment; its text says why."""


def read_instant(value: object, zone: ZoneInfo | None) -> datetime:
    """The UTC instant of ISO 8601 text or of a Unix time (s, ms, µs or ns, told by its size).

    Text without an offset is local time in `zone`: on the night when clocks go back the first of
    two passes, and where they skip an hour the moment of the change. Raises NotAMoment; also for
    local time when `zone` is None.
    """
    try:
        if isinstance(value, str):
            text = value.strip()
            if not _UNIX.fullmatch(text):
                return _from_text(text, zone)
            value = float(text) if "." in text else int(text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotAMoment("is neither ISO 8601 text nor a Unix time")
        return _from_number(value)
    except (OverflowError, ArithmeticError) as error:
        raise NotAMoment("lies outside of years 1 to 9999") from error


def _from_number(number: float) -> datetime:
    if not math.isfinite(number):
        raise NotAMoment("is not a finite number")
    units = next(units for least, units in _UNITS if abs(number) >= least)
    if isinstance(number, int):
        seconds, rest = divmod(number, units)
        return _EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 // units)
    return _EPOCH + timedelta(microseconds=round(number / units * 1_000_000))


def _from_text(text: str, zone: ZoneInfo | None) -> datetime:
    if not text:
        raise NotAMoment("is empty")
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotAMoment("is not ISO 8601, such as 2018-03-05T13:10:00") from error
    if "T" not in text.upper() and " " not in text and ":" not in text:
        raise NotAMoment("is a date without a time of day")
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    if zone is None:
        raise NotAMoment("has no offset, and no time zone is known for its site")
    return instant(found, zone).astimezone(UTC)
