"""What deleted conversations leave in the bus, deleted until it is gone.

Deleted at once, and once more some seconds later: a replica that closed a turn just before the
deletion may still be writing. What could not be deleted, because the bus was away, is tried again
when it is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enhanced_prompt_service.domain.bus import Bus
from enhanced_prompt_service.domain.errors import Unavailable

_AGAIN_S = 5.0
_BATCH = 500
_MOST = 1_000
"""Batches that wait; the oldest go first, and then by the time that the bus gave them."""


@dataclass(frozen=True, slots=True)
class _Batch:
    due: float
    keys: tuple[str, ...]
    turn_ids: tuple[str, ...]
    last: bool


class Leftovers:
    """Deletes values and logs. `monotonic` gives seconds; `sweep` is called now and then."""

    def __init__(self, bus: Bus, monotonic: Callable[[], float]) -> None:
        self._bus = bus
        self._monotonic = monotonic
        self._waiting: deque[_Batch] = deque(maxlen=_MOST)

    @property
    def waiting(self) -> int:
        """How many batches are still to be deleted."""
        return len(self._waiting)

    async def drop(self, keys: Sequence[str], turn_ids: Sequence[str]) -> None:
        """Delete values and turn logs, now if that is possible. Raises nothing."""
        now = self._monotonic()
        longest = max(len(keys), len(turn_ids))
        for start in range(0, longest, _BATCH):
            chosen = slice(start, start + _BATCH)
            await self._try(_Batch(now, tuple(keys[chosen]), tuple(turn_ids[chosen]), last=False))

    async def sweep(self) -> None:
        """Delete what is due. Raises nothing."""
        while self._waiting and self._waiting[0].due <= self._monotonic() and self._bus.up:
            await self._try(self._waiting.popleft())

    async def _try(self, batch: _Batch) -> None:
        due = self._monotonic() + _AGAIN_S
        try:
            if batch.keys:
                await self._bus.delete(*batch.keys)
            if batch.turn_ids:
                await self._bus.drop_log(*batch.turn_ids)
        except Unavailable:
            self._waiting.append(_Batch(due, batch.keys, batch.turn_ids, last=False))
            return
        if not batch.last:
            self._waiting.append(_Batch(due, batch.keys, batch.turn_ids, last=True))
