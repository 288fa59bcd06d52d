"""The rpc room with everything under it real but the agent: SQLite, turns, servicers, TCP."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import (
    compat_service_pb2_grpc,
    event_service_pb2_grpc,
    history_service_pb2_grpc,
    insight_service_pb2_grpc,
    prompt_service_pb2_grpc,
    site_service_pb2_grpc,
    template_service_pb2_grpc,
)
from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.agent.grounded.standing import StandingReader
from enhanced_prompt_service.agent.prompts import EngineDrafter, EnginePrompts
from enhanced_prompt_service.bus import MemoryBus
from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.health import (
    ComponentHealth,
    Health,
    ProviderHealth,
    SystemHealth,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.prompts import PromptTools
from enhanced_prompt_service.domain.warming import Warmer
from enhanced_prompt_service.insights.feed import Feeds, channel
from enhanced_prompt_service.rpc.frames import encode
from enhanced_prompt_service.rpc.leaving import LeavingOptions
from enhanced_prompt_service.rpc.resume_tokens import ResumeTokens
from enhanced_prompt_service.rpc.server import RpcOptions, RpcServer
from enhanced_prompt_service.rpc.services import (
    CompatService,
    EventService,
    HistoryService,
    InsightService,
    PromptService,
    SiteService,
    TemplateService,
)
from enhanced_prompt_service.rpc.services.compat import CompatOptions
from enhanced_prompt_service.rpc.services.insights import Standing, encoder
from enhanced_prompt_service.rpc.templates import Templates
from enhanced_prompt_service.rpc.toolbox import Toolbox
from enhanced_prompt_service.sources.cloud_events import read_cloud_events
from enhanced_prompt_service.storage import Database, Stores, open_stores
from enhanced_prompt_service.turns import RunnerParts, Turn, Turns, TurnsConfig

from .kit import Log

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
Play = Callable[[Turn], Awaitable[None]]


def an_answer(text: str) -> Answer:
    """The least that an agent may answer."""
    return Answer(text, ResponseType.ANSWER, 0.9, Interpretation(QuestionType.COUNT))


class Playing:
    """An agent that does what the test says, and answers with the text that it wrote."""

    model = "playing"

    def __init__(self) -> None:
        self.play: Play | None = None
        self.turns: list[Turn] = []

    async def answer(self, turn: Turn) -> Answer:
        self.turns.append(turn)
        if self.play is None:
            turn.writer.text("two ")
            turn.writer.text("cars")
        else:
            await self.play(turn)
        return an_answer(turn.writer.said)


class Healthy:
    """A service whose health is as it is set; counts how often somebody looked."""

    def __init__(self) -> None:
        self.status = Health.HEALTHY
        self.looks = 0

    async def system_health(self) -> SystemHealth:
        self.looks += 1
        return SystemHealth(
            status=self.status,
            time=NOW,
            version="1",
            agent_id="agent-1",
            agent_initialized=True,
            machine_cpu=1.0,
            machine_memory=2.0,
            queue_size=0,
            components=tuple(
                ComponentHealth(name, self.status, "in /secret/place", NOW)
                for name in ("storage", "bus", "agent")
            ),
            providers=(
                ProviderHealth("openai:gpt", Health.DEGRADED, 0, last_error="key sk-1 is wrong"),
            ),
            replicas=(),
        )


@dataclass
class Stack:
    """A running server and what is under it."""

    server: RpcServer
    channel: grpc.aio.Channel
    stores: Stores
    turns: Turns
    agent: Playing
    log: Log
    clock: FixedClock
    tokens: ResumeTokens
    feeds: Feeds

    @property
    def insights(self) -> Any:
        return insight_service_pb2_grpc.InsightServiceStub(self.channel)

    @property
    def prompts(self) -> Any:
        return prompt_service_pb2_grpc.PromptServiceStub(self.channel)

    @property
    def compat(self) -> Any:
        return compat_service_pb2_grpc.CompatServiceStub(self.channel)

    @property
    def events(self) -> Any:
        return event_service_pb2_grpc.EventServiceStub(self.channel)

    @property
    def sites(self) -> Any:
        return site_service_pb2_grpc.SiteServiceStub(self.channel)

    @property
    def templates(self) -> Any:
        return template_service_pb2_grpc.TemplateServiceStub(self.channel)

    @property
    def history(self) -> Any:
        return history_service_pb2_grpc.HistoryServiceStub(self.channel)


@asynccontextmanager
async def running(
    folder: Path,
    *,
    heartbeat_s: float = 60.0,
    options: RpcOptions | None = None,
    may_audit: Callable[[Caller], bool] = lambda _: False,
    tools: PromptTools | bool = False,
    insight_leaving: LeavingOptions | None = None,
    ring_bytes: int = 1_000_000,
    live: Any = None,
    monotonic: Callable[[], float] = time.monotonic,
    **prompts: Any,
) -> AsyncIterator[Stack]:
    """A whole stack on a database of its own; `prompts` goes to its PromptService.

    `tools` True are the engine's; with any, there are templates as well.
    """
    log, agent, clock = Log(), Playing(), FixedClock(NOW)
    numbers = itertools.count(1)
    database = await Database.open(f"sqlite:///{folder / 'eps.db'}")
    await database.migrate()
    bus = MemoryBus(time.monotonic)
    stores = await open_stores(database, on_insights=lambda tenant: bus.signal(channel(tenant)))
    tokens = ResumeTokens(b"s" * 32)
    feeds = Feeds(
        stores.insights,
        bus,
        encoder(tokens),
        report=lambda error: log.error("feed", error=error),
        ring_bytes=ring_bytes,
    )
    parts = RunnerParts(
        agent=agent,
        turns=stores.turns,
        conversations=stores.conversations,
        real_clock=clock,
        site_clock=clock,
        monotonic=time.monotonic,
        timeout_s=120.0,
        history_turns=20,
    )

    engine = GroundedEngine(stores.events, stores.catalogue, "UTC")
    templates = Templates(
        stores.templates,
        stores.catalogue,
        EngineDrafter(engine, stores.conversations, now=clock.now),
        now=clock.now,
        new_id=lambda kind: f"{kind}_{next(numbers)}",
    )
    if tools:
        chosen = (
            EnginePrompts(engine, stores.conversations, now=clock.now) if tools is True else tools
        )
        prompts["toolbox"] = Toolbox(chosen, templates)

    async def warm(_: Any) -> str:
        return "compiled"

    try:
        async with (
            Turns(
                parts,
                TurnsConfig(runner="test"),
                encode,
                lambda kind: f"{kind}_{next(numbers)}",
            ) as turns,
            Warmer(
                "agent-1",
                {"agent": warm},
                monotonic=time.monotonic,
                on_failure=lambda name, error: log.error(name, error=error),
            ) as warmer,
            RpcServer(
                options or RpcOptions(port=0),
                {
                    "PromptService": PromptService(
                        turns, warmer, now=clock.now, heartbeat_s=heartbeat_s, **prompts
                    ),
                    "HistoryService": HistoryService(
                        stores.conversations,
                        now=clock.now,
                        forget=turns.forget,
                        may_audit=may_audit,
                    ),
                    "EventService": EventService(
                        stores.events,
                        stores.catalogue,
                        site_now=clock.now,
                        read_cloud_events=read_cloud_events,
                    ),
                    "CompatService": CompatService(
                        turns,
                        warmer,
                        live or Healthy(),
                        stores.conversations,
                        stores.insights,
                        now=clock.now,
                        monotonic=monotonic,
                        options=CompatOptions(models=("playing",), heartbeat_s=heartbeat_s),
                    ),
                    "SiteService": SiteService(stores.catalogue),
                    "TemplateService": TemplateService(templates),
                    "InsightService": InsightService(
                        stores.insights,
                        feeds,
                        tokens,
                        stores.events,
                        stores.catalogue,
                        now=clock.now,
                        heartbeat_s=heartbeat_s,
                        leaving=insight_leaving,
                        standing=Standing(
                            stores.standing,
                            StandingReader(engine, stores.events),
                            stores.events,
                            stores.catalogue,
                            now=clock.now,
                            site_now=clock.now,
                        ),
                    ),
                },
                log=log.bound(),
                new_id=lambda: f"req_{next(numbers)}",
                new_incident=lambda: f"incident_{next(numbers)}",
                monotonic=time.monotonic,
            ) as server,
            grpc.aio.insecure_channel(
                server.address, options=[("grpc.use_local_subchannel_pool", 1)]
            ) as to,
        ):
            await server.ready()
            yield Stack(server, to, stores, turns, agent, log, clock, tokens, feeds)
    finally:
        await database.close()
