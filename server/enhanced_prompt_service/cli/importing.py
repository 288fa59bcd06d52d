"""`eps import`: events of files, of Frigate and of the MEVA data set, through a running server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from . import terminal
from .moments import parse_moment, parse_zone
from .session import USAGE, ServerOption, connected, need_server_parts

KINDS = ("frigate", "meva", "onvif")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be imported, as the command line says it."""

    kind: str
    paths: tuple[Path, ...]
    url: str
    coverage: tuple[Path, ...]
    catalogue: tuple[Path, ...]
    mapping: str
    coverage_mapping: str
    defaults: str
    site: str
    time_zone: str
    source: str
    clip_base: str
    derive_ids: bool
    rebase: bool
    follow: bool
    restart: bool
    batch: int
    now: datetime | None
    since: str | None


def import_(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE... | frigate FILE|URL | onvif FILE | meva DIR",
            help="JSON lines, a JSON array or CSV, each also as .gz; Frigate's events from a file "
            "or its HTTP API; ONVIF's notifications; the MEVA data set from its published folder.",
            show_default=False,
        ),
    ] = None,
    server: ServerOption = None,
    mapping: Annotated[
        str,
        typer.Option(
            "--map",
            metavar="FIELD=KEY,…",
            help="Which key holds a field: event_type=kind,…",
        ),
    ] = "",
    defaults: Annotated[
        str,
        typer.Option(
            "--set", metavar="FIELD=VALUE,…", help="Values for fields that a row leaves empty."
        ),
    ] = "",
    coverage: Annotated[
        list[Path] | None,
        typer.Option(help="A file that says when cameras recorded. Repeatable."),
    ] = None,
    coverage_mapping: Annotated[
        str, typer.Option("--coverage-map", metavar="FIELD=KEY,…", help="The same for coverage.")
    ] = "",
    catalogue: Annotated[
        list[Path] | None, typer.Option(help="A site's names as TOML. Repeatable.")
    ] = None,
    site: Annotated[str, typer.Option(help="The site of rows that name none.")] = "",
    time_zone: Annotated[
        str, typer.Option(help="IANA zone of times without an offset, where the site has none.")
    ] = "",
    source: Annotated[str, typer.Option(help="What to note as the events' source.")] = "",
    clip_base: Annotated[
        str, typer.Option(metavar="URL", help="Where people reach Frigate, for clip addresses.")
    ] = "",
    derive_ids: Annotated[
        bool,
        typer.Option("--derive-ids", help="Make ids for rows without one, from their content."),
    ] = False,
    rebase: Annotated[
        bool,
        typer.Option("--rebase", help="Move times by whole days, so that the last is just past."),
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on reading as the file grows, or polling.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help="From a Frigate address: how far back to begin (2h, 7d, ISO 8601)."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin again instead of going on where it stopped.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Rows in one call.")] = 500,
    clock: Annotated[
        str | None,
        typer.Option(envvar="EPS_CLOCK", help="The present that --rebase means.", show_envvar=True),
    ] = None,
) -> None:
    """Import events, and go on where an earlier import stopped.

    Bad rows are rejected one by one with their reason; what is sent again is a duplicate.
    """
    names = what or []
    kind = "rows"
    if len(names) > 1 and names[0] in KINDS:
        kind, *names = names
    urls = [name for name in names if name.startswith(("http://", "https://"))]
    order = Order(
        kind=kind,
        paths=tuple(Path(name) for name in names if name not in urls),
        url=urls[0] if urls else "",
        coverage=tuple(coverage or ()),
        catalogue=tuple(catalogue or ()),
        mapping=mapping,
        coverage_mapping=coverage_mapping,
        defaults=defaults,
        site=site,
        time_zone=time_zone,
        source=source,
        clip_base=clip_base,
        derive_ids=derive_ids,
        rebase=rebase,
        follow=follow,
        restart=restart,
        batch=batch,
        now=parse_moment(clock, "--clock", "", datetime.now().astimezone()),
        since=since,
    )
    _check(order, len(urls))
    try:
        from .import_job import run
    except ImportError as error:
        need_server_parts(error)
        raise
    with connected(server) as client:
        run(client, order)


def _check(order: Order, urls: int) -> None:
    """Says what cannot go together before anything is sent."""
    parse_zone(order.time_zone)
    if not (order.paths or order.url or order.coverage or order.catalogue):
        raise typer.BadParameter("nothing to import", param_hint="FILE")
    if urls and (order.kind != "frigate" or urls > 1 or order.paths):
        raise typer.BadParameter("an address is for `eps import frigate URL` alone")
    if order.kind in ("frigate", "onvif") and not order.site:
        raise typer.BadParameter("the source does not say which site it is", param_hint="--site")
    if order.kind == "meva" and (len(order.paths) != 1 or not order.paths[0].is_dir()):
        raise typer.BadParameter("`eps import meva` needs one folder")
    if order.follow and (order.rebase or order.kind == "meva"):
        raise typer.BadParameter("needs a source that grows, as it is", param_hint="--follow")
    if order.follow and len(order.paths) != 1 and not order.url:
        raise typer.BadParameter("follows one file at a time", param_hint="--follow")
    if order.since and not order.url:
        raise typer.BadParameter("is for a Frigate address", param_hint="--since")
    for path in (*order.paths, *order.coverage, *order.catalogue):
        if not path.exists() and not (order.follow and path in order.paths):
            terminal.fail(f"{path} does not exist", USAGE)
