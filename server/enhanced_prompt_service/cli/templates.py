"""`eps templates`: prompts worth asking again, listed, shown, made, rendered, deleted.

`eps templates` alone lists.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from enhanced_prompt import Client, Template, TemplateVariableType
from enhanced_prompt.errors import TemplateNotFound

from . import terminal
from .browsing import Output, OutputOption, ZoneOption
from .moments import parse_zone
from .session import SERVICE_ERROR, ServerOption, connected

templates = typer.Typer(invoke_without_command=True)

TemplateArgument = Annotated[str, typer.Argument(help="The template's id.")]
_TYPE = "TEMPLATE_VARIABLE_TYPE_"


@templates.callback()
def listing(
    context: typer.Context,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    time_zone: ZoneOption = "",
) -> None:
    """List templates; show, create, render or delete them."""
    if context.invoked_subcommand is None:
        list_(server=server, output=output, time_zone=time_zone)


@templates.command("list")
def list_(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words to find, all of them. Default: all templates.")
    ] = None,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    category: Annotated[str, typer.Option(help="Only of this category.")] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many to list; 0 for all.")
    ] = 20,
    time_zone: ZoneOption = "",
) -> None:
    """List templates, newest change first; with words, best match first."""
    zone = parse_zone(time_zone)
    with connected(server) as client:
        listed = client.list_templates(
            category=category, query=" ".join(words or ()), page_size=min(limit or 500, 500)
        )
        shown = islice(listed, limit) if limit else listed
        if output is Output.JSON:
            for one in shown:
                terminal.raw(terminal.json_line(one))
            return
        found = terminal.table(
            "template", "title", "category", "variables",
            f"changed ({terminal.zone_name(zone)})", "by",
        )  # fmt: skip
        for one in shown:
            terminal.row(
                found,
                one.template_id,
                one.title,
                one.category,
                ", ".join(variable.name for variable in one.variables),
                terminal.moment(one.update_time, zone),
                one.user_id,
            )
        if found.row_count:
            terminal.show(found)
        else:
            terminal.note("no templates: make one with `eps templates create`")


@templates.command()
def show(
    template: TemplateArgument,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show one template: its text and its variables."""
    with connected(server) as client:
        found = client.get_template(template)
        if output is Output.JSON:
            terminal.raw(terminal.json_line(found))
            return
        terminal.line(f"{found.title}", style="bold")
        if found.description:
            terminal.line(found.description)
        terminal.line(f"{found.template_id} · {found.category or 'no category'}", style="dim")
        terminal.line("")
        terminal.line(found.body)
        _variables(found)


def _variables(found: Template) -> None:
    if not found.variables:
        return
    table = terminal.table("variable", "type", "default", "what")
    for one in found.variables:
        kind = TemplateVariableType.Name(one.type).removeprefix(_TYPE).lower()
        terminal.row(
            table,
            one.name,
            kind + (f" ({', '.join(one.choices)})" if one.choices else ""),
            "required" if one.required else one.default_value,
            one.description,
        )
    terminal.line("")
    terminal.show(table)


@templates.command()
def create(
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
    body: Annotated[
        str, typer.Option(help="The text, with variables as {{name}}; - reads standard input.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The text, from this file.")
    ] = None,
    conversation: Annotated[
        str, typer.Option("--conversation", "-c", help="Make it of this conversation's questions.")
    ] = "",
    answers: Annotated[
        bool, typer.Option("--answers", help="With its answers, as examples.")
    ] = False,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    category: Annotated[str, typer.Option(help="What to file it under.")] = "",
) -> None:
    """Make a template of a text, or of a conversation."""
    if sum((bool(body), file is not None, bool(conversation))) != 1:
        raise typer.BadParameter("give one of --body, --file and --conversation")
    if not conversation and not title:
        raise typer.BadParameter("a text needs a title", param_hint="--title")
    with connected(server) as client:
        if conversation:
            made = client.create_template_from_conversation(
                conversation,
                title=title,
                description=description,
                category=category,
                include_ai_responses=answers,
            )
            found, said = made.template, made.message
        else:
            text = file.read_text(encoding="utf-8") if file is not None else body
            text = sys.stdin.read() if text == "-" else text
            wanted = Template(
                title=title, body=text.rstrip("\n"), description=description, category=category
            )
            found, said = client.create_template(wanted), ""
        if output is Output.JSON:
            terminal.raw(terminal.json_line(found))
            return
        if said:
            terminal.note(said)
        terminal.line(found.template_id)


@templates.command()
def render(
    template: TemplateArgument,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Values of variables.")
    ] = None,
    server: ServerOption = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Print what comes of it instead of the prompt.")
    ] = False,
) -> None:
    """Put values into a template and print the prompt, or what is generated from it."""
    variables: dict[str, str] = {}
    for one in values or ():
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="NAME=VALUE")
        variables[name] = value
    with connected(server) as client:
        if not ask:
            terminal.line(client.render_template(template, variables))
            return
        _generate(client, template, variables)


def _generate(client: Client, template: str, variables: dict[str, str]) -> None:
    """Only the whole: text of a model that failed half-way is not to be printed."""
    for part in client.generate_content(template_id=template, variables=variables):
        if part.HasField("completed"):
            terminal.line(part.completed.content)
            terminal.note(f"from {part.completed.model}")


@templates.command()
def delete(
    ids: Annotated[list[str], typer.Argument(help="Ids of the templates.")],
    server: ServerOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete templates for good."""
    if not yes:
        what = ids[0] if len(ids) == 1 else f"{len(ids)} of them"
        typer.confirm(f"Delete {terminal.clean(what)} for good?", abort=True, err=True)
    missing = False
    with connected(server) as client:
        for one in ids:
            try:
                client.delete_template(one)
            except TemplateNotFound as error:
                terminal.note(error.message)
                missing = True
            else:
                terminal.line(f"{one}: deleted")
    if missing:
        raise typer.Exit(SERVICE_ERROR)
