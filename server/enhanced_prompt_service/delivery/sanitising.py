"""Text as it leaves: without what a terminal, a page or a log would take for an order.

Control characters but newline and tab go, and so do the characters that turn the direction of
writing (U+202A to U+202E, U+2066 to U+2069): they let a text read as something that it is not.
Half of a surrogate pair becomes U+FFFD. `<`, `>` and `&` are escaped where that is asked for,
except in names and addresses. Citations count code points of the response: they move with it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, cast

JsonObject = dict[str, Any]

_CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_TURNING = r"\u202a-\u202e\u2066-\u2069"
_HALF = r"\ud800-\udfff"
_BAD = re.compile(f"[{_CONTROL}{_TURNING}{_HALF}]")
_BAD_OR_HTML = re.compile(f"[{_CONTROL}{_TURNING}{_HALF}<>&]")
# In JSON: what is escaped may be such a character; newline and tab are not.
_SUSPICIOUS = re.compile(f"[\\x7f-\\x9f{_TURNING}]|\\\\[bfru]")
_ESCAPED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_VERBATIM = frozenset(
    {
        *("clip_links", "clip_url", "snapshot_url", "timestamp", "end_time", "service_name"),
        *("conversation_id", "user_id", "turn_id", "message_id", "event_id", "camera_id"),
        *("insight_id", "affected_cameras", "related_insights", "cameras_discussed"),
    }
)


def suspicious(document: str, *, html: bool) -> bool:
    """Whether JSON text may hold something that has to go: quick, and wrong on the safe side."""
    return _SUSPICIOUS.search(document) is not None or (
        html and any(one in document for one in "<>&")
    )


def clean_text(text: str, *, html: bool = False) -> str:
    """One text."""
    return (_BAD_OR_HTML if html else _BAD).sub(_replacement, text)


def clean(document: JsonObject, *, html: bool = False) -> JsonObject:
    """A whole payload: every text in it, names of fields too."""
    response, citations = document.get("response"), document.get("citations")
    cleaned = cast(JsonObject, _cleaned(document, html, html))
    if isinstance(response, str) and isinstance(citations, list) and citations:
        move = _mover(response, html)
        for one in cast(list[JsonObject], cleaned["citations"]):
            one["start"], one["end"] = move(one["start"]), move(one["end"])
    return cleaned


def _cleaned(value: Any, html: bool, here: bool) -> Any:
    if isinstance(value, str):
        return clean_text(value, html=here)
    if isinstance(value, dict):
        return {
            clean_text(name): _cleaned(one, html, html and name not in _VERBATIM)
            for name, one in cast(JsonObject, value).items()
        }
    if isinstance(value, list):
        return [_cleaned(one, html, here) for one in cast(list[Any], value)]
    return value


def _replacement(match: re.Match[str]) -> str:
    found = match[0]
    if "\ud800" <= found <= "\udfff":
        return "\ufffd"
    return _ESCAPED.get(found, "")


def _mover(text: str, html: bool) -> Callable[[int], int]:
    """Where a place of a text is after cleaning."""
    places: list[int] = []
    moved: list[int] = [0]
    for match in (_BAD_OR_HTML if html else _BAD).finditer(text):
        places.append(match.start())
        moved.append(moved[-1] + len(_replacement(match)) - 1)

    def move(place: int) -> int:
        return place + moved[bisect_left(places, place)]

    return move
