"""Two clocks: the site's, which questions mean, and the real one, which leases and audits mean.

`EPS_CLOCK` moves only the site clock: it starts at the given instant and runs on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Source of the present."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime, microseconds."""
        ...


@dataclass(frozen=True, slots=True)
class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SiteClock:
    """A clock that was set to `start` when `real` showed `real_start`, and runs with it."""

    def __init__(self, real: Clock, start: datetime | None = None) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("the site clock needs an offset, such as 2018-03-15T16:30:00-04:00")
        self._real = real
        self._offset = None if start is None else start.astimezone(UTC) - real.now()

    @property
    def moved(self) -> bool:
        """Whether site time differs from real time."""
        return self._offset is not None

    def now(self) -> datetime:
        now = self._real.now()
        return now if self._offset is None else now + self._offset


@dataclass(slots=True)
class FixedClock:
    """A clock that tests set by hand."""

    at: datetime

    def now(self) -> datetime:
        return self.at
