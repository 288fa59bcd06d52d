"""JSON: one object a line, or one array of objects in a file."""

from __future__ import annotations

import json
from typing import NoReturn

from .rows import BadRow, Row


def decode(text: str) -> Row:
    """The object on a line. Raises BadRow."""
    found = _loads(text)
    if not isinstance(found, dict):
        raise BadRow("", "is not a JSON object")
    return found  # pyright: ignore[reportUnknownVariableType]


def decode_array(text: str) -> list[object]:
    """The items of an array. Raises BadRow when it is none."""
    found = _loads(text)
    if not isinstance(found, list):
        raise BadRow("", "is not a JSON array")
    return found  # pyright: ignore[reportUnknownVariableType]


def _loads(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise BadRow("", "is nested too deeply") from error
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise BadRow("", f"is not JSON: {reason}") from error


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
