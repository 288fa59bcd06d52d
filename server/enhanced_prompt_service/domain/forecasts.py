"""What is expected of a stretch of time that is still to come: what is asked, and what is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .events import Selection
from .times import Interval

REACH = timedelta(hours=24)  # further ahead nothing is forecast


@dataclass(frozen=True, slots=True)
class ForecastAsk:
    """Which events of which time ahead are meant.

    Attributes:
        selection: The events, without windows; nothing of `now` or later is seen.
        windows: Disjoint and sorted, between `now` and `now` + REACH.
        cameras: Camera id to site id, of all cameras that are meant.
        zones: Site id to the time zone that its habits go by.
        now: The question's present.
    """

    selection: Selection
    windows: tuple[Interval, ...]
    cameras: Mapping[str, str]
    zones: Mapping[str, ZoneInfo]
    now: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many events are expected, and where their number usually lies.

    `low` to `high`, both inclusive, hold the number with probability `level` (0.9 for 5 to 95 %).
    `days` are the recorded days that it rests on, added up by hours.
    """

    expected: float
    low: float
    high: float
    level: float
    days: float


@dataclass(frozen=True, slots=True)
class TooLittleHistory:
    """Why nothing is forecast: `days` recorded where `needed` are; or, where those are there,
    nothing was ever recorded at that time of day."""

    days: float
    needed: float
