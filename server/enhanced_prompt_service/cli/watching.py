"""`eps insights watch` and `eps insights rules`: standing questions, whose hits are insights."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from enhanced_prompt import StandingQuestion

from . import terminal
from .browsing import Output, OutputOption, ZoneOption
from .moments import parse_zone
from .session import ServerOption, connected

rules = typer.Typer(invoke_without_command=True)

RuleArgument = Annotated[str, typer.Argument(help="The rule's id, as `eps insights rules` shows.")]


class SeverityOfHits(StrEnum):
    """How bad a hit is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


def watch(
    question: Annotated[
        str,
        typer.Argument(help='Such as "tell me when anyone enters G330 between 22:00 and 06:00".'),
    ],
    server: ServerOption = None,
    severity: Annotated[
        SeverityOfHits, typer.Option(help="How bad a hit is.")
    ] = SeverityOfHits.MEDIUM,
    time_zone: ZoneOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how it is understood, and keep nothing.")
    ] = False,
) -> None:
    """Keep a question: what it is about becomes an insight whenever it happens."""
    with connected(server) as client:
        made = client.watch(
            question, time_zone=time_zone, severity=severity.value, validate_only=dry_run
        )
    found = made.standing_question
    if not dry_run:
        terminal.line(found.standing_question_id)
    terminal.line(found.interpretation.rendered)
    for one in found.interpretation.assumptions:
        terminal.note(f"assumed: {one}")
    if made.past_hits:
        terminal.note("in the last 7 days it would have found:")
    zone = parse_zone(found.interpretation.time_zone)
    for hit in made.past_hits:
        terminal.line(
            f"  {terminal.moment(hit.timestamp, zone)}  {hit.camera_id}  {hit.description}"
        )


@rules.callback()
def listing(
    context: typer.Context,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    time_zone: ZoneOption = "",
) -> None:
    """List your standing questions, newest first; pause, resume or delete one."""
    if context.invoked_subcommand is not None:
        return
    zone = parse_zone(time_zone)
    with connected(server) as client:
        listed = client.list_standing_questions()
        if output is Output.JSON:
            for one in listed:
                terminal.raw(terminal.json_line(one))
            return
        table = terminal.table("id", "question", "watches", "state", "hits", "last hit")
        for one in listed:
            hit = one.HasField("last_hit_time")
            terminal.row(
                table,
                one.standing_question_id,
                one.query,
                one.interpretation.rendered,
                "paused" if one.paused else "on",
                one.hits,
                terminal.moment(one.last_hit_time, zone, seconds=False) if hit else "–",
            )
    if table.row_count:
        terminal.show(table)
    else:
        terminal.note("no standing questions: eps insights watch makes one")


@rules.command()
def pause(rule: RuleArgument, server: ServerOption = None) -> None:
    """Let one make no insights for now."""
    _pause(rule, server, paused=True)


@rules.command()
def resume(rule: RuleArgument, server: ServerOption = None) -> None:
    """Let one go on; what happened meanwhile is not told."""
    _pause(rule, server, paused=False)


@rules.command()
def delete(rule: RuleArgument, server: ServerOption = None) -> None:
    """Delete one; its insights stay."""
    with connected(server) as client:
        client.delete_standing_question(rule)
    terminal.line(f"{rule} is deleted")


def _pause(rule: str, server: str | None, *, paused: bool) -> None:
    with connected(server) as client:
        found: StandingQuestion = client.pause_standing_question(rule, paused=paused)
    terminal.line(f"{found.standing_question_id} is {'paused' if found.paused else 'on'}")
