"""Nobody starves the others: what callers may take, a minute and at the same time.

Rates are counted by user and by tenant, those of questions, streams and other calls apart; open
streams and running turns by user and in this process. Probes are never counted. What a call is
counted as stands in `access`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from ..domain.errors import Exhausted, QuotaViolation
from ..domain.identity import Caller, Role
from ..domain.limits import Budgets, LimitRules, Share
from .access import Budget, rule_of
from .call import Call
from .interceptors import CallInterceptor

_MINUTE = 60
_BUSY_S = 1.0
_TIGHT_S = 5.0


class LimitsInterceptor(CallInterceptor):
    """Refuses what is over a limit with RESOURCE_EXHAUSTED, and says when to come again.

    `running` gives the turns that run in this process, `running_of` those of one caller; `tight`
    says that memory is short: then nothing new is begun, neither a question nor a stream, while
    what runs goes on, and can be read and cancelled.
    """

    def __init__(
        self,
        rules: LimitRules,
        budgets: Budgets,
        *,
        running: Callable[[], int],
        running_of: Callable[[Caller], int],
        tight: Callable[[], bool] = lambda: False,
    ) -> None:
        self._rules = rules
        self._budgets = budgets
        self._running = running
        self._running_of = running_of
        self._tight = tight
        self._streams: Counter[tuple[str, ...]] = Counter()
        self._open: dict[Call, tuple[tuple[str, ...], ...]] = {}

    async def on_start(self, call: Call) -> None:
        """Raises Exhausted."""
        budget = rule_of(call.method).budget
        if budget is Budget.NONE:
            return
        try:
            if budget is Budget.QUESTION:
                await self.question(call.caller)
            else:
                began = "streams" if budget is Budget.STREAM else "calls"
                await self._take(call.caller, "calls", began)
            if budget is Budget.STREAM or call.response_streaming:
                self._open_stream(call)
        except Exhausted as error:
            _say_when(call, error)
            raise
        call.charge = lambda: self.question(call.caller)

    async def on_end(self, call: Call, error: BaseException | None) -> None:
        """The stream is closed."""
        del error
        for key in self._open.pop(call, ()):
            self._streams[key] -= 1
            if not self._streams[key]:
                del self._streams[key]

    async def question(self, caller: Caller) -> None:
        """Count one question. Raises Exhausted."""
        rules = self._rules
        self._need_memory()
        if self._running() >= rules.all_turns:
            raise _exhausted(
                "server", f"{rules.all_turns} turns at the same time in one process", _BUSY_S
            )
        if self._running_of(caller) >= rules.user_turns:
            raise _exhausted(
                "user", f"{rules.user_turns} turns of one user at the same time", _BUSY_S
            )
        await self._take(caller, "questions", "questions")

    async def _take(self, caller: Caller, limited_by: str, what: str) -> None:
        for subject, key, share in self._shares(caller):
            limit: int = getattr(share, limited_by)
            wait_s = await self._budgets.take(":".join((what, *key)), limit, _MINUTE)
            if wait_s is not None:
                raise _exhausted(subject, f"{limit} {what} a minute", wait_s)

    def _need_memory(self) -> None:
        if self._tight():
            raise _exhausted("server", "this process has no memory for more now", _TIGHT_S)

    def _open_stream(self, call: Call) -> None:
        self._need_memory()
        shares = self._shares(call.caller)
        for subject, key, share in shares:
            if self._streams[key] >= share.streams:
                raise _exhausted(subject, f"{share.streams} streams at the same time", _BUSY_S)
        keys = tuple(key for _, key, _ in shares)
        self._streams.update(keys)
        self._open[call] = keys

    def _shares(self, caller: Caller) -> tuple[tuple[str, tuple[str, ...], Share], ...]:
        rules = self._rules
        own = rules.anonymous if caller.role is Role.ANONYMOUS else rules.user
        # Lengths keep names apart, whatever is in them.
        tenant = f"{len(caller.tenant)}:{caller.tenant}"
        return (
            ("user", (tenant, caller.user), own),
            ("tenant", (tenant,), rules.tenant),
        )


def _exhausted(subject: str, what: str, wait_s: float) -> Exhausted:
    return Exhausted(
        f"too much for this {subject}: {what}",
        retry_after_s=wait_s,
        violations=(QuotaViolation(subject, what),),
    )


def _say_when(call: Call, error: Exhausted) -> None:
    """The same for HTTP: whole seconds."""
    call.add_trailing(("retry-after", str(max(1, math.ceil(error.retry_after_s or 0)))))
