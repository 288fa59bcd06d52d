"""What `eps source run` does once it is clear what is meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import httpx

from enhanced_prompt import Client

from ..domain.catalogue import Site
from ..domain.clock import RealClock
from ..domain.errors import Unavailable
from ..rpc.convert.sites import site_message
from ..sources.frigate import FrigateOptions
from ..sources.frigate_live import FrigateLive
from ..sources.frigate_poller import FrigatePoller
from ..sources.frigate_topics import topics
from ..sources.live import Taker, run_live
from ..sources.mqtt import BrokerRefused
from ..sources.onvif import OnvifOptions, OnvifReader
from ..sources.onvif_live import OnvifLive
from ..sources.patient import PatientSink
from ..sources.progress import Progress
from ..sources.rows import BadRow
from . import terminal
from .loops import run_until_stopped
from .moments import parse_zone
from .progress_bar import Meter, Seen, meter, summary
from .session import SERVICE_ERROR
from .sink import ClientSink
from .sourcing import LiveOrder
from .target import home

_TRIES_AGAIN = (httpx.HTTPError, BadRow)


def run(client: Client, order: LiveOrder) -> None:
    """Read until stopped; says at the end what became of everything. Raises the client's errors,
    and ends the command where the broker refuses."""
    _declare(client, order)
    seen: Seen = {}
    try:
        with meter(seen) as bar:
            run_until_stopped(_job(client, order, bar))
    except BrokerRefused as error:
        terminal.fail(str(error), SERVICE_ERROR)
    finally:
        for one in seen.values():
            summary(one)


def _declare(client: Client, order: LiveOrder) -> None:
    parse_zone(order.time_zone)
    known = {one.site_id for one in client.list_sites(page_size=200)}
    if order.time_zone and order.site not in known:
        client.put_site(site_message(Site(order.site, order.time_zone)))
        terminal.note(f"declared site {order.site} ({order.time_zone})")


async def _job(client: Client, order: LiveOrder, bar: Meter) -> None:
    sink = PatientSink(ClientSink(client), on_wait=_waiting)
    progress = Progress(str(order.broker))
    go = partial(run_live, order.broker, on_away=_away, on_drop=_dropped, on_progress=bar)
    if order.kind == "onvif":
        reader = OnvifReader(OnvifOptions(order.site, order.camera))
        memory = home() / "imports" / f"{order.broker.client_id}.json"
        taker: Taker = OnvifLive(sink, reader, progress, memory)
        await go([order.prefix], taker)
    options = FrigateOptions(order.site, order.clip_base)
    live = FrigateLive(sink, options, RealClock(), progress, order.prefix)
    if not order.api:
        await go(topics(order.prefix), live)
    async with httpx.AsyncClient(base_url=order.api, timeout=30) as http:
        poller = FrigatePoller(http, sink, options, RealClock())
        await go(topics(order.prefix), live, on_joined=_catching_up(poller))


def _catching_up(poller: FrigatePoller) -> Callable[[], Awaitable[object]]:
    async def catch_up() -> None:
        try:
            sent = await poller.poll()
        except _TRIES_AGAIN as error:
            terminal.note(f"what was missed cannot be asked for: {error}")
        else:
            if sent:
                terminal.note(f"caught up with {sent} events over HTTP")

    return catch_up


def _away(reason: str) -> None:
    terminal.note(f"the broker is away: {reason}")


def _dropped(count: int) -> None:
    if count & (count - 1) == 0:  # 1, 2, 4, 8 … a flood is not answered with another
        terminal.note(f"messages come faster than they are stored: {count} of QoS 0 were dropped")


def _waiting(error: Unavailable, seconds: float) -> None:
    terminal.note(f"the server is away ({error}); trying again in {seconds:.0f} s")
