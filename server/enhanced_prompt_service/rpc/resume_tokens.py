"""Resume tokens: a place in a tenant's log of insights, sealed (design 3, rule 18).

A token is version, nonce, and the position under AES-256-GCM with the tenant as what is
authenticated beside it: nobody can read, change or make one, and another tenant's opens no more
than a forged one does.

Two tokens of one place are told apart by nobody but us where they go to a caller with limits: if
the token of a heartbeat were that of the message before it, one that is not would say that
something was entered there which the caller may not see.
"""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..domain.errors import InvalidArgument, Reason
from ..domain.identity import Caller

_VERSION = b"\x01"
_NONCE = 12
_POSITION = 8
_SEALED = _POSITION + 16
_MOST_KNOWN = 1024


class ResumeTokens:
    """Makes and opens tokens. `key` is any secret of at least 32 bytes, the same in all replicas.

    A key of our own is derived from it (HKDF-SHA256, RFC 5869), so that it may serve elsewhere too.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("the secret key has at least 32 bytes")
        derived = HKDF(SHA256(), 32, salt=None, info=b"enhanced_prompt.v1 resume_token").derive(key)
        self._cipher = AESGCM(derived)
        self._known: dict[tuple[str, int], str] = {}

    def seal(self, tenant: str, position: int) -> str:
        """The token of a place; thousands of subscribers stand at the same one."""
        known = self._known.get((tenant, position))
        if known is not None:
            return known
        token = self._sealed(tenant, position)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[tenant, position] = token
        return token

    def seal_for(self, caller: Caller, position: int) -> str:
        """The token of a place for somebody; one of its own each time for who has limits."""
        if caller.sees_all:
            return self.seal(caller.tenant, position)
        return self._sealed(caller.tenant, position)

    def _sealed(self, tenant: str, position: int) -> str:
        nonce = os.urandom(_NONCE)
        body = self._cipher.encrypt(nonce, position.to_bytes(_POSITION), _bound(tenant))
        return base64.urlsafe_b64encode(_VERSION + nonce + body).decode().rstrip("=")

    def open(self, tenant: str, token: str) -> int:
        """The position in a token. Raises InvalidArgument (RESUME_TOKEN_INVALID)."""
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (UnicodeEncodeError, binascii.Error):
            raise _invalid() from None
        if raw[:1] != _VERSION or len(raw) != 1 + _NONCE + _SEALED:
            raise _invalid()
        try:
            body = self._cipher.decrypt(raw[1 : 1 + _NONCE], raw[1 + _NONCE :], _bound(tenant))
        except InvalidTag:
            raise _invalid() from None
        return int.from_bytes(body)


def _bound(tenant: str) -> bytes:
    return _VERSION + tenant.encode()


def _invalid() -> InvalidArgument:
    return InvalidArgument.of(
        "resume_token", "not a token of this service", reason=Reason.RESUME_TOKEN_INVALID
    )
