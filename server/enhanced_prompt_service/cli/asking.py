"""`eps ask`: the text as it comes, then what it rests on."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from enhanced_prompt import (
    AgentStarted,
    AskOptions,
    Client,
    Evidence,
    PromptResponse,
    TextDelta,
    TextView,
    TextWithdrawn,
    Thinking,
    ToolFinished,
    ToolStarted,
    TurnStream,
)
from enhanced_prompt.v1.answers_pb2 import CoverageReport

from . import terminal
from .moments import parse_moment, parse_zone
from .session import SERVICE_ERROR, ServerOption, connected


class Output(StrEnum):
    """What `ask` prints."""

    TEXT = "text"
    JSON = "json"
    FRAMES = "frames"


class Detail(StrEnum):
    """How much `ask` asks for."""

    ANSWER = "answer"
    REASONING = "reasoning"


def ask(
    question: Annotated[
        list[str],
        typer.Argument(help="The question, quoted or not; - reads it from standard input."),
    ],
    server: ServerOption = None,
    output: Annotated[
        Output,
        typer.Option(
            "--output",
            "-o",
            help="text; json: the PromptResponse as proto3 JSON; frames: each frame as a line.",
        ),
    ] = Output.TEXT,
    conversation: Annotated[
        str, typer.Option("--conversation", "-c", help="Go on with this conversation, or begin it.")
    ] = "",
    camera: Annotated[
        list[str] | None, typer.Option(help="Only this camera id. Repeatable.")
    ] = None,
    site: Annotated[list[str] | None, typer.Option(help="Only this site id. Repeatable.")] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only this event type. Repeatable.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what began at or after it: ISO 8601, or 2h, 7d (ago).")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Only what began before it: ISO 8601, or 2h, 7d (ago).")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Only what is at least this certain.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="Ask from this moment: what today means, and the end of what is seen."),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help="IANA zone of times in the question. Default: the cameras'.")
    ] = "",
    detail: Annotated[
        Detail, typer.Option(help="reasoning shows agents, tools and thinking as well.")
    ] = Detail.ANSWER,
    model: Annotated[str, typer.Option(help="One of the server's models.")] = "",
    evidence: Annotated[
        int, typer.Option(min=0, help="How many events of the evidence to show.")
    ] = 10,
) -> None:
    """Ask a question about what cameras saw."""
    query = " ".join(question).strip()
    if query == "-":
        query = sys.stdin.read().strip()
    if not query:
        raise typer.BadParameter("an empty question", param_hint="QUESTION")
    # The turn stops with its reader: whoever presses Ctrl-C does not want the answer.
    options: AskOptions = {"on_disconnect": "cancel", "detail": detail.value}
    parse_zone(time_zone)
    present = parse_moment(as_of, "--as-of", time_zone, datetime.now(UTC))
    _place(options, present, since, until, time_zone)
    if conversation:
        options["conversation_id"] = conversation
    if camera:
        options["cameras"] = camera
    if site:
        options["sites"] = site
    if event_type:
        options["event_types"] = event_type
    if min_confidence is not None:
        options["min_confidence"] = min_confidence
    if time_zone:
        options["time_zone"] = time_zone
    if model:
        options["model"] = model
    with connected(server) as client:
        _run(client, query, options, output, evidence)


def _place(
    options: AskOptions,
    present: datetime | None,
    since: str | None,
    until: str | None,
    time_zone: str,
) -> None:
    """Puts the times into the options; a time ago is meant from the question's present."""
    now = present or datetime.now(UTC)
    if present is not None:
        options["as_of"] = present
    first = parse_moment(since, "--since", time_zone, now)
    last = parse_moment(until, "--until", time_zone, now)
    if first is not None and last is not None and first >= last:
        raise typer.BadParameter("must be before --until", param_hint="--since")
    if first is not None:
        options["since"] = first
    if last is not None:
        options["until"] = last


def _run(client: Client, query: str, options: AskOptions, output: Output, evidence: int) -> None:
    with client.ask(query, **options) as turn:
        match output:
            case Output.JSON:
                terminal.raw(terminal.json_text(turn.result()))
            case Output.FRAMES:
                for frame in turn:
                    terminal.raw(terminal.json_line(frame.message))
                    sys.stdout.flush()
            case Output.TEXT:
                show_answer(turn)
                show_rest(turn.response, evidence)
        if turn.cancelled:
            terminal.fail("the turn was cancelled; this is the answer so far", SERVICE_ERROR)


def show_answer(turn: TurnStream) -> None:
    """The answer's text, and between it, on standard error, what the agent does."""
    view = TextView()
    at_start = True
    for frame in turn:
        match frame:
            case AgentStarted(agent=agent):
                terminal.note(f"· {agent}")
            case Thinking(text=text):
                terminal.note(text)
            case ToolStarted(tool=tool, arguments=arguments):
                terminal.note(f"· {tool} {arguments}")
            case ToolFinished(tool=tool, result=result, ok=ok):
                terminal.note(f"  {tool} {'→' if ok else 'failed:'} {result}")
            case TextWithdrawn(failed_model=failed, next_model=following):
                terminal.note(f"· {failed} failed, {following} begins anew")
            case TextDelta() | _:
                pass
        piece = view.take(frame)
        if piece:
            terminal.write(piece)
            at_start = piece.endswith("\n")
    if not at_start:
        terminal.write("\n")


def show_rest(response: PromptResponse, most: int) -> None:
    """What the text rests on: evidence, window, coverage, and what to ask next."""
    if response.evidence and most:
        _evidence(list(response.evidence)[:most], response)
    else:
        terminal.line("")
    understood = response.interpretation.rendered
    if understood:
        terminal.line(f"Understood: {understood}", style="dim")
    if response.HasField("coverage"):
        terminal.line(f"Coverage: {coverage_line(response.coverage)}", style="dim")
    if response.follow_up_questions:
        terminal.line("Ask next:")
        for question in response.follow_up_questions:
            terminal.line(f"  {question}")
    for offer in response.template_suggestions:
        terminal.line(f"Worth keeping: “{offer.title}” {offer.reasoning}")
        terminal.note(
            f"  eps templates create --conversation {response.conversation_id} "
            f"--title {shlex.quote(terminal.clean(offer.title))}"
        )
    terminal.note(
        f"{response.processing_time_ms} ms · turn {response.conversation_turn} of conversation "
        f"{response.conversation_id}"
    )


def _evidence(shown: list[Evidence], response: PromptResponse) -> None:
    zone = terminal.zone_of(response.interpretation.time_zone)
    clips = any(one.clip_url for one in shown)
    columns = ["camera", "what", "sure", "description", *(["clip"] if clips else [])]
    found = terminal.table(f"time ({terminal.zone_name(zone)})", *columns, right=("sure",))
    for one in shown:
        terminal.row(
            found,
            terminal.moment(one.timestamp, zone),
            one.camera_id,
            f"{one.event_type} · {one.label}" if one.label else one.event_type,
            f"{one.confidence:.0%}",
            one.description,
            *([one.clip_url] if clips else []),
        )
    terminal.show(found)
    left = response.total_matches - len(shown)
    if left > 0:
        terminal.line(f"{len(shown)} of {response.total_matches:,} events shown", style="dim")


def coverage_line(report: CoverageReport) -> str:
    """How much was recorded, in words: unknown is neither none nor all."""
    if not report.HasField("share"):
        return "no camera here ever reported when it recorded"
    text = (
        f"{_percent(report.share)} of the window recorded "
        f"({terminal.hours(report.recorded_seconds)} of "
        f"{terminal.hours(report.window_seconds)} of camera time, "
        f"{_cameras(report.cameras_known)})"
    )
    if report.cameras_unknown:
        text += f"; {_cameras(report.cameras_unknown)} never reported"
    return text


def _percent(share: float) -> str:
    """Whole percents, that say 0 and 100 only where it is true."""
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")


def _cameras(count: int) -> str:
    return "1 camera" if count == 1 else f"{count:,} cameras"
