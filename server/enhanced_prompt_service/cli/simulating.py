"""`eps simulate`: the site that does not exist, its history and then its live events."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from .moments import parse_moment, parse_zone
from .session import ServerOption, connected, need_server_parts

_WEB = re.compile(r"https?://[^\s{}]+")


def simulate(
    server: ServerOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Send the history up to now, and end.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Another seed is another past. The same one is the same past.")
    ] = 1,
    weeks: Annotated[int, typer.Option(min=0, max=520, help="How much history to make.")] = 8,
    time_zone: Annotated[
        str, typer.Option(help="IANA zone of the site. Default: Europe/London.")
    ] = "",
    restart: Annotated[
        bool, typer.Option("--restart", help="Send the whole history again.")
    ] = False,
    public_url: Annotated[
        str,
        typer.Option(
            envvar="EPS_PUBLIC_URL",
            help="Where browsers reach the gateway, for clip links: http://127.0.0.1:8080. "
            "Without it there are none.",
        ),
    ] = "",
    clock: Annotated[
        str | None,
        typer.Option(envvar="EPS_CLOCK", help="The site's present: ISO 8601 with an offset."),
    ] = None,
) -> None:
    """Feed a simulated site to a running server: weeks of history, then live events.

    A later start sends what is missing; events keep their ids, so nothing comes twice.
    """
    parse_zone(time_zone)
    if public_url and not _WEB.fullmatch(public_url):
        raise typer.BadParameter(
            f"{public_url!r} is no http or https address", param_hint="--public-url"
        )
    start = parse_moment(clock, "--clock", "", datetime.now(UTC))
    try:
        from .simulate_job import run
    except ImportError as error:
        need_server_parts(error)
        raise
    with connected(server) as client:
        run(
            client,
            seed=seed,
            weeks=weeks,
            time_zone=time_zone,
            start=start,
            once=once,
            restart=restart,
            public_url=public_url,
        )
