"""Types for what a parser of JSON, YAML or TOML gave: known to be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast


def as_mapping(value: object) -> Mapping[str, object] | None:
    """The value if it is a mapping with text keys, else None."""
    if not isinstance(value, dict):
        return None
    found = cast(dict[object, object], value)
    return cast(dict[str, object], found) if all(isinstance(key, str) for key in found) else None


def as_list(value: object) -> list[object] | None:
    """The value if it is a list, else None."""
    return cast(list[object], value) if isinstance(value, list) else None


def as_number(value: object) -> float | None:
    """The value if it is a number, else None; True and False are none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
