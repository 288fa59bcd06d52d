"""CloudEvents 1.0 over HTTP, in its three modes (CloudEvents HTTP Protocol Binding 1.0.2, 3.1–3.3).

| attribute | where the data does not say it | |
| --- | --- | --- |
| `source`, `id` | `event_id` | `source#id`: CNCF's own rule for what is the same event |
| `time` | the start | |
| `type` | the type | its last part: `com.acme.person_detected.v2` is `person_detected` |
| `subject` | the camera | |
| `site` (an extension) | the site | else the request's |
| `source` | the source | |

The data is a JSON object and is read as a row of a file is: the same names, the same limits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from urllib.parse import unquote

from ..domain.errors import FieldViolation, InvalidArgument
from ..domain.event_rules import MAX_EVENT_ID, MAX_ID
from ..domain.events import Event
from ..domain.posted import NoEvent, Posted
from .event_reader import EventReader
from .jsonl import decode, decode_array
from .loose import as_mapping
from .rows import BadRow, Row, RowOptions

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MOST = 1_000
_REQUIRED = ("specversion", "id", "source", "type")
_VERSION = re.compile(r"\.v\d+$")
_JSON = re.compile(r"(?:[\w.+-]+/)?(?:json|[\w.-]+\+json)$")


def read_cloud_events(posted: Posted) -> list[Event | NoEvent]:
    """The events of a body, each in its place. Raises InvalidArgument for the body as a whole."""
    kind, _, parameters = posted.content_type.lower().partition(";")
    kind = kind.strip()
    text = _text(posted.body, parameters)
    try:
        if kind == BATCH:
            items = decode_array(text)
            if len(items) > MOST:
                raise InvalidArgument.of("body", f"must hold at most {MOST} events")
            return [_one(as_mapping(item), posted.site) for item in items]
        if kind == STRUCTURED:
            return [_one(decode(text), posted.site)]
        if kind.startswith("application/cloudevents"):
            raise InvalidArgument.of("body", f"must be of type {STRUCTURED} or {BATCH}")
        return [_one(_binary(posted, kind, text), posted.site)]
    except BadRow as error:
        raise InvalidArgument.of("body", error.reason) from error


def _text(body: bytes, parameters: str) -> str:
    charset = parameters.partition("charset=")[2].strip().strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise InvalidArgument.of("body", "must be UTF-8")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidArgument.of("body", "must be UTF-8") from error


def _binary(posted: Posted, kind: str, text: str) -> dict[str, object]:
    """Attributes in headers, the data as the body."""
    found: dict[str, object] = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in posted.headers.items()
        if name.startswith("ce-")
    }
    if "specversion" not in found:
        raise InvalidArgument.of(
            "body", f"must be of type {STRUCTURED} or {BATCH}, or come with ce- headers"
        )
    if text:
        if kind and not _JSON.match(kind):
            raise InvalidArgument.of("body", "must be JSON")
        found["data"] = decode(text)
    return found


def _one(item: Row | None, site: str) -> Event | NoEvent:
    if item is None:
        return NoEvent("", FieldViolation("", "must be a JSON object"))
    event_id = _id(item)
    try:
        return _event(item, event_id, site)
    except BadRow as error:
        return NoEvent(event_id, FieldViolation(error.field, error.reason))


def _event(item: Row, event_id: str, site: str) -> Event:
    for name in _REQUIRED:
        value = item.get(name)
        if not isinstance(value, str) or not value:
            raise BadRow(name, "is required" if value is None else "must be a text")
    if item["specversion"] != "1.0":
        raise BadRow("specversion", "must be 1.0")
    told = {
        "event_id": event_id,
        "start_time": _said(item, "time"),
        "event_type": _VERSION.sub("", _said(item, "type")).rpartition(".")[2][:MAX_ID],
        "camera_id": _said(item, "subject"),
        "site": _said(item, "site") or site,
        "source": _said(item, "source")[:MAX_ID],
    }
    read = EventReader(
        RowOptions(
            # Data's "id" may be that of anything: the event is known by its attributes.
            mapping={"event_id": "event_id"},
            defaults={name: value for name, value in told.items() if value},
        )
    )
    return read(_data(item))


def _data(item: Row) -> Mapping[str, object]:
    data = item.get("data")
    packed = item.get("data_base64")
    if data is None and isinstance(packed, str):
        try:
            return decode(base64.b64decode(packed, validate=True).decode("utf-8"))
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadRow("data_base64", "must be JSON in UTF-8, in base64") from error
    if data is None:
        return {}
    row = as_mapping(data)
    if row is None:
        raise BadRow("data", "must be a JSON object")
    return row


def _said(item: Row, name: str) -> str:
    found = item.get(name)
    return found if isinstance(found, str) else ""


def _id(item: Row) -> str:
    """`source#id`; where that is too long, its digest."""
    whole = f"{_said(item, 'source')}#{_said(item, 'id')}"
    if len(whole) <= MAX_EVENT_ID:
        return whole
    digest = hashlib.blake2b(whole.encode(errors="replace"), digest_size=16)
    return f"cloudevent-{digest.hexdigest()}"
