"""JSON Web Tokens (RFC 7519, RFC 8725): verified once, then remembered until they expire."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt

from ...domain.errors import Reason, Unauthenticated
from ...domain.identity import Identity
from .claims import ClaimNames, claimed
from .keyring import Keyring, VerifyingKey

_MOST_CHARACTERS = 16_384
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token has to say.

    Attributes:
        audience: Must be among its `aud`.
        issuer: Must be its `iss`.
        skew_s: By how much clocks may differ: a token is accepted so long before `nbf` and `iat`,
            and so long after `exp`.
        names: Which claim says what.
        remembered: How many verified tokens are kept.
    """

    audience: str
    issuer: str
    skew_s: float = 30.0
    names: ClaimNames = field(default_factory=ClaimNames)
    remembered: int = 10_000


class Tokens:
    """Verifies tokens. `now` is real time."""

    def __init__(self, keyring: Keyring, rules: TokenRules, now: Callable[[], datetime]) -> None:
        self.keyring = keyring
        self._rules = rules
        self._now = now
        self._kept: OrderedDict[str, tuple[Identity, VerifyingKey]] = OrderedDict()

    async def verify(self, token: str) -> Identity:
        """Who bears it. Raises Unauthenticated."""
        if len(token) > _MOST_CHARACTERS:
            raise _invalid()
        digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        kept = self._kept.get(digest)
        if kept is not None:
            identity, key = kept
            error = self._ended(identity, key)
            if error is None:
                self._kept.move_to_end(digest)
                return identity
            del self._kept[digest]
            raise error
        identity, key = await self._verify(token, digest)
        self._kept[digest] = identity, key
        if len(self._kept) > self._rules.remembered:
            self._kept.popitem(last=False)
        return identity

    def ended(self, identity: Identity) -> Unauthenticated | None:
        """Why a token that was accepted is not any more; None where it still is.

        One that was forgotten meanwhile, because there are so many, counts by its time alone.
        """
        kept = self._kept.get(identity.credential)
        return self._ended(identity, None if kept is None else kept[1])

    def _ended(self, identity: Identity, key: VerifyingKey | None) -> Unauthenticated | None:
        if identity.expires_at is not None and identity.expires_at <= self._now():
            return expired()
        if key is not None and not self.keyring.holds(key):
            return Unauthenticated(
                "the key of this token was withdrawn", reason=Reason.CREDENTIALS_REVOKED
            )
        return None

    async def _verify(self, token: str, digest: str) -> tuple[Identity, VerifyingKey]:
        try:
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
            if not isinstance(algorithm, str) or "crit" in header:
                raise _invalid()
            key = await self.keyring.find(kid, algorithm)
            if key is None:
                raise _invalid()
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                options={
                    "require": ["exp", "aud", "iss"],
                    "verify_exp": False,  # times are judged here, by the clock that was given
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            expires_at = self._times(claims)
            found = claimed(claims, self._rules.names)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _invalid() from error
        identity = Identity(
            found.caller,
            "token",
            credential=digest,
            expires_at=expires_at,
            tenants=found.tenants,
            every_tenant=found.every_tenant,
        )
        return identity, key

    def _times(self, claims: dict[str, Any]) -> datetime:
        """From when on it is not accepted. Raises Unauthenticated, ValueError, TypeError."""
        now, skew = self._now().timestamp(), self._rules.skew_s
        for name in ("nbf", "iat"):
            if name in claims and _number(claims[name]) > now + skew:
                raise _invalid()
        end = min(_number(claims["exp"]) + skew, _LATEST)
        if end <= now:
            raise expired()
        return datetime.fromtimestamp(end, UTC)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("a time is a number of seconds")
    return float(value)


def _invalid() -> Unauthenticated:
    return Unauthenticated("the credentials are not valid here")


def expired() -> Unauthenticated:
    """Credentials were good once."""
    return Unauthenticated("the credentials have expired", reason=Reason.CREDENTIALS_EXPIRED)
