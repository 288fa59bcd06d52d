"""One service, put together."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ..agent.models import ModelChain
from ..config import Settings
from ..domain.clock import Clock, SiteClock
from ..domain.identity import Caller
from ..domain.tracing import NO_TRACING
from ..health import ServiceHealth
from ..metrics.live import LiveMetrics
from ..rpc.server import RpcServer
from ..storage import Stores
from ..turns import Turns
from ..workers.place import Place
from .agents import AgentMaker, answering_agent, model_chain, prompt_tools, providers, warmer
from .base import opened
from .callers import consents, identities, limits, trail
from .delivering import delivering, delivery_for, delivery_parts
from .keeping import keeping
from .metering import endpoint, live_metrics, memory_readings, metering, tracing
from .noticing import detecting, expiring, insight_service, watching
from .serving import Around, Served, drain, rpc_server
from .turning import hot_memory, turns


@dataclass(frozen=True, slots=True)
class App:
    """A running service. `address` is `host:port` as it was bound; `replica` is its name.

    `live` are the numbers of the whole service.

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
    live: LiveMetrics
    metrics_port: int | None = None


@asynccontextmanager
async def create_app(
    settings: Settings, *, make_agent: AgentMaker | None = None, place: Place | None = None
) -> AsyncGenerator[App]:
    """A service that answers, until the block is left; then it drains.

    `place` makes it one of several workers.

    Raises whatever keeps it from starting: a taken port, a database that is away, an address that
    is not loopback while there is no identity.
    """
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(opened(settings, place))
        metered = metering(base)
        traces = await stack.enter_async_context(tracing(base))
        chain = model_chain(settings, metered.model_ended, traces or NO_TRACING)
        stack.push_async_callback(chain.close)
        if make_agent is None:
            agent, models = answering_agent(base.stores, settings, chain), chain.links
        else:
            agent, models = make_agent(base.stores, settings), ()
        memory = hot_memory(settings.hot_memory_s, base.bus)
        run = await stack.enter_async_context(turns(base, agent, models, memory, metered, traces))
        warm = await stack.enter_async_context(warmer(base.stores, agent, chain))
        toolbox, templates, rules = prompt_tools(base, agent, chain)
        delivery = delivery_for(base)
        health = ServiceHealth(
            base.replica,
            base.dependencies,
            base.database.ping,
            base.bus,
            warm,
            lambda: providers(chain, run),
            base.real_clock.now,
            delivery_parts(base, delivery),
        )
        insights = await insight_service(base, rules)
        live = live_metrics(base, metered.counts, health, run, memory, insights)
        asked = consents(base)
        served = Served(
            run,
            warm,
            models or (agent.model,),
            health,
            live,
            toolbox,
            templates,
            insights,
            asked,
        )
        around = Around(
            metered,
            traces,
            identities(base),
            await stack.enter_async_context(trail(base)),
        )
        limited = await stack.enter_async_context(limits(settings, run))
        server = rpc_server(base, served, around, limited)
        if around.identities is not None:
            await stack.enter_async_context(around.identities.watching(server.live))
        await stack.enter_async_context(health.watching())
        metrics_port = None
        if metered.recorder is not None:
            if memory is not None:
                metered.recorder.show(*memory_readings(memory))
            metrics_port = stack.enter_context(endpoint(settings, metered.recorder, server, run))
        await stack.enter_async_context(live.publishing())
        await server.start()
        stack.push_async_callback(drain, server, run, settings.drain_s)
        await stack.enter_async_context(keeping(base, run))
        await stack.enter_async_context(expiring(base))
        await stack.enter_async_context(delivering(delivery, metered.recorder))
        await warm.prewarm(Caller(), wait=True)
        await server.ready()
        await stack.enter_async_context(detecting(base))
        await stack.enter_async_context(watching(base, asked))
        yield App(
            settings,
            server.address,
            server.port,
            base.stores,
            run,
            server,
            base.real_clock,
            base.site_clock,
            base.replica,
            chain,
            live,
            metrics_port,
        )
