"""`eps consent`: whether the service may store something of yours."""

from __future__ import annotations

from typing import Annotated

import typer

from enhanced_prompt import Consent, ConsentState

from . import terminal
from .browsing import Output, OutputOption, ZoneOption
from .moments import parse_zone
from .session import SERVICE_ERROR, ServerOption, connected

consent = typer.Typer(invoke_without_command=True)

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_PREFIX = "CONSENT_STATE_"


@consent.callback()
def showing(
    context: typer.Context,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    time_zone: ZoneOption = "",
) -> None:
    """Show whether the service may store something of yours; give or withdraw consent."""
    if context.invoked_subcommand is None:
        show(server=server, output=output, time_zone=time_zone)


@consent.command()
def show(
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    time_zone: ZoneOption = "",
) -> None:
    """Show what is asked for, where you stand, and what you said so far."""
    zone = parse_zone(time_zone)
    with connected(server) as client:
        found = client.get_consent()
        if output is Output.JSON:
            terminal.raw(terminal.json_line(found))
            return
        terminal.line(_said(found))
        if found.changes:
            table = terminal.table(f"when ({terminal.zone_name(zone)})", "what", "policy")
            for one in found.changes:
                terminal.row(
                    table, terminal.moment(one.time, zone), _state(one.state), one.policy_version
                )
            terminal.show(table)


@consent.command()
def give(
    policy: Annotated[
        str, typer.Argument(help="The version that you consent to. Default: what is asked for.")
    ] = "",
    server: ServerOption = None,
    yes: YesOption = False,
) -> None:
    """Let the service store what it needs of you."""
    with connected(server) as client:
        asked = client.get_consent()
        policy = policy or (asked.policy_version if asked.required else "")
        if not policy:
            terminal.error("this server asks for no consent; name the policy that you mean")
            raise typer.Exit(SERVICE_ERROR)
        if not yes:
            typer.confirm(f"Consent to the policy {terminal.clean(policy)}?", abort=True, err=True)
        terminal.line(_said(client.give_consent(policy)))


@consent.command()
def withdraw(server: ServerOption = None, yes: YesOption = False) -> None:
    """Let it store nothing more. What is stored stays: `eps history delete` deletes it."""
    if not yes:
        typer.confirm("Withdraw your consent?", abort=True, err=True)
    with connected(server) as client:
        terminal.line(_said(client.withdraw_consent()))


def _said(found: Consent) -> str:
    asked = "asked for" if found.required else "not asked for"
    if not found.policy_version:
        return f"consent is {asked} here, and you never gave any"
    return f"policy {found.policy_version}: {_state(found.state)} ({asked})"


def _state(state: ConsentState.ValueType) -> str:
    return ConsentState.Name(state).removeprefix(_PREFIX).lower().replace("_", " ")
