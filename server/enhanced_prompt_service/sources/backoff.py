"""How long to wait before trying again: longer each time, never all callers at once."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Full jitter: a random wait up to a bound that doubles from `first_s` to `most_s`."""

    first_s: float = 0.5
    most_s: float = 30.0
    dice: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def next(self) -> float:
        """Seconds to wait after one more failure, at least a tenth of the bound."""
        bound = min(self.most_s, self.first_s * 2 ** min(self.failures, 30))
        self.failures += 1
        return bound * (0.1 + 0.9 * self.dice.random())

    def reset(self) -> None:
        """It worked."""
        self.failures = 0
