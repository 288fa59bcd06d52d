"""What answers, and the tools beside it: the embedded engine, or models in front of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from ..agent.models import (
    GROUNDED,
    CallLimits,
    ChainOptions,
    CircuitOptions,
    LinkFailure,
    ModelChain,
    Prices,
    parse_links,
)
from ..config import Settings
from ..domain.answers import ModelUsage
from ..domain.clock import RealClock
from ..domain.forecasts import Forecast, ForecastAsk, TooLittleHistory
from ..domain.health import Health, ProviderHealth
from ..domain.identity import Caller
from ..domain.insights import InsightFilter, InsightPage
from ..domain.metrics import EndedModelCall
from ..domain.standing import RuleMaker
from ..domain.stores import EventStore
from ..domain.times import Interval
from ..domain.tracing import NO_TRACING, Tracing
from ..domain.warming import Warm, Warmer
from ..rpc.templates import Templates
from ..rpc.toolbox import Toolbox
from ..storage import Stores
from ..turns import Agent, Turns
from .base import Base, new_id
from .callers import auditors

if TYPE_CHECKING:
    from ..agent.grounded import GroundedEngine
    from ..agent.grounded.foreseen import Foreseen
    from ..agent.grounded.noticed import Noticed

_log = structlog.get_logger("eps")


class WarmAgent(Agent, Protocol):
    """An agent that can be made ready before its first turn."""

    async def prewarm(self, caller: Caller) -> None:
        """Load what the first question would otherwise wait for."""
        ...


Foresee = Callable[[EventStore, Caller, ForecastAsk], Awaitable[Forecast | TooLittleHistory]]
AgentMaker = Callable[[Stores, Settings], WarmAgent]


def grounded_agent(stores: Stores, settings: Settings) -> WarmAgent:
    """The embedded engine behind its graph: no key, no network."""
    # LangGraph takes half a second to import: only where an agent is really wanted.
    from ..agent.graph import GroundedAgent
    from ..agent.prompts import SuggestingAgent

    engine = _engine(stores, settings)
    return SuggestingAgent(GroundedAgent(engine), engine, stores.templates)


def answering_agent(stores: Stores, settings: Settings, chain: ModelChain) -> WarmAgent:
    """What EPS_MODELS names: the embedded engine alone, or models in front of it."""
    if chain.links == (GROUNDED,):
        return grounded_agent(stores, settings)
    from ..agent.modelled import ModelAgent
    from ..agent.prompts import SuggestingAgent
    from ..agent.trail import ModelBudget

    engine = _engine(stores, settings)
    agent = ModelAgent(
        engine,
        chain,
        settings.time_zone,
        insights=stores.insights,
        budget=ModelBudget(settings.model_steps, settings.model_tokens, settings.model_seconds),
        monotonic=time.monotonic,
    )
    return SuggestingAgent(agent, engine, stores.templates)


def model_chain(
    settings: Settings,
    ended: Callable[[EndedModelCall], None] = lambda call: None,
    tracing: Tracing = NO_TRACING,
) -> ModelChain:
    """The links that EPS_MODELS names. Nothing is asked, and no provider's package is loaded.
    `ended` hears of each call of a model, `tracing` makes a span of it."""
    options = ChainOptions(
        limits=CallLimits(
            settings.model_first_token_s, settings.model_idle_s, settings.model_call_s
        ),
        circuit=CircuitOptions(calls=settings.model_calls),
        prices=Prices(settings.model_prices),
        output_tokens=settings.model_output_tokens,
        temperature=settings.model_temperature,
    )
    return ModelChain(parse_links(settings.models), options, ended=ended, tracing=tracing)


def warmer(stores: Stores, agent: WarmAgent, chain: ModelChain) -> Warmer:
    """Makes the next question fast; a model that is not ready keeps nothing from serving."""

    async def storage(caller: Caller) -> str:
        await stores.turns.find_request(caller, "prewarm", datetime.now(UTC))
        return "database open, tables up to date"

    async def catalogue(caller: Caller) -> str:
        await stores.catalogue.catalogue(caller)
        return "sites and cameras read"  # not how many: others who may see fewer are told as well

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


def providers(chain: ModelChain, turns: Turns) -> list[ProviderHealth]:
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


def prompt_tools(
    base: Base, agent: Agent, chain: ModelChain
) -> tuple[Toolbox, Templates, RuleMaker]:
    """Tools of prompts, and what understands standing questions, over the agent's own engine where
    it has one: indexes are kept once."""
    from ..agent.grounded import GroundedEngine
    from ..agent.grounded.standing import StandingReader
    from ..agent.prompts import EngineDrafter, EnginePrompts, ModelPrompts

    settings, stores = base.settings, base.stores
    real_clock, site_clock = base.real_clock, base.site_clock
    engine = getattr(agent, "engine", None)
    if not isinstance(engine, GroundedEngine):
        engine = _engine(stores, settings)
    rules = StandingReader(engine, stores.events)
    templates = Templates(
        stores.templates,
        stores.catalogue,
        EngineDrafter(engine, stores.conversations, now=site_clock.now),
        now=real_clock.now,
        new_id=new_id,
        may_change=auditors(settings),
    )
    tools = EnginePrompts(
        engine, stores.conversations, now=site_clock.now, history_turns=settings.history_turns
    )
    if chain.links == (GROUNDED,):
        return Toolbox(tools, templates), templates, rules

    async def record(caller: Caller, calls: Sequence[ModelUsage]) -> None:
        await stores.usage.record(caller, calls, real_clock.now())

    return Toolbox(ModelPrompts(chain, tools, record), templates), templates, rules


def _engine(stores: Stores, settings: Settings) -> GroundedEngine:
    """The embedded engine with what it is told of insights and forecasts."""
    from ..agent.grounded import GroundedEngine

    return GroundedEngine(
        stores.events,
        stores.catalogue,
        settings.time_zone,
        _noticed(stores),
        _foreseen(stores),
    )


def _foreseen(stores: Stores) -> Foreseen:
    """What answers rest on where they are about what is still to come."""

    async def find(caller: Caller, ask: ForecastAsk) -> Forecast | TooLittleHistory:
        # It needs numpy, which takes a tenth of a second to load: not before it is asked.
        foresee = await asyncio.to_thread(_load_foresee)
        return await foresee(stores.events, caller, ask)

    return find


def _load_foresee() -> Foresee:
    from ..insights.foreseeing import foresee

    return foresee


def _noticed(stores: Stores) -> Noticed:
    """What answers rest on where they are about what is out of the ordinary."""
    now = RealClock().now

    async def find(caller: Caller, chosen: InsightFilter, window: Interval) -> InsightPage:
        return await stores.insights.page(caller, chosen, now=now(), window=window)

    return find
