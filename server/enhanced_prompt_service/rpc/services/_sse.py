"""Server-sent events as older clients read them: one JSON object an event, comments in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.api.httpbody_pb2 import HttpBody

_STREAM = "text/event-stream"
_JSON = "application/json"


def event(fields: Mapping[str, Any]) -> bytes:
    """An event, serialised for the network."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Halves of surrogate pairs, which a model may say, have no UTF-8.
    data = b"data: " + text.encode("utf-8", "replace") + b"\n\n"
    return HttpBody(content_type=_STREAM, data=data).SerializeToString()


def document(content: bytes) -> HttpBody:
    """A whole answer of JSON."""
    return HttpBody(content_type=_JSON, data=content)


def json_document(value: Any) -> HttpBody:
    """The same, of a plain value."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return document(text.encode("utf-8", "replace"))


HEARTBEAT = HttpBody(content_type=_STREAM, data=b": still there\n\n").SerializeToString()
"""A comment, which clients skip: silence would let a gateway end the stream."""
