"""One series of counts: its history by place in the week, what is usual, and how much it varies.

    usual μ     (n·own + 6·class)/(n + 6) · b, where `own` is the mean of the same weekday and slot
                (and the slots beside it) over the last 12 weeks, `class` that of the same day
                class and near slots, scaled to the weekday, n the number of weeks, and b what the
                counts of the last week were in units of this
    dispersion  φ = Σ((x̃ − μ)² − μ) / Σμ², with exponential weights, x̃ winsorised at ± 3σ
    spread      c = 1.25 · mean |z| with exponential weights, z = (x − μ)/√(μ + φμ²); at least 1

Means are winsorised at the 95th percentile: a median of small counts is 0, which would call every
quiet hour silent and every second event a spike. A ratio of sums in place of a mean of ratios
keeps φ from being made by the quietest slots. Slots without coverage are missing, never 0.
"""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .slots import Place

WEEKS = 12
MISSING = 65535
LEAST_MEAN = 0.1
PHI_RANGE = (0.01, 10.0)
_LEAST_PLAIN = 1e-4
_CLASS_WEIGHT = 6.0
_NEAR_MINUTES = 30
_MEMORY = 0.002  # of φ and c: five days of quarter hours
_BIAS_MEMORY = 0.0015
_WINSOR = 3.0
_WINSOR_PHI = 5.0  # at 3σ the φ of long-tailed counts comes out a fifth too low
_DOUBT = 2.5  # what the uncertainty of μ adds to φ, in units of 1/(μ · counts that it rests on)
_CLASSES = ((0, 1, 2, 3, 4), (5, 6))

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual in a slot: mean μ, dispersion φ (of the forecast, so with the uncertainty of
    μ), spread c ≥ 1, how many counts μ rests on, and μ without its floor.

    The floor keeps a first event at a dead hour from being a spike; where something is missed, it
    would count as expected what nobody ever saw.
    """

    mean: float
    phi: float
    spread: float
    basis: int
    plain: float

    @property
    def variance(self) -> float:
        """Of the slot's count."""
        return self.mean + self.phi * self.mean * self.mean

    def z(self, count: float) -> float:
        """How many usual deviations a count lies above μ, c taken into account."""
        return (count - self.mean) / (math.sqrt(max(self.variance, 1e-9)) * self.spread)

    def scaled(self, share: float) -> Usual:
        """Of a part of the slot."""
        if share >= 1:
            return self
        return Usual(self.mean * share, self.phi, self.spread, self.basis, self.plain * share)

    def unfloored(self) -> Usual:
        """With μ as it is."""
        plain = max(self.plain, _LEAST_PLAIN)
        return (
            self if plain >= self.mean else Usual(plain, self.phi, self.spread, self.basis, plain)
        )


class Series:
    """The history and habits of one (camera, label), or of a camera as a whole.

    Slots lean on those beside them, which is good for short ones; with `lean` false, for slots of
    an hour, they do not.
    """

    __slots__ = (
        "_bias_m",
        "_bias_x",
        "_day",
        "_day_basis",
        "_day_mean",
        "_history",
        "_lean",
        "_phi_d",
        "_phi_n",
        "_week",
        "_z",
        "covered",
        "per_day",
        "seen",
    )

    def __init__(self, per_day: int, *, lean: bool = True) -> None:
        self.per_day = per_day
        self._lean = lean
        self.covered = 0  # slots with coverage so far
        self.seen = 0  # events so far
        self._history = np.full((WEEKS, 7, per_day), MISSING, dtype=np.uint16)
        self._week = 0  # the newest week in the history
        self._phi_n, self._phi_d = 1.5, 3.0
        self._z = 0.8
        self._bias_x = self._bias_m = 1.0
        self._day = -1
        self._day_mean: list[float] = []
        self._day_basis: list[int] = []

    # ---- what is usual --------------------------------------------------------------------------

    @property
    def phi(self) -> float:
        """Dispersion, between 0.01 and 10."""
        low, high = PHI_RANGE
        return min(max(self._phi_n / self._phi_d, low), high)

    @property
    def spread(self) -> float:
        """c, at least 1."""
        return max(1.25 * self._z, 1.0)

    @property
    def bias(self) -> float:
        """b: the last week's counts in units of what the history says."""
        return min(max(self._bias_x / self._bias_m, 0.5), 2.0)

    def usual(self, place: Place) -> Usual | None:
        """What is usual in a slot of the present day; None where there is no history for it."""
        if place.day != self._day:
            self._enter_week(place.week)
            self._day = place.day
            # Without the day itself, so that it is the same whenever in the day it is worked out.
            before = self._history.copy()
            before[place.week % WEEKS, place.weekday] = MISSING
            mean, basis = day_profile(before, place.weekday, lean=self._lean)
            self._day_mean, self._day_basis = mean.tolist(), basis.tolist()
        basis = self._day_basis[place.index]
        if not basis:
            return None
        plain = self._day_mean[place.index] * self.bias
        mean = max(plain, LEAST_MEAN)
        phi = min(self.phi + _DOUBT / (mean * basis), PHI_RANGE[1])
        return Usual(mean, phi, self.spread, basis, plain)

    def profile(self, weekday: int, *, least: float = LEAST_MEAN) -> tuple[list[float], list[int]]:
        """μ of every slot of a weekday, at least `least`, and how many counts each rests on (0:
        nothing known)."""
        mean, basis = day_profile(self._history, weekday, lean=self._lean)
        return (np.maximum(mean * self.bias, least)).tolist(), basis.tolist()

    # ---- learning -------------------------------------------------------------------------------

    def learn(self, place: Place, count: float, share: float, *, unusual: bool = False) -> None:
        """Take in a covered slot. `share` of it was recorded; `unusual` counts are winsorised in
        the history too, so that an incident does not become what is usual."""
        usual = self.usual(place)
        self.covered += 1
        self.seen += round(count)
        whole = count / share
        if usual is not None:
            part = usual.scaled(share)
            mean, sigma = part.mean, math.sqrt(part.variance)
            tame = min(max(count, mean - _WINSOR * sigma), mean + _WINSOR * sigma)
            far = min(count, mean + _WINSOR_PHI * sigma)
            if unusual:
                whole = tame / share
            keep = 1 - _MEMORY
            self._phi_n = keep * self._phi_n + _MEMORY * ((far - mean) ** 2 - mean)
            self._phi_d = keep * self._phi_d + _MEMORY * mean * mean
            if mean >= 1:
                z = abs(tame - mean) / sigma
                self._z = keep * self._z + _MEMORY * z
            raw = self._day_mean[place.index] * share
            reach = _WINSOR * math.sqrt(raw + self.phi * raw * raw) + 1
            keep = 1 - _BIAS_MEMORY
            self._bias_x = keep * self._bias_x + _BIAS_MEMORY * min(count, raw + reach)
            self._bias_m = keep * self._bias_m + _BIAS_MEMORY * raw
        self.note(place, whole)

    def note(self, place: Place, count: float | None) -> None:
        """Write a slot into the history; None is missing. The repeated hour keeps its mean."""
        self._enter_week(place.week)
        row = place.week % WEEKS
        if count is None:
            return
        old = self._history[row, place.weekday, place.index]
        if old != MISSING:
            count = (count + int(old)) / 2
        self._history[row, place.weekday, place.index] = min(round(count), MISSING - 1)

    def without_events(self) -> Series:
        """A series over the same covered slots in which nothing was ever seen."""
        made = Series(self.per_day)
        made._history = np.where(self._history == MISSING, MISSING, 0).astype(np.uint16)
        made._week, made.covered = self._week, self.covered
        return made

    def forget(self, place: Place) -> None:
        """Take a slot out of the history: what was written there was no count of what happened."""
        if self._week - WEEKS < place.week <= self._week:
            self._history[place.week % WEEKS, place.weekday, place.index] = MISSING
            if place.day != self._day:
                self._day = -1  # what is usual today rests on it

    def _enter_week(self, week: int) -> None:
        """Forget what is 12 weeks old, also when weeks were skipped. Never goes back."""
        if week <= self._week:
            return
        for passed in range(max(self._week + 1, week - WEEKS + 1), week + 1):
            self._history[passed % WEEKS] = MISSING
        self._week = week

    # ---- state ----------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """As JSON: a few kB, the history compressed."""
        packed = zlib.compress(self._history.astype("<u2").tobytes(), 6)
        return {
            "per_day": self.per_day,
            "covered": self.covered,
            "seen": self.seen,
            "week": self._week,
            "habits": [self._phi_n, self._phi_d, self._z, self._bias_x, self._bias_m],
            "history": base64.b85encode(packed).decode(),
        }

    @classmethod
    def load(cls, state: dict[str, Any]) -> Series:
        """From `dump`."""
        made = cls(int(state["per_day"]))
        made.covered, made.seen = int(state["covered"]), int(state["seen"])
        made._week = int(state["week"])
        habits = [float(one) for one in state["habits"]]
        made._phi_n, made._phi_d, made._z, made._bias_x, made._bias_m = habits
        raw = zlib.decompress(base64.b85decode(state["history"]))
        shape = (WEEKS, 7, made.per_day)
        made._history = np.frombuffer(raw, dtype="<u2").reshape(shape).astype(np.uint16)
        return made


def day_profile(
    history: NDArray[np.uint16], weekday: int, *, lean: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """μ of every slot of a weekday, before b, and how many counts it rests on (0: none).

    `history` is [week, weekday, slot of day] with MISSING where nothing is known. `lean` takes the
    slots beside a slot for its own.
    """
    per_day = int(history.shape[2])
    used = history[(history != MISSING).any(axis=(1, 2))]
    if not len(used):
        return np.zeros(per_day), np.zeros(per_day, dtype=np.int64)
    values = used.astype(np.float32)
    values[used == MISSING] = np.nan
    days = next(days for days in _CLASSES if weekday in days)
    reach = max(_NEAR_MINUTES * per_day // 1440, 1) if lean else 0
    near = _beside(values[:, list(days), :].reshape(-1, per_day), reach)
    pooled, basis, cap = _winsorised(near)
    own_days = values[:, weekday, :]
    own_reach = int(lean)
    own_near = np.minimum(_beside(own_days, own_reach), cap)
    own_count = np.sum(~np.isnan(own_near), axis=0)
    own = np.nansum(own_near, axis=0) / np.maximum(own_count, 1)
    weeks = own_count / (2 * own_reach + 1)
    mean = pooled * _weekday_factor(np.minimum(own_days, cap), pooled)
    mixed = (weeks * own + _CLASS_WEIGHT * mean) / (weeks + _CLASS_WEIGHT)
    known = np.zeros(per_day)
    known[basis > 0] = mixed[basis > 0]
    return known, basis


def _beside(rows: Array, reach: int) -> Array:
    """Rows with those of the slots beside: each shifted by -reach to +reach."""
    shifted: list[Array] = []
    for shift in range(-reach, reach + 1):
        moved = np.full_like(rows, np.nan)
        if shift < 0:
            moved[:, :shift] = rows[:, -shift:]
        elif shift > 0:
            moved[:, shift:] = rows[:, :-shift]
        else:
            moved[:] = rows
        shifted.append(moved)
    return np.concatenate(shifted)


def _winsorised(rows: Array) -> tuple[Array, NDArray[np.int64], Array]:
    """Means of columns with values capped at their 95th percentile; counts; the caps."""
    ordered = np.sort(rows, axis=0)  # NaN last
    basis = np.sum(~np.isnan(ordered), axis=0)
    rank = np.clip(np.ceil(0.95 * basis).astype(np.int64) - 1, 0, None)
    cap = np.take_along_axis(ordered, rank[None, :], axis=0)[0]
    cap = np.where(basis > 0, np.maximum(cap, 1.0), 0.0).astype(np.float32)
    capped = np.minimum(ordered, cap)
    mean = np.nansum(capped, axis=0) / np.maximum(basis, 1)
    return mean.astype(np.float32), basis, cap


def _weekday_factor(own_days: Array, pooled: Array) -> float:
    """What a weekday has of its class: the median over its weeks, drawn to 1 by one more."""
    known = ~np.isnan(own_days)
    seen = np.nansum(own_days, axis=1)
    expected = np.sum(np.where(known, pooled, 0.0), axis=1)
    whole = expected >= max(0.5 * float(pooled.sum()), 1e-6)
    if not whole.any():
        return 1.0
    ratios = seen[whole] / expected[whole]
    return float((np.median(ratios) * len(ratios) + 1) / (len(ratios) + 1))
