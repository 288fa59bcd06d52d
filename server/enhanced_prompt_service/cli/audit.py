"""`eps audit`: who did what, from the database itself."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .database import on_database
from .session import USAGE
from .terminal import clean, fail

if TYPE_CHECKING:
    from ..domain.audit import AuditEntry


def audit(
    tenant: Annotated[
        str | None, typer.Option(help='Only this tenant; "" for callers that nobody knows.')
    ] = None,
    user: Annotated[str | None, typer.Option(help="Only this user.")] = None,
    since: Annotated[str | None, typer.Option(help="Not before: ISO 8601 with an offset.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print the newest entries of the audit log (EPS_DATABASE_URL, EPS_HOME), newest first."""
    for one in _read(tenant=tenant, user=user, since=_moment(since), limit=limit):
        if as_json:
            shown = dataclasses.asdict(one) | {"at": one.at.isoformat()}
            typer.echo(json.dumps(shown, ensure_ascii=False))
        else:
            who = f"{one.tenant}/{one.user}" if one.tenant else "nobody known"
            more = " ".join(part for part in (one.reason, one.subject) if part)
            at = one.at.isoformat(timespec="seconds")
            typer.echo(clean(f"{at}  {one.outcome:<18}  {one.action}  {who}  {more}".rstrip()))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        fail("--since needs a time with an offset, such as 2026-05-01T12:00:00+02:00", USAGE)
    return found


def _read(**chosen: Any) -> list[AuditEntry]:
    return on_database(lambda stores: stores.audit.read_audit(**chosen))
