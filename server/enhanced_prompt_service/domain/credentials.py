"""API keys of services: `eps_<id>_<secret>`, of which only a digest is kept.

The secret has 256 random bits, so a plain SHA-256 of it can't be tried out; the id finds the row
and may be shown and logged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from .identity import Role

PREFIX = "eps_"
_KEY = re.compile(r"eps_([0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as it is stored. Times are UTC, cut to microseconds.

    `digest` is the SHA-256 of the whole key; `cameras` and `sites` are those of a `Caller`.
    """

    key_id: str
    tenant: str
    user: str
    role: Role
    digest: bytes = field(repr=False)
    created_at: datetime
    cameras: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class KeyStore(Protocol):
    """Keys of all tenants: they are found before anybody knows the tenant."""

    async def add_key(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key of an id, also where it was revoked."""
        ...

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke a key from now on; False where there is none. The first time counts."""
        ...

    async def list_keys(self, tenant: str = "") -> list[ApiKey]:
        """All keys, or those of one tenant, oldest first."""
        ...


def new_key(random_hex: Callable[[int], str]) -> tuple[str, str]:
    """A new key's id, and the key itself. `random_hex` gives so many random bytes as hex."""
    key_id = random_hex(6)
    return key_id, f"{PREFIX}{key_id}_{random_hex(32)}"


def key_id_of(key: str) -> str | None:
    """The id inside of a key; None for what is no key."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def digest_of(key: str) -> bytes:
    """What is stored in place of a key."""
    return hashlib.sha256(key.encode()).digest()
