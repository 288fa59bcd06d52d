"""A link as a LangChain chat model: built when it is first asked, closed with the chain.

This is the only place that knows provider packages. They are imported here and not before: a
service without models never loads them.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .links import Link

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

EXTRA = "pip install 'enhanced-prompt-service[llm]'"
_PACKAGES = {
    "anthropic": "langchain-anthropic",
    "azure_openai": "langchain-openai",
    "bedrock": "langchain-aws",
    "bedrock_converse": "langchain-aws",
    "cohere": "langchain-cohere",
    "deepseek": "langchain-deepseek",
    "fireworks": "langchain-fireworks",
    "google_genai": "langchain-google-genai",
    "google_vertexai": "langchain-google-vertexai",
    "groq": "langchain-groq",
    "huggingface": "langchain-huggingface",
    "ibm": "langchain-ibm",
    "mistralai": "langchain-mistralai",
    "nvidia": "langchain-nvidia-ai-endpoints",
    "ollama": "langchain-ollama",
    "openai": "langchain-openai",
    "openrouter": "langchain-openrouter",
    "perplexity": "langchain-perplexity",
    "together": "langchain-together",
    "upstage": "langchain-upstage",
    "xai": "langchain-xai",
}
"""What to install for a provider. Others work too, where LangChain knows them."""
_OPENAI_LIKE = {"openai": "OPENAI_API_KEY", "deepseek": "DEEPSEEK_API_KEY"}
"""What speaks OpenAI's protocol here, and where its key is when it has no address of its own."""
_CONNECT_S = 10.0
_KEEP_S = 60.0  # idle connections to a provider stay open for so long


class NotBuilt(Exception):
    """A link that cannot be asked as things are: its package or key is missing. One plain line."""


@dataclass(slots=True)
class BuiltModel:
    """A chat model, ready to be asked. `strict_end` says that a stream of it which ends without a
    finish reason was cut: so it is with everything that speaks OpenAI's protocol."""

    model: BaseChatModel
    strict_end: bool = False
    closers: list[Callable[[], Awaitable[None]]] = field(
        default_factory=list[Callable[[], Awaitable[None]]]
    )

    async def close(self) -> None:
        """Close its connections."""
        for closer in self.closers:
            await closer()
        self.closers.clear()


Builder = Callable[[Link], BuiltModel]
"""Makes a model for a link; tests have their own."""


def missing_package(link: Link) -> str:
    """What to install before a link can be asked, as one line; "" where nothing is missing."""
    if importlib.util.find_spec("langchain") is None:
        return f"needs LangChain: {EXTRA}"
    package = _PACKAGES.get(link.provider, "")
    if package and importlib.util.find_spec(package.replace("-", "_")) is None:
        return f"needs the package {package}: pip install {package}"
    return ""


def build(
    link: Link,
    *,
    output_tokens: int,
    temperature: float | None = None,
    environment: Mapping[str, str] = os.environ,
) -> BuiltModel:
    """The model of a link. It retries nothing by itself: passing on is the chain's part.

    `output_tokens` is the most that one call may put out; `temperature` None is the model's own.
    Raises NotBuilt.
    """
    missing = missing_package(link)
    if missing:
        raise NotBuilt(missing)
    from langchain import chat_models

    arguments: dict[str, Any] = {"max_tokens": output_tokens}
    if temperature is not None:
        arguments["temperature"] = temperature
    if link.address:
        arguments["base_url"] = link.address
        arguments["api_key"] = _key(link, environment)
    elif link.provider in _OPENAI_LIKE:
        arguments["api_key"] = _secret(_OPENAI_LIKE[link.provider], environment)
    closers: list[Callable[[], Awaitable[None]]] = []
    if link.provider in _OPENAI_LIKE:
        closers = _own_connections(arguments)
        arguments["max_retries"] = 0
        arguments["stream_usage"] = True
        arguments["stream_chunk_timeout"] = None  # the chain has time-outs of its own
        if link.provider == "openai" and link.address:
            arguments["use_responses_api"] = False
    try:
        # LangChain leaves some of its own types unknown.
        make: Any = chat_models.init_chat_model
        if link.provider == "deepseek":
            from .deepseek import ReasoningDeepSeek

            model: BaseChatModel = ReasoningDeepSeek(model=link.model, **arguments)
        else:
            model = make(link.model, model_provider=link.provider, **arguments)
    except ImportError as error:
        name = _PACKAGES.get(link.provider, f"for {link.provider}")
        raise NotBuilt(f"needs the package {name}: pip install {name}") from error
    except Exception as error:
        # The text of such an error may hold the key.
        raise NotBuilt(
            f"is not set up ({type(error).__name__}): "
            "its key's environment variable is missing, or the provider is not known"
        ) from None
    return BuiltModel(model, strict_end=link.provider in _OPENAI_LIKE, closers=closers)


def _key(link: Link, environment: Mapping[str, str]) -> str:
    if not link.variable:
        return "none"  # such as a local server; clients insist on sending something
    return _secret(link.variable, environment)


def _secret(variable: str, environment: Mapping[str, str]) -> str:
    """A key, from a variable or from the file that the one with _FILE behind it names."""
    key = environment.get(variable, "")
    if not key and (path := environment.get(f"{variable}_FILE", "")):
        try:
            key = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise NotBuilt(f"cannot read its key, {variable}_FILE: {path}") from error
    if not key:
        raise NotBuilt(f"needs its key in the environment variable {variable}")
    return key


def _own_connections(arguments: dict[str, Any]) -> list[Callable[[], Awaitable[None]]]:
    """Connections that belong to this model alone and are closed with it. (Those that LangChain
    makes by itself are shared in the process, bound to one event loop, and never closed.)"""
    import httpx2

    # Reading has no limit here: how long a token may take is for the chain to say.
    times = httpx2.Timeout(None, connect=_CONNECT_S)
    limits = httpx2.Limits(keepalive_expiry=_KEEP_S)
    own = httpx2.AsyncClient(timeout=times, limits=limits)
    blocking = httpx2.Client(timeout=times)

    async def close() -> None:
        await own.aclose()
        blocking.close()

    arguments["http_async_client"] = own
    arguments["http_client"] = blocking
    return [close]
