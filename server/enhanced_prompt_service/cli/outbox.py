"""`eps outbox`: what is owed to other services, looked at and changed on the database itself."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from .database import on_database
from .session import SERVICE_ERROR, USAGE, need_server_parts
from .terminal import clean, fail

if TYPE_CHECKING:
    from ..app import Stores
    from ..domain.outbox import Entry, EntryFilter

T = TypeVar("T")

outbox = typer.Typer(
    help="What is owed to other services. Works on the database (EPS_DATABASE_URL, EPS_HOME).",
    no_args_is_help=True,
)


class State(StrEnum):
    """Where an entry stands."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    PARKED = "parked"
    WITHDRAWN = "withdrawn"


Destination = Annotated[str, typer.Option(help="Only this destination's.")]
Tenant = Annotated[str, typer.Option(help="Only this tenant's.")]
States = Annotated[
    list[State] | None, typer.Option("--state", help="Only these; repeat. Default: all.")
]


@outbox.command(name="list")
def list_(
    destination: Destination = "",
    state: States = None,
    tenant: Tenant = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """The newest entries, newest first, without what is in them."""
    chosen = _chosen(destination, state, tenant)
    for one in on_database(lambda stores: stores.outbox.entries(chosen, most=limit)):
        shown = _shown(one)
        if as_json:
            typer.echo(json.dumps(shown, ensure_ascii=False))
        else:
            typer.echo(
                clean(
                    f"{shown['id']:>8}  {shown['state']:<9}  {shown['destination']}  "
                    f"{shown['key']}  attempts {shown['attempts']}  {shown['reason']}".rstrip()
                )
            )


@outbox.command()
def show(entry_id: Annotated[int, typer.Argument(metavar="ID", help="Its number.")]) -> None:
    """One entry as JSON, with its payload where that is kept."""
    found = on_database(lambda stores: stores.outbox.entry(entry_id))
    if found is None:
        fail(f"there is no entry {entry_id}", SERVICE_ERROR)
    payload = found.message.payload
    shown = _shown(found) | {"payload": json.loads(payload) if payload else None}
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=True))


@outbox.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID...", help="Entries.")] = None,
    destination: Destination = "",
    tenant: Tenant = "",
    every: Annotated[bool, typer.Option("--all", help="All that are parked.")] = False,
    hours: Annotated[
        float, typer.Option(min=0.01, max=8760, help="Hours until they are parked again.")
    ] = 72.0,
) -> None:
    """Owe again what is parked and still has its payload."""
    _need_choice(ids, destination, tenant, every)
    chosen = _chosen(destination, None, tenant, ids)
    now = datetime.now(UTC)
    until = now + timedelta(hours=hours)
    count = on_database(
        lambda stores: _done(stores, stores.outbox.retry(chosen, now, until), "retry", chosen)
    )
    typer.echo(f"{count} owed again")


@outbox.command()
def purge(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID...", help="Entries.")] = None,
    destination: Destination = "",
    state: States = None,
    tenant: Tenant = "",
    yes: Annotated[bool, typer.Option("--yes", help="Also what is still owed.")] = False,
) -> None:
    """Remove entries for good; without --yes only what is delivered, parked or withdrawn."""
    _need_choice(ids, destination, tenant, bool(state))
    ended = [State.DELIVERED, State.PARKED, State.WITHDRAWN]
    states = state or (list(State) if yes else ended)
    if not yes and any(one not in ended for one in states):
        fail("what is still owed is only removed with --yes", USAGE)
    chosen = _chosen(destination, states, tenant, ids)
    count = on_database(lambda stores: _done(stores, stores.outbox.purge(chosen), "purge", chosen))
    typer.echo(f"{count} removed")


def _need_choice(ids: list[int] | None, *others: object) -> None:
    if not ids and not any(others):
        fail("name entries, or choose them with options (--help says which)", USAGE)


def _chosen(
    destination: str, states: list[State] | None, tenant: str, ids: list[int] | None = None
) -> EntryFilter:
    try:
        from ..domain.outbox import EntryFilter, OutboxState
    except ImportError as error:
        need_server_parts(error)
        raise
    return EntryFilter(
        destination,
        frozenset(OutboxState(one.value) for one in states or ()),
        tenant,
        frozenset(ids or ()),
    )


def _shown(entry: Entry) -> dict[str, Any]:
    message = entry.message

    def moment(at: datetime | None) -> str | None:
        return None if at is None else at.isoformat()

    return {
        "id": entry.id,
        "destination": message.destination,
        "kind": message.kind.value,
        "key": message.key,
        "tenant": message.tenant,
        "subject": message.subject,
        "state": entry.state.value,
        "attempts": entry.attempts,
        "bytes": entry.size,
        "created_at": moment(entry.created_at),
        "next_at": moment(entry.next_at),
        "deadline": moment(message.deadline),
        "finished_at": moment(entry.finished_at),
        "reason": entry.reason,
        "ingest_id": entry.ingest_id,
        "received": entry.received,
        "status": entry.status,
    }


async def _done(stores: Stores, work: Awaitable[T], what: str, chosen: EntryFilter) -> T:
    """Do it, and write down that it was done at this machine."""
    from ..domain.audit import AuditEntry

    result = await work
    about = ", ".join(str(one) for one in sorted(chosen.ids)[:20]) or chosen.destination or "*"
    entry = AuditEntry(
        at=datetime.now(UTC),
        tenant=chosen.tenant,
        user="eps",
        role="operator",
        action=f"outbox.{what}",
        outcome="OK",
        reason=f"{result} entries",
        subject=about,
    )
    await stores.audit.append_audit([entry])
    return result
