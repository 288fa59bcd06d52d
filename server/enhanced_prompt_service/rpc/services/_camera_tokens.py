"""Page tokens of listings by camera. No secret is in them, so a digest of what they belong to is
enough."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from ...domain.errors import InvalidArgument, Reason
from ...domain.identity import Caller

Key = tuple[str, str]
"""Site and camera id."""


def binding(caller: Caller, arguments: str) -> str:
    """What a token is bound to: the caller and the arguments of the listing."""
    text = json.dumps([caller.tenant, caller.user, arguments])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def token_of(last: Key, bound: str) -> str:
    """The token of the page after this camera."""
    return base64.urlsafe_b64encode(json.dumps([bound, *last]).encode()).decode()


def after_of(token: str, bound: str) -> Key:
    """The camera that the page before ended with. Raises InvalidArgument (PAGE_TOKEN_INVALID)."""
    try:
        match json.loads(base64.urlsafe_b64decode(token.encode("ascii"))):
            case [found, str(site), str(camera_id)] if found == bound:
                return site, camera_id
            case _:
                pass
    except (UnicodeError, binascii.Error, ValueError, RecursionError):
        pass
    raise InvalidArgument.of(
        "page_token",
        "not a token of this listing: ask without one to begin again",
        reason=Reason.PAGE_TOKEN_INVALID,
    )
