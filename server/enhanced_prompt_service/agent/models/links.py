"""What EPS_MODELS says: the links of the chain, in the order in which they are tried.

    deepseek:deepseek-chat, openai:qwen3@http://127.0.0.1:8000/v1#VLLM_KEY, grounded

    link     = "grounded" | provider ":" model [ "@" address [ "#" variable ] ]
    address  = http:// or https:// address of an API of the provider's kind
    variable = name of the environment variable that holds the key for that address

A key is never written here. Without an address the provider's own variable holds it
(OPENAI_API_KEY, DEEPSEEK_API_KEY, …). A link with an address of its own gets only the key that it
names: the provider's key never goes to somebody else's server.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

GROUNDED = "grounded"
MOST_LINKS = 16

_LINK = re.compile(
    r"(?P<provider>[a-z][a-z0-9_]*):(?P<model>[^\s,@#]+(?:@(?!https?://)[^\s,@#]+)*)"
    r"(?:@(?P<address>https?://[^\s,#]+)(?:#(?P<variable>[A-Za-z_][A-Za-z0-9_]*))?)?"
)


@dataclass(frozen=True, slots=True)
class Link:
    """One link. `name` is unique in its chain: "provider:model", "grounded".

    `address` "" means the provider's own; `variable` is the name of the environment variable with
    the key, "" for the provider's own one (with an address: no key).
    """

    name: str
    provider: str = ""
    model: str = ""
    address: str = ""
    variable: str = ""

    @property
    def grounded(self) -> bool:
        """Whether it is the embedded engine."""
        return self.name == GROUNDED


def parse_links(text: str) -> tuple[Link, ...]:
    """The links of a list. Raises ValueError with one line that says what is wrong."""
    links: list[Link] = []
    for part in (one.strip() for one in text.split(",")):
        if part:
            links.append(_parse(part, {one.name for one in links}))
    if not links:
        raise ValueError("names no model; the embedded engine is `grounded`")
    if len(links) > MOST_LINKS:
        raise ValueError(f"has {len(links)} links, the most are {MOST_LINKS}")
    return tuple(links)


def _parse(part: str, taken: Collection[str]) -> Link:
    if part == GROUNDED:
        if GROUNDED in taken:
            raise ValueError("names `grounded` twice")
        return Link(GROUNDED)
    found = _LINK.fullmatch(part)
    if found is None or "://" in found["model"]:
        raise ValueError(
            f"{_shown(part)} is neither `grounded` nor `provider:model[@address[#KEY_VARIABLE]]`"
        )
    provider, model, address, variable = found.group("provider", "model", "address", "variable")
    name = f"{provider}:{model}"
    if address:
        parts = urlsplit(address)
        if not parts.hostname or parts.username or parts.password:
            raise ValueError(f"the address of {name} needs a host, and holds no user or password")
        if name in taken:
            name = f"{name}@{parts.netloc}"
    if name in taken:
        raise ValueError(f"names {name} twice")
    return Link(name, provider, model, address or "", variable or "")


def _shown(part: str) -> str:
    """As much of a broken entry as cannot be a secret."""
    return f"`{part[:12]}…`" if len(part) > 40 else f"`{part}`"
