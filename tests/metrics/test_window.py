"""Windows and percentiles, with a clock that the test moves."""

from __future__ import annotations

import math
import random

import pytest

from enhanced_prompt_service.metrics import sketch
from enhanced_prompt_service.metrics.window import SPAN, Spread, Sum, Window


class Clock:
    """Monotonic seconds."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def count(window: Window, which: Sum = Sum.CALLS) -> float:
    window.turn()
    return window.sums[which]


def note(window: Window, amount: float = 1.0) -> None:
    window.turn()
    window.add(Sum.CALLS, amount)


def test_what_is_older_than_the_window_is_taken_off_by_the_second() -> None:
    clock = Clock()
    window = Window(clock)
    note(window)
    clock.at += 30
    note(window, 2)
    clock.at += 29.9
    assert count(window) == 3
    clock.at += 0.1
    assert count(window) == 2
    clock.at += 30
    assert count(window) == 0


@pytest.mark.parametrize("pause", [60.0, 61.5, 10_000.0])
def test_a_long_pause_empties_the_window(pause: float) -> None:
    clock = Clock(1000.7)
    window = Window(clock)
    for _ in range(70):
        note(window)
        window.note(Spread.LATENCY, 0.1)
        clock.at += 0.9
    clock.at += pause
    assert count(window) == 0
    assert window.sketches[Spread.LATENCY] == {}
    note(window)
    assert count(window) == 1


def test_sums_agree_with_a_list_of_what_happened() -> None:
    draw = random.Random(3)
    clock = Clock()
    window = Window(clock)
    happened: list[tuple[int, float]] = []
    for _ in range(3000):
        clock.at += draw.choice([0.0, 0.01, 0.4, 1.0, 7.0])
        amount = draw.random()
        window.turn()
        window.add(Sum.SECONDS, amount)
        window.note(Spread.LATENCY, amount)
        happened.append((int(clock.at), amount))
        inside = [one for second, one in happened if second > int(clock.at) - SPAN]
        assert window.sums[Sum.SECONDS] == pytest.approx(sum(inside))
        assert sum(window.sketches[Spread.LATENCY].values()) == len(inside)


def test_the_first_minute_covers_what_has_passed() -> None:
    clock = Clock(1000.25)
    window = Window(clock)
    assert window.covered_s == 1.0
    clock.at += 10
    assert window.covered_s == 10.0
    clock.at = 2000.5
    assert window.covered_s == SPAN - 0.5


def test_a_duration_belongs_to_when_it_began() -> None:
    clock = Clock()
    window = Window(clock)
    window.note(Spread.FIRST_TOKEN, 20.0, ago_s=20.0)
    window.note(Spread.FIRST_TOKEN, 99.0, ago_s=99.0)  # before the window
    assert sum(window.sketches[Spread.FIRST_TOKEN].values()) == 1
    clock.at += SPAN - 20
    window.turn()
    assert window.sketches[Spread.FIRST_TOKEN] == {}


@pytest.mark.parametrize("shape", ["uniform", "exponential", "two humps"])
def test_percentiles_are_off_by_one_per_cent_at_most(shape: str) -> None:
    draw = random.Random(7)
    make = {
        "uniform": lambda: draw.uniform(0.001, 2.0),
        "exponential": lambda: draw.expovariate(10.0) + 1e-4,
        "two humps": lambda: draw.choice([draw.uniform(0.001, 0.002), draw.uniform(10, 12)]),
    }[shape]
    values = sorted(make() for _ in range(5001))
    found: dict[int, int] = {}
    for one in values:
        bucket = sketch.bucket_of(one)
        found[bucket] = found.get(bucket, 0) + 1
    for share in (0.0, 0.5, 0.95, 0.99, 1.0):
        exact = values[int(share * (len(values) - 1))]
        assert sketch.quantile(found, share) == pytest.approx(exact, rel=sketch.ACCURACY * 1.001)


def test_percentiles_of_nothing_are_unknown_and_extremes_have_a_place() -> None:
    assert sketch.quantile({}, 0.5) is None
    least, most = sketch.bucket_of(0.0), sketch.bucket_of(math.inf)
    assert most - least < 1400
    assert sketch.bucket_of(-1.0) == least


def test_sketches_of_replicas_add_up() -> None:
    one, two = {5: 1, 6: 2}, {6: 1, 9: 4}
    whole = dict(one)
    sketch.add(whole, two)
    assert whole == {5: 1, 6: 3, 9: 4}
    assert one == {5: 1, 6: 2}
