"""The keys that tokens may be signed with, and where they come from (RFC 7517).

Each key is good for exactly one algorithm, which follows from what the key is and never from what
a token says: so a public key can't be used as a shared secret, and `none` has no key at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SECRET_KID = "\0secret"  # noqa: S105 - a name that no token can have
_LEAST_RSA_BITS = 2048
_MOST_BYTES = 1024 * 1024
_BY_KIND = {("RSA", ""): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key and the one algorithm that it verifies. `print` tells it from any other."""

    kid: str
    algorithm: str
    key: Any
    print: bytes


class SharedSecret:
    """HS256 with a secret of at least 32 bytes."""

    def __init__(self, secret: str) -> None:
        encoded = secret.encode()
        if len(encoded) < 32:
            raise ValueError("a shared secret needs at least 32 bytes")
        self.key = VerifyingKey(SECRET_KID, "HS256", encoded, hashlib.sha256(encoded).digest())


class JwksSource(Protocol):
    """Gives a JSON Web Key Set. `every_s` is how often it is looked at again; one that is `local`
    has to be there at start."""

    @property
    def every_s(self) -> float: ...

    @property
    def local(self) -> bool: ...

    async def fetch(self) -> bytes:
        """The document. Raises OSError or httpx.HTTPError."""
        ...


class JwksFile:
    """A file on this machine, looked at every other second: taking a key out of it ends what was
    signed with it."""

    every_s = 2.0
    local = True

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fetch(self) -> bytes:
        """Read the file."""
        return await asyncio.to_thread(self._path.read_bytes)


class JwksUrl:
    """An address, https or on this machine. Redirects are not followed."""

    local = False

    def __init__(self, url: str, *, every_s: float = 300.0, timeout_s: float = 5.0) -> None:
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ValueError("keys come over https only, or from this machine")
        self._url = url
        self.every_s = every_s
        self._timeout_s = timeout_s

    async def fetch(self) -> bytes:
        """Get the document, of at most 1 MiB."""
        found = bytearray()
        async with (
            httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False) as client,
            client.stream("GET", self._url) as response,
        ):
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                found += piece
                if len(found) > _MOST_BYTES:
                    raise httpx.TransportError("the key set is larger than 1 MiB")
        return bytes(found)


class Keyring:
    """All keys that tokens are accepted from, kept up to date.

    A key that a token names and nobody knows is looked for at the source, at most once in
    `cooldown_s`: that is how keys are rotated without a restart. Where the source fails, the keys
    that were there stay.
    """

    def __init__(
        self,
        source: JwksSource | None = None,
        secret: SharedSecret | None = None,
        *,
        monotonic: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        cooldown_s: float = 5.0,
    ) -> None:
        self._source = source
        self._fixed = () if secret is None else (secret.key,)
        self._monotonic = monotonic
        self._log = log
        self._cooldown_s = cooldown_s
        self._asked_at: float | None = None
        self._loading = asyncio.Lock()
        self._document = b""
        self._adopt(())

    @property
    def every_s(self) -> float | None:
        """How often `refresh` is called; None: never."""
        return None if self._source is None else self._source.every_s

    def holds(self, key: VerifyingKey) -> bool:
        """Whether a key is still accepted."""
        return key.print in self._prints

    async def find(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        """The key that a token names and that is good for this algorithm.

        A token without a `kid` means the only key of its algorithm.
        """
        found = self._look(kid, algorithm)
        if found is None and self._source is not None and algorithm != "HS256":
            async with self._loading:
                found = self._look(kid, algorithm)
                if found is None and self._may_ask():
                    await self._load()
                    found = self._look(kid, algorithm)
        return found

    async def begin(self) -> None:
        """Load the first keys. Raises OSError where a local source has none: with a mistyped path
        a server would start and refuse everybody."""
        if not await self.refresh() and self._source is not None and self._source.local:
            raise OSError("the keys of tokens can't be read: EPS_JWT_JWKS names no key set")

    async def refresh(self) -> bool:
        """Look at the source again; False where it failed."""
        async with self._loading:
            return await self._load()

    def _may_ask(self) -> bool:
        return self._asked_at is None or self._monotonic() - self._asked_at >= self._cooldown_s

    async def _load(self) -> bool:
        if self._source is None:
            return True
        self._asked_at = self._monotonic()
        try:
            document = await self._source.fetch()
            if document != self._document:
                self._adopt(keys_of(document))
                self._document = document
                self._log.info("token keys loaded", keys=len(self._keys) - len(self._fixed))
        except (OSError, ValueError, httpx.HTTPError) as error:
            self._log.warning("token keys can't be loaded", error=type(error).__name__)
            return False
        return True

    def _adopt(self, keys: Iterable[VerifyingKey]) -> None:
        self._keys = (*self._fixed, *keys)
        self._by_name = {(one.kid, one.algorithm): one for one in self._keys}
        self._prints = frozenset(one.print for one in self._keys)

    def _look(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        if algorithm == "HS256":
            return self._by_name.get((SECRET_KID, algorithm))
        if kid is not None:
            return self._by_name.get((kid, algorithm))
        fitting = [one for one in self._keys if one.algorithm == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def keys_of(document: bytes) -> tuple[VerifyingKey, ...]:
    """The keys of a set that verify RS256, ES256 or EdDSA; others are passed over.

    Raises ValueError where the document is no key set, holds a private key, or two keys of one id.
    """
    try:
        loaded: Any = json.loads(document)
        entries = cast("list[Any]", loaded["keys"])
        keys = [found for one in entries if (found := _key(one)) is not None]
    except (KeyError, TypeError, AttributeError, RecursionError, jwt.PyJWTError) as error:
        raise ValueError("not a JSON Web Key Set") from error
    if len({one.kid for one in keys}) != len(keys):
        raise ValueError("two keys of one kid")
    return tuple(keys)


def _key(entry: dict[str, Any]) -> VerifyingKey | None:
    kind, curve = entry["kty"], entry.get("crv", "")
    if kind == "oct" or "d" in entry:
        raise ValueError("a key set for verifying holds public keys only")
    algorithm = _BY_KIND.get((kind, curve))
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        return None
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
        return None
    key: Any = jwt.PyJWK(entry, algorithm=algorithm).key
    if isinstance(key, RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        return None
    kid = entry.get("kid", "")
    if not isinstance(kid, str):
        raise ValueError("a kid is text")
    shown = json.dumps(entry, sort_keys=True).encode()
    return VerifyingKey(kid, algorithm, key, hashlib.sha256(shown).digest())
