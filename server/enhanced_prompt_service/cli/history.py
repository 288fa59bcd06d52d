"""`eps history`: conversations listed, shown, searched, exported, deleted.

`eps history` alone lists; `eps history ID` shows one, as `eps history show ID` does.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from enhanced_prompt import Client
from enhanced_prompt.errors import ConversationNotFound
from enhanced_prompt.v1.history_service_pb2 import (
    MESSAGE_ROLE_USER,
    ConversationMessage,
    MessageMatch,
)

from . import terminal
from .browsing import Output, OutputOption, ZoneOption
from .moments import parse_moment, parse_zone
from .session import SERVICE_ERROR, ServerOption, connected

_BEFORE = 60  # characters shown around the first match
_AFTER = 100


class Role(StrEnum):
    """Who wrote a message."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class _Given:
    """Options that stood before the command's name."""

    server: str | None
    output: Output
    time_zone: str


class _ShowByDefault(TyperGroup):
    """A first word that is no command is a conversation to show."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


history = typer.Typer(cls=_ShowByDefault, invoke_without_command=True)

ConversationArgument = Annotated[str, typer.Argument(help="The conversation's id.")]
SinceOption = Annotated[str | None, typer.Option(help="At or after it: ISO 8601, or 2h, 7d (ago).")]
UntilOption = Annotated[str | None, typer.Option(help="Before it: ISO 8601, or 2h, 7d (ago).")]


@history.callback()
def listing(
    context: typer.Context,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many to list; 0 for all.")
    ] = 20,
    time_zone: ZoneOption = "",
) -> None:
    """List conversations; show (the default for an id), search, export or delete them."""
    if context.invoked_subcommand is not None:
        context.obj = _Given(server, output, time_zone)
        return
    zone = parse_zone(time_zone)
    with connected(server) as client:
        listed = client.list_conversations(page_size=min(limit or 500, 500))
        shown = islice(listed, limit) if limit else listed
        if output is Output.JSON:
            for one in shown:
                terminal.raw(terminal.json_line(one))
            return
        found = terminal.table(
            f"last activity ({terminal.zone_name(zone)})", "conversation", "turns", "began with",
            right=("turns",),
        )  # fmt: skip
        for one in shown:
            terminal.row(
                found,
                terminal.moment(one.last_activity, zone),
                one.conversation_id,
                one.turns,
                one.title,
            )
        if found.row_count:
            terminal.show(found)
        else:
            terminal.note("no conversations yet: ask something with `eps ask`")


@history.command()
def show(
    context: typer.Context,
    conversation: ConversationArgument,
    server: ServerOption = None,
    output: Annotated[Output | None, typer.Option("--output", "-o")] = None,
    time_zone: ZoneOption = "",
) -> None:
    """Show one conversation, all of it."""
    given = _given(context)
    zone = parse_zone(time_zone or given.time_zone)
    with connected(server or given.server) as client:
        if (output or given.output) is Output.JSON:
            answer = client.get_conversation(conversation, include_responses=True)
            terminal.raw(terminal.json_line(answer))
            return
        found = client.get_conversation(conversation).conversation
        if len(found.messages) < found.total_messages:  # it holds the newest only
            for message in client.list_messages(conversation, page_size=500):
                _message(message, zone)
        else:
            for message in found.messages:
                _message(message, zone)
        terminal.note(
            f"{found.user_queries} questions, {found.ai_responses} answers"
            + (f" · running: {found.running_turn_id}" if found.running_turn_id else "")
        )


@history.command()
def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="Words to find, all of them.")],
    server: ServerOption = None,
    output: Annotated[Output | None, typer.Option("--output", "-o")] = None,
    conversation: Annotated[
        str, typer.Option("--conversation", "-c", help="Only in this conversation.")
    ] = "",
    role: Annotated[Role | None, typer.Option(help="Only what they wrote.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many to show; 0 for all.")
    ] = 20,
    time_zone: ZoneOption = "",
) -> None:
    """Find messages by their words, best match first."""
    given = _given(context)
    zone_name = time_zone or given.time_zone
    zone = parse_zone(zone_name)
    now = datetime.now(UTC)
    with connected(server or given.server) as client:
        matches = client.search_messages(
            " ".join(words),
            conversation_id=conversation,
            role=None if role is None else role.value,
            since=parse_moment(since, "--since", zone_name, now),
            until=parse_moment(until, "--until", zone_name, now),
            page_size=min(limit or 200, 200),
        )
        count = 0
        for match in islice(matches, limit) if limit else matches:
            count += 1
            if (output or given.output) is Output.JSON:
                terminal.raw(terminal.json_line(match))
            else:
                _match(match, zone)
        if not count:
            terminal.note("no messages match")


@history.command()
def export(
    context: typer.Context,
    server: ServerOption = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Append to this file, and go on after what it holds. Default: print."),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    responses: Annotated[
        bool, typer.Option("--responses", help="With the whole answers and their evidence.")
    ] = False,
    resume_token: Annotated[
        str, typer.Option(help="Go on behind this one, from a line of an earlier export.")
    ] = "",
) -> None:
    """Export whole conversations, one JSON object a line, oldest activity first."""
    given = _given(context)
    now = datetime.now(UTC)
    if to is not None and not resume_token:
        resume_token = _last_token(to)
    count = 0
    with connected(server or given.server) as client, ExitStack() as stack:
        file = sys.stdout if to is None else stack.enter_context(to.open("a", encoding="utf-8"))
        for message in client.export_conversations(
            resume_token=resume_token,
            active_since=parse_moment(since, "--since", given.time_zone, now),
            active_until=parse_moment(until, "--until", given.time_zone, now),
            include_responses=responses,
        ):
            file.write(terminal.json_line(message) + "\n")
            count += 1
    terminal.note(f"{count} conversations exported" + (f" to {to}" if to is not None else ""))


@history.command()
def delete(
    context: typer.Context,
    conversations: Annotated[list[str], typer.Argument(help="Ids of the conversations.")],
    server: ServerOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete conversations for good."""
    given = _given(context)
    if not yes:
        what = conversations[0] if len(conversations) == 1 else f"{len(conversations)} of them"
        typer.confirm(f"Delete {terminal.clean(what)} for good?", abort=True, err=True)
    missing = False
    with connected(server or given.server) as client:
        for one in conversations:
            missing |= not _delete(client, one)
    if missing:
        raise typer.Exit(SERVICE_ERROR)


def _delete(client: Client, conversation: str) -> bool:
    try:
        turns = client.delete_conversation(conversation)
    except ConversationNotFound as error:
        terminal.note(error.message)
        return False
    terminal.line(f"{conversation}: deleted, {turns} turns")
    return True


def _given(context: typer.Context) -> _Given:
    given: object = context.obj
    assert isinstance(given, _Given)
    return given


def _message(message: ConversationMessage, zone: tzinfo | None) -> None:
    at = terminal.moment(message.timestamp, zone)
    if message.role == MESSAGE_ROLE_USER:
        terminal.line(f"{at}  {message.content}", style="bold")
    else:
        terminal.line(f"{message.content}\n")


def _match(match: MessageMatch, zone: tzinfo | None) -> None:
    """Where a message stands, and a line of it around the first match."""
    message = match.message
    who = "asked" if message.role == MESSAGE_ROLE_USER else "answered"
    terminal.line(
        f"{terminal.moment(message.timestamp, zone)}  {match.conversation.conversation_id}"
        f" · turn {message.conversation_turn} · {who}",
        style="dim",
    )
    first = match.highlights[0].start if match.highlights else 0
    start = max(0, first - _BEFORE)
    end = min(len(message.content), first + _AFTER)
    # Control characters and line breaks become spaces: places stay what they are.
    text = Text("".join(one if one.isprintable() else " " for one in message.content[start:end]))
    for span in match.highlights:
        text.stylize("bold yellow", max(span.start - start, 0), max(span.end - start, 0))
    whole = Text("  …" if start else "  ") + text + Text("…" if end < len(message.content) else "")
    terminal.out().print(whole, soft_wrap=True)


def _last_token(path: Path) -> str:
    """The token of a file's last whole line; "" without one. A torn line is cut off."""
    if not path.exists():
        return ""
    token, whole = "", 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            token, whole = _token_of(line) or token, whole + len(line)
    if whole < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(whole)
    return token


def _token_of(line: bytes) -> str:
    try:
        return str(json.loads(line).get("resume_token", ""))
    except (ValueError, AttributeError):
        raise typer.BadParameter("the file holds something else than an export") from None
