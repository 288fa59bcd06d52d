"""Counts and prices: cached and reasoning tokens apart, and unknown is not zero."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from enhanced_prompt_service.agent.models import ModelPrice, Prices, parse_links
from enhanced_prompt_service.agent.models.usage import estimated, reported

AT = datetime(2026, 6, 1, tzinfo=UTC)
MINI, DEEP, LOCAL = parse_links(
    "openai:gpt-4o-mini, deepseek:deepseek-chat, openai:x@http://127.0.0.1:1/v1"
)


def counts(put_in: int, put_out: int, **details: Any) -> dict[str, Any]:
    return {"input_tokens": put_in, "output_tokens": put_out, **details}


def test_a_listed_model_has_its_list_price_and_cached_tokens_their_own() -> None:
    plain = reported(MINI, counts(1_000_000, 0), Prices(), AT)
    cached = reported(
        MINI, counts(1_000_000, 0, input_token_details={"cache_read": 1_000_000}), Prices(), AT
    )
    assert plain is not None
    assert cached is not None
    assert plain.cost is not None
    assert cached.cost is not None
    assert 0 < cached.cost < plain.cost
    assert (plain.cached_tokens, cached.cached_tokens) == (None, 1_000_000)


def test_a_price_of_the_settings_comes_first() -> None:
    prices = Prices({"openai:gpt-4o-mini": ModelPrice(1, 2, 0.5), "openai:x": ModelPrice(0, 0)})
    details = {"input_token_details": {"cache_read": 400}}
    found = reported(MINI, counts(1000, 100, **details), prices, AT)
    assert found is not None
    assert found.cost == pytest.approx((600 * 1 + 400 * 0.5 + 100 * 2) / 1e6)
    free = reported(LOCAL, counts(1000, 100), prices, AT)
    assert free is not None
    assert free.cost == 0


def test_a_model_nobody_has_a_price_for_has_no_cost() -> None:
    found = reported(LOCAL, counts(1000, 100), Prices(), AT)
    assert found is not None
    assert found.cost is None


def test_reasoning_is_a_part_of_the_output() -> None:
    found = reported(DEEP, counts(10, 50, output_token_details={"reasoning": 40}), Prices(), AT)
    assert found is not None
    assert (found.output_tokens, found.reasoning_tokens) == (50, 40)


def test_a_server_that_sends_zeros_does_not_count() -> None:
    assert reported(LOCAL, counts(0, 0), Prices(), AT) is None


def test_an_estimate_says_so_and_knows_nothing_of_caches() -> None:
    found = estimated(MINI, ["a" * 9, "é"], ["b" * 4], Prices(), AT)
    assert (found.input_tokens, found.output_tokens) == (3, 1)
    assert found.source == "estimated"
    assert (found.cached_tokens, found.reasoning_tokens) == (None, None)
    assert found.cost is not None
