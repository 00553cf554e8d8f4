"""Comparisons: in which direction a tensor or a fact misses."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.compare import agree, compare
from reference.intervals import Interval


@pytest.mark.parametrize(
    ("values", "directions"),
    [
        ([0.5, 0.5, 0.5], ()),
        ([2.0, 0.5, 0.5], ("too high",)),
        ([0.5, -1.0, 0.5], ("too low",)),
        ([2.0, -1.0, np.nan], ("too high", "too low", "not a number")),
        ([np.inf, 0.5, 0.5], ("too high",)),
        ([np.nan, 0.5, 0.5], ("not a number",)),
    ],
)
def test_a_comparison_says_in_which_direction_it_misses(values: list[float], directions: tuple[str, ...]) -> None:
    within = Interval(np.zeros(3), np.ones(3))
    assert compare("outputs", np.array(values), within=within).directions == directions


def test_what_is_missing_misshapen_or_another_fact_says_so() -> None:
    within = Interval(np.zeros(3), np.ones(3))
    assert compare("outputs", None, within=within).directions == ("missing",)
    assert compare("outputs", np.zeros(4), within=within).directions == ("shape",)
    assert agree("count", 3, expected=4).directions == ("fact",)
    assert agree("count", 4, expected=4).directions == ()
