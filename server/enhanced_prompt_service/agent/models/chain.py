"""The chain: models that are tried in order until one answers.

    chain = ModelChain(parse_links("deepseek:deepseek-chat, openai:gpt-4o-mini, grounded"))
    run = chain.begin(calls=turn.calls)             # a turn's way along the chain
    reply = await run.respond(messages, sink, tools=tools)

A link that fails before its first visible text is passed over, and noted in `run.passed`. One that
fails after it has its text withdrawn (`sink.withdraw`), and the next one begins anew: a user never
sees two models' texts joined. A run stays with the link that answered last, and never goes back.

What each call used is appended to `calls` however the call ends, also when it is cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from enhanced_prompt_service.domain.answers import ModelUsage
from enhanced_prompt_service.domain.errors import model_not_configured
from enhanced_prompt_service.domain.metrics import EndedModelCall
from enhanced_prompt_service.domain.tracing import NO_TRACING, Span, Tracing, Value

from .call import CallLimits, Deadline, call
from .circuit import Circuit, CircuitOptions, LinkState
from .failures import FailureKind, LinkFailure, NoModelLeft, Passed
from .links import GROUNDED, Link
from .prices import Prices
from .providers import Builder, BuiltModel, NotBuilt, build
from .replies import Collector, Reply, Sink, portable
from .usage import estimated, reported

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """How the chain behaves. `output_tokens` is the most that one call may put out."""

    limits: CallLimits = field(default_factory=CallLimits)
    circuit: CircuitOptions = field(default_factory=CircuitOptions)
    prices: Prices = field(default_factory=Prices)
    output_tokens: int = 2000
    temperature: float | None = None


@dataclass(slots=True)
class _Station:
    """A link at work: its circuit, and its model once it was asked."""

    link: Link
    circuit: Circuit | None
    built: BuiltModel | None = None
    building: asyncio.Lock = field(default_factory=asyncio.Lock)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ModelChain:
    """The configured links. One instance serves all turns; it belongs to one event loop.

    `build_model` makes a link's model; the usual one goes through LangChain. `ended` hears of each
    call of a model, however it ended; `tracing` makes a span of each.
    """

    def __init__(
        self,
        links: Sequence[Link],
        options: ChainOptions | None = None,
        *,
        build_model: Builder | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
        ended: Callable[[EndedModelCall], None] = lambda call: None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self.options = options or ChainOptions()
        self.ended = ended
        self.tracing = tracing
        self._build = build_model or partial(
            build,
            output_tokens=self.options.output_tokens,
            temperature=self.options.temperature,
        )
        self.monotonic = monotonic
        self.now = now
        self._stations = [
            _Station(
                link,
                None
                if link.grounded
                else Circuit(link.name, self.options.circuit, monotonic=monotonic, now=now),
            )
            for link in links
        ]

    @property
    def links(self) -> tuple[str, ...]:
        """Names of all links, in order: "provider:model", and "grounded" for the engine."""
        return tuple(one.link.name for one in self._stations)

    @property
    def has_model(self) -> bool:
        """Whether a language model is asked before the engine: without one the engine answers."""
        return bool(self._stations) and not self._stations[0].link.grounded

    def states(self) -> tuple[LinkState, ...]:
        """A snapshot of all links, in order, for health."""
        return tuple(
            LinkState(GROUNDED, None) if one.circuit is None else one.circuit.snapshot()
            for one in self._stations
        )

    def check(self, model: str) -> None:
        """Raises InvalidArgument (MODEL_NOT_CONFIGURED, field `model`) for one not in the chain."""
        if model and model not in self.links:
            raise model_not_configured(model, self.links)

    def begin(self, model: str = "", *, calls: list[ModelUsage] | None = None) -> ChainRun:
        """One turn's way along the chain, from the chosen link on ("" from the first one).

        What its calls use is appended to `calls`. Raises InvalidArgument (MODEL_NOT_CONFIGURED).
        """
        self.check(model)
        start = self.links.index(model) if model else 0
        return ChainRun(self, self._stations[start:], [] if calls is None else calls)

    def alone(self, model: str) -> ChainRun:
        """A way on which only this link is asked. Raises InvalidArgument (MODEL_NOT_CONFIGURED)."""
        self.check(model)
        return ChainRun(self, [one for one in self._stations if one.link.name == model], [])

    async def model_of(self, station: _Station) -> BuiltModel:
        """A link's model, made when it is first wanted: in a thread, as importing a provider's
        package takes a second. Raises LinkFailure where it can't be made."""
        if station.built is None:
            async with station.building:
                if station.built is None:
                    try:
                        station.built = await asyncio.to_thread(self._build, station.link)
                    except NotBuilt as error:
                        raise LinkFailure(FailureKind.REFUSED, str(error)) from error
        return station.built

    async def warm(self, model: str) -> None:
        """Load what a link's first call would otherwise wait for; asks nobody. Raises LinkFailure
        where it can't be asked as things are."""
        for station in self._stations:
            if station.link.name == model and not station.link.grounded:
                await self.model_of(station)

    async def close(self) -> None:
        """Close all connections. Calls that still run fail."""
        for station in self._stations:
            if station.built is not None:
                built, station.built = station.built, None
                await built.close()


class ChainRun:
    """One turn's way along the chain.

    Attributes:
        calls: What was used, a call at a time.
        passed: Links that were passed over so far.
        link: Name of the link that is asked now; "grounded" once no model is left before it.
    """

    def __init__(
        self, chain: ModelChain, stations: Sequence[_Station], calls: list[ModelUsage]
    ) -> None:
        self._chain = chain
        self._left = list(stations)
        self._said = False
        self._foreign = 0
        self.calls = calls
        self.passed: list[Passed] = []

    @property
    def link(self) -> str:
        """Who is asked now; "" when nobody is left."""
        return self._left[0].link.name if self._left else ""

    @property
    def asks_model(self) -> bool:
        """Whether a model is to be asked, and not the engine."""
        return bool(self._left) and not self._left[0].link.grounded

    async def respond(
        self,
        messages: Sequence[BaseMessage],
        sink: Sink,
        *,
        tools: Sequence[Any] = (),
        wishes: Mapping[str, Any] | None = None,
    ) -> Reply:
        """One reply, of the first link that gives one. `tools` are LangChain's (pydantic models or
        tool definitions), `wishes` parameters of this reply alone (`temperature`, `max_tokens`).

        Raises NoModelLeft: all failed, or the embedded engine is next.
        """
        while self.asks_model:
            station = self._left[0]
            started = self._chain.monotonic()
            try:
                return await self._ask(station, messages, sink, tools, wishes or {})
            except LinkFailure as failure:
                self._pass(station, failure, started, sink)
                messages = [portable(one) for one in messages]
        raise self.exhausted()

    def exhausted(self) -> NoModelLeft:
        """What `respond` raises when no model is left."""
        waits = [one.retry_in_s for one in self._chain.states() if one.retry_in_s is not None]
        return NoModelLeft(
            self.passed, grounded=bool(self._left), retry_after_s=min(waits, default=None)
        )

    def give_up(self, failure: LinkFailure, sink: Sink) -> None:
        """Pass over the present link although it answered: what it answered is of no use."""
        self._pass(self._left[0], failure, self._chain.monotonic(), sink)

    def _pass(self, station: _Station, failure: LinkFailure, started: float, sink: Sink) -> None:
        del self._left[0]
        after = round((self._chain.monotonic() - started) * 1000)
        withdrawn, self._said = self._said, False
        self.passed.append(
            Passed(station.link.name, failure.kind, failure.detail, after, withdrawn)
        )
        if withdrawn:
            sink.withdraw(station.link.name, self.link)

    async def _ask(
        self,
        station: _Station,
        messages: Sequence[BaseMessage],
        sink: Sink,
        tools: Sequence[Any],
        wishes: Mapping[str, Any],
    ) -> Reply:
        chain, circuit = self._chain, station.circuit
        assert circuit is not None
        collected = Collector()
        failure: LinkFailure | None = None
        answered = False
        probing: bool | None = None
        began, deadline = 0.0, None
        span: Span | None = None
        loop = asyncio.get_running_loop()
        limits = chain.options.limits
        built = await chain.model_of(station)
        try:
            async with Deadline(limits, loop.time()) as deadline:
                probing = await circuit.enter()
                began = loop.time()
                span = chain.tracing.begin(
                    f"chat {station.link.model}",
                    {
                        "gen_ai.operation.name": "chat",
                        "gen_ai.provider.name": station.link.provider,
                        "gen_ai.request.model": station.link.model,
                    },
                    kind="client",
                )
                reply = await call(
                    station.link,
                    built,
                    messages,
                    tools,
                    wishes,
                    collected,
                    sink,
                    deadline.token,
                )
            answered = True
        except LinkFailure as error:
            if probing is None and error.kind is FailureKind.FIRST_TOKEN:
                error = LinkFailure(FailureKind.BUSY, "as many calls as may run already do")
            failure = error
            raise error from error.__cause__
        finally:
            if collected.text:
                self._said = True
            if probing is not None:
                circuit.leave(probing, failure, answered=answered)
                used = self._count(station.link, messages, collected, failure)
                first = None if deadline is None else deadline.first_at
                if span is not None:
                    span.set(_used(used))
                    span.end("" if failure is None else failure.kind.value)
                chain.ended(
                    EndedModelCall(
                        model=station.link.name,
                        seconds=loop.time() - began,
                        first_token_s=None if first is None else first - began,
                        usage=used,
                        failure="" if failure is None else failure.kind.value,
                        detail="" if failure is None else failure.detail,
                    )
                )
        return reply

    def _count(
        self,
        link: Link,
        messages: Sequence[BaseMessage],
        collected: Collector,
        failure: LinkFailure | None,
    ) -> ModelUsage | None:
        """Note what the call used: as the provider says, else as it looks; a call that the
        provider turned away used nothing: None."""
        at, prices = self._chain.now(), self._chain.options.prices
        used = reported(link, collected.usage, prices, at) if collected.usage else None
        if used is None:
            if failure is not None and not collected.spoken and failure.kind in _UNUSED:
                return None
            put_in = [str(one.content) for one in messages]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            used = estimated(link, put_in, collected.spoken, prices, at)
        self.calls.append(used)
        return used


def _used(usage: ModelUsage | None) -> dict[str, Value]:
    """What a span says of tokens: as far as they are known."""
    if usage is None:
        return {}
    known = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    return {name: count for name, count in known.items() if count is not None}


_UNUSED = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.REFUSED,
        FailureKind.SERVER,
        FailureKind.UNREACHABLE,
        FailureKind.CIRCUIT_OPEN,
        FailureKind.BUSY,
    }
)
"""Failures before which the provider did no work that it charges for."""
