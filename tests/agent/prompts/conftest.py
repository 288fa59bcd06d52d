"""Chains over a provider of the tests' own, as the models' tests have them, with more patience."""

from __future__ import annotations

from functools import partial

import pytest

from enhanced_prompt_service.agent.models import CallLimits
from tests.agent.models.conftest import MakeChain, make_chain, provider

__all__ = ["make_chain", "patient_chain", "provider"]


@pytest.fixture
def patient_chain(make_chain: MakeChain) -> MakeChain:
    """`make_chain` where nobody hangs: a busy machine is no failure."""
    return partial(make_chain, limits=CallLimits(first_token_s=30, idle_s=30, call_s=60))
