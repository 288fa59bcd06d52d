"""prediction: what the next 24 hours usually bring, and where their busiest hour stands out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import datetime

from ..domain.insights import BaselinePoint, ExpectedInterval, InsightDraft, InsightType, Severity
from .series import Series
from .slots import Grid
from .words import Named, Say, between, spell_number, spell_times, spell_window

STANDS_OUT = 1.5
LEAST_PEAK = 5.0
KNOWN_DAYS = 14.0


@dataclass(frozen=True, slots=True)
class Hour:
    """A forecast of one hour: its first slot, mean, and where the count usually lies (5-95 %)."""

    slot: int
    mean: float
    interval: ExpectedInterval


def next_hours(series: Series, grid: Grid, slot: int, hours: int = 24) -> list[Hour]:
    """The hours that begin with a slot; those without history are left out.

    The slots of an hour are taken as independent, so that its φ is theirs over their number.
    """
    in_hour = 60 // grid.minutes
    profiles: dict[int, tuple[list[float], list[int]]] = {}
    found: list[Hour] = []
    for hour in range(hours):
        mean, known = 0.0, True
        for number in range(slot + hour * in_hour, slot + (hour + 1) * in_hour):
            place = grid.place(number)
            if place.weekday not in profiles:
                profiles[place.weekday] = series.profile(place.weekday)
            means, basis = profiles[place.weekday]
            mean += means[place.index]
            known &= basis[place.index] > 0
        if known:
            interval = between(mean, max(series.phi / in_hour, 0.01))
            found.append(Hour(slot + hour * in_hour, mean, interval))
    return found


def usual_peak(series: Series) -> float | None:
    """The busiest hour of a usual day: the median over the weekdays; None where one is unknown."""
    in_hour = series.per_day // 24
    peaks: list[float] = []
    for weekday in range(7):
        means, basis = series.profile(weekday)
        if not any(basis):
            return None
        hours = [sum(means[at : at + in_hour]) for at in range(0, series.per_day, in_hour)]
        peaks.append(max(hours))
    return statistics.median(peaks)


def peak(who: Named, series: Series, grid: Grid, slot: int, usual: float) -> Say | None:
    """An insight where the busiest of the next 24 hours stands out against `usual_peak`."""
    hours = next_hours(series, grid, slot)
    if not hours:
        return None
    top = max(hours, key=lambda one: one.mean)
    if top.mean < STANDS_OUT * usual or top.mean < LEAST_PEAK:
        return None
    window = grid.span(top.slot, top.slot + 60 // grid.minutes - 1)
    when = spell_window(window, grid)
    low, high = spell_number(top.interval.low), spell_number(top.interval.high)
    return Say(
        InsightDraft(
            type=InsightType.PREDICTION,
            severity=Severity.LOW if top.mean < 2 * STANDS_OUT * usual else Severity.MEDIUM,
            title=f"{who.spoken}: a busy hour is expected on {when}",
            message=(
                f"{spell_number(top.mean)} events are expected on {when} ({low} to {high} in 9 of "
                f"10 cases), {spell_times(top.mean / max(usual, 1e-9))} the busiest hour of a "
                "usual day. It is so on this weekday."
            ),
            window=window,
            dedupe_key=who.key("forecast", f"{_day(grid, top.slot):%Y-%m-%d}"),
            confidence=0.7,
            expected=round(top.mean, 2),
            interval=top.interval,
            unit="events",
            score=round(top.mean / max(usual, 1e-9), 2),
            analysis_period=when,
            cameras=(who.camera_id,),
            sites=(who.site,),
            suggested_actions=("Plan for more people than usual in that hour.",),
            expires_at=window.end,
            baseline=tuple(
                BaselinePoint(grid.start(one.slot), None, round(one.mean, 2), one.interval)
                for one in hours
            ),
            metadata={"detector": "forecast"},
        )
    )


def _day(grid: Grid, slot: int) -> datetime:
    return grid.start(slot).astimezone(grid.zone)
