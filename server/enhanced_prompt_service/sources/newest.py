"""Which of several states of the same thing is the newest, however they come.

A broker repeats messages, and what passes a bridge or several publishers may overtake. Each state
has a rank that rises as the thing goes on; one of a lower rank than what was seen came late.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Generic, TypeVar

Rank = TypeVar("Rank", bound=tuple[Any, ...])
State = TypeVar("State")


class Newest(Generic[Rank, State]):
    """The newest state of each id, of the `most` ids that were heard of last."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: OrderedDict[str, tuple[Rank, State]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def get(self, key: str) -> State | None:
        """The newest state of an id, None where it was not heard of (lately)."""
        found = self._known.get(key)
        return None if found is None else found[1]

    def takes(self, key: str, rank: Rank, state: State) -> bool:
        """Whether a state is news: not older than the newest, and not the same again."""
        known = self._known.get(key)
        if known is not None and (rank < known[0] or state == known[1]):
            self._known.move_to_end(key)
            return False
        self._known[key] = (rank, state)
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return True

    def amend(self, key: str, state: State) -> bool:
        """Another state of the same rank, which must be known; whether it says anything new."""
        rank, before = self._known[key]
        self._known[key] = (rank, state)
        return state != before

    def forget(self, key: str) -> None:
        """As if it had not been heard of."""
        self._known.pop(key, None)
