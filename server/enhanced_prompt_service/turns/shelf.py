"""Where a process keeps its logs: the running ones, and the ended ones for a while (rule 8)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from .log import Encode, Meter, TurnLog


class Shelf:
    """Logs by turn, newest attempt only.

    Ended logs stay for `keep_s` seconds, or until the bytes of all logs exceed `budget_bytes` and
    theirs is the oldest ended one. Running logs are never dropped.
    """

    def __init__(
        self,
        encode: Encode,
        *,
        budget_bytes: int,
        keep_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._encode = encode
        self._budget = budget_bytes
        self._keep_s = keep_s
        self._monotonic = monotonic
        self._meter = Meter()
        self._running: dict[str, TurnLog] = {}
        self._ended: OrderedDict[str, tuple[float, TurnLog]] = OrderedDict()

    @property
    def bytes(self) -> int:
        """What all logs hold now."""
        return self._meter.total

    def __len__(self) -> int:
        return len(self._running) + len(self._ended)

    def open(self, turn_id: str, attempt: int, *, gated: bool = False) -> TurnLog:
        """A new log; it supersedes the turn's former attempt here."""
        former = self._ended.pop(turn_id, None)
        if former is not None:
            former[1].forget()
        log = TurnLog(turn_id, attempt, self._encode, meter=self._meter, gated=gated)
        self._running[turn_id] = log
        return log

    def end(self, log: TurnLog) -> None:
        """The log got its closing frame, or was abandoned: from now on it may be dropped."""
        if self._running.get(log.turn_id) is log:
            del self._running[log.turn_id]
            self._ended[log.turn_id] = (self._monotonic(), log)
        self.sweep()

    def find(self, turn_id: str) -> TurnLog | None:
        """The log of a turn, if this process still has it."""
        self.sweep()
        running = self._running.get(turn_id)
        if running is not None:
            return running
        ended = self._ended.get(turn_id)
        return None if ended is None else ended[1]

    def drop(self, turn_id: str) -> None:
        """Forget the log of an ended turn now."""
        ended = self._ended.pop(turn_id, None)
        if ended is not None:
            ended[1].forget()

    def sweep(self) -> None:
        """Drop what is too old or too much. Called on every look-up and end: needs no timer."""
        oldest_kept = self._monotonic() - self._keep_s
        while self._ended:
            ended_at, log = next(iter(self._ended.values()))
            if ended_at > oldest_kept and self._meter.total <= self._budget:
                return
            self._ended.popitem(last=False)
            log.forget()
