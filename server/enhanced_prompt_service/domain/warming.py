"""Making the next question fast, and saying what is ready.

`Warmer` knows parts by name and warms each once; a part that fails is tried again by the next
call, and never fails the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from .errors import model_not_configured
from .identity import Caller


class WarmStatus(StrEnum):
    """Whether a question asked now is answered at full speed."""

    READY = "ready"
    INITIALIZING = "initializing"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class WarmPart:
    """One thing that was warmed. `duration_s` is of the warming that made it ready, then or now."""

    name: str
    ready: bool
    duration_s: float
    warmed_before: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Warmth:
    """What is ready. `duration_s` is what this call spent."""

    agent_id: str
    status: WarmStatus
    duration_s: float
    parts: tuple[WarmPart, ...] = ()

    @property
    def initialized(self) -> bool:
        """Whether a question asked now waits for nothing."""
        return self.status is WarmStatus.READY


class Prewarmer(Protocol):
    """Warms what answers questions."""

    async def prewarm(
        self, caller: Caller, *, conversation_id: str = "", model: str = "", wait: bool = False
    ) -> Warmth:
        """Warm everything that is cold; without `wait` return at once while it goes on."""
        ...


Warm = Callable[[Caller], Awaitable[str]]
"""Warms one part for a caller and says for people what it did. Raises where it could not."""

WarmConversation = Callable[[Caller, str], Awaitable[str]]


class _Part:
    __slots__ = ("duration_s", "failed", "task", "text")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.duration_s = 0.0
        self.failed = False
        self.text = ""


class Warmer:
    """Warms named parts, in their order, once a tenant. Owns the tasks that it starts.

    `on_failure(name, error)` hears of parts that could not be warmed; callers are only told so.
    """

    def __init__(
        self,
        agent_id: str,
        parts: Mapping[str, Warm],
        *,
        monotonic: Callable[[], float],
        on_failure: Callable[[str, Exception], None],
        conversation: WarmConversation | None = None,
    ) -> None:
        self._agent_id = agent_id
        self._parts = dict(parts)
        self._monotonic = monotonic
        self._on_failure = on_failure
        self._conversation = conversation
        self._known: dict[tuple[str, str], _Part] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        running = [part.task for part in self._known.values() if part.task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def prewarm(
        self, caller: Caller, *, conversation_id: str = "", model: str = "", wait: bool = False
    ) -> Warmth:
        """As `Prewarmer.prewarm`. `model` chooses among parts called "model:…"; one that is not
        there, nor the engine's, is InvalidArgument (MODEL_NOT_CONFIGURED)."""
        models = [one.removeprefix("model:") for one in self._parts if one.startswith("model:")]
        if model and model not in (*models, "grounded"):
            raise model_not_configured(model, (*models, "grounded"))
        began = self._monotonic()
        warms: dict[str, Warm] = {
            name: warm
            for name, warm in self._parts.items()
            if not (model and name.startswith("model:") and name != f"model:{model}")
        }
        parts: dict[str, _Part] = {}
        before: set[str] = set()
        for name, warm in warms.items():
            part = self._known.setdefault((caller.tenant, name), _Part())
            if part.task is None or (part.task.done() and part.failed):
                part.task = asyncio.create_task(
                    self._warm(part, name, lambda warm=warm: warm(caller)), name=f"warm {name}"
                )
            elif part.task.done():
                before.add(name)
            parts[name] = part
        tasks = [part.task for part in parts.values() if part.task is not None]
        if conversation_id and self._conversation is not None:
            load = self._conversation
            part = parts["conversation"] = _Part()
            await self._warm(part, "conversation", lambda: load(caller, conversation_id))
        if wait and tasks:
            await asyncio.wait(tasks)
        return Warmth(
            self._agent_id,
            _status(parts.values()),
            self._monotonic() - began,
            tuple(_report(name, part, name in before) for name, part in parts.items()),
        )

    def look(self, caller: Caller) -> Warmth:
        """What is ready now; warms nothing."""
        known = {name: self._known.get((caller.tenant, name)) for name in self._parts}
        parts = {name: _Part() if part is None else part for name, part in known.items()}
        status = _status(parts.values())
        if any(part is None for part in known.values()):
            status = WarmStatus.INITIALIZING  # nobody has begun to warm it
        reports = tuple(_report(name, part, _done(part)) for name, part in parts.items())
        return Warmth(self._agent_id, status, 0.0, reports)

    async def _warm(self, part: _Part, name: str, warm: Callable[[], Awaitable[str]]) -> None:
        began = self._monotonic()
        part.failed = False
        try:
            part.text = await warm()
        except Exception as error:
            part.failed = True
            part.text = "could not be made ready; the next call tries again"
            self._on_failure(name, error)
        part.duration_s = self._monotonic() - began


def _done(part: _Part) -> bool:
    return part.task is None or part.task.done()


def _status(parts: Iterable[_Part]) -> WarmStatus:
    found = list(parts)
    if any(not _done(part) for part in found):
        return WarmStatus.INITIALIZING
    if any(part.failed for part in found):
        return WarmStatus.DEGRADED
    return WarmStatus.READY


def _report(name: str, part: _Part, before: bool) -> WarmPart:
    ready = _done(part) and not part.failed
    return WarmPart(name, ready, part.duration_s, before, part.text if _done(part) else "")
