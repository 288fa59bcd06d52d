"""What is counted of a destination in this process, for metrics and health."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Since the process began. `outcomes` counts by verdict, `seconds` and `requests` what sending
    took, `bytes` what was sent; `last_status` is what the receiver said of itself."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    requests: int = 0
    seconds: float = 0.0
    bytes: int = 0
    large: int = 0
    failures: int = 0
    acknowledged: int = 0
    asked_again: int = 0
    leads: bool = False
    alarm: bool = False
    held: int = 0
    last_status: str = ""
