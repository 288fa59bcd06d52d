"""From "camera X is online" to spans of coverage.

A state holds from when it was told until another one is, or until nobody could have told us: while
the connection is away nothing is known, so nothing is claimed. A state that lasts is sent as one
span that grows, since a later report replaces what it overlaps; a new one begins each hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.events import Coverage, CoverageState

MOST = timedelta(hours=1)
"""Length from which on a state goes on in a new span."""


@dataclass(slots=True)
class _Open:
    state: CoverageState
    since: datetime
    told: datetime


class CoverageTracker:
    """States of the cameras of one site. All moments are aware and never go back."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._open: dict[str, _Open] = {}

    @property
    def cameras(self) -> tuple[str, ...]:
        """Those whose state is known now."""
        return tuple(self._open)

    def seen(self, camera_id: str, state: CoverageState, at: datetime) -> list[Coverage]:
        """A camera is in a state; returns what is sure by that."""
        before = self._open.get(camera_id)
        if before is not None and before.state is state:
            return []
        sure = self._span(camera_id, before, at) if before is not None else []
        self._open[camera_id] = _Open(state, at, at)
        return sure

    def until(self, at: datetime) -> list[Coverage]:
        """What is sure up to a moment: each known state has held until then."""
        sure: list[Coverage] = []
        for camera_id, one in self._open.items():
            sure += self._span(camera_id, one, at)
            one.told = max(one.told, at)
            if at - one.since >= MOST:
                one.since = at
        return sure

    def cut(self, at: datetime) -> list[Coverage]:
        """From here on nobody tells us anything."""
        sure = self.until(at)
        self._open.clear()
        return sure

    def _span(self, camera_id: str, one: _Open, at: datetime) -> list[Coverage]:
        if at <= one.told:
            return []
        return [Coverage(self._site, camera_id, one.state, one.since, at)]
