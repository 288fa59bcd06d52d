"""How much to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of a benchmark.

    Attributes:
        runs: How often everything is measured; medians are reported.
        scale: 1 for what docs/benchmarks.md shows, less for a quick look.
        work: An empty folder for databases and logs.
        data: The folder with the recorded site's data.
    """

    runs: int
    scale: float
    work: Path
    data: Path

    def scaled(self, full: int, least: int) -> int:
        """A size of this plan, at least `least`."""
        return max(least, round(full * self.scale))
