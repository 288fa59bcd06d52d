"""The composition root: builds every part from settings, starts and stops them; nothing else wires.

    async with create_app(Settings()) as app:
        print(app.address)

`run` is what a process does with it: until SIGTERM or SIGINT, then a drain and exit 0.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from enhanced_prompt import __version__

from . import logs
from .agent.models import (
    GROUNDED,
    CallLimits,
    ChainOptions,
    CircuitOptions,
    LinkFailure,
    ModelChain,
    Prices,
    parse_links,
)
from .bus.memory import MemoryBus
from .config import Settings
from .domain.answers import ModelUsage
from .domain.bus import Bus
from .domain.clock import Clock, RealClock, SiteClock
from .domain.dependencies import Dependencies
from .domain.errors import Reason, Unavailable
from .domain.health import Health, ProviderHealth
from .domain.identity import Caller
from .domain.insights import InsightFilter, InsightPage
from .domain.limits import LimitRules, Share
from .domain.retention import Keeper, Removed, Retention
from .domain.times import Interval
from .domain.turns import TurnError
from .domain.warming import Warm, Warmer
from .health import ServiceHealth
from .home import Home, clear_record, write_record
from .insights.expiry import Expiry
from .insights.feed import Feeds, channel
from .rpc import access
from .rpc.audit import AuditInterceptor, AuditTrail
from .rpc.chat import ChatOptions
from .rpc.frames import decode, encode
from .rpc.interceptors import default_caller
from .rpc.leaving import LeavingOptions
from .rpc.limits import LimitsInterceptor
from .rpc.resume_tokens import ResumeTokens
from .rpc.server import RpcOptions, RpcServer
from .rpc.services.events import EventService
from .rpc.services.history import HistoryService
from .rpc.services.insights import InsightService, encoder
from .rpc.services.metrics import MetricsService
from .rpc.services.prompt import PromptService
from .rpc.services.sites import SiteService
from .rpc.services.templates import TemplateService
from .rpc.services.usage import UsageReports
from .rpc.templates import Templates
from .rpc.tls import TlsFiles
from .rpc.toolbox import Toolbox
from .storage import Database, Stores, codec, open_stores, secret_key
from .turns import (
    Agent,
    HotMemory,
    MemoryConfig,
    Replicas,
    RunnerParts,
    Turns,
    TurnsConfig,
)
from .workers.place import Place

if TYPE_CHECKING:
    from .agent.grounded.noticed import Noticed
    from .insights.loop import Loop
    from .insights.replay import Replayed
    from .metrics import Reading, Recorder
    from .rpc.identity import Identities

_log = structlog.get_logger("eps")

_CLOSE_S = 5.0  # after a drain: for closing frames to be stored and sent


class WarmAgent(Agent, Protocol):
    """An agent that can be made ready before its first turn."""

    async def prewarm(self, caller: Caller) -> None:
        """Load what the first question would otherwise wait for."""
        ...


AgentMaker = Callable[[Stores, Settings], WarmAgent]


@dataclass(frozen=True, slots=True)
class App:
    """A running service. `address` is `host:port` as it was bound; `replica` is its name.

    `metrics_port` is where Prometheus reads, None where it cannot.
    """

    settings: Settings
    address: str
    port: int
    stores: Stores
    turns: Turns
    server: RpcServer
    real_clock: Clock
    site_clock: SiteClock
    replica: str
    chain: ModelChain
    metrics_port: int | None = None


def _noticed(stores: Stores) -> Noticed:
    """What answers rest on where they are about what is out of the ordinary."""
    now = RealClock().now

    async def find(caller: Caller, chosen: InsightFilter, window: Interval) -> InsightPage:
        return await stores.insights.page(caller, chosen, now=now(), window=window)

    return find


def grounded_agent(stores: Stores, settings: Settings) -> WarmAgent:
    """The embedded engine behind its graph: no key, no network."""
    # LangGraph takes half a second to import: only where an agent is really wanted.
    from .agent.graph import GroundedAgent
    from .agent.grounded import GroundedEngine
    from .agent.prompts import SuggestingAgent

    engine = GroundedEngine(stores.events, stores.catalogue, settings.time_zone, _noticed(stores))
    return SuggestingAgent(GroundedAgent(engine), engine, stores.templates)


def answering_agent(stores: Stores, settings: Settings, chain: ModelChain) -> WarmAgent:
    """What EPS_MODELS names: the embedded engine alone, or models in front of it."""
    if chain.links == (GROUNDED,):
        return grounded_agent(stores, settings)
    from .agent.grounded import GroundedEngine
    from .agent.modelled import ModelAgent
    from .agent.prompts import SuggestingAgent
    from .agent.trail import ModelBudget

    engine = GroundedEngine(stores.events, stores.catalogue, settings.time_zone, _noticed(stores))
    agent = ModelAgent(
        engine,
        chain,
        settings.time_zone,
        insights=stores.insights,
        budget=ModelBudget(settings.model_steps, settings.model_tokens, settings.model_seconds),
        monotonic=time.monotonic,
    )
    return SuggestingAgent(agent, engine, stores.templates)


def model_chain(settings: Settings) -> ModelChain:
    """The links that EPS_MODELS names. Nothing is asked, and no provider's package is loaded."""
    options = ChainOptions(
        limits=CallLimits(
            settings.model_first_token_s, settings.model_idle_s, settings.model_call_s
        ),
        circuit=CircuitOptions(calls=settings.model_calls),
        prices=Prices(settings.model_prices),
        output_tokens=settings.model_output_tokens,
        temperature=settings.model_temperature,
    )
    return ModelChain(parse_links(settings.models), options)


@asynccontextmanager
async def create_app(
    settings: Settings, *, make_agent: AgentMaker | None = None, place: Place | None = None
) -> AsyncGenerator[App]:
    """A service that answers, until the block is left; then it drains.

    `place` makes it one of several workers.

    Raises whatever keeps it from starting: a taken port, a database that is away, an address that
    is not loopback while there is no identity.
    """
    real_clock = RealClock()
    site_clock = SiteClock(real_clock, settings.clock)
    async with AsyncExitStack() as stack:
        home = stack.enter_context(Home.open(settings.home))
        parts = Dependencies(real_clock.now, time.monotonic)
        database = await Database.open(settings.database, parts.add("storage").note)
        stack.push_async_callback(database.close)
        await database.migrate()
        bus = await stack.enter_async_context(_bus(settings, parts.add("bus").note))
        stores = await open_stores(
            database, default_zone=settings.time_zone, on_insights=_signal_insights(bus)
        )
        if home.alone:
            await _fail_orphans(stores, home, real_clock)
        chain = model_chain(settings)
        stack.push_async_callback(chain.close)
        if make_agent is None:
            agent, models = answering_agent(stores, settings, chain), chain.links
        else:
            agent, models = make_agent(stores, settings), ()
        born = uuid.uuid4().hex
        process = f"{home.instance}/{born}"
        replica = f"{0 if place is None else place.index}-{born[:8]}"
        recorder = _recorder(settings, replica, parts)
        replicas = None
        if bus.shared:
            replicas = Replicas(
                bus,
                stores.turns,
                process=process,
                encode=encode,
                decode=decode,
                keep_s=settings.turn_log_keep_s,
                now=real_clock.now,
            )
        turns = await stack.enter_async_context(
            _turns(
                settings,
                stores,
                agent,
                models,
                process,
                real_clock,
                site_clock,
                bus,
                replicas,
                recorder,
            )
        )
        warmer = await stack.enter_async_context(_warmer(stores, agent, chain))
        toolbox, templates = _prompt_tools(settings, stores, agent, chain, real_clock, site_clock)
        health = ServiceHealth(
            replica,
            parts,
            database.ping,
            bus,
            warmer,
            lambda: _providers(chain, turns),
            real_clock.now,
        )
        insights = _insights(settings, stores, bus, await _secret(settings, database), real_clock)
        identities = _identities(settings, stores, real_clock)
        limits = await stack.enter_async_context(_limits(settings, turns))
        trail = None
        if identities is not None:
            trail = AuditTrail(stores.audit, structlog.get_logger("eps.audit"))
            await stack.enter_async_context(trail.writing())
        server = _server(
            settings,
            place,
            replica,
            stores,
            turns,
            warmer,
            models or (agent.model,),
            real_clock,
            site_clock,
            health,
            recorder,
            toolbox,
            templates,
            insights,
            identities,
            limits,
            trail,
        )
        if identities is not None:
            await stack.enter_async_context(identities.watching(server.live))
        await stack.enter_async_context(health.watching())
        metrics_port = None
        if recorder is not None:
            metrics_port = stack.enter_context(_endpoint(settings, recorder, server, turns))
        await server.start()
        stack.push_async_callback(_drain, server, turns, settings.drain_s)
        await stack.enter_async_context(_keeping(settings, stores, turns, real_clock, site_clock))
        await stack.enter_async_context(_expiring(stores, real_clock, site_clock))
        await warmer.prewarm(Caller(), wait=True)
        await server.ready()
        await stack.enter_async_context(
            _detecting(settings, stores, process, real_clock, site_clock)
        )
        yield App(
            settings,
            server.address,
            server.port,
            stores,
            turns,
            server,
            real_clock,
            site_clock,
            replica,
            chain,
            metrics_port,
        )


def run(
    settings: Settings, *, make_agent: AgentMaker | None = None, place: Place | None = None
) -> None:
    """Serve until SIGTERM or SIGINT. Owns the process: its logs, its event loop, its signals."""
    logs.configure(settings.log_level, settings.log_format)
    _run(serve(settings, make_agent=make_agent, place=place))


async def serve(
    settings: Settings, *, make_agent: AgentMaker | None = None, place: Place | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; the home says where while it does.

    A worker tells its supervisor instead, and also ends with it.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    started = time.monotonic()
    if place is not None:
        _end_with(place.life_fd, stop, loop)
    async with create_app(settings, make_agent=make_agent, place=place) as app:
        settle()
        if place is None:
            write_record(settings.home, _record(app))
        else:
            place.announce(_record(app))
        _log.info(
            "serving",
            address=app.address,
            replica=app.replica,
            start_ms=round((time.monotonic() - started) * 1000),
        )
        try:
            await stop.wait()
            _log.info("draining", replica=app.replica, running_turns=app.turns.running)
        finally:
            if place is None:
                clear_record(settings.home)
    _log.info("stopped")


async def replay_insights(settings: Settings) -> Replayed:
    """What detectors would have said over what the database holds, up to the site's present.

    A server may run on it at the same time; nothing is written but what migrations need.
    """
    from .insights.replay import replay

    site_clock = SiteClock(RealClock(), settings.clock)
    database = await Database.open(settings.database)
    try:
        await database.migrate()
        stores = await open_stores(database, default_zone=settings.time_zone)
        return await replay(
            stores.detection,
            stores.catalogue,
            Caller(),
            minutes=settings.insight_slot_minutes,
            default_zone=settings.time_zone,
            until=site_clock.now(),
        )
    finally:
        await database.close()


def settle() -> None:
    """Tell the garbage collector that what is loaded now stays: only for who owns the process.

    Modules and compiled graphs are some hundred thousand objects; walking them in each full
    collection stops the loop for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()


# ---- parts --------------------------------------------------------------------------------------


def _turns(
    settings: Settings,
    stores: Stores,
    agent: Agent,
    models: tuple[str, ...],
    process: str,
    real_clock: Clock,
    site_clock: Clock,
    bus: Bus,
    replicas: Replicas | None,
    recorder: Recorder | None,
) -> Turns:
    memory = _memory(settings, bus)
    parts = RunnerParts(
        agent=agent,
        turns=stores.turns,
        conversations=stores.conversations,
        real_clock=real_clock,
        site_clock=site_clock,
        monotonic=time.monotonic,
        timeout_s=settings.turn_timeout_s,
        history_turns=settings.history_turns,
        memory=memory,
        models=models,
    )
    if recorder is not None:
        parts = replace(parts, ended=recorder.turn_ended)
        if memory is not None:
            recorder.show(*_memory_readings(memory))
    config = TurnsConfig(
        runner=process,
        orphan_s=settings.turn_orphan_s,
        log_budget_bytes=settings.turn_log_bytes,
        log_keep_s=settings.turn_log_keep_s,
    )
    return Turns(parts, config, encode, _new_id, replicas)


def _prompt_tools(
    settings: Settings,
    stores: Stores,
    agent: Agent,
    chain: ModelChain,
    real_clock: Clock,
    site_clock: Clock,
) -> tuple[Toolbox, Templates]:
    """Tools of prompts, over the agent's own engine where it has one: indexes are kept once."""
    from .agent.grounded import GroundedEngine
    from .agent.prompts import EngineDrafter, EnginePrompts, ModelPrompts

    engine = getattr(agent, "engine", None)
    if not isinstance(engine, GroundedEngine):
        engine = GroundedEngine(
            stores.events, stores.catalogue, settings.time_zone, _noticed(stores)
        )
    templates = Templates(
        stores.templates,
        stores.catalogue,
        EngineDrafter(engine, stores.conversations, now=site_clock.now),
        now=real_clock.now,
        new_id=_new_id,
        may_change=_auditors(settings),
    )
    tools = EnginePrompts(
        engine, stores.conversations, now=site_clock.now, history_turns=settings.history_turns
    )
    if chain.links == (GROUNDED,):
        return Toolbox(tools, templates), templates

    async def record(caller: Caller, calls: Sequence[ModelUsage]) -> None:
        await stores.usage.record(caller, calls, real_clock.now())

    return Toolbox(ModelPrompts(chain, tools, record), templates), templates


def _providers(chain: ModelChain, turns: Turns) -> list[ProviderHealth]:
    """The chain's links for health; the engine's calls are the turns that no model works on."""
    states = chain.states()
    asked = sum(one.running_calls for one in states)
    return [
        ProviderHealth(one.model, Health.HEALTHY, max(0, turns.running - asked))
        if one.circuit is None
        else ProviderHealth(
            one.model,
            Health.HEALTHY if one.healthy else Health.DEGRADED,
            one.running_calls,
            one.circuit.value,
            one.max_calls,
            one.last_error,
            one.last_error_at,
        )
        for one in states
    ]


@asynccontextmanager
async def _bus(settings: Settings, noted: Callable[[bool], None]) -> AsyncGenerator[Bus]:
    keep_s = settings.turn_log_keep_s
    if not settings.redis_url:
        yield MemoryBus(time.monotonic, keep_s)
        return
    # Redis's client is imported only where there is a Redis.
    from .bus.redis import RedisBus

    async with RedisBus(
        settings.redis_url, prefix=settings.redis_prefix, log_ttl_s=keep_s, noted=noted
    ) as bus:
        yield bus


def _signal_insights(bus: Bus) -> Callable[[str], Coroutine[Any, Any, None]]:
    async def signal(tenant: str) -> None:
        with suppress(Unavailable):  # readers also look by themselves
            await bus.signal(channel(tenant))

    return signal


async def _secret(settings: Settings, database: Database) -> bytes:
    given = settings.secret_key.get_secret_value()
    return given.encode() if given else await secret_key(database)


def _insights(
    settings: Settings, stores: Stores, bus: Bus, secret: bytes, real_clock: Clock
) -> InsightService:
    def report(error: Exception) -> None:
        _log.warning("the log of insights cannot be read now", exc_info=error)

    tokens = ResumeTokens(secret)
    feeds = Feeds(
        stores.insights,
        bus,
        encoder(tokens),
        report=report,
        ring_bytes=settings.insight_ring_bytes,
    )
    return InsightService(
        stores.insights,
        feeds,
        tokens,
        stores.events,
        stores.catalogue,
        now=real_clock.now,
        heartbeat_s=settings.heartbeat_s,
        leaving=_leaving(settings),
        time_zone=settings.time_zone,
    )


@asynccontextmanager
async def _expiring(stores: Stores, real_clock: Clock, site_clock: Clock) -> AsyncGenerator[None]:
    """Resolves insights that no longer matter, as long as the block lasts."""

    def report(error: Exception) -> None:
        _log.error("expiry of insights failed", exc_info=error)

    expiry = Expiry(
        stores.insights,
        now=real_clock.now,
        site_now=site_clock.now,
        sleep=asyncio.sleep,
        report=report,
    )
    task = asyncio.create_task(expiry.run(), name="expiry of insights")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _memory(settings: Settings, bus: Bus) -> HotMemory | None:
    if not settings.hot_memory_s:
        return None
    return HotMemory(
        bus, MemoryConfig(codec.dump_response, codec.load_response, settings.hot_memory_s)
    )


@asynccontextmanager
async def _detecting(
    settings: Settings, stores: Stores, process: str, real_clock: Clock, site_clock: Clock
) -> AsyncGenerator[None]:
    """Runs the detectors, as long as the block lasts."""

    def report(error: Exception) -> None:
        _log.error("detectors failed", exc_info=error)

    def make() -> Loop:
        # Detectors need numpy, which takes a tenth of a second to load: not before serving.
        from .insights.loop import Loop, LoopOptions, Parts

        parts = Parts(
            stores.detection,
            stores.insights,
            stores.fences,
            stores.events,
            stores.catalogue,
            now=real_clock.now,
            site_now=site_clock.now,
            sleep=asyncio.sleep,
            report=report,
        )
        options = LoopOptions(minutes=settings.insight_slot_minutes)
        return Loop(parts, process, default_zone=settings.time_zone, options=options)

    async def run() -> None:
        loop = await asyncio.to_thread(make)
        await loop.run()

    if not settings.insights:
        yield
        return
    task = asyncio.create_task(run(), name="detectors")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _warmer(stores: Stores, agent: WarmAgent, chain: ModelChain) -> Warmer:
    async def storage(caller: Caller) -> str:
        await stores.turns.find_request(caller, "prewarm", datetime.now(UTC))
        return "database open, tables up to date"

    async def catalogue(caller: Caller) -> str:
        found = await stores.catalogue.catalogue(caller)
        cameras = sum(len(site.cameras) for site in found.sites)
        return f"{len(found.sites)} sites, {cameras} cameras"

    async def engine(caller: Caller) -> str:
        await agent.prewarm(caller)
        return f"{agent.model}: graph compiled, names indexed"

    def warm_model(name: str) -> Warm:
        async def warm(caller: Caller) -> str:
            del caller
            await chain.warm(name)
            return "client ready; nothing was asked"

        return warm

    models = {f"model:{one}": warm_model(one) for one in chain.links if one != GROUNDED}

    def failed(name: str, error: Exception) -> None:
        if isinstance(error, LinkFailure):
            _log.warning("a model is not ready", part=name, reason=error.detail)
            return
        _log.error("prewarming failed", part=name, exc_info=error)

    return Warmer(
        agent_id=uuid.uuid4().hex,
        parts={"storage": storage, "catalogue": catalogue, "agent": engine, **models},
        monotonic=time.monotonic,
        on_failure=failed,
    )


@asynccontextmanager
async def _keeping(
    settings: Settings, stores: Stores, turns: Turns, real_clock: Clock, site_clock: Clock
) -> AsyncGenerator[None]:
    """Deletes what is too old, as long as the block lasts."""

    def kept(seconds: float | None) -> timedelta | None:
        return None if seconds is None else timedelta(seconds=seconds)

    def report(outcome: Removed | Exception) -> None:
        if isinstance(outcome, Exception):
            _log.error("retention failed", exc_info=outcome)
        else:
            _log.info(
                "retention",
                conversations=outcome.conversations,
                events=outcome.events,
                insights=outcome.insights,
            )

    keeper = Keeper(
        stores.retention,
        Retention(
            kept(settings.retention_conversations_s),
            kept(settings.retention_events_s),
            kept(settings.retention_insights_s),
        ),
        now=real_clock.now,
        site_now=site_clock.now,
        sleep=asyncio.sleep,
        forget=turns.forget,
        report=report,
    )
    task = asyncio.create_task(keeper.run(), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _server(
    settings: Settings,
    place: Place | None,
    replica: str,
    stores: Stores,
    turns: Turns,
    warmer: Warmer,
    models: tuple[str, ...],
    real_clock: Clock,
    site_clock: Clock,
    health: ServiceHealth,
    recorder: Recorder | None,
    toolbox: Toolbox,
    templates: Templates,
    insights: InsightService,
    identities: Identities | None,
    limits: LimitsInterceptor | None,
    trail: AuditTrail | None,
) -> RpcServer:
    options = RpcOptions(
        host=settings.host,
        port=settings.port if place is None else place.port,
        port_search=settings.port_search,
        reuse_port=place is not None,
        own_port=None if place is None else place.own_port,
        max_message_bytes=settings.max_message_bytes,
        reflection=settings.reflection,
        tls=_tls(settings),
        insecure=settings.insecure,
    )
    prompts = PromptService(
        turns,
        warmer,
        now=real_clock.now,
        heartbeat_s=settings.heartbeat_s,
        chat=ChatOptions(ping_s=settings.chat_ping_s, models=models),
        leaving=_leaving(settings),
        new_id=_new_id,
        toolbox=toolbox,
    )
    servicers = {
        "PromptService": prompts,
        "MetricsService": MetricsService(
            health,
            UsageReports(
                stores.usage,
                now=real_clock.now,
                time_zone=settings.time_zone,
                may_audit=_auditors(settings),
            ),
        ),
        "HistoryService": HistoryService(
            stores.conversations,
            now=real_clock.now,
            forget=turns.forget,
            may_audit=_auditors(settings),
            heartbeat_s=settings.heartbeat_s,
        ),
        "EventService": EventService(stores.events, stores.catalogue, site_now=site_clock.now),
        "SiteService": SiteService(stores.catalogue),
        "InsightService": insights,
        "TemplateService": TemplateService(templates),
    }
    server = RpcServer(
        options,
        servicers,
        log=structlog.get_logger("eps.rpc"),
        new_id=lambda: uuid.uuid4().hex,
        new_incident=lambda: uuid.uuid4().hex,
        monotonic=time.monotonic,
        replica=replica,
        call_ended=None if recorder is None else recorder.call_ended,
        resolve=default_caller if identities is None else identities.resolve,
        interceptors=() if limits is None else (limits,),
        outside=() if trail is None else (AuditInterceptor(trail, real_clock.now),),
    )
    health.serves(server, prompts)
    return server


def _recorder(settings: Settings, replica: str, parts: Dependencies) -> Recorder | None:
    if settings.metrics_port is None:
        return None
    # Prometheus's client is imported only where somebody may read the numbers.
    from .metrics import Recorder

    return Recorder(replica=replica, version=__version__, dependencies=parts)


def _memory_readings(memory: HotMemory) -> tuple[Reading, ...]:
    from .metrics import Reading

    return (
        Reading("eps_hot_memory_hits", "Reads it served.", lambda: memory.hits, counts=True),
        Reading("eps_hot_memory_misses", "Reads left to SQL.", lambda: memory.misses, counts=True),
    )


@contextmanager
def _endpoint(
    settings: Settings, recorder: Recorder, server: RpcServer, turns: Turns
) -> Generator[int | None]:
    """Where the numbers can be read, until the block is left. A service without it still serves."""
    from .metrics import Endpoint, Reading

    recorder.show(
        Reading("eps_turns_running", "Turns that run here now.", lambda: turns.running),
        Reading("eps_turn_log_bytes", "Memory that turn logs take.", lambda: turns.log_bytes),
        Reading("eps_calls_open", "Calls and streams under way.", lambda: server.live.count),
    )
    port = settings.metrics_port or 0
    endpoint = Endpoint(recorder.registry, settings.metrics_host, port, settings.port_search)
    try:
        endpoint.start()
    except OSError as error:
        _log.error("no port for metrics", host=settings.metrics_host, port=port, error=str(error))
        yield None
        return
    try:
        yield endpoint.port
    finally:
        endpoint.stop()


def _leaving(settings: Settings) -> LeavingOptions:
    return LeavingOptions(
        age_s=settings.stream_age_s,
        time_left_s=settings.stream_leave_s,
        drain_s=settings.drain_s,
    )


def _identities(settings: Settings, stores: Stores, real_clock: Clock) -> Identities | None:
    """Who calls; None where nobody is asked."""
    if not settings.identity_configured:
        return None
    # Cryptography and tokens are imported only where somebody is asked.
    from .rpc.identity import identities_of

    secret = settings.jwt_secret
    return identities_of(
        keys=stores.keys if settings.api_keys else None,
        jwks=settings.jwt_jwks,
        secret="" if secret is None else secret.get_secret_value(),
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        skew_s=settings.jwt_skew_s,
        claims=settings.jwt_claims,
        certificates=settings.tls_client_ca is not None,
        anonymous_tenant=settings.anonymous_tenant,
        gateways=settings.trusted_gateways,
        now=real_clock.now,
        monotonic=time.monotonic,
        new_id=lambda: uuid.uuid4().hex,
        log=structlog.get_logger("eps.identity"),
    )


@asynccontextmanager
async def _limits(settings: Settings, turns: Turns) -> AsyncGenerator[LimitsInterceptor | None]:
    """What callers may take; None where nobody counts."""
    if not settings.limited:
        yield None
        return
    rules = LimitRules(
        user=Share(settings.limit_questions, settings.limit_calls, settings.limit_streams),
        tenant=Share(
            settings.limit_tenant_questions,
            settings.limit_tenant_calls,
            settings.limit_tenant_streams,
        ),
        anonymous=Share(settings.limit_anonymous_questions, 60, 5),
        user_turns=settings.limit_turns,
        all_turns=settings.limit_all_turns,
    )
    from .bus.budgets import MemoryBudgets, RedisBudgets

    budgets = local = MemoryBudgets()
    shared = None
    if settings.redis_url:
        budgets = shared = RedisBudgets(settings.redis_url, local, prefix=settings.redis_prefix)
    try:
        yield LimitsInterceptor(
            rules, budgets, running=lambda: turns.running, running_of=turns.running_of
        )
    finally:
        if shared is not None:
            await shared.close()


def _auditors(settings: Settings) -> Callable[[Caller], bool]:
    """Who may look at, and change, what belongs to other users of the tenant."""
    return access.may_audit if settings.identity_configured else lambda _: False


def _tls(settings: Settings) -> TlsFiles | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)


@asynccontextmanager
async def administering(settings: Settings) -> AsyncGenerator[Stores]:
    """The stores alone, for commands that work on the database directly; nothing is served."""
    settings.home.mkdir(parents=True, exist_ok=True)
    database = await Database.open(settings.database)
    try:
        await database.migrate()
        yield await open_stores(database, default_zone=settings.time_zone)
    finally:
        await database.close()


async def _drain(server: RpcServer, turns: Turns, drain_s: float) -> None:
    """Take nothing new, let running turns finish, then close what still runs, then the server.

    Stopping turns gives every stream its closing frame, so that the server's own end cuts nothing.
    """

    async def finish_turns() -> None:
        await turns.idle(drain_s)
        turns.stop()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.stop(drain_s + _CLOSE_S))
        tasks.create_task(finish_turns())


async def _fail_orphans(stores: Stores, home: Home, clock: Clock) -> None:
    lost = TurnError(
        Reason.RUNNER_LOST, "the server stopped while this turn was running", retryable=True
    )
    count = await stores.turns.fail_orphans(f"{home.instance}/", lost, clock.now())
    if count:
        _log.warning("closed turns of a former process", turns=count)


def _new_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


def _end_with(life_fd: int, stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    def ended() -> None:
        loop.remove_reader(life_fd)  # the end of a pipe stays readable
        stop.set()

    loop.add_reader(life_fd, ended)


def _record(app: App) -> dict[str, object]:
    """What the home says of a running server."""
    return {
        "address": app.address,
        "grpc_port": app.port,
        "pid": os.getpid(),
        "replica": app.replica,
        "metrics_port": app.metrics_port,
        "site_time": app.site_clock.now().isoformat() if app.site_clock.moved else None,
    }


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not on every platform
        asyncio.run(main)
    else:
        uvloop.run(main)
