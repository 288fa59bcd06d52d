"""`eps keys`: API keys of services, made and revoked on the database itself.

A server takes a revocation over within seconds; it need not run.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from .database import on_database
from .session import SERVICE_ERROR, USAGE
from .terminal import fail

if TYPE_CHECKING:
    from ..app import Stores
    from ..domain.credentials import ApiKey

T = TypeVar("T")

keys = typer.Typer(
    help="API keys of services. Works on the database (EPS_DATABASE_URL, EPS_HOME) directly.",
    no_args_is_help=True,
)


class KeyRole(StrEnum):
    """What the bearer of a key may be."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    SERVICE = "service"


@keys.command()
def create(
    user: Annotated[str, typer.Argument(help="Name of the service: its user in the tenant.")],
    tenant: Annotated[str, typer.Option(help="Tenant of the key.")] = "default",
    role: Annotated[KeyRole, typer.Option(help="What its bearer may do.")] = KeyRole.SERVICE,
    camera: Annotated[
        list[str] | None, typer.Option(help="A camera that it may see; repeat. Default: all.")
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option(help="A site that it may see; repeat. Default: all.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until it expires. Default: never.")
    ] = None,
) -> None:
    """Make a key and print it: the only time that it is shown."""
    from ..domain.credentials import ApiKey, digest_of, new_key
    from ..domain.identity import Role, is_name

    if not is_name(user) or not is_name(tenant):
        fail("user and tenant are names of 1 to 256 printable characters", USAGE)
    now = datetime.now(UTC)
    key_id, key = new_key(secrets.token_hex)
    row = ApiKey(
        key_id=key_id,
        tenant=tenant,
        user=user,
        role=Role(role.value),
        digest=digest_of(key),
        created_at=now,
        cameras=frozenset(camera) if camera else None,
        sites=frozenset(site) if site else None,
        expires_at=None if days is None else now + timedelta(days=days),
    )
    on_database(
        lambda stores: _done(stores, stores.keys.add_key(row), "keys.create", tenant, key_id)
    )
    typer.echo(key)
    print(f"{key_id} is kept as a digest only: store the key now.", file=sys.stderr)  # noqa: T201


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Its id, as `eps keys list` shows.")],
) -> None:
    """Refuse a key from now on, and end its streams."""
    revoked = on_database(
        lambda stores: _done(
            stores, stores.keys.revoke_key(key_id, datetime.now(UTC)), "keys.revoke", "", key_id
        )
    )
    if not revoked:
        fail(f"there is no key {key_id}", SERVICE_ERROR)
    typer.echo(f"revoked {key_id}")


@keys.command(name="list")
def list_(
    tenant: Annotated[str, typer.Option(help="Only this tenant's. Default: all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Every key, oldest first; never the keys themselves."""
    now = datetime.now(UTC)
    for one in on_database(lambda stores: stores.keys.list_keys(tenant)):
        shown = _shown(one, now)
        if as_json:
            typer.echo(json.dumps(shown, ensure_ascii=False))
        else:
            typer.echo(
                f"{shown['key_id']}  {shown['state']:<8}  {shown['role']:<8}  "
                f"{shown['tenant']}/{shown['user']}"
            )


def _shown(key: ApiKey, now: datetime) -> dict[str, Any]:
    def moment(at: datetime | None) -> str | None:
        return None if at is None else at.isoformat()

    state = "valid"
    if key.expires_at is not None and key.expires_at <= now:
        state = "expired"
    if key.revoked_at is not None:
        state = "revoked"
    return {
        "key_id": key.key_id,
        "state": state,
        "role": key.role.value,
        "tenant": key.tenant,
        "user": key.user,
        "cameras": None if key.cameras is None else sorted(key.cameras),
        "sites": None if key.sites is None else sorted(key.sites),
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
    }


async def _done(stores: Stores, work: Awaitable[T], action: str, tenant: str, key_id: str) -> T:
    """Do it, and write down that it was done at this machine."""
    from ..domain.audit import AuditEntry

    result = await work
    said: object = result
    entry = AuditEntry(
        at=datetime.now(UTC),
        tenant=tenant,
        user="eps",
        role="operator",
        action=action,
        outcome="NOT_FOUND" if said is False else "OK",
        subject=key_id,
    )
    await stores.audit.append_audit([entry])
    return result
