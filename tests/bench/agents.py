"""Agents of the bench: a graph like the service's own, with nothing in it to find out.

*Instant node*: a node writes 100 tokens to the turn's log itself, as the embedded engine does.
*Instant model*: a node passes a chat model's tokens on, as an agent with a model does.
*Chained*: the service's own agent, whose chain is the instant model.
*Flood*: the instant node, but for questions that say "flood", whose answer has no end for a while.
*Long*: the instant node, as many different tokens as the question says.
*Stoppable*: a model that says one token and then nothing, and notes when it is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, TypedDict

from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from enhanced_prompt_service.agent import modelled
from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.agent.models import BuiltModel, ModelChain, parse_links
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.storage import Stores
from enhanced_prompt_service.turns import Turn

from .models import TOKENS, HangingModel, InstantModel

BLOCK = "x" * 2048


class State(TypedDict, total=False):
    """What the graph hands on."""

    answer: Answer


class NodeAgent:
    """The instant node, in a compiled graph."""

    model = "instant-node"

    def __init__(self) -> None:
        graph = StateGraph(State, context_schema=Turn)
        graph.add_node("answer", self._answer)
        graph.add_edge(START, "answer")
        graph.add_edge("answer", END)
        self._graph: Any = graph.compile()

    async def prewarm(self, caller: Caller) -> None:
        """Nothing is cold."""

    async def answer(self, turn: Turn) -> Answer:
        """Stream the tokens."""
        state = await self._graph.ainvoke(State(), context=turn)
        return state["answer"]

    async def _answer(self, state: State, runtime: Runtime[Turn]) -> State:
        turn = runtime.context
        for token in TOKENS:
            turn.writer.text(token)
            await asyncio.sleep(0)
        return {"answer": _answer(turn)}


class ModelAgent(NodeAgent):
    """The instant (or, with a pause, paced) model behind the same graph."""

    model = "instant-model"

    def __init__(self, pause_s: float = 0.0) -> None:
        super().__init__()
        self._model = InstantModel(pause_s=pause_s)

    async def _answer(self, state: State, runtime: Runtime[Turn]) -> State:
        turn = runtime.context
        async for chunk in self._model.astream([HumanMessage(turn.request.query)]):
            turn.writer.text(str(chunk.content))
        return {"answer": _answer(turn)}


def chained_agent(stores: Stores, settings: Settings) -> modelled.ModelAgent:
    """The service's own agent with a chain of the instant model: tools bound, claims checked."""
    chain = ModelChain(
        parse_links("instant:model"), build_model=lambda link: BuiltModel(InstantModel())
    )
    engine = GroundedEngine(stores.events, stores.catalogue, settings.time_zone)
    return modelled.ModelAgent(engine, chain, settings.time_zone, monotonic=time.monotonic)


class FloodAgent(NodeAgent):
    """The instant node; a question `flood N` gets N blocks of 2 KB, one each 2 ms."""

    model = "flood"

    async def _answer(self, state: State, runtime: Runtime[Turn]) -> State:
        turn = runtime.context
        word, _, blocks = turn.request.query.partition(" ")
        if word != "flood":
            return await super()._answer(state, runtime)
        for _ in range(int(blocks)):
            turn.writer.text(BLOCK)
            await asyncio.sleep(0.002)
        return {"answer": _answer(turn)}


class LongAgent(NodeAgent):
    """The instant node; a question `say N` gets N different tokens, a line each hundred, each
    after a pause."""

    model = "long"

    def __init__(self, pause_s: float = 0.0) -> None:
        super().__init__()
        self._pause_s = pause_s

    async def _answer(self, state: State, runtime: Runtime[Turn]) -> State:
        turn = runtime.context
        word, _, count = turn.request.query.partition(" ")
        for number in range(int(count) if word == "say" else len(TOKENS)):
            end = "\n" if number % 100 == 99 else " "
            turn.writer.text(f"w{number:05d}{end}")
            await asyncio.sleep(self._pause_s)
        return {"answer": _answer(turn)}


class StoppableAgent(NodeAgent):
    """A model that hangs after its first token. EPS_BENCH_NOTES is the file of its notes: the
    question and time.perf_counter() of each cancellation, a line each."""

    model = "stoppable"

    def __init__(self) -> None:
        super().__init__()
        self._model = HangingModel(notes=os.environ["EPS_BENCH_NOTES"])

    async def _answer(self, state: State, runtime: Runtime[Turn]) -> State:
        turn = runtime.context
        async for chunk in self._model.astream([HumanMessage(turn.request.query)]):
            turn.writer.text(str(chunk.content))
        return {"answer": _answer(turn)}


def _answer(turn: Turn) -> Answer:
    return Answer(
        response=turn.writer.said,
        response_type=ResponseType.ANSWER,
        confidence_score=1.0,
        interpretation=Interpretation(QuestionType.RECAP),
    )
