"""How much a caller may ask for: rates, and how much at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Share:
    """What one user, or one tenant, may take.

    Attributes:
        questions: Questions a minute.
        calls: Other calls a minute.
        streams: Streams open at the same time, in one process.
    """

    questions: int
    calls: int
    streams: int


@dataclass(frozen=True, slots=True)
class LimitRules:
    """All limits.

    Attributes:
        user: Of each user.
        tenant: Of all users of a tenant together.
        anonymous: Of each address that brings no credentials.
        user_turns: Turns of one user that run at the same time, in one process.
        all_turns: Turns that run at the same time in one process, whoever asked.
    """

    user: Share = Share(questions=60, calls=600, streams=50)
    tenant: Share = Share(questions=600, calls=6000, streams=1000)
    anonymous: Share = Share(questions=5, calls=30, streams=5)
    user_turns: int = 10
    all_turns: int = 500


class Budgets(Protocol):
    """Counts what was taken in a window of time; `bus` has one for a process and one for Redis."""

    async def take(self, key: str, limit: int, window_s: int) -> float | None:
        """Take one of `limit` in any `window_s` seconds: None where there was one, else how many
        seconds from now the next one is."""
        ...
