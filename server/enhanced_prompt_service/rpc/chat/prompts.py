"""The prompts of one chat: the one that is being answered, and those that wait for it."""

from __future__ import annotations

import asyncio
from collections import deque

from ...domain.turns import TurnRequest


class Prompt:
    """A question of a chat. `turn_id` is empty until it runs.

    `dropped` says that the client cancelled it. `behind` says that it waits for a turn that
    somebody else began; `scope` is then what to end where it shall not wait any longer.
    """

    __slots__ = ("behind", "dropped", "message_id", "request", "scope", "turn_id")

    def __init__(self, message_id: str, request: TurnRequest) -> None:
        self.message_id = message_id
        self.request = request
        self.turn_id = ""
        self.dropped = False
        self.behind = False
        self.scope: asyncio.Timeout | None = None


class Prompts:
    """At most one current prompt, and a line behind it."""

    def __init__(self) -> None:
        self.current: Prompt | None = None
        self._line: deque[Prompt] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait: those in line, and the current one while somebody else's turn runs."""
        return len(self._line) + self._behind

    @property
    def _behind(self) -> int:
        return int(self.current is not None and self.current.behind)

    def add(self, prompt: Prompt) -> None:
        """Behind all others; at once the current one where there is none."""
        self._line.append(prompt)
        self._advance()

    def close(self) -> None:
        """Nothing more is added."""
        self._closed = True
        self._changed.set()

    def find(self, message_id: str) -> Prompt | None:
        """The current or waiting prompt of an id."""
        for one in (self.current, *self._line):
            if one is not None and one.message_id == message_id:
                return one
        return None

    def position(self, prompt: Prompt) -> int:
        """How many go before it; 0 when it runs."""
        if prompt is self.current:
            return 0 if prompt.turn_id else 1
        return self._line.index(prompt) + 1 + self._behind

    def drop(self, prompt: Prompt) -> None:
        """Take one out of the line."""
        self._line.remove(prompt)

    def drop_all(self) -> list[Prompt]:
        """Take all out of the line."""
        dropped = list(self._line)
        self._line.clear()
        return dropped

    async def next(self) -> Prompt | None:
        """The current prompt, once there is one; None when none will come."""
        while self.current is None:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self.current

    def done(self) -> None:
        """The current prompt has ended; the next one is current."""
        self.current = None
        self._advance()

    def _advance(self) -> None:
        if self.current is None and self._line:
            self.current = self._line.popleft()
        self._changed.set()
