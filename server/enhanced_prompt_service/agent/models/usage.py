"""What a model call used: as its provider counted it, else as we estimate it.

A provider's counts come with the end of its stream. A call that was cancelled, timed out or cut
has none: then the tokens that went in and came out are estimated from their text, and say so
(`source`). A call that was refused before anything came back used nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from enhanced_prompt_service.domain.answers import ModelUsage

from .links import Link
from .prices import Prices

PROVIDER = "provider"
ESTIMATED = "estimated"
BYTES_PER_TOKEN = 4
"""Bytes of UTF-8 that a token of English stands for: OpenAI's rule of thumb."""


def estimated_tokens(texts: Iterable[str]) -> int:
    """About how many tokens texts are, rounded up."""
    size = sum(len(one.encode("utf-8", "surrogatepass")) for one in texts)
    return -(-size // BYTES_PER_TOKEN)


def reported(
    link: Link, counts: Mapping[str, Any], prices: Prices, at: datetime
) -> ModelUsage | None:
    """Usage from LangChain's `usage_metadata`; None where it holds no counts."""
    put_in, put_out = _count(counts.get("input_tokens")), _count(counts.get("output_tokens"))
    if not put_in and not put_out:  # some servers send zeros for "I do not count"
        return None
    cached = _detail(counts, "input_token_details", "cache_read")
    reasoning = _detail(counts, "output_token_details", "reasoning")
    cost = prices.cost(
        link, input_tokens=put_in, output_tokens=put_out, cached_tokens=cached, at=at
    )
    return ModelUsage(
        model=link.name,
        source=PROVIDER,
        input_tokens=put_in,
        output_tokens=put_out,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        cost=cost,
    )


def estimated(
    link: Link, put_in: Iterable[str], put_out: Iterable[str], prices: Prices, at: datetime
) -> ModelUsage:
    """Usage as far as the texts tell. How much was cached or reasoned nobody knows."""
    tokens_in, tokens_out = estimated_tokens(put_in), estimated_tokens(put_out)
    cost = prices.cost(
        link, input_tokens=tokens_in, output_tokens=tokens_out, cached_tokens=None, at=at
    )
    return ModelUsage(
        model=link.name,
        source=ESTIMATED,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost=cost,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _detail(counts: Mapping[str, Any], group: str, name: str) -> int | None:
    """A count of a group; None where the provider did not say."""
    details: Any = counts.get(group)
    return _count(details.get(name)) if isinstance(details, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
