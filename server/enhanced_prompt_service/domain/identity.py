"""Who is calling. Every store method takes a `Caller`: no query without a tenant."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_TENANT = "default"
DEFAULT_USER = "local"


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity that a call runs under.

    Until identity is configured there is one tenant, `default`, and one user, `local`.
    """

    tenant: str = DEFAULT_TENANT
    user: str = DEFAULT_USER
