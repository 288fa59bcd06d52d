"""What model calls cost: list prices of the genai-prices library, and overrides from settings.

The prices ship with the library (no network); a model or provider that it does not know has no
price, and its calls have no cost: unknown is not zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .links import Link

_PROVIDERS = {
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google_genai": "google",
    "google_vertexai": "google",
    "groq": "groq",
    "mistralai": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "x-ai",
}
"""LangChain's provider names as genai-prices spells them."""


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """A price from settings: US dollars for a million tokens. Cached input costs `cached`, or like
    other input where that is None. Reasoning is part of the output."""

    input: float
    output: float
    cached: float | None = None

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int) -> float:
        """US dollars of a call."""
        cached = self.input if self.cached is None else self.cached
        fresh = input_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * cached + output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class Prices:
    """Looks prices up. `overrides` are by the link's name ("openai:gpt-4o-mini") and come first."""

    overrides: Mapping[str, ModelPrice] = field(default_factory=dict[str, ModelPrice])

    def cost(
        self,
        link: Link,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        cached_tokens: int | None,
        at: datetime,
    ) -> float | None:
        """US dollars of one call at a moment; None where the counts or the price are unknown.

        Tokens that the provider does not say to be cached are priced as fresh ones.
        """
        if input_tokens is None or output_tokens is None:
            return None
        cached = min(cached_tokens or 0, input_tokens)
        own = self.overrides.get(link.name) or self.overrides.get(f"{link.provider}:{link.model}")
        if own is not None:
            return own.cost(input_tokens, output_tokens, cached)
        return _listed(link, input_tokens, output_tokens, cached, at)


def _listed(link: Link, put_in: int, put_out: int, cached: int, at: datetime) -> float | None:
    """The library's price: of the provider, or of whoever lives at the link's own address."""
    # The library reads megabytes of prices: only where a model is really asked.
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=put_in, output_tokens=put_out, cache_read_tokens=cached)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if link.address:
                found = calc_price(
                    usage,
                    link.model,
                    provider_api_url=link.address,
                    genai_request_timestamp=at,
                )
            else:
                provider = _PROVIDERS.get(link.provider)
                if provider is None:
                    return None
                found = calc_price(
                    usage, link.model, provider_id=provider, genai_request_timestamp=at
                )
    except (LookupError, ValueError):
        return None
    return float(found.total_price)
