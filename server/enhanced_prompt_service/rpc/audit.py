"""Writing down who did what, beside the calls and never in their way.

Entries are collected and written together, a few times a second. While the database is away they
wait; a call waits for room at most a second, and what finds none is lost and said in the log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import structlog

from ..domain.audit import AuditEntry, AuditLog
from ..domain.errors import ServiceError, Unauthenticated
from ..domain.identity import HOME_TENANT, LOG_ID
from .access import rule_of
from .call import Call
from .interceptors import CallInterceptor
from .interceptors.logging import outcome

_ROOM = 10_000
_BATCH = 500
_EVERY_S = 0.2
_FAILURES_A_SECOND = 20
_SUBJECTS = ("turn_id", "conversation_id", "site_id", "of_user", "policy_version")


class AuditTrail:
    """Takes entries, and writes them in its own task while it is `writing`."""

    def __init__(
        self,
        log: AuditLog,
        logger: structlog.typing.FilteringBoundLogger,
        every_s: float = _EVERY_S,
    ) -> None:
        self._log = log
        self._logger = logger
        self._every_s = every_s
        self._waiting: deque[AuditEntry] = deque()
        self._room = asyncio.Event()
        self._one_writer = asyncio.Lock()
        self._lost = 0

    async def add(self, entry: AuditEntry) -> None:
        """Take an entry; waits a second at most."""
        if len(self._waiting) >= _ROOM:
            try:
                async with asyncio.timeout(1.0):
                    while len(self._waiting) >= _ROOM:
                        self._room.clear()
                        await self._room.wait()
            except TimeoutError:
                self._lost += 1
                self._logger.error("audit entry lost", action=entry.action, lost=self._lost)
                return
        self._waiting.append(entry)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """While the block lasts entries are written; at its end what is left."""
        task = asyncio.create_task(self._write(), name="audit")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            await self.flush()

    async def flush(self) -> bool:
        """Write what waits; False where the database did not take it."""
        async with self._one_writer:
            return await self._flush()

    async def _flush(self) -> bool:
        while self._waiting:
            batch = [self._waiting[n] for n in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._log.append_audit(batch)
            except ServiceError as error:
                self._logger.warning("audit can't be written", error=error.reason.value)
                return False
            for _ in batch:
                self._waiting.popleft()
            self._room.set()
        return True

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            # Cancelled in the middle of a transaction, nobody could tell whether it was made.
            await asyncio.shield(asyncio.ensure_future(self.flush()))


class AuditInterceptor(CallInterceptor):
    """Stands outside of identity, so that it sees who was turned away. `now` is real time.

    Written down are the calls that the table of roles says, every refusal, what an admin reads of
    others, and whatever is done in another tenant than one's own. Refusals of the unknown are
    written 20 a second at most, with how many more there were.
    """

    def __init__(self, trail: AuditTrail, now: Callable[[], datetime]) -> None:
        self._trail = trail
        self._now = now
        self._second = 0
        self._failures = 0
        self._unsaid = 0

    async def on_start(self, call: Call) -> None:
        """Let a chat write down its prompts."""

        async def record(action: str, subject: str) -> None:
            entry = self._entry(call, "OK", "")
            await self._trail.add(replace(entry, action=action, subject=subject))

        call.record = record

    async def on_end(self, call: Call, error: BaseException | None) -> None:
        """Write down a call that counts."""
        code = outcome(call, error).name
        reason = error.reason.value if isinstance(error, ServiceError) else ""
        refused = code in ("UNAUTHENTICATED", "PERMISSION_DENIED")
        special = HOME_TENANT in call.noted or "of_user" in call.noted
        if not (refused or special or rule_of(call.method).audited):
            return
        entry = self._entry(call, code, reason)
        if isinstance(error, Unauthenticated) and call.identity is None:
            more = self._count_failure()
            if more is None:
                return
            entry = replace(entry, subject=f"and {more} more" if more else "")
        await self._trail.add(entry)

    def _count_failure(self) -> int | None:
        """How many went unsaid before this one; None where this one goes unsaid too."""
        second = int(self._now().timestamp())
        if second != self._second:
            self._second, self._failures = second, 0
        self._failures += 1
        if self._failures > _FAILURES_A_SECOND:
            self._unsaid += 1
            return None
        more, self._unsaid = self._unsaid, 0
        return more

    def _entry(self, call: Call, code: str, reason: str) -> AuditEntry:
        identity, noted = call.identity, call.noted
        known = identity is not None
        caller = call.caller
        service, _, rpc = call.method.rpartition("/")
        return AuditEntry(
            at=self._now(),
            tenant=caller.tenant if known else "",
            user=caller.user if known else "",
            role=caller.role.value if known else "",
            action=f"{service.rpartition('.')[2]}.{rpc}",
            outcome=code,
            reason=reason,
            subject=next((str(noted[one]) for one in _SUBJECTS if one in noted), ""),
            home_tenant=str(noted.get(HOME_TENANT, "")),
            proof=f"{identity.kind}:{identity.credential[:16]}" if identity is not None else "",
            request_id=call.request_id,
            log_id=str(noted.get(LOG_ID, "")),
        )
