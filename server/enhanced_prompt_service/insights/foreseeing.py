"""A forecast for a question: how many events of a kind a window of the next 24 hours will bring.

Built like the detectors' baselines, from hourly counts of the last 12 weeks and of just the events
that are meant, so that kinds, zones and the caller's permissions hold. The mean is the sum of the
hours' μ (`Series`). The dispersion is that of the whole window over the past days, since the hours
of a busy day are busy together; the hours' own φ stands in where the days are few.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ..domain.events import GroupBy, Selection
from ..domain.forecasts import Forecast, ForecastAsk, TooLittleHistory
from ..domain.identity import Caller
from ..domain.stores import EventReader, EventStore
from ..domain.times import Interval, instant
from .forecast import KNOWN_DAYS
from .series import PHI_RANGE, WEEKS, Series
from .slots import Place
from .words import LEVEL, between

_HOUR = timedelta(hours=1)
_EPOCH = date(1970, 1, 1)
_THURSDAY = 3  # of the epoch, counted from Monday as 0
_LATELY = timedelta(days=14)  # a camera that recorded nothing for so long is not counted on
_LEAST_SHARE = 0.5  # of an hour and its cameras that was recorded; less is missing
_PRIOR_DAYS = 4.0  # that the hours' own dispersion counts for, beside the windows of past days
_WINSOR = 4.0  # standard deviations
_DOUBT = 3.0  # what not knowing the mean adds to the variance, over the number of days

Days = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Hours:
    """Recorded hours of one time zone, in order: where they lie, how many events, which share."""

    zone: ZoneInfo
    places: tuple[Place, ...]
    counts: tuple[float, ...]
    shares: tuple[float, ...]  # 0 to 1

    @property
    def days(self) -> float:
        """Recorded time in days."""
        return sum(one for one in self.shares if one >= _LEAST_SHARE) / 24


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of one local hour of a window: `day` counts from the window's first day."""

    day: int
    hour: int
    share: float


async def foresee(
    events: EventStore, caller: Caller, ask: ForecastAsk
) -> Forecast | TooLittleHistory:
    """What is expected, or why nothing can be said. Raises Unavailable."""
    histories = await events.snapshot(caller, lambda reader: _histories(reader, ask))
    return await asyncio.to_thread(_forecast, histories, ask)


# ---- history ------------------------------------------------------------------------------------


def _histories(reader: EventReader, ask: ForecastAsk) -> list[_Hours]:
    """One history for each time zone that the cameras lie in."""
    by_zone: dict[str, list[str]] = defaultdict(list)
    for camera, site in ask.cameras.items():
        if site in ask.zones:
            by_zone[str(ask.zones[site])].append(camera)
    return [
        _history(reader, ask, ZoneInfo(name), frozenset(cameras))
        for name, cameras in sorted(by_zone.items())
    ]


def _history(
    reader: EventReader, ask: ForecastAsk, zone: ZoneInfo, asked: frozenset[str]
) -> _Hours:
    first = (ask.now - timedelta(weeks=WEEKS)).astimezone(zone).date() + timedelta(days=1)
    start = instant(datetime(first.year, first.month, first.day), zone)
    hours = max((ask.now - start) // _HOUR, 0)
    if not hours:
        return _Hours(zone, (), (), ())
    window = Interval(start, start + hours * _HOUR)
    cameras, shares = _recorded(reader, window, asked, hours)
    sites = frozenset(ask.cameras[one] for one in asked)
    selection = replace(
        ask.selection, windows=(window,), cameras=cameras, sites=sites, as_of=ask.now
    )
    counts = _by_hour(reader, selection) if cameras else {}
    locals_ = [(start + number * _HOUR).astimezone(zone) for number in range(hours)]
    keys = [f"{one:%Y-%m-%dT%H}" for one in locals_]
    twice = {key for key, following in pairwise(keys) if key == following}
    return _Hours(
        zone,
        tuple(_place(one) for one in locals_),
        # Both passes of a repeated hour have one key: each gets half.
        tuple(counts.get(key, 0) / (2 if key in twice else 1) for key in keys),
        tuple(shares.tolist()),
    )


def _by_hour(reader: EventReader, selection: Selection) -> dict[str, int]:
    rows = reader.grouped(selection, (GroupBy.LOCAL_HOUR,))
    return {row.keys[0]: row.matches for row in rows}


def _recorded(
    reader: EventReader, window: Interval, asked: frozenset[str], hours: int
) -> tuple[frozenset[str], Days]:
    """The cameras that can be counted on, and which share of each hour they recorded.

    A camera that never reported coverage counts as recording from its first event on.
    """
    known = asked & frozenset(reader.coverage_known())
    shares: dict[str, Days] = {}
    lately: set[str] = set()
    for span in reader.coverage(window, known) if known else ():  # an empty set is every camera
        seen = span.interval
        start, end = (seen.start - window.start) / _HOUR, (seen.end - window.start) / _HOUR
        _add(shares.setdefault(span.camera_id, np.zeros(hours)), start, end)
        if seen.end > window.end - _LATELY:
            lately.add(span.camera_id)
    for camera in asked - known:
        selection = Selection(windows=(window,), cameras=frozenset({camera}))
        first = reader.totals(selection).first_start
        if first is not None:
            one = shares[camera] = np.zeros(hours)
            one[math.ceil((first - window.start) / _HOUR) :] = 1.0
            lately.add(camera)
    cameras = frozenset(lately or shares)
    if not cameras:
        return cameras, np.zeros(hours)
    mean = np.sum([shares[one] for one in cameras], axis=0) / len(cameras)
    return cameras, np.minimum(mean, 1.0)


def _add(hours: Days, start: float, end: float) -> None:
    """Add a span, in hours since the window's start, to the hours that it lies in."""
    first, last = int(start), int(end)
    if first == last:
        hours[first] += end - start
        return
    hours[first] += first + 1 - start
    hours[first + 1 : last] += 1.0
    if last < len(hours):
        hours[last] += end - last


def _place(local: datetime) -> Place:
    return Place((local.date() - _EPOCH).days, local.weekday(), local.hour)


# ---- forecast -----------------------------------------------------------------------------------


def _forecast(histories: Sequence[_Hours], ask: ForecastAsk) -> Forecast | TooLittleHistory:
    """The sum over time zones, taken as independent."""
    days = min((one.days for one in histories), default=0.0)
    if days < KNOWN_DAYS:
        return TooLittleHistory(round(days, 1), KNOWN_DAYS)
    mean = variance = 0.0
    for history in histories:
        found = _of_zone(history, ask.windows)
        if found is None:
            return TooLittleHistory(round(days, 1), KNOWN_DAYS)
        mean, variance = mean + found[0], variance + found[1]
    low, high = PHI_RANGE
    phi = min(max((variance - mean) / max(mean * mean, 1e-9), low), high)
    usual = between(mean, phi)
    return Forecast(mean, usual.low, usual.high, LEVEL, round(days, 1))


def _of_zone(history: _Hours, windows: Sequence[Interval]) -> tuple[float, float] | None:
    """Mean and variance of the windows' count; None where an hour of them has no history."""
    series = Series(24, lean=False)
    past: dict[int, Days] = {}
    for place, count, share in zip(history.places, history.counts, history.shares, strict=True):
        if share < _LEAST_SHARE:
            continue
        series.learn(place, count, share)
        past.setdefault(place.day, np.full(24, np.nan))[place.index] = count / share
    pieces, first = _pieces(windows, history.zone)
    profiles = [series.profile(weekday, least=0.0) for weekday in range(7)]

    def usual(day: int) -> float | None:
        """μ of the windows if they began on that day."""
        total = 0.0
        for piece in pieces:
            means, basis = profiles[(day + piece.day + _THURSDAY) % 7]
            if not basis[piece.hour]:
                return None
            total += means[piece.hour] * piece.share
        return total

    mean = usual(first)
    if mean is None:
        return None
    return mean, _variance(series, past, pieces, mean, usual)


def _variance(
    series: Series,
    past: Mapping[int, Days],
    pieces: Sequence[_Piece],
    mean: float,
    usual: Callable[[int], float | None],
) -> float:
    """Of the windows' count, by what they held on past days; with the doubt about the mean."""
    own = series.phi / max(len(pieces), 1)  # the hours taken as independent
    above, below = _PRIOR_DAYS * own * mean * mean, _PRIOR_DAYS * mean * mean
    known = 0
    for day in past:
        expected, found = usual(day), _held(past, pieces, day)
        if expected is None or found is None:
            continue
        known += 1
        far = _WINSOR * math.sqrt(expected + series.phi * expected * expected)
        above += min(abs(found - expected), far) ** 2 - expected
        below += expected * expected
    phi = max(above / below, 0.0) if below > 0 else series.phi
    variance = mean + phi * mean * mean
    return variance * (1 + _DOUBT / max(known, 1))


def _held(past: Mapping[int, Days], pieces: Sequence[_Piece], day: int) -> float | None:
    """What the windows held if they began on a past day; None where not all was recorded."""
    total = 0.0
    for piece in pieces:
        hours = past.get(day + piece.day)
        if hours is None or math.isnan(hours[piece.hour]):
            return None
        total += float(hours[piece.hour]) * piece.share
    return total


def _pieces(windows: Sequence[Interval], zone: ZoneInfo) -> tuple[list[_Piece], int]:
    """The windows as parts of local hours, and the day that the first begins on."""
    pieces: list[_Piece] = []
    first = _place(windows[0].start.astimezone(zone)).day
    for window in windows:
        at = window.start
        while at < window.end:
            local = at.astimezone(zone)
            into = timedelta(minutes=local.minute, seconds=local.second) + timedelta(
                microseconds=local.microsecond
            )
            until = min(at + _HOUR - into, window.end)
            place = _place(local)
            pieces.append(_Piece(place.day - first, place.index, (until - at) / _HOUR))
            at = until
    return pieces, first
