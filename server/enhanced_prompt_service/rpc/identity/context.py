"""Context headers: who a trusted gateway says that it calls for.

The names are those of the services that this one stands beside; each is understood with hyphens
or underscores, with or without `x-` (capitals arrive as small letters). Nobody else's are read.
The access token that may come among them is neither read nor kept.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from ...domain.errors import Reason, Unauthenticated
from ...domain.identity import LOG_ID, Caller, is_name
from .claims import SUPER_ADMIN, role_of

_VENDOR = "alteco"
_MOST = 4096
_LISTS = {
    "systems": "user-systems",
    "groups": "user-groups",
    "charge_points": "user-charge-points",
    "storage": "user-storage",
}


@dataclass(frozen=True, slots=True)
class Context:
    """What the headers say."""

    caller: Caller
    tenants: frozenset[str]
    every_tenant: bool


def context_of(
    metadata: Iterable[tuple[str, str | bytes]], *, new_log_id: Callable[[], str]
) -> Context:
    """The caller that a gateway speaks for. Raises Unauthenticated where it names none.

    A site id narrows the call to that site. `superAdmin` is an admin who may choose any tenant.
    """
    given = _given(metadata)
    tenant, user = given.get("user-tenant-id", ""), given.get("user-id", "")
    if not is_name(tenant) or not is_name(user):
        raise Unauthenticated(
            "a gateway says for which user and tenant it calls", reason=Reason.CREDENTIALS_MISSING
        )
    role, site = given.get("user-role", ""), given.get("site-id", "")
    attributes = {
        LOG_ID: _sane(given.get("log-id", "")) or new_log_id(),
        "site_id": site,
        "email": given.get("user-email", ""),
        "customer_id": given.get("user-customer-id", ""),
        "tenant_ids": given.get("user-tenant-ids", ""),
        "role": role,
        **{name: _list(given.get(header, "")) for name, header in _LISTS.items()},
    }
    caller = Caller(
        tenant=tenant,
        user=user,
        name=_name(given.get("user-name", "")),
        role=role_of(role),
        sites=frozenset({site}) if site else None,
        attributes=tuple((name, value) for name, value in attributes.items() if value),
    )
    return Context(caller, _tenants(given.get("user-tenant-ids", "")), role == SUPER_ADMIN)


def _given(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """Headers by their name after the vendor's, the first of each kept, cut to 4,096."""
    found: dict[str, str] = {}
    for key, value in metadata:
        name = key.lower().replace("_", "-").removeprefix("x-")
        vendor, _, rest = name.partition("-")
        if vendor == _VENDOR and isinstance(value, str) and value:
            # The seeds write two of the lists without `user-`.
            if rest in ("groups", "charge-points", "storage", "systems"):
                rest = f"user-{rest}"
            found.setdefault(rest, value[:_MOST].strip())
    return found


def _name(text: str) -> str:
    """A name for people: base64 of UTF-8, or as it stands."""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeError):
        decoded = text
    return "".join(one for one in decoded if one.isprintable())[:256]


def _sane(log_id: str) -> str:
    return log_id if log_id.isprintable() and len(log_id) <= 128 else ""


def _list(text: str) -> str:
    """A JSON list of texts as such, "" for anything else."""
    return text if _texts(text) is not None else ""


def _tenants(text: str) -> frozenset[str]:
    """A JSON list, or names with commas between them."""
    found = _texts(text)
    names = [one.strip() for one in text.split(",")] if found is None else found
    return frozenset(one for one in names if is_name(one))


def _texts(text: str) -> list[str] | None:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    items = cast("list[object]", found)
    return [one for one in items if isinstance(one, str)]
