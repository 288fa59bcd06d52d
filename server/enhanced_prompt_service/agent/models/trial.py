"""One small live call of a link: does it answer, how fast, for how much."""

from __future__ import annotations

from dataclasses import dataclass

from enhanced_prompt_service.domain.answers import ModelUsage

from .chain import ModelChain
from .failures import LinkFailure, NoModelLeft
from .links import GROUNDED

_ASKED = "Answer with the one word: ready"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a link did. `first_token_s` and `whole_s` are None where it failed, `trouble` "" where
    it did not; `usage` is None for the embedded engine, and where nothing was used."""

    model: str
    works: bool
    trouble: str = ""
    first_token_s: float | None = None
    whole_s: float | None = None
    usage: ModelUsage | None = None


class _FirstToken:
    """Notes when something came."""

    def __init__(self, chain: ModelChain) -> None:
        self._chain = chain
        self.at: float | None = None

    def text(self, delta: str) -> None:
        """More text."""
        del delta
        self._came()

    def thinking(self, text: str) -> None:
        """More reasoning."""
        del text
        self._came()

    def withdraw(self, failed_model: str, next_model: str) -> None:
        """It failed after its first token."""

    def _came(self) -> None:
        if self.at is None:
            self.at = self._chain.monotonic()


async def try_link(chain: ModelChain, model: str) -> Trial:
    """Ask one link of the chain, and it alone. Loading its package is not part of the times."""
    if model == GROUNDED:
        return Trial(model, works=True)
    from langchain_core.messages import HumanMessage

    try:
        await chain.warm(model)
    except LinkFailure as failure:
        return Trial(model, works=False, trouble=failure.detail)
    run = chain.alone(model)
    began, first = chain.monotonic(), _FirstToken(chain)
    try:
        await run.respond([HumanMessage(_ASKED)], first)
    except NoModelLeft as failed:
        used = run.calls[-1] if run.calls else None
        return Trial(model, works=False, trouble=failed.passed[-1].detail, usage=used)
    whole = chain.monotonic() - began
    came = whole if first.at is None else first.at - began
    return Trial(model, True, "", came, whole, run.calls[-1])
