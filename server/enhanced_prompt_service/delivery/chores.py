"""What is done now and then for a destination: deadlines, rested conversations, old entries,
acknowledgements that did not come."""

from __future__ import annotations

from datetime import timedelta

from ..domain.fences import Fence
from ..domain.outbox import MessageKind
from .condition import Condition
from .destinations import Destination, DestinationKind
from .ledger import Ledger
from .parts import Options, Parts
from .verdicts import Verdicts
from .window import Window

_MOST = 200  # entries at a time
_ASK_S = 5.0


class Chores:
    """Of one destination, under one fence. Each method raises Unavailable and FenceLost."""

    def __init__(
        self,
        destination: Destination,
        parts: Parts,
        options: Options,
        fence: Fence,
        window: Window,
        ledger: Ledger,
        condition: Condition,
        verdicts: Verdicts,
    ) -> None:
        self._to = destination
        self._parts = parts
        self._options = options
        self._fence = fence
        self._window = window
        self._ledger = ledger
        self._condition = condition
        self._verdicts = verdicts
        self._tidied: float | None = None
        self._asked: float | None = None

    async def tidy(self, now: float) -> bool:
        """Where it is time. Returns whether conversations have rested, and are owed now."""
        if self._tidied is not None and now - self._tidied < self._options.tidy_s:
            return False
        self._tidied = now
        store, name, at = self._parts.store, self._to.name, self._parts.now()
        # What is held is judged when it is claimed; while nothing may be sent, here.
        closed = self._condition.gate.closed
        held = frozenset(self._window.held) if closed else frozenset[int]()
        for entry in await store.expire(self._fence, name, at, held=held, most=_MOST):
            self._parts.report(name, f"parked {entry.message.key}: {entry.reason}", None)
            note = self._verdicts.note(entry, "DEADLINE_EXCEEDED", entry.reason, at)
            self._ledger.audit(note)
        rested = 0
        if MessageKind.CONVERSATION_HISTORY in self._to.kinds:
            before = at - timedelta(seconds=self._to.rest_s)
            rested = await store.rested(self._fence, name, before, at, _MOST)
            if rested >= _MOST:
                self._tidied = None  # there may be more
        await store.forget(self._fence, name, at - timedelta(seconds=self._to.keep_s), _MOST)
        return rested > 0

    async def ask_again(self, now: float) -> None:
        """Notifications go once more whose acknowledgement is due and did not come."""
        notifier = self._to.kind is DestinationKind.NOTIFIER
        if not notifier or self._condition.gate.wait_s(now) > 0:
            return
        if self._asked is not None and now - self._asked < min(self._to.ack_s, _ASK_S):
            return
        self._asked = now
        room = min(self._window.room, self._options.notices)
        if room > 0:
            self._window.add_again(
                await self._parts.store.unacknowledged(
                    self._to.name, self._parts.now(), held=frozenset(self._window.held), most=room
                )
            )
