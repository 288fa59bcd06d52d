"""What went out on a connection and may be lost with it, in the order in which it went.

A WebSocket tells nobody what has arrived: what went out counts as arrived once the connection has
answered some time later.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..domain.outbox import Entry
from .sending import Outcome

_FEWEST = 8  # notifications that may be lost together


@dataclass(frozen=True, slots=True)
class Out:
    """An entry that went out at an instant (monotonic seconds), and what sending it said."""

    entry: Entry
    outcome: Outcome
    at: float


class Unsure:
    """Of one connection. It is sure of what is older than `confirm_s`.

    How many there may be is halved when they are lost and doubled when they are not, so that a
    receiver that goes away again and again still gets on; never more than `most`.
    """

    def __init__(self, confirm_s: float, most: int) -> None:
        self._confirm_s = confirm_s
        self._most = most
        self._allowed = most
        self._out: deque[Out] = deque()
        self._refusals: dict[str, str] = {}  # since the last confirmation, by notification_id

    def __bool__(self) -> bool:
        return bool(self._out)

    @property
    def room(self) -> int:
        """How many more may go out."""
        return self._allowed - len(self._out)

    def add(self, entry: Entry, outcome: Outcome, at: float) -> None:
        """It went out."""
        self._out.append(Out(entry, outcome, at))

    def refuse(self, notification_id: str, reason: str) -> None:
        """The receiver does not want one of them."""
        self._refusals[notification_id] = reason

    def due_s(self, now: float) -> float | None:
        """Seconds until the first of it can be confirmed; None where there is none."""
        return max(0.0, self._out[0].at + self._confirm_s - now) if self._out else None

    def confirm(self, now: float) -> list[tuple[Out, str]]:
        """The connection still answers: what is old enough has arrived. With each the reason for
        which the receiver refused it, if it did."""
        sure: list[tuple[Out, str]] = []
        while self.due_s(now) == 0.0:
            one = self._out.popleft()
            sure.append((one, self._refusals.pop(one.entry.message.notification_id, "")))
        self._allowed = min(self._most, 2 * self._allowed)
        return sure

    def late(self) -> dict[str, str]:
        """Reasons, by notification_id, of refusals of what counts as arrived already."""
        still = {one.entry.message.notification_id for one in self._out}
        found = {name: why for name, why in self._refusals.items() if name not in still}
        for name in found:
            del self._refusals[name]
        return found

    def lost(self, under_way: int) -> list[Entry]:
        """The connection is gone, with `under_way` more on their way: all of it, to go again."""
        entries = [one.entry for one in self._out]
        self._out.clear()
        if entries or under_way:
            self._allowed = max(_FEWEST, min(self._allowed, len(entries) + under_way) // 2)
        return entries
