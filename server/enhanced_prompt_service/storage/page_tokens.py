"""Page tokens: opaque, signed, and good only for the caller and the arguments they came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import cast

from ..domain.errors import InvalidArgument, Reason
from ..domain.events import Selection
from ..domain.identity import Caller
from . import codec
from .instants import to_us

Position = list[str | int | float | None]
"""Keys of the last row of a page: the next page begins after it."""

_SIGNATURE = 16  # bytes of HMAC-SHA256 that a token carries


def make(key: bytes, caller: Caller, arguments: Mapping[str, object], position: Position) -> str:
    """The token of the page after `position`."""
    body = codec.dump(position).encode()
    signed = _sign(key, caller, arguments, body) + body
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def read(key: bytes, caller: Caller, arguments: Mapping[str, object], token: str) -> Position:
    """The position inside a token. Raises InvalidArgument (PAGE_TOKEN_INVALID)."""
    try:
        signed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise _invalid() from None
    signature, body = signed[:_SIGNATURE], signed[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(key, caller, arguments, body)):
        raise _invalid()
    return cast(Position, json.loads(body))


def of_selection(selection: Selection) -> dict[str, object]:
    """A selection as arguments of a token: equal selections give equal arguments."""

    def instant(value: object) -> int | None:
        return None if value is None else to_us(value)  # pyright: ignore[reportArgumentType]

    return {
        "windows": [codec.interval(one) for one in selection.windows],
        "mask": None if selection.mask is None else codec.mask(selection.mask),
        **{
            name: sorted(getattr(selection, name) or ())
            for name in ("cameras", "sites", "zones", "event_types", "labels")
        },
        "type_or_label": selection.type_or_label,
        "text": selection.text,
        "min_confidence": selection.min_confidence,
        "min_duration_s": selection.min_duration_s,
        "max_duration_s": selection.max_duration_s,
        "ongoing_at": instant(selection.ongoing_at),
        "as_of": instant(selection.as_of),
    }


def _sign(key: bytes, caller: Caller, arguments: Mapping[str, object], body: bytes) -> bytes:
    bound = codec.dump([caller.tenant, caller.user, sorted(arguments.items())]).encode()
    return hmac.digest(key, hashlib.sha256(bound).digest() + body, "sha256")[:_SIGNATURE]


def _invalid() -> InvalidArgument:
    return InvalidArgument.of(
        "page_token",
        "not a token of this listing: ask without one to begin again",
        reason=Reason.PAGE_TOKEN_INVALID,
    )
