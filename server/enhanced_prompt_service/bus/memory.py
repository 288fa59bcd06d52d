"""The bus of a single process: nothing to install, nothing shared with anybody else."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from enhanced_prompt_service.domain.bus import SINCE, LogEntry, Superseded, log_channel

from .listening import Hub, Signal

_SWEEP_EVERY = 256  # writes between two looks for what has expired: no timer, no growth


class MemoryBus:
    """`domain.bus.Bus` in dictionaries. `monotonic` gives seconds.

    Values take at most `value_bytes` of memory: the one that was put longest ago goes first.
    """

    shared = False
    up = True

    def __init__(
        self,
        monotonic: Callable[[], float],
        log_ttl_s: float = 900.0,
        value_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._monotonic = monotonic
        self._log_ttl_s = log_ttl_s
        self._value_budget = value_bytes
        self._value_bytes = 0
        self._hub = Hub()
        self._logs: dict[str, dict[int, dict[int, LogEntry]]] = {}
        self._log_ends: dict[str, float] = {}
        self._letters: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._boards: dict[str, dict[str, tuple[float, bytes]]] = {}
        self._ledgers: dict[str, _Ledger] = {}
        self._writes = 0

    async def ping(self) -> None:
        """Nothing can be away."""

    async def append(self, turn_id: str, attempt: int, entries: Sequence[LogEntry]) -> None:
        self._sweep()
        attempts = self._logs.setdefault(turn_id, {})
        if attempts and max(attempts) > attempt:
            raise Superseded
        log = attempts.setdefault(attempt, {})
        for entry in entries:
            log.setdefault(entry.sequence, entry)
        self._log_ends[turn_id] = self._monotonic() + self._log_ttl_s
        self._hub.wake(log_channel(turn_id))

    async def read(
        self, turn_id: str, attempt: int, after: int, limit: int = 1000
    ) -> list[LogEntry]:
        if self._log_ends.get(turn_id, 0.0) <= self._monotonic():
            return []
        log = self._logs[turn_id].get(attempt, {})
        return [log[n] for n in sorted(log) if n > after][:limit]

    async def newest_attempt(self, turn_id: str) -> int:
        if self._log_ends.get(turn_id, 0.0) <= self._monotonic():
            return 0
        return max(self._logs[turn_id])

    async def expire_log(self, turn_id: str, ttl_s: float) -> None:
        if turn_id in self._logs:
            self._log_ends[turn_id] = self._monotonic() + ttl_s

    async def drop_log(self, *turn_ids: str) -> None:
        for turn_id in turn_ids:
            self._logs.pop(turn_id, None)
            self._log_ends.pop(turn_id, None)

    async def signal(self, channel: str) -> None:
        self._hub.wake(channel)

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncGenerator[Signal]:
        signal = self._hub.join(channel)
        try:
            yield signal
        finally:
            self._hub.leave(channel, signal)

    async def post(self, mailbox: str, letter: str, ttl_s: float) -> None:
        self._sweep()
        self._letters[mailbox].append((self._monotonic() + ttl_s, letter))
        self._hub.wake(mailbox)

    async def collect(self, mailbox: str) -> list[str]:
        now = self._monotonic()
        return [letter for end, letter in self._letters.pop(mailbox, []) if end > now]

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        self._sweep()
        self._forget(key)
        self._values[key] = (self._monotonic() + ttl_s, value)
        self._value_bytes += len(value)
        while self._value_bytes > self._value_budget:
            self._forget(next(iter(self._values)))

    async def get(self, key: str) -> bytes | None:
        end, value = self._values.get(key, (0.0, b""))
        return value if end > self._monotonic() else None

    async def delete(self, *keys: str) -> None:
        for key in keys:
            self._forget(key)

    async def pin(self, board: str, name: str, value: bytes, ttl_s: float) -> None:
        self._sweep()
        self._boards.setdefault(board, {})[name] = (self._monotonic() + ttl_s, value)

    async def notes(self, board: str) -> dict[str, bytes]:
        now = self._monotonic()
        pinned = self._boards.get(board, {})
        return {name: value for name, (end, value) in pinned.items() if end > now}

    async def unpin(self, board: str, name: str) -> None:
        self._boards.get(board, {}).pop(name, None)

    async def add(
        self,
        ledger: str,
        writer: str,
        number: int,
        amounts: Mapping[str, float],
        *,
        since: float,
        ttl_s: float,
    ) -> str:
        now = self._monotonic()
        kept = self._ledgers.get(ledger)
        if kept is None or kept.end <= now:
            kept = self._ledgers[ledger] = _Ledger(f"{writer} {number}")
        kept.end = now + ttl_s
        if number <= kept.numbers.get(writer, -1):
            return kept.id
        kept.numbers[writer] = number
        for name, amount in amounts.items():
            kept.sums[name] = kept.sums.get(name, 0.0) + amount
        kept.sums[SINCE] = min(kept.sums.get(SINCE, since), since)
        return kept.id

    async def sums(self, ledger: str) -> dict[str, float]:
        kept = self._ledgers.get(ledger)
        return {} if kept is None or kept.end <= self._monotonic() else dict(kept.sums)

    def _forget(self, key: str) -> None:
        _, value = self._values.pop(key, (0.0, b""))
        self._value_bytes -= len(value)

    async def aclose(self) -> None:
        """Nothing to close; the same shape as the bus on Redis."""
        await asyncio.sleep(0)

    def _sweep(self) -> None:
        self._writes += 1
        if self._writes % _SWEEP_EVERY:
            return
        now = self._monotonic()
        for turn_id in [one for one, end in self._log_ends.items() if end <= now]:
            del self._logs[turn_id], self._log_ends[turn_id]
        for key in [one for one, (end, _) in self._values.items() if end <= now]:
            self._forget(key)
        for name in [one for one, box in self._letters.items() if box[-1][0] <= now]:
            del self._letters[name]
        for board, pinned in list(self._boards.items()):
            for name in [one for one, (end, _) in pinned.items() if end <= now]:
                del pinned[name]
            if not pinned:
                del self._boards[board]


class _Ledger:
    """Sums, and the number of each writer's last addition."""

    __slots__ = ("end", "id", "numbers", "sums")

    def __init__(self, name: str) -> None:
        self.id = name
        self.end = 0.0
        self.sums: dict[str, float] = {}
        self.numbers: dict[str, int] = {}
