"""`eps classify` and `eps optimize`: what a prompt is after, and a better one."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, cast

import typer

from enhanced_prompt.v1.answers_pb2 import QuestionType

from . import terminal
from .browsing import Output, OutputOption
from .session import ServerOption, connected

WordsArgument = Annotated[list[str], typer.Argument(help="The prompt.")]
ConversationOption = Annotated[
    str, typer.Option("--conversation", "-c", help="The conversation that it goes on from.")
]
ModelOption = Annotated[str, typer.Option(help="One of the configured models.")]


class Kind(StrEnum):
    """What to make better."""

    ENHANCEMENT = "enhancement"
    CLARITY = "clarity"
    SPECIFICITY = "specificity"


def classify(
    prompt: WordsArgument,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    conversation: ConversationOption = "",
    model: ModelOption = "",
) -> None:
    """Say what a prompt is after, and what it leaves open."""
    with connected(server) as client:
        found = client.classify_intent(" ".join(prompt), conversation_id=conversation, model=model)
    if output is Output.JSON:
        terminal.raw(terminal.json_line(found))
        return
    intent = found.intent
    said = intent.category
    if intent.question_type:
        said += (
            f", {QuestionType.Name(intent.question_type).removeprefix('QUESTION_TYPE_').lower()}"
        )
    terminal.line(f"{said} · {intent.confidence:.0%} sure")
    if found.interpretation.rendered:
        terminal.line(found.interpretation.rendered)
    for one in intent.entities:
        terminal.line(f"  {one.kind}: {one.text}" + (f" → {one.value}" if one.value else ""))
    if intent.missing:
        terminal.line(f"left open: {', '.join(intent.missing)}")
    terminal.note(f"from {found.model}")


def optimize(
    prompt: WordsArgument,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    kind: Annotated[Kind, typer.Option("--type", help="What to make better.")] = Kind.ENHANCEMENT,
    context: Annotated[
        str, typer.Option(help="What else is known, as a JSON object, such as camera and time.")
    ] = "",
    conversation: ConversationOption = "",
    model: ModelOption = "",
) -> None:
    """Make a prompt better, and say what was changed and why."""
    known = _object(context)
    with connected(server) as client:
        found = client.optimize_prompt(
            " ".join(prompt),
            optimization_type=kind.value,
            context=known,
            conversation_id=conversation,
            model=model,
        )
    if output is Output.JSON:
        terminal.raw(terminal.json_line(found))
        return
    terminal.line(found.prompt, style="bold")
    for one in found.changes:
        before, after = one.before or "nothing", one.after or "nothing"
        terminal.line(f"  {before} → {after}: {one.reason}")
    for one in found.alternatives:
        terminal.line(f"  or: {one}")
    changed = f"{found.confidence:.0%} sure" if found.changes else "nothing to better"
    terminal.note(f"from {found.model} · {changed}")


def _object(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"no JSON: {error}", param_hint="--context") from None
    if not isinstance(found, dict):
        raise typer.BadParameter("not a JSON object", param_hint="--context")
    return cast("dict[str, Any]", found)
