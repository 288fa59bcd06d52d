"""What `eps import` does once it is clear what is meant. Needs the server's parts for some sources.

Each file is gone on with where an earlier import to the same server stopped. Those notes are only
good while that server still has what they say: a witness (the last event sent) is asked for first,
and where it is gone everything is sent again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import typer

from enhanced_prompt import Client, EnhancedPromptError
from enhanced_prompt.errors import EventNotFound

from ..domain.catalogue import Site
from ..domain.clock import RealClock, SiteClock
from ..domain.errors import InvalidArgument, Unavailable
from ..rpc.convert.sites import site as site_of
from ..rpc.convert.sites import site_message
from ..sources.catalogue_toml import load_sites
from ..sources.checkpoints import Checkpoints
from ..sources.files import BadFile, Run, import_file, plan_rebase
from ..sources.follow import follow
from ..sources.frigate import FrigateOptions
from ..sources.onvif import OnvifOptions
from ..sources.parsers import (
    Parser,
    coverage_parser,
    event_parser,
    frigate_parser,
    onvif_parser,
)
from ..sources.rows import BadRow, RowOptions, parse_mapping
from . import terminal
from .importing import Order
from .loops import run_until_stopped
from .moments import parse_moment
from .progress_bar import Meter, Seen, meter, summary
from .session import SERVICE_ERROR, USAGE, need_server_parts
from .sink import ClientSink
from .target import home

FOLDER = "imports"


def run(client: Client, order: Order) -> None:
    """Import, showing how far it is; says at the end, whichever it is, what became of the rows.

    Raises the client's errors, and ends the command at those of files.
    """
    sink = ClientSink(client)
    witness = Witness(home() / FOLDER / "witness.json", client)
    fresh = witness.gone()
    if fresh:
        terminal.note("the server no longer has what was imported before: beginning again")
    seen: Seen = {}
    try:
        with meter(seen) as bar:
            work = Run(
                batch_size=order.batch,
                checkpoints=Checkpoints(home() / FOLDER),
                target=client.target,
                restart=order.restart or fresh,
                on_progress=bar,
            )
            run_until_stopped(_job(client, order, sink, work, bar))
    except Unavailable as error:
        if isinstance(error.__cause__, EnhancedPromptError):
            raise error.__cause__ from None
        raise
    except (BadFile, BadRow) as error:
        terminal.fail(str(error), SERVICE_ERROR)
    finally:
        witness.keep(sink.last_event_id)
        for one in seen.values():
            summary(one)


def _job(
    client: Client, order: Order, sink: ClientSink, work: Run, bar: Meter
) -> Coroutine[Any, Any, object]:
    clock = SiteClock(RealClock(), order.now)
    if order.kind == "meva":
        return _meva(order, sink, work, clock, bar)
    sites = _catalogue(client, order)
    if order.url:
        return _frigate_api(order, sink, work, clock)
    events, coverage = _parsers(order, sites)
    sources = [(path, coverage) for path in order.coverage]
    sources += [(path, events) for path in order.paths]
    if order.follow:
        return _follow(order, sources, sink, work, bar)
    return _files(sources, sink, work, bar, clock.now() if order.rebase else None)


async def _files(
    sources: list[tuple[Path, Parser]],
    sink: ClientSink,
    work: Run,
    bar: Meter,
    now: datetime | None,
) -> None:
    if now is not None:
        work = replace(work, shift=await asyncio.to_thread(plan_rebase, sources, now))
    for path, parser in sources:
        bar(await import_file(path, sink, parser, work))


async def _follow(
    order: Order, sources: list[tuple[Path, Parser]], sink: ClientSink, work: Run, bar: Meter
) -> None:
    whole = [(path, parser) for path, parser in sources if path in order.coverage]
    await _files(whole, sink, work, bar, None)
    for path, parser in sources[len(whole) :]:
        await follow(path, sink, parser, work)


async def _meva(order: Order, sink: ClientSink, work: Run, clock: SiteClock, bar: Meter) -> None:
    try:
        from ..sources import meva_files as meva
    except ImportError as error:
        need_server_parts(error)
        raise
    folder = order.paths[0]
    clips, rows = folder / meva.SAMPLE_CLIPS, folder / meva.SAMPLE_EVENTS
    if not rows.exists():
        if order.rebase:
            shift = await asyncio.to_thread(meva.plan_meva_rebase, folder, clock.now())
            work = replace(work, shift=shift)
        bar(await meva.import_meva(folder, sink, work))
        return
    for site in await asyncio.to_thread(meva.sample_sites, folder):
        await sink.put_site(site)
    events, coverage = meva.sample_parsers()
    now = clock.now() if order.rebase else None
    await _files([(clips, coverage), (rows, events)], sink, work, bar, now)


async def _frigate_api(order: Order, sink: ClientSink, work: Run, clock: SiteClock) -> None:
    try:
        import httpx

        from ..sources.frigate_poller import FrigatePoller, PollOptions, follow_frigate
    except ImportError as error:
        need_server_parts(error)
        raise
    options = FrigateOptions(order.site, (order.clip_base or order.url).rstrip("/"))
    polling = PollOptions(batch_size=order.batch)
    since = parse_moment(order.since, "--since", order.time_zone, clock.now())
    if since is not None:
        polling = replace(polling, history_s=max((clock.now() - since).total_seconds(), 0.0))
    try:
        if order.follow:
            await follow_frigate(order.url, sink, options, clock, work, polling)
        async with httpx.AsyncClient(base_url=order.url, timeout=30) as http:
            poller = FrigatePoller(
                http, sink, options, clock, polling, on_progress=work.on_progress
            )
            await poller.poll()
    except httpx.HTTPError as error:
        raise BadFile(f"{order.url} cannot be read: {error}") from error


def _catalogue(client: Client, order: Order) -> tuple[Site, ...]:
    """Declares what the command line brings, and returns all declared sites."""
    for path in order.catalogue:
        try:
            found = load_sites(path)
        except (InvalidArgument, OSError) as error:
            terminal.fail(f"{path}: {error}", USAGE)
        for site in found:
            client.put_site(site_message(site))
    # Without their etags: those change with each run, and with them what an import is known by.
    declared = [replace(site_of(one), etag="") for one in client.list_sites(page_size=200)]
    if order.site and order.time_zone and order.site not in {one.site_id for one in declared}:
        site = Site(order.site, order.time_zone)
        client.put_site(site_message(site))
        terminal.note(f"declared site {order.site} ({order.time_zone})")
        declared.append(site)
    return tuple(declared)


def _parsers(order: Order, sites: tuple[Site, ...]) -> tuple[Parser, Parser]:
    """How events and coverage are read."""
    try:
        defaults = parse_mapping(order.defaults)
        if order.site:
            defaults.setdefault("site", order.site)
        options = RowOptions(
            mapping=parse_mapping(order.mapping),
            defaults=defaults,
            sites=sites,
            time_zone=order.time_zone or None,
            source=order.source,
            derive_ids=order.derive_ids,
        )
        for_coverage = replace(options, mapping=parse_mapping(order.coverage_mapping))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--map or --set") from None
    coverage = coverage_parser(for_coverage)
    zones = {one.site_id: one.time_zone for one in sites}
    zone = zones.get(order.site) or order.time_zone or "UTC"
    if order.kind == "frigate":
        frigate = FrigateOptions(order.site, order.clip_base.rstrip("/"))
        return frigate_parser(frigate, zone), coverage
    if order.kind == "onvif":
        return onvif_parser(OnvifOptions(order.site), zone), coverage
    return event_parser(options), coverage


class Witness:
    """The last event that was sent to each server: while it is there, so is the rest."""

    def __init__(self, path: Path, client: Client) -> None:
        self._path = path
        self._client = client

    def gone(self) -> bool:
        """Whether this server lost what was sent to it, or is another one."""
        event_id = self._load().get(self._client.target)
        if not event_id:
            return False
        try:
            self._client.get_event(event_id)
        except EventNotFound:
            return True
        return False

    def keep(self, event_id: str) -> None:
        """Note the last event that was sent, if any was."""
        if not event_id:
            return
        known = {**self._load(), self._client.target: event_id}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(known))

    def _load(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return cast("dict[str, str]", found) if isinstance(found, dict) else {}
