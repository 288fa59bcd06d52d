"""What detectors read of the events, and where they keep what they know.

All methods of the store take the `Caller` and see one tenant. What is read is bounded by the window
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .events import Coverage
from .fences import Fence
from .identity import Caller
from .times import Interval


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event as detectors see it. `duration_s` is None while it goes on, or where nobody says;
    `severity` is what its source calls it in the attribute of that name, "" for nothing."""

    site: str
    camera_id: str
    event_type: str
    label: str
    sub_label: str
    zones: tuple[str, ...]
    start: datetime
    duration_s: float | None = None
    confidence: float | None = None
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """Events that began in a window, by start, and coverage of every state, cut to it."""

    sightings: tuple[Sighting, ...]
    coverage: tuple[Coverage, ...]


StateKey = tuple[str, str]
"""Site and camera; ("", "") is the tenant's position, (site, "") what is of the whole site."""


class DetectionStore(Protocol):
    """Reads slots, keeps states."""

    async def tenants(self) -> list[str]:
        """Tenants that ever had events or coverage."""
        ...

    async def observed(self, caller: Caller, window: Interval) -> Observed:
        """What was seen in a window, as it is stored now."""
        ...

    async def first_after(self, caller: Caller, moment: datetime) -> datetime | None:
        """When the first event or coverage at or after a moment begins; None where there is none.
        Coverage that goes on at the moment counts as beginning there."""
        ...

    async def count_before(self, caller: Caller, moment: datetime) -> int:
        """Events that began before the UTC hour of a moment: cheap, from the hourly sums."""
        ...

    async def load(self, caller: Caller) -> dict[StateKey, bytes]:
        """All states of the tenant."""
        ...

    async def save(
        self,
        caller: Caller,
        states: Mapping[StateKey, bytes],
        *,
        fence: Fence,
        anew: bool = False,
    ) -> None:
        """Replace states in one transaction; with `anew` all others are deleted.

        Raises FenceLost where somebody else holds the fence: then nothing was written.
        """
        ...
