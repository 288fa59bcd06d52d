"""From a token's claims to a caller. What is missing narrows, what is malformed is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, cast

from ...domain.identity import Caller, Role, is_name

SUPER_ADMIN = "superAdmin"
_MOST_NAMES = 1000
_ROLES = {role.value: role for role in Role if role is not Role.ANONYMOUS}


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claim says what."""

    tenant: str = "tenant"
    tenants: str = "tenants"
    user: str = "sub"
    name: str = "name"
    role: str = "role"
    cameras: str = "cameras"
    sites: str = "sites"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `tenant=org_id,role=groups`. Raises ValueError."""
        known = {one.name for one in fields(cls)}
        given: dict[str, str] = {}
        for one in text.split(","):
            if one.strip():
                name, _, claim = one.strip().partition("=")
                given[name] = claim
        if unknown := sorted(set(given) - known):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(known))}")
        if not all(given.values()):
            raise ValueError("each is written name=claim")
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who a token says that its bearer is."""

    caller: Caller
    tenants: frozenset[str]
    every_tenant: bool


def claimed(claims: Mapping[str, Any], names: ClaimNames) -> Claimed:
    """Raises ValueError where a claim that counts is missing or malformed.

    No role is a viewer's; an unknown one too: a token that was made for somebody else's roles
    gives no rights here. No `cameras` or `sites` are all of them, a malformed list none at all.
    """
    tenant, user = claims.get(names.tenant), claims.get(names.user)
    if not is_name(tenant) or not is_name(user):
        raise ValueError("tenant and user are names")
    name = claims.get(names.name, "")
    role = claims.get(names.role, "")
    if not isinstance(name, str) or not isinstance(role, str):
        raise ValueError("name and role are texts")
    caller = Caller(
        tenant=cast(str, tenant),
        user=cast(str, user),
        name=name[:256],
        role=role_of(role),
        cameras=_names(claims, names.cameras),
        sites=_names(claims, names.sites),
    )
    return Claimed(caller, _names(claims, names.tenants) or frozenset(), role == SUPER_ADMIN)


def role_of(text: str) -> Role:
    """The role of a name; a viewer's where it is not known."""
    return Role.ADMIN if text == SUPER_ADMIN else _ROLES.get(text, Role.VIEWER)


def _names(claims: Mapping[str, Any], key: str) -> frozenset[str] | None:
    if key not in claims:
        return None
    found: Any = claims[key]
    if not isinstance(found, list):
        raise ValueError(f"{key} is a list")
    names = cast("list[object]", found)
    if len(names) > _MOST_NAMES or not all(is_name(one) for one in names):
        raise ValueError(f"{key} holds at most {_MOST_NAMES} names")
    return frozenset(cast("list[str]", names))
