"""Signatures, in the form of the Standard Webhooks specification (standardwebhooks.com, 1.0).

What is signed is the bytes of

    <webhook-id> "." <webhook-timestamp> "." <body>

with HMAC-SHA256; the header `webhook-signature` is "v1," and the base64 of the digest. The id is
the idempotency key, the timestamp whole seconds since 1970, so that a receiver can refuse what is
old. A key that begins with `whsec_` is base64 of the key's bytes, as that specification has it; any
other is taken as the text that it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"
VERSION = "v1"


def key_bytes(key: str) -> bytes:
    """The key's bytes. Raises ValueError where what follows `whsec_` is no base64."""
    if not key.startswith(_PREFIX):
        return key.encode()
    try:
        return base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("what follows whsec_ is not base64") from error


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode()}"


def signed_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key, message_id, timestamp, body),
    }
