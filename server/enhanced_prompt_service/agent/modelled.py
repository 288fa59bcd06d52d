"""The agent with models: the same graph, in which a model asks the engine and words the answer.

    model ⇄ tools → check
      ↓ no model left
    understand → retrieve → answer      (the embedded engine)

A model's text is shown as it is written. Where a model fails, the next link begins, with what the
tools have already found; where no model is left, the embedded engine answers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from langgraph.graph import (  # pyright: ignore[reportMissingTypeStubs]
    END,
    START,
    StateGraph,
)
from langgraph.runtime import Runtime

from enhanced_prompt_service.domain.answers import Answer, JsonValue
from enhanced_prompt_service.domain.errors import ServiceError
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import InsightReader
from enhanced_prompt_service.domain.tracing import traced
from enhanced_prompt_service.turns import Turn

from .composing import composed, passed
from .graph import GroundedAgent
from .grounded import GroundedEngine
from .instructions import ANSWER_NOW, opening
from .models import (
    FailureKind,
    LinkFailure,
    ModelChain,
    NoModelLeft,
    ToolCall,
)
from .tools import TOOLS, Looked, Toolbox, ToolOutcome
from .tools.running import unavailable
from .tools.schemas import definitions
from .trail import ModelBudget, Trail, TurnSink

MOST_CALLS = 8  # tools that one reply may call


class ModelState(TypedDict, total=False):
    """What the nodes hand on."""

    trail: Trail
    answer: Answer


class ModelAgent:
    """Answers turns with the chain's models, and with the engine where none is left.

    `default_zone` is the tenant's IANA time zone. Without `insights` models have no tool for them.
    """

    def __init__(
        self,
        engine: GroundedEngine,
        chain: ModelChain,
        default_zone: str,
        *,
        insights: InsightReader | None = None,
        budget: ModelBudget | None = None,
        monotonic: Callable[[], float],
    ) -> None:
        self.engine = engine
        self._chain = chain
        self._zone = default_zone
        self._budget = budget or ModelBudget()
        self._monotonic = monotonic
        self._grounded = GroundedAgent(engine)
        self._insights = insights
        self._tools = definitions(insights=insights is not None)
        # LangGraph leaves its own type parameters unknown; what goes in and out is ModelState.
        graph: Any = StateGraph(ModelState, context_schema=Turn)
        graph.add_node("model", self._model)
        graph.add_node("tools", self._call_tools)
        graph.add_node("check", self._check)
        graph.add_node("grounded", self._answer_grounded)
        graph.add_conditional_edges(START, self._first, {"model": "model", "grounded": "grounded"})
        graph.add_conditional_edges(
            "model",
            self._next,
            {"model": "model", "tools": "tools", "check": "check", "grounded": "grounded"},
        )
        graph.add_edge("tools", "model")
        graph.add_edge("check", END)
        graph.add_edge("grounded", END)
        self._graph: Any = graph.compile()

    @property
    def model(self) -> str:
        """What answers first."""
        return self._chain.links[0]

    @property
    def models(self) -> tuple[str, ...]:
        """What can be chosen, in order."""
        return self._chain.links

    async def answer(self, turn: Turn) -> Answer:
        """Run the graph for one turn. Raises NoModelLeft where all models failed and the engine is
        not behind them, InvalidArgument for a model that is not in the chain."""
        run = self._chain.begin(turn.request.model, calls=turn.calls)
        trail = Trail(
            run=run,
            toolbox=Toolbox(self.engine, turn, self._insights),
            messages=opening(turn.request.query, turn.history, turn.now, self._zone_of(turn)),
            started=self._monotonic(),
        )
        most = 4 * (self._budget.steps + len(self._chain.links)) + 8
        state: ModelState = await self._graph.ainvoke(
            ModelState(trail=trail), {"recursion_limit": most}, context=turn
        )
        assert "answer" in state
        return state["answer"]

    async def prewarm(self, caller: Caller) -> None:
        """Load what the first question would otherwise wait for, but for the models themselves."""
        await self._grounded.prewarm(caller)

    # ---- edges ----------------------------------------------------------------------------------

    def _first(self, state: ModelState) -> str:
        assert "trail" in state
        return "model" if state["trail"].run.asks_model else "grounded"

    def _next(self, state: ModelState) -> str:
        assert "trail" in state
        trail = state["trail"]
        if trail.last is None:
            return "model" if trail.run.asks_model else "grounded"
        return "tools" if trail.last.tool_calls else "check"

    # ---- nodes ----------------------------------------------------------------------------------

    async def _model(self, state: ModelState, runtime: Runtime[Turn]) -> dict[str, Any]:
        """One reply. `last` stays None where it is of no use and the way goes on without it."""
        assert "trail" in state
        turn, trail = runtime.context, state["trail"]
        if trail.steps == 0:
            turn.writer.agent_started("model")
        sink = TurnSink(turn)
        final = self._spent(trail)
        messages = trail.messages
        if final:
            from langchain_core.messages import HumanMessage

            messages = [*messages, HumanMessage(ANSWER_NOW)]
        trail.steps += 1
        trail.last = None
        try:
            reply = await trail.run.respond(messages, sink, tools=self._tools)
        except NoModelLeft as nobody:
            if not nobody.grounded:
                raise
            return {"trail": trail}
        finally:
            sink.flush()
        if final and reply.tool_calls:
            trail.run.give_up(
                LinkFailure(FailureKind.TOO_LONG, "it came to no answer within its budget"), sink
            )
            if not trail.run.asks_model and not trail.run.link:
                raise trail.run.exhausted()
            return {"trail": trail}
        trail.last = reply
        return {"trail": trail}

    async def _call_tools(self, state: ModelState, runtime: Runtime[Turn]) -> dict[str, Any]:
        """All calls of a reply at once, each answered; evidence comes before the text on it."""
        from langchain_core.messages import ToolMessage

        assert "trail" in state
        turn, trail = runtime.context, state["trail"]
        assert trail.last is not None
        calls = trail.last.tool_calls
        before = len(trail.toolbox.evidence)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._call(turn, trail, at, one)) for at, one in enumerate(calls)
            ]
        trail.messages.append(trail.last.message)
        for call, task in zip(calls, running, strict=True):
            found = task.result()
            looked = isinstance(found, Looked)
            trail.messages.append(
                ToolMessage(
                    trail.toolbox.take(found) if looked else found.content,
                    tool_call_id=call.call_id,
                    name=call.name,
                    status="success" if looked or found.ok else "error",
                )
            )
        main = trail.toolbox.main
        if main is not None:
            turn.writer.interpretation = main.query.interpretation
            if len(trail.toolbox.evidence) > before:
                turn.writer.evidence_found(trail.toolbox.evidence, main.findings.total_matches)
        return {"trail": trail}

    async def _call(
        self, turn: Turn, trail: Trail, at: int, call: ToolCall
    ) -> Looked | ToolOutcome:
        call_id = f"{turn.turn_id}-{trail.steps}-{at + 1}"
        turn.writer.tool_started(call.name, call_id, _shown(call))
        found: Looked | ToolOutcome
        if at >= MOST_CALLS:
            found = ToolOutcome("Error. Too many calls at once.", "too many calls", ok=False)
        else:
            try:
                name = call.name if call.name in TOOLS else "unknown"  # a model may say anything
                about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
                with traced(turn.tracing, f"execute_tool {name}", about):
                    found = await trail.toolbox.look(call.name, call.arguments)
            except ServiceError as error:
                found = unavailable(error)
        ok = isinstance(found, Looked) or found.ok
        turn.writer.tool_finished(call.name, call_id, found.line, ok=ok)
        return found

    async def _check(self, state: ModelState, runtime: Runtime[Turn]) -> dict[str, Any]:
        assert "trail" in state
        turn, trail = runtime.context, state["trail"]
        assert trail.last is not None
        return {"answer": await composed(self.engine, turn, trail, trail.last)}

    async def _answer_grounded(self, state: ModelState, runtime: Runtime[Turn]) -> dict[str, Any]:
        """The engine answers; what models failed before it is noted."""
        assert "trail" in state
        turn, trail = runtime.context, state["trail"]
        answer = await self._grounded.answer(turn)
        if trail.run.passed:
            metadata: dict[str, JsonValue] = {**answer.metadata, "models_passed": passed(trail)}
            answer = replace(answer, metadata=metadata)
        return {"answer": answer}

    # ---- parts ----------------------------------------------------------------------------------

    def _spent(self, trail: Trail) -> bool:
        """Whether this has to be the last reply."""
        budget = self._budget
        used = sum((one.input_tokens or 0) + (one.output_tokens or 0) for one in trail.run.calls)
        return (
            trail.steps >= budget.steps - 1
            or used >= budget.tokens
            or self._monotonic() - trail.started >= budget.seconds
        )

    def _zone_of(self, turn: Turn) -> ZoneInfo:
        return ZoneInfo(turn.request.time_zone or self._zone)


def _shown(call: ToolCall) -> str:
    """A call's arguments as a frame shows them."""
    if call.arguments is None:
        return call.raw
    return json.dumps(dict(call.arguments), ensure_ascii=False, separators=(",", ":"))
