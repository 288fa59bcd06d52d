"""The gRPC server with every service of the contract, and how it ends."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ..config import Settings
from ..domain.consent import Consents
from ..domain.levels import stream_events
from ..domain.tracing import Tracing
from ..domain.warming import Warmer
from ..health import ServiceHealth
from ..metrics.live import LiveMetrics
from ..rpc.audit import AuditInterceptor, AuditTrail
from ..rpc.chat import ChatOptions
from ..rpc.consent import ConsentInterceptor
from ..rpc.interceptors import default_caller
from ..rpc.leaving import LeavingOptions
from ..rpc.limits import LimitsInterceptor
from ..rpc.server import RpcOptions, RpcServer
from ..rpc.services.compat import CompatOptions, CompatService
from ..rpc.services.consent import ConsentService
from ..rpc.services.events import EventService
from ..rpc.services.history import HistoryService
from ..rpc.services.insights import InsightService
from ..rpc.services.metrics import MetricsService
from ..rpc.services.prompt import PromptService
from ..rpc.services.sites import SiteService
from ..rpc.services.templates import TemplateService
from ..rpc.services.usage import UsageReports
from ..rpc.templates import Templates
from ..rpc.toolbox import Toolbox
from ..sources.cloud_events import read_cloud_events
from ..turns import Turns
from .base import Base, new_id
from .callers import auditors, tls
from .delivering import on_export
from .metering import Metering

if TYPE_CHECKING:
    from ..rpc.identity import Identities

_CLOSE_S = 5.0  # after a drain: for closing frames to be stored and sent


@dataclass(frozen=True, slots=True)
class Served:
    """What the services are made of. `models` is what a question may choose among."""

    turns: Turns
    warmer: Warmer
    models: tuple[str, ...]
    health: ServiceHealth
    live: LiveMetrics
    toolbox: Toolbox
    templates: Templates
    insights: InsightService
    consents: Consents


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around every call; None where there is nothing of the kind."""

    metering: Metering | None = None
    tracing: Tracing | None = None
    identities: Identities | None = None
    trail: AuditTrail | None = None


def rpc_server(
    base: Base, served: Served, around: Around, limits: LimitsInterceptor | None
) -> RpcServer:
    """Everything put together; nothing listens yet."""
    settings, place, trail = base.settings, base.place, around.trail
    options = RpcOptions(
        host=settings.host,
        port=settings.port if place is None else place.port,
        port_search=settings.port_search,
        reuse_port=place is not None,
        own_port=None if place is None else place.own_port,
        max_message_bytes=settings.max_message_bytes,
        reflection=settings.reflection,
        tls=tls(settings),
        insecure=settings.insecure,
    )
    prompts = PromptService(
        served.turns,
        served.warmer,
        now=base.real_clock.now,
        heartbeat_s=settings.heartbeat_s,
        chat=ChatOptions(ping_s=settings.chat_ping_s, models=served.models),
        leaving=leaving(settings),
        new_id=new_id,
        toolbox=served.toolbox,
    )
    server = RpcServer(
        options,
        {"PromptService": prompts, **_servicers(base, served)},
        log=structlog.get_logger("eps.rpc"),
        new_id=lambda: uuid.uuid4().hex,
        new_incident=lambda: uuid.uuid4().hex,
        monotonic=time.monotonic,
        replica=base.replica,
        counts=around.metering,
        tracing=around.tracing,
        resolve=default_caller if around.identities is None else around.identities.resolve,
        interceptors=(
            *(() if limits is None else (limits,)),
            *((ConsentInterceptor(served.consents),) if served.consents.required else ()),
        ),
        outside=() if trail is None else (AuditInterceptor(trail, base.real_clock.now),),
    )
    served.health.serves(server, prompts)
    return server


def _servicers(base: Base, served: Served) -> Mapping[str, object]:
    settings, stores, now = base.settings, base.stores, base.real_clock.now
    usage = UsageReports(
        stores.usage, now=now, time_zone=settings.time_zone, may_audit=auditors(settings)
    )
    return {
        "MetricsService": MetricsService(
            served.live,
            usage,
            now=now,
            may_audit=auditors(settings),
            heartbeat_s=settings.heartbeat_s,
            leaving=leaving(settings),
        ),
        "ConsentService": ConsentService(served.consents),
        "HistoryService": HistoryService(
            stores.conversations,
            now=now,
            forget=served.turns.forget,
            may_audit=auditors(settings),
            heartbeat_s=settings.heartbeat_s,
            on_export=on_export(base),
        ),
        "EventService": EventService(
            stores.events,
            stores.catalogue,
            site_now=base.site_clock.now,
            read_cloud_events=read_cloud_events,
        ),
        "SiteService": SiteService(stores.catalogue),
        "InsightService": served.insights,
        "TemplateService": TemplateService(served.templates),
        "CompatService": CompatService(
            served.turns,
            served.warmer,
            served.live,
            stores.conversations,
            stores.insights,
            now=now,
            monotonic=time.monotonic,
            may_audit=auditors(settings),
            leaving=leaving(settings),
            options=CompatOptions(
                shown=stream_events(settings.compat_events),
                models=served.models,
                heartbeat_s=settings.heartbeat_s,
            ),
        ),
    }


def leaving(settings: Settings) -> LeavingOptions:
    """How long streams live."""
    return LeavingOptions(
        age_s=settings.stream_age_s,
        time_left_s=settings.stream_leave_s,
        drain_s=settings.drain_s,
    )


async def drain(server: RpcServer, turns: Turns, drain_s: float) -> None:
    """Take nothing new, let running turns finish, then close what still runs, then the server.

    Stopping turns gives every stream its closing frame, so that the server's own end cuts nothing.
    """

    async def finish_turns() -> None:
        await turns.idle(drain_s)
        turns.stop()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.stop(drain_s + _CLOSE_S))
        tasks.create_task(finish_turns())
