"""`eps insights`: what the service noticed by itself; followed, listed, noted, silenced.

`eps insights` alone lists what is open; `eps insights --follow` stays and prints what is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer

from enhanced_prompt import Client, Insight, InsightSelection, InsightUpdate
from enhanced_prompt.v1.insight_service_pb2 import SubscribeInsightsResponse
from enhanced_prompt.v1.insights_pb2 import InsightChange, InsightRevision, InsightStatus, Severity

from . import terminal
from .browsing import Output, OutputOption, ZoneOption
from .detecting import detect, replay
from .moments import parse_moment, parse_zone
from .session import ServerOption, connected
from .watching import rules, watch

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SEVERITIES: dict[int, str] = {
    number: name.removeprefix("SEVERITY_").lower() for name, number in Severity.items()
}
_STATUSES: dict[int, str] = {
    number: name.removeprefix("INSIGHT_STATUS_").lower() for name, number in InsightStatus.items()
}
_STYLES = {"low": "dim", "medium": "", "high": "yellow", "critical": "bold red"}


class SeverityOption(StrEnum):
    """How bad at least."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Kind(StrEnum):
    """Kinds of insights."""

    ACTIVITY_SPIKE = "activity_spike"
    CAMERA_PERFORMANCE = "camera_performance"
    SECURITY_ANOMALY = "security_anomaly"
    PREDICTION = "prediction"


class Status(StrEnum):
    """Where an insight stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


MinSeverity = Annotated[
    SeverityOption | None, typer.Option("--min-severity", help="Nothing milder.")
]
Kinds = Annotated[list[Kind] | None, typer.Option("--type", help="Kind. Repeatable.")]
Cameras = Annotated[list[str] | None, typer.Option("--camera", help="Camera id. Repeatable.")]
Sites = Annotated[list[str] | None, typer.Option("--site", help="Site id. Repeatable.")]
Muted = Annotated[bool, typer.Option("--muted", help="Also what is muted.")]
Limit = Annotated[
    int | None, typer.Option("--limit", "-n", min=0, help="How many; 0 for all. Default: 20.")
]

insights = typer.Typer(invoke_without_command=True)
insights.command()(replay)
insights.command()(detect)
insights.command()(watch)
insights.add_typer(rules, name="rules")


@insights.callback()
def main(
    context: typer.Context,
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print news.")] = False,
    since: Annotated[
        str | None, typer.Option(help="Follow from this moment on: ISO 8601, or 2h, 7d (ago).")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Follow from where this name was last, which the server keeps.")
    ] = "",
    first: Annotated[
        bool, typer.Option("--first", help="Follow: each insight once, not all its changes.")
    ] = False,
    min_severity: MinSeverity = None,
    kind: Kinds = None,
    camera: Cameras = None,
    site: Sites = None,
    muted: Muted = False,
    limit: Limit = None,
    time_zone: ZoneOption = "",
) -> None:
    """Insights: list or follow them, note what you think of them, silence some."""
    if context.invoked_subcommand is not None:
        return
    chosen = _chosen(min_severity, kind, camera, site, muted)
    zone = parse_zone(time_zone)
    if not follow:
        if since is not None or name or first:
            raise typer.BadParameter("goes with --follow", param_hint="--since, --name, --first")
        with connected(server) as client:
            listed = client.list_insights(status="open", page_size=_size(limit), **chosen)
            _show(listed, output, zone, limit)
        return
    start = parse_moment(since, "--since", time_zone, datetime.now(UTC))
    if start is not None and name:
        raise typer.BadParameter("not together with --since", param_hint="--name")
    with connected(server) as client:
        _follow(client, chosen, start, name, first, output, zone, limit)


@insights.command(name="list")
def listing(
    server: ServerOption = None,
    output: OutputOption = Output.TEXT,
    status: Annotated[Status | None, typer.Option(help="Where it stands. Default: any.")] = None,
    since: Annotated[
        str | None, typer.Option(help="About this moment or later: ISO 8601, or 2h, 7d (ago).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="About a time before it.")] = None,
    min_severity: MinSeverity = None,
    kind: Kinds = None,
    camera: Cameras = None,
    site: Sites = None,
    muted: Muted = False,
    limit: Limit = None,
    time_zone: ZoneOption = "",
) -> None:
    """List insights, newest first."""
    now = datetime.now(UTC)
    chosen = _chosen(min_severity, kind, camera, site, muted)
    with connected(server) as client:
        listed = client.list_insights(
            status=None if status is None else status.value,
            since=parse_moment(since, "--since", time_zone, now),
            until=parse_moment(until, "--until", time_zone, now),
            page_size=_size(limit),
            **chosen,
        )
        _show(listed, output, parse_zone(time_zone), limit)


@insights.command()
def show(
    insight_id: Annotated[str, typer.Argument(help="The insight's id.")],
    server: ServerOption = None,
) -> None:
    """Show everything that an insight says, as JSON."""
    with connected(server) as client:
        terminal.raw(terminal.json_text(client.get_insight(insight_id)))


@insights.command()
def ack(
    insight_ids: Annotated[list[str], typer.Argument(help="Ids of the insights.")],
    server: ServerOption = None,
    useful: Annotated[bool, typer.Option("--useful", help="It was worth telling.")] = False,
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="It should not have been told.")
    ] = False,
    note: Annotated[str, typer.Option(help="In words.")] = "",
) -> None:
    """Note that you saw insights, and what you think of them."""
    if useful and false_alarm:
        raise typer.BadParameter("either, not both", param_hint="--useful, --false-alarm")
    with connected(server) as client:
        noted = client.acknowledge_insights(
            insight_ids,
            verdict="useful" if useful else "false_alarm" if false_alarm else None,
            note=note,
        )
        for one in noted:
            terminal.line(f"{one.insight_id} is {_status(one)}: {one.title}")


@insights.command()
def mute(
    dedupe_key: Annotated[str, typer.Argument(help="The dedupe_key, as `eps insights` shows it.")],
    duration: Annotated[
        str, typer.Option("--for", help="How long: 90m, 8h, 7d, 2w; at most 90 days.")
    ] = "8h",
    off: Annotated[bool, typer.Option("--off", help="Lift the mute.")] = False,
    server: ServerOption = None,
    note: Annotated[str, typer.Option(help="Why, in words.")] = "",
    time_zone: ZoneOption = "",
) -> None:
    """Silence a dedupe_key for a time: its insights are kept and not told."""
    span = None if off else _span(duration)
    with connected(server) as client:
        muted = client.mute_insights(dedupe_key, span, note=note)
        if off:
            terminal.line(f"{dedupe_key} is told again")
            return
        until = terminal.moment(muted.muted_until, parse_zone(time_zone))
        terminal.line(f"{dedupe_key} is silent until {until}; {muted.insights} open")


# ---- below --------------------------------------------------------------------------------------


def _follow(
    client: Client,
    chosen: InsightSelection,
    since: datetime | None,
    name: str,
    first: bool,
    output: Output,
    zone: tzinfo | None,
    limit: int | None,
) -> None:
    def keep(token: str) -> None:
        client.commit_subscription(name, token)

    told = client.insights(
        since=since,
        subscription_id=name,
        first_only=first,
        on_token=keep if name else None,
        **chosen,
    )
    if output is Output.TEXT:
        terminal.note(f"following {client.target}; Ctrl-C ends it")
    for count, update in enumerate(told, 1):
        _tell(update, output, zone)
        if count == limit:
            if name:
                keep(update.resume_token)
            return


def _tell(update: InsightUpdate, output: Output, zone: tzinfo | None) -> None:
    insight = update.insight
    if output is Output.JSON:
        change = f"INSIGHT_CHANGE_{(update.change or 'unspecified').upper()}"
        message = SubscribeInsightsResponse(
            revision=InsightRevision(
                insight=insight, change=InsightChange.Value(change), position=update.position
            ),
            resume_token=update.resume_token,
        )
        terminal.raw(terminal.json_line(message))
    else:
        severity = _severity(insight)
        at = terminal.moment(insight.timestamp, zone)
        cameras = ", ".join(insight.affected_cameras)
        where = f" · {cameras}" if cameras else ""
        terminal.line(
            f"{at}  {severity:<8}  {update.change or 'changed'}: {insight.title}{where}",
            style=_STYLES.get(severity, ""),
        )
        terminal.line(f"    {insight.message}")
        terminal.line(f"    {insight.insight_id} · {insight.dedupe_key}", style="dim")
    terminal.write("")  # flushed: whoever reads this waits for it


def _show(
    listed: Iterable[Insight], output: Output, zone: tzinfo | None, limit: int | None
) -> None:
    shown = listed if limit == 0 else islice(listed, limit or 20)
    if output is Output.JSON:
        for one in shown:
            terminal.raw(terminal.json_line(one))
        return
    found = terminal.table(
        f"since ({terminal.zone_name(zone)})", "severity", "status", "title", "cameras", "id",
        "dedupe_key",
    )  # fmt: skip
    for one in shown:
        terminal.row(
            found,
            terminal.moment(one.window.start_time, zone, seconds=False),
            _severity(one),
            _status(one),
            one.title,
            ", ".join(one.affected_cameras),
            one.insight_id,
            one.dedupe_key,
        )
    if found.row_count:
        terminal.show(found)
    else:
        terminal.note("no insights match")


def _chosen(
    min_severity: SeverityOption | None,
    kinds: list[Kind] | None,
    cameras: list[str] | None,
    sites: list[str] | None,
    muted: bool,
) -> InsightSelection:
    chosen: InsightSelection = {"include_muted": muted}
    if min_severity is not None:
        chosen["min_severity"] = min_severity.value
    if kinds:
        chosen["types"] = [one.value for one in kinds]
    if cameras:
        chosen["cameras"] = cameras
    if sites:
        chosen["sites"] = sites
    return chosen


def _size(limit: int | None) -> int:
    return min(20 if limit is None else limit or 500, 500)


def _severity(insight: Insight) -> str:
    return _SEVERITIES.get(insight.severity, str(insight.severity))


def _status(insight: Insight) -> str:
    return _STATUSES.get(insight.status, str(insight.status))


def _span(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is no duration such as 90m, 8h or 7d", param_hint="--for"
        )
    return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
