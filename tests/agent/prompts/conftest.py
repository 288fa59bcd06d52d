"""Chains over a provider of the tests' own, as the models' tests have them."""

from tests.agent.models.conftest import make_chain, provider

__all__ = ["make_chain", "provider"]
