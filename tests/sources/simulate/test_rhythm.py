"""Counts and shapes behind the simulated site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.sources.simulate.rhythm import (
    ARRIVALS,
    choose,
    derived,
    negative_binomial,
    shape,
)


@pytest.mark.parametrize(
    ("mean", "phi"), [(0.2, 0.3), (5, 0), (5, 1), (40, 0.3), (3_000, 0), (9_000, 0.01)]
)
def test_counts_have_the_mean_and_the_variance_they_should(mean: float, phi: float) -> None:
    dice = derived("test", mean, phi)
    counts = [negative_binomial(dice.random(), mean, phi) for _ in range(4_000)]
    variance = mean + phi * mean**2
    found = sum(counts) / len(counts)
    assert abs(found - mean) < 4.5 * (variance / len(counts)) ** 0.5
    spread = sum((one - found) ** 2 for one in counts) / len(counts)
    assert 0.8 < spread / variance < 1.25


@given(
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 500),
    st.floats(0, 500),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_a_larger_mean_never_counts_less(
    uniform: float, one: float, other: float, phi: float
) -> None:
    less, more = sorted((one, other))
    assert negative_binomial(uniform, less, phi) <= negative_binomial(uniform, more, phi)


def test_a_mean_of_nothing_is_nothing() -> None:
    assert negative_binomial(0.999999, 0, 0.3) == 0


@given(st.floats(0, 1, exclude_max=True), st.lists(st.floats(0, 10), min_size=1))
def test_only_what_has_weight_is_chosen(uniform: float, weights: list[float]) -> None:
    weights = [*weights, 1.0]
    assert weights[choose(uniform, weights)] > 0


def test_dice_of_other_parts_are_other_dice() -> None:
    assert derived(1, "a").random() == derived(1, "a").random()
    assert derived(1, "a").random() != derived(1, "b").random()
    assert derived(1, 23).random() != derived(12, 3).random()


def test_a_shape_is_a_whole_day() -> None:
    assert abs(sum(ARRIVALS) - 1) < 1e-9
    with pytest.raises(ValueError, match="24 hours"):
        shape(1, 2, 3)
