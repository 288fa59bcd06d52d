"""A provider of the tests' own, and a chain that asks it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import pytest

from enhanced_prompt_service.agent.models import (
    CallLimits,
    ChainOptions,
    CircuitOptions,
    ModelChain,
    parse_links,
)
from tests.support.openai_server import OpenAIServer, openai_server

LIMITS = CallLimits(first_token_s=1.0, idle_s=1.0, call_s=3.0)


@pytest.fixture
async def provider() -> AsyncIterator[OpenAIServer]:
    """A strict server that speaks OpenAI's protocol."""
    async with openai_server() as server:
        yield server


MakeChain = Callable[..., ModelChain]


@pytest.fixture
async def make_chain(provider: OpenAIServer) -> AsyncIterator[MakeChain]:
    """Makes chains over models of the server: `make_chain("a", "b", "grounded")`."""
    made: list[ModelChain] = []

    def make(
        *models: str,
        limits: CallLimits = LIMITS,
        circuit: CircuitOptions | None = None,
        kind: str = "openai",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> ModelChain:
        text = ",".join(
            one if one == "grounded" else f"{kind}:{one}@{provider.address}" for one in models
        )
        options = ChainOptions(limits=limits, circuit=circuit or CircuitOptions(threshold=100))
        chain = ModelChain(parse_links(text), options, monotonic=monotonic)
        made.append(chain)
        return chain

    yield make
    for chain in made:
        await chain.close()
