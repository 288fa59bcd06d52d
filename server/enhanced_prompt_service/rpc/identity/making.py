"""`Identities` from plain settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from ...domain.credentials import KeyStore
from .api_keys import ApiKeys
from .certificates import Certificates
from .claims import ClaimNames
from .keyring import JwksFile, JwksUrl, Keyring, SharedSecret
from .resolver import Identities, Ways
from .tokens import TokenRules, Tokens


def identities_of(
    *,
    keys: KeyStore | None = None,
    jwks: str = "",
    secret: str = "",
    audience: str = "",
    issuer: str = "",
    skew_s: float = 30.0,
    claims: str = "",
    certificates: bool = False,
    anonymous_tenant: str = "",
    gateways: str = "",
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    new_id: Callable[[], str],
    log: structlog.typing.FilteringBoundLogger,
    look_s: float = 1.0,
) -> Identities:
    """All ways that are configured. Raises ValueError where one can't work.

    `jwks` is a path or an address, `gateways` has commas between its identities; `now` is real
    time. Calls whose identity ended are looked for every `look_s`.
    """
    tokens = None
    if jwks or secret:
        if not audience or not issuer:
            raise ValueError("tokens need an audience and an issuer")
        source = None
        if jwks:
            source = JwksUrl(jwks) if "://" in jwks else JwksFile(Path(jwks))
        keyring = Keyring(
            source, SharedSecret(secret) if secret else None, monotonic=monotonic, log=log
        )
        rules = TokenRules(audience, issuer, skew_s, ClaimNames.parse(claims))
        tokens = Tokens(keyring, rules, now)
    ways = Ways(
        tokens=tokens,
        keys=None if keys is None else ApiKeys(keys, now=now, monotonic=monotonic),
        certificates=Certificates(now) if certificates else None,
        anonymous_tenant=anonymous_tenant,
        gateways=frozenset(one.strip() for one in gateways.split(",") if one.strip()),
    )
    return Identities(ways, now=now, new_log_id=new_id, log=log, look_s=look_s)
