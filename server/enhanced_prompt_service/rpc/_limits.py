"""Checks of single values, made from a field's limits (`validation.proto`)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from google.protobuf.descriptor import FieldDescriptor

from ..domain.errors import FieldViolation, Reason

MIN_SECONDS = -62135596800  # 0001-01-01T00:00:00Z
MAX_SECONDS = 253402300799  # 9999-12-31T23:59:59Z
_MAX_DURATION_SECONDS = 315_576_000_000

Found: TypeAlias = "list[tuple[Reason, FieldViolation]]"
ValueCheck: TypeAlias = Callable[[Any, str, Found], None]
"""Looks at one value that is set; the path names it."""


def string_check(limits: Any) -> ValueCheck:
    """Lengths are of code points. An empty string counts as not set unless `min_length` says no.

    NUL is refused everywhere: PostgreSQL cannot store it in a text.
    """
    least: int = limits.min_length if limits.HasField("min_length") else 0
    most: int | None = limits.max_length if limits.HasField("max_length") else None
    pattern = re.compile(limits.pattern, re.ASCII) if limits.pattern else None
    zone: bool = limits.time_zone
    largest: int | None = limits.max_bytes if limits.HasField("max_bytes") else None
    simple = pattern is None and not zone and largest is None

    def check(value: str, path: str, found: Found) -> None:
        length = len(value)
        if length < least:
            add(
                found,
                Reason.LIMIT_EXCEEDED if length else Reason.REQUIRED_FIELD_MISSING,
                path,
                f"must have at least {counted(least, 'character')}, has {length:,}",
            )
        elif most is not None and length > most:
            add(
                found,
                Reason.LIMIT_EXCEEDED,
                path,
                f"must have at most {counted(most, 'character')}, has {length:,}",
            )
        elif "\0" in value:
            add(found, Reason.INVALID_FORMAT, path, "must not hold the character NUL")
        elif simple or not length:
            return
        elif largest is not None and len(value.encode()) > largest:
            sum_check(len(value.encode()), largest, path, found)
        elif pattern is not None and pattern.fullmatch(value) is None:
            add(found, Reason.INVALID_FORMAT, path, f"must match {pattern.pattern}")
        elif zone and not is_time_zone(value):
            add(
                found,
                Reason.INVALID_FORMAT,
                path,
                'must be the name of an IANA time zone, such as "Europe/Rome"',
            )

    return check


def number_check(limits: Any, *, floating: bool) -> ValueCheck | None:
    least: float | None = limits.min if limits.HasField("min") else None
    most: float | None = limits.max if limits.HasField("max") else None
    if not floating and least is None and most is None:
        return None
    low = -math.inf if least is None else least
    high = math.inf if most is None else most
    rule = _range(least, most)

    def check(value: float, path: str, found: Found) -> None:
        if not low <= value <= high:  # also where it is NaN
            add(found, Reason.LIMIT_EXCEEDED, path, f"{rule}, is {value:,}")
        elif floating and not math.isfinite(value):
            add(found, Reason.INVALID_FORMAT, path, "must be a finite number")

    return check


def _range(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return "must be a number"
    if most is None:
        return f"must be at least {least:,g}"
    if least is None:
        return f"must be at most {_number(most)}"
    return f"must lie in {_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def enum_check(field: FieldDescriptor) -> ValueCheck:
    """Enums of proto3 are open: any number parses. What has no name here means nothing here."""
    assert field.enum_type is not None
    numbers = frozenset(field.enum_type.values_by_number)
    name = field.enum_type.name

    def check(value: int, path: str, found: Found) -> None:
        if value not in numbers:
            add(found, Reason.INVALID_FORMAT, path, f"{value} is no value of {name}")

    return check


def size_check(limits: Any, measure: Callable[[Any], int]) -> ValueCheck:
    largest: int = limits.max_bytes

    def check(value: Any, path: str, found: Found) -> None:
        sum_check(measure(value), largest, path, found)

    return check


def timestamp_check(value: Any, path: str, found: Found) -> None:
    if not (MIN_SECONDS <= value.seconds <= MAX_SECONDS and 0 <= value.nanos <= 999_999_999):
        add(
            found,
            Reason.INVALID_FORMAT,
            path,
            "must be a valid time: years 1 to 9999, nanos 0 to 999,999,999",
        )


def duration_check(value: Any, path: str, found: Found) -> None:
    seconds, nanos = value.seconds, value.nanos
    if (
        abs(seconds) > _MAX_DURATION_SECONDS
        or abs(nanos) > 999_999_999
        or (seconds > 0 > nanos)
        or (seconds < 0 < nanos)
    ):
        add(found, Reason.INVALID_FORMAT, path, "must be a valid duration")


def count_check(limits: Any, noun: str) -> Callable[[int, str, Found], bool] | None:
    least: int | None = limits.min_items if limits.HasField("min_items") else None
    most: int | None = limits.max_items if limits.HasField("max_items") else None
    if least is None and most is None:
        return None

    def check(number: int, path: str, found: Found) -> bool:
        if least is not None and number < least:
            text = f"must have at least {counted(least, noun)}, has {number:,}"
        elif most is not None and number > most:
            text = f"must have at most {counted(most, noun)}, has {number:,}"
        else:
            return False
        add(found, Reason.LIMIT_EXCEEDED, path, text)
        return True

    return check


def sum_check(size: int, largest: int, path: str, found: Found) -> None:
    if size > largest:
        add(
            found,
            Reason.LIMIT_EXCEEDED,
            path,
            f"must have at most {counted(largest, 'byte')}, has {size:,}",
        )


def is_time_zone(name: str) -> bool:
    """Whether an IANA zone has this name. Strange input is no zone, never an exception."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found; a path that leaves the database; a folder
        return False
    return True


def byte_size(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else value.ByteSize()


def counted(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"


def missing(path: str, found: Found) -> None:
    add(found, Reason.REQUIRED_FIELD_MISSING, path, "is required")


def add(found: Found, reason: Reason, path: str, description: str) -> None:
    found.append((reason, FieldViolation(path, description)))
