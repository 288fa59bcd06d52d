"""One call of one link, with its time-outs.

One timer watches the whole call: a token only notes when it came, and the timer looks at that
when it fires. (A time-out object for each token would cost more than the token.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .failures import FailureKind, LinkFailure, failure_of
from .links import Link
from .providers import BuiltModel
from .replies import Collector, Reply, Sink

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Seconds. `first_token_s` also covers waiting for a place among the calls that may run;
    `idle_s` is the most between two pieces; `call_s` the most for all of a call."""

    first_token_s: float = 20.0
    idle_s: float = 20.0
    call_s: float = 60.0


class Deadline:
    """Cancels the block that it is entered around when a limit has passed, and then raises
    LinkFailure from it. `first_at` is when the first token came, by the loop's clock."""

    def __init__(self, limits: CallLimits, started: float) -> None:
        self._limits = limits
        self._started = started
        self._latest: float | None = None
        self.first_at: float | None = None
        self._timeout = asyncio.timeout_at(started + min(limits.first_token_s, limits.call_s))
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def token(self) -> None:
        """A token came."""
        if self._latest is None:
            self._latest = self.first_at = self._loop.time()
            self._timeout.reschedule(None)
            self._arm()
        else:
            self._latest = self._loop.time()

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._due()[0], self._look)

    def _look(self) -> None:
        due, _ = self._due()
        if self._loop.time() >= due:
            self._timeout.reschedule(self._loop.time())
        else:
            self._arm()

    def _due(self) -> tuple[float, FailureKind]:
        whole = self._started + self._limits.call_s
        if self._latest is None:
            first = self._started + self._limits.first_token_s
            return (
                (first, FailureKind.FIRST_TOKEN)
                if first <= whole
                else (whole, FailureKind.TOO_LONG)
            )
        idle = self._latest + self._limits.idle_s
        return (idle, FailureKind.IDLE) if idle < whole else (whole, FailureKind.TOO_LONG)

    async def __aenter__(self) -> Deadline:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as expired:
            raise self._failure() from expired

    def _failure(self) -> LinkFailure:
        match self._due()[1]:
            case FailureKind.FIRST_TOKEN:
                detail = f"no token within {self._limits.first_token_s:g} s"
                return LinkFailure(FailureKind.FIRST_TOKEN, detail)
            case FailureKind.IDLE:
                return LinkFailure(
                    FailureKind.IDLE, f"nothing more within {self._limits.idle_s:g} s"
                )
            case _:
                detail = f"not done within {self._limits.call_s:g} s"
                return LinkFailure(FailureKind.TOO_LONG, detail)


async def call(
    link: Link,
    built: BuiltModel,
    messages: Sequence[BaseMessage],
    tools: Sequence[Any],
    wishes: Mapping[str, Any],
    collected: Collector,
    sink: Sink,
    seen: Callable[[], None],
) -> Reply:
    """Ask once, to the end of the stream; what came is in `collected` however it ends. `seen` is
    called for each piece that counts as a token. `wishes` are parameters of this one call
    (`temperature`, `max_tokens`); they are for providers of OpenAI's protocol only, as others
    name theirs differently.

    Raises LinkFailure. Cancelling it closes the connection to the provider.
    """
    model: Any = built.model
    arguments: dict[str, Any] = dict(wishes) if built.strict_end else {}
    try:
        if tools:
            # The binding is unwrapped: its own layer of generators would cost on each token.
            binding: Any = model.bind_tools(list(tools))
            model, arguments = binding.bound, {**arguments, **binding.kwargs}
        async with aclosing(model.astream(list(messages), **arguments)) as stream:
            async for chunk in stream:
                collected.take(chunk, sink)
                if collected.alive:
                    seen()
    except Exception as error:
        raise failure_of(error) from error
    if built.strict_end and not collected.finish:
        raise LinkFailure(FailureKind.CUT, "the stream ended before its end")
    if collected.finish == "content_filter":
        raise LinkFailure(FailureKind.FILTERED, "the provider held the answer back")
    reply = collected.reply(link.name)
    if not reply.text.strip() and not reply.tool_calls:
        raise LinkFailure(FailureKind.EMPTY, "it said nothing")
    return reply
